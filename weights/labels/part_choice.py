"""Make labels of what `part_labels.py` saw: which windows teach, and which photographs never do.

    python weights/labels/part_choice.py looked.npz weights/labels/hands.npz \
        openpaf/train/recipes/hands_held_out.txt
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets.window_label_file import (
    WindowLabelFile,
    WindowLabels,
    write_window_label_file,
)
from openpaf.files import replacing

_PRESENT, _ABSENT = 0.5, 0.1
_ABSENT_TO_PRESENT = 0.5
# A hand whose wrist lies further than this from the body's, in windows, is another hand; so is a
# face whose middle lies as far from the window's.
_APART = 0.3
_HELD_OUT = 600
_SEED = 1
# Where windows of hands have the wrist.
_WRIST = np.array([0.5, 0.77])


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("looked", type=Path, help="an .npz of windows")
    parser.add_argument("out", type=Path, help="an .npz of labels")
    parser.add_argument("held_out", type=Path, help="a list of photographs, kept if it is there")
    options = parser.parse_args()
    file = WindowLabelFile(options.looked)
    chosen = {name: _certain(labels) for name, labels in file.items()}
    rng = np.random.default_rng(_SEED)
    present = sum(int((one.presence > _PRESENT).sum()) for one in chosen.values())
    absent = sum(len(one) for one in chosen.values()) - present
    share = min(1.0, _ABSENT_TO_PRESENT * present / max(absent, 1))
    thinned = {
        name: _rows(one, (one.presence > _PRESENT) | (rng.random(len(one)) < share))
        for name, one in chosen.items()
    }
    kept = {name: one for name, one in thinned.items() if len(one)}
    write_window_label_file(options.out, kept, file.skeleton, file.recipe)
    if not options.held_out.is_file():
        _hold_out(options.held_out, kept, rng)
    print(f"{len(kept)} photographs, {present} present, {int(share * absent)} absent")


def _certain(labels: WindowLabels) -> WindowLabels:
    """Windows of which the teacher is sure either way, and whose own hand or face it saw."""
    if labels.points.shape[1] == 21:
        apart = np.linalg.norm(labels.points[:, 0] - _WRIST, axis=1)
    else:
        apart = np.linalg.norm(labels.points.mean(axis=1) - 0.5, axis=1)
    own = (labels.presence > _PRESENT) & (apart < _APART)
    absent = labels.presence < _ABSENT
    blank = np.where(absent[:, None, None], 0.0, labels.points)
    return _rows(replace(labels, points=blank), own | absent)


def _rows(labels: WindowLabels, rows: NDArray[np.bool_]) -> WindowLabels:
    columns = ("centres", "sides", "angles", "mirrored", "presence", "points")
    return replace(labels, **{key: getattr(labels, key)[rows] for key in columns})


def _hold_out(path: Path, kept: dict[str, WindowLabels], rng: np.random.Generator) -> None:
    names, count = list(kept), 0
    held: list[str] = []
    for place in rng.permutation(len(names)):
        if count >= _HELD_OUT:
            break
        held.append(names[place])
        count += int((kept[names[place]].presence > _PRESENT).sum())
    with replacing(path) as partial:
        partial.write_text("".join(f"{name}\n" for name in sorted(held)), encoding="utf-8")


if __name__ == "__main__":
    main()
