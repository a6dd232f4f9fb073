"""TRC: marker positions for OpenSim, in metres; x to the frame's right, y up, z 0.

Markers have the names that Pose2Sim gives them, so that its OpenSim models take them. A file whose
name ends in `_px` is in px of the frame, y down, as Sports2D reads and writes them.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.motion.formats.people import EachPerson
from openpaf.motion.formats.sink import Body, Sink
from openpaf.motion.scale import Scale
from openpaf.skeleton import Skeleton

_NAMES = {"mid_hip": "Hip", "head_top": "Head"}


def is_px(path: Path) -> bool:
    """Whether a TRC file of this name is in px."""
    return path.stem.endswith("_px")


def trc(path: Path, scale: Scale | None) -> Sink:
    """Make a writer of a TRC file a person; without a scale it is in px."""
    return EachPerson(path, partial(_Trc, scale))


def marker(part: str) -> str:
    """Name of a part's marker: `left_big_toe` is LBigToe."""
    if part in _NAMES:
        return _NAMES[part]
    side = {"left_": "L", "right_": "R"}.get(part[: part.find("_") + 1], "")
    words = part.split("_")[1:] if side else part.split("_")
    return side + "".join(word.capitalize() for word in words)


class _Trc:
    def __init__(self, scale: Scale | None, skeleton: Skeleton) -> None:
        self._scale, self._skeleton, self._body = scale, skeleton, Body()

    def row(self, number: int, time: float, keypoints: NDArray[np.float64], extra: float) -> None:
        places = keypoints if self._scale is None else self._scale.positions(keypoints)
        cells = []
        for x, y in places.tolist():
            # Readers differ on empty cells at the end of a line, all of them know this word.
            cells += [f"{x:.6f}", f"{y:.6f}", "0.000000"] if np.isfinite(x) else ["nan"] * 3
        self._body.add(f"{number + 1}\t{time:.6f}\t" + "\t".join(cells))

    def save(self, path: Path, frame_rate: float) -> None:
        parts, count = self._skeleton.parts, self._body.lines
        axes = [f"{axis}{n}" for n in range(1, len(parts) + 1) for axis in "XYZ"]
        unit = "px" if self._scale is None else "m"
        header = (
            ("PathFileType", "4", "(X/Y/Z)", path.name),
            (
                "DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate",
                "OrigDataStartFrame", "OrigNumFrames",
            ),
            (f"{frame_rate:g}", f"{frame_rate:g}", str(count), str(len(parts)), unit,
             f"{frame_rate:g}", "1", str(count)),
            ("Frame#", "Time", "\t\t\t".join(map(marker, parts)), "", ""),
            ("", "", *axes),
            ("",),
        )  # fmt: skip
        self._body.save(path, "".join("\t".join(cells) + "\n" for cells in header))
