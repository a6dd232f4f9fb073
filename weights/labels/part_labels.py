"""Label the hands or faces of photographs whose people are labelled.

    python weights/labels/part_labels.py hand models/hand.onnx looked.npz \
        weights/labels/har.npz=data/har weights/labels/coco_train.npz=data/coco_train.tar

What the teacher saw in every window goes to looked.npz; typed again it goes on where it stopped.
`part_choice.py` makes labels of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from part_teachers import FaceTeacher, HandTeacher, Teacher

from openpaf.datasets.label_file import LabelFile
from openpaf.datasets.labels import SKELETON, PhotoLabels, Teaching
from openpaf.datasets.window_label_file import (
    WindowLabelFile,
    WindowLabels,
    write_window_label_file,
)
from openpaf.label.photographs import Photograph, find_photographs
from openpaf.skeleton import FACE_70, HAND_21
from openpaf.topdown.part_windows import face_windows, hand_windows

_KINDS = {
    # A hand is half of its window, a face three fifths; smaller ones are 16 and 20 px.
    "hand": (HandTeacher, HAND_21, hand_windows, 28.0),
    "face": (FaceTeacher, FACE_70, face_windows, 33.0),
}
# The teacher misses faces from the side, so that only where the body has hardly any nose and eyes
# either there is no face for sure; elsewhere it stays open.
_FACE_PARTS = [SKELETON.index(part) for part in ("nose", "left_eye", "right_eye")]
_HIDDEN, _OPEN = 0.6, 0.3
_KEEP_EVERY = 300
_SEED = 1
# A share of a window in a photograph; 1 is its right border.
_SHARES = (2, 2)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=_KINDS)
    parser.add_argument("teacher", type=Path, help="its ONNX file")
    parser.add_argument("out", type=Path, help="an .npz of windows")
    parser.add_argument("sets", nargs="+", help="an .npz of labels=folder or tar of photographs")
    parser.add_argument("--present", type=int, default=25_000, help="stop after as many are seen")
    options = parser.parse_args()
    kind, skeleton, *_ = _KINDS[options.kind]
    done = dict(WindowLabelFile(options.out).items()) if options.out.is_file() else {}
    recipe = {"teacher": f"MediaPipe {options.kind}", "seed": _SEED}
    seen = sum(int((one.presence > 0.5).sum()) for one in done.values())
    teacher = kind(options.teacher)
    for photograph, people in _shuffled(options.sets):
        if photograph.name in done:
            continue
        labels = _look(options.kind, teacher, photograph, people)
        done[photograph.name] = labels
        seen += int((labels.presence > 0.5).sum())
        if len(done) % _KEEP_EVERY == 0:
            write_window_label_file(options.out, done, skeleton, recipe)
            print(f"{len(done)} photographs, {seen} present", flush=True)
        if seen >= options.present:
            break
    write_window_label_file(options.out, done, skeleton, recipe)


def _shuffled(sets: list[str]) -> Iterator[tuple[Photograph, PhotoLabels]]:
    """Photographs of every set and their people, all in one order of chance."""
    found: list[tuple[Photograph, LabelFile]] = []
    for entry in sets:
        labels, _, photographs = entry.partition("=")
        file = LabelFile(Path(labels))
        found += [(one, file) for one in find_photographs([photographs]) if one.name in file]
    for place in np.random.default_rng(_SEED).permutation(len(found)):
        photograph, file = found[place]
        yield photograph, file[photograph.name]


def _look(kind: str, teacher: Teacher, photograph: Photograph, people: PhotoLabels) -> WindowLabels:
    _, skeleton, place, least = _KINDS[kind]
    teaching = Teaching()
    sure = people.person_scores >= teaching.min_person
    scores = people.scores[sure]
    taught = np.where(teaching.parts(people)[sure], scores, 0)
    hidden = np.all(scores[:, _FACE_PARTS] < _HIDDEN, axis=1)
    if kind != "face":
        hidden[:] = False
    windows, rows = place(
        people.keypoints[sure], np.where(hidden[:, None], scores, taught), SKELETON
    )
    large = windows.sides[:, 0] >= least
    windows, rows = windows[large], rows[large]
    presence: NDArray[np.float64] = np.empty(0)
    points = np.empty((0, len(skeleton.parts), 2))
    if len(windows):
        presence, points = teacher.look(photograph.read(), windows)
        if kind == "face":
            presence = np.where(hidden[rows], presence, np.maximum(presence, _OPEN))
    return WindowLabels(
        people.size,
        windows.centres,
        windows.sides[:, 0],
        windows.angles,
        windows.mirrored,
        presence,
        windows.to_window(points, _SHARES),
    )


if __name__ == "__main__":
    main()
