"""MOT: joint and segment angles over time, in degrees, for OpenSim."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.angles import angle, some_angles
from openpaf.motion.facing import Facing, facings
from openpaf.motion.formats.people import EachPerson
from openpaf.motion.formats.sink import Body, Sink
from openpaf.skeleton import Skeleton


def mot(path: Path, facing: Facing = "auto") -> Sink:
    """Make a writer of a MOT file a person."""
    return EachPerson(path, _Mot, lambda trail: facings(trail, facing))


class _Mot:
    def __init__(self, skeleton: Skeleton) -> None:
        self._skeleton, self._body = skeleton, Body()
        self._names = some_angles(skeleton)

    def row(self, number: int, time: float, keypoints: NDArray[np.float64], extra: float) -> None:
        degrees = [float(angle(keypoints, self._skeleton, name, extra)) for name in self._names]
        self._body.add("\t".join([f"{time:.6f}", *(f"{value:.4f}" for value in degrees)]))

    def save(self, path: Path, frame_rate: float) -> None:
        header = (
            f"{path.stem}\nversion=1\nnRows={self._body.lines}\nnColumns={len(self._names) + 1}\n"
            "inDegrees=yes\nendheader\n"
        )
        self._body.save(path, header + "\t".join(["time", *self._names]) + "\n")
