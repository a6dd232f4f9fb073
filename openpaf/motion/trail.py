"""One person of a recording over time: the motion counterpart of `Person`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpaf.angles import angle
from openpaf.skeleton import Skeleton

FILLED, OUTLIER, EXCHANGED = 1, 2, 4
"""Marks of a keypoint: put in where none was found, taken out as an outlier, side exchanged."""


@dataclass(frozen=True, eq=False)
class Trail:
    """One person's keypoints in T rows of a motion, from the first in which they are seen.

    Attributes
    ----------
    id : int
    start : int
        Row of the motion that the first of these T is.
    times : (T,) float64
        Seconds.
    keypoints : (T, K, 2) float64
        Frame px, y down; NaN where missing.
    scores : (T, K) float64
        0 where missing; a filled keypoint has the lower one of its neighbours' scores.
    marks : (T, K) uint8
        `FILLED`, `OUTLIER` and `EXCHANGED`, added up.
    skeleton : Skeleton
    """

    id: int
    start: int
    times: NDArray[np.float64]
    keypoints: NDArray[np.float64]
    scores: NDArray[np.float64]
    marks: NDArray[np.uint8]
    skeleton: Skeleton

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f"<Trail id {self.id}, {len(self)} rows from {self.times[0]:.2f} s>"

    def __getitem__(self, part: str) -> NDArray[np.float64]:
        """(T, 2) px of a part by name, NaN where missing.

        Raises
        ------
        SkeletonError
            When the skeleton has no part of that name.
        """
        return self.keypoints[:, self.skeleton.index(part)]

    @property
    def found(self) -> NDArray[np.bool_]:
        """(T, K) whether there is a keypoint, filled ones included."""
        return np.isfinite(self.keypoints[..., 0])

    @property
    def filled(self) -> NDArray[np.bool_]:
        """(T, K) whether the keypoint was put in where none was found."""
        return (self.marks & FILLED) > 0

    @property
    def scale(self) -> float:
        """Half the diagonal of the body, px, as the tracker counts it; the median over time."""
        low, high = np.fmin.reduce(self.keypoints, axis=1), np.fmax.reduce(self.keypoints, axis=1)
        diagonals = np.hypot(*(high - low).T)
        diagonals = diagonals[np.isfinite(diagonals)]
        return max(float(np.median(diagonals)) / 2, 1.0) if len(diagonals) else 1.0

    def angle(self, name: str, facing: ArrayLike = 0) -> NDArray[np.float64]:
        """(T,) degrees of a joint or segment angle; see `openpaf.angles.angle`."""
        return angle(self.keypoints, self.skeleton, name, facing)

    def velocity(self) -> NDArray[np.float64]:
        """(T, K, 2) px/s by central differences, y down; NaN beside gaps."""
        if len(self) < 2:
            return np.full(self.keypoints.shape, np.nan)
        return np.gradient(self.keypoints, self.times, axis=0)

    def speed(self, part: str) -> NDArray[np.float64]:
        """(T,) px/s of a part."""
        moved = self.velocity()[:, self.skeleton.index(part)]
        return np.hypot(moved[:, 0], moved[:, 1])

    def rows(self, start: int, stop: int) -> Trail | None:
        """The part in these rows of the motion, counted from `start`; None where there is none."""
        first, last = max(start - self.start, 0), min(stop - self.start, len(self))
        if last <= first:
            return None
        return replace(
            self,
            start=max(self.start - start, 0),
            times=self.times[first:last],
            keypoints=self.keypoints[first:last],
            scores=self.scores[first:last],
            marks=self.marks[first:last],
        )

    def with_keypoints(self, keypoints: NDArray[np.float64], **changes: Any) -> Trail:
        """The same person elsewhere."""
        return replace(self, keypoints=keypoints, **changes)


def joined(trails: list[Trail]) -> Trail:
    """One trail of several of a person, in order of time; rows between them are missing.

    Their starts refer to one motion.
    """
    first, last = trails[0], trails[-1]
    if len(trails) == 1:
        return first
    count = last.start + len(last) - first.start
    keypoints = np.full((count, *first.keypoints.shape[1:]), np.nan)
    scores = np.zeros(keypoints.shape[:2])
    marks = np.zeros(keypoints.shape[:2], np.uint8)
    times = np.full(count, np.nan)
    for trail in trails:
        rows = slice(trail.start - first.start, trail.start - first.start + len(trail))
        times[rows] = trail.times
        keypoints[rows], scores[rows], marks[rows] = trail.keypoints, trail.scores, trail.marks
    return replace(first, times=times, keypoints=keypoints, scores=scores, marks=marks)
