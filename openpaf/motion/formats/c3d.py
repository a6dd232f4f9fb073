"""C3D: marker positions in metres, as motion-capture laboratories exchange them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import MissingExtraError, OutputError
from openpaf.files import replacing
from openpaf.motion.formats.people import EachPerson
from openpaf.motion.formats.sink import Sink
from openpaf.motion.scale import Scale
from openpaf.skeleton import Skeleton

MOST_FRAMES = 65_535
"""The format counts frames in sixteen bits."""


def c3d(path: Path, scale: Scale) -> Sink:
    """Make a writer of a C3D file a person.

    Raises
    ------
    MissingExtraError
        When ezc3d is not installed.
    """
    try:
        import ezc3d  # noqa: F401
    except ImportError as error:
        raise MissingExtraError('C3D needs ezc3d; pip install "openpaf[motion]"') from error
    return EachPerson(path, partial(_C3d, scale, path))


class _C3d:
    def __init__(self, scale: Scale, path: Path, skeleton: Skeleton) -> None:
        self._scale, self._skeleton, self._path = scale, skeleton, path
        self._first = 0
        self._rows: list[NDArray[np.float32]] = []

    def row(self, number: int, time: float, keypoints: NDArray[np.float64], extra: float) -> None:
        if not self._rows:
            self._first = number
        if len(self._rows) == MOST_FRAMES:
            raise OutputError(
                f"cannot write {self._path}: C3D holds {MOST_FRAMES:,} frames at most; write .trc"
            )
        self._rows.append(self._scale.positions(keypoints).astype(np.float32))

    def save(self, path: Path, frame_rate: float) -> None:
        import ezc3d

        positions = np.array(self._rows).transpose(2, 1, 0)
        count = positions.shape[2]
        points = np.ones((4, len(self._skeleton.parts), count))
        points[:2], points[2] = positions, np.where(np.isfinite(positions[0]), 0, np.nan)
        # A residual below 0 says that a marker was not seen.
        residuals = np.where(np.isfinite(points[:1, :, :]), 0.0, -1.0)
        file = ezc3d.c3d()
        file["header"]["points"]["first_frame"] = self._first
        file["parameters"]["POINT"]["RATE"]["value"] = [frame_rate]
        file["parameters"]["POINT"]["LABELS"]["value"] = tuple(self._skeleton.parts)
        file["parameters"]["POINT"]["UNITS"]["value"] = ("m",)
        file["data"]["points"] = points
        file["data"]["meta_points"]["residuals"] = residuals
        with replacing(path) as partial_path:
            file.write(str(partial_path))
