"""Angles of everybody, frame by frame: a row a person."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.angles import angle, angle_names, facing, some_angles
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.writers.writer import GrowingFile

# Share of the latest frame in which way somebody faces, and trunk lengths from which it is clear.
_NEWS, _CLEAR = 0.1, 0.08


class AngleWriter:
    """CSV of frame, time, id, facing (1 right, -1 left, 0 neither) and all angles in degrees.

    Which way somebody faces is followed by id; `openpaf smooth` knows it better, as it also looks
    ahead. An empty cell is an angle whose parts were not found. Writing ends with a `SkeletonError`
    where a skeleton has no angle.

    Parameters
    ----------
    path : Path or None
        None writes to standard output.
    """

    def __init__(self, path: Path | None) -> None:
        self._file = GrowingFile(path)
        self._started = False
        self._ways: dict[int, float] = {}

    def write(self, result: Result) -> None:
        """Append the rows of a frame."""
        poses = result.poses
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        if not self._started:
            rows.writerow(("frame", "time", "id", "facing", *some_angles(poses.skeleton)))
            self._started = True
        ids = [-1] * len(poses) if poses.ids is None else poses.ids.tolist()
        for who, side, degrees in zip(ids, *self._angles(poses, ids), strict=True):
            rows.writerow((result.index, f"{result.time:.6f}", who, int(side), *cells(degrees)))
        self._file.append(text.getvalue().encode())

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _angles(
        self, poses: Poses, ids: list[int]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        ways = facing(poses.keypoints, poses.skeleton)
        for n, who in enumerate(ids):
            before = self._ways.get(who, np.nan) if who >= 0 else np.nan
            if np.isfinite(before):
                ways[n] = before if np.isnan(ways[n]) else before + _NEWS * (ways[n] - before)
        self._ways = dict(zip(ids, ways.tolist(), strict=True))
        sides = facing_sides(ways)
        return sides, all_angles(poses, sides)


def facing_sides(ways: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) 1, -1 or 0 of how far to the right people face."""
    return np.where(np.abs(np.nan_to_num(ways)) < _CLEAR, 0.0, np.sign(np.nan_to_num(ways)))


def all_angles(poses: Poses, sides: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, A) degrees of every angle that the skeleton has."""
    names = angle_names(poses.skeleton)
    columns = [angle(poses.keypoints, poses.skeleton, one, sides) for one in names]
    return np.reshape(columns, (len(names), len(poses))).T


def cells(degrees: NDArray[np.float64]) -> list[str]:
    """Cells of a row, empty for NaN."""
    return ["" if value != value else f"{value:.3f}" for value in degrees.tolist()]  # noqa: PLR0124
