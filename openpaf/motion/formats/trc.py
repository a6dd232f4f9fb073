"""TRC: marker positions for OpenSim, in metres; x to the frame's right, y up, z 0."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.motion.formats.people import EachPerson
from openpaf.motion.formats.sink import Body, Sink
from openpaf.motion.scale import Scale
from openpaf.skeleton import Skeleton


def trc(path: Path, scale: Scale) -> Sink:
    """Make a writer of a TRC file a person."""
    return EachPerson(path, partial(_Trc, scale))


class _Trc:
    def __init__(self, scale: Scale, skeleton: Skeleton) -> None:
        self._scale, self._skeleton, self._body = scale, skeleton, Body()

    def row(self, number: int, time: float, keypoints: NDArray[np.float64], extra: float) -> None:
        cells = []
        for x, y in self._scale.positions(keypoints).tolist():
            # Readers differ on empty cells at the end of a line, all of them know this word.
            cells += [f"{x:.6f}", f"{y:.6f}", "0.000000"] if np.isfinite(x) else ["nan"] * 3
        self._body.add(f"{number + 1}\t{time:.6f}\t" + "\t".join(cells))

    def save(self, path: Path, frame_rate: float) -> None:
        parts, count = self._skeleton.parts, self._body.lines
        axes = [f"{axis}{n}" for n in range(1, len(parts) + 1) for axis in "XYZ"]
        header = (
            ("PathFileType", "4", "(X/Y/Z)", path.name),
            (
                "DataRate", "CameraRate", "NumFrames", "NumMarkers", "Units", "OrigDataRate",
                "OrigDataStartFrame", "OrigNumFrames",
            ),
            (f"{frame_rate:g}", f"{frame_rate:g}", str(count), str(len(parts)), "m",
             f"{frame_rate:g}", "1", str(count)),
            ("Frame#", "Time", "\t\t\t".join(parts), "", ""),
            ("", "", *axes),
            ("",),
        )  # fmt: skip
        self._body.save(path, "".join("\t".join(cells) + "\n" for cells in header))
