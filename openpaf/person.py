"""One person of those found in a frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.angles import FACINGS, angle
from openpaf.equality import same
from openpaf.errors import PosesError
from openpaf.part_set import PartSet, set_or_missing
from openpaf.skeleton import Skeleton


class Keypoint(NamedTuple):
    """One part of one person: frame px, and a score that is 0 where the part was not found."""

    x: float
    y: float
    score: float


@dataclass(frozen=True, eq=False, slots=True)
class Person:
    """One person of a `Poses`; `person["nose"]` is a `Keypoint`.

    Attributes
    ----------
    keypoints : (K, 2) float32
        Frame px, NaN where a part was not found.
    scores : (K,) float32
        0 where a part was not found.
    score : float
    id : int or None
        Stays with a person from frame to frame when they are tracked.
    skeleton : Skeleton
    part_sets : mapping of str to PartSet
        Parts of the "hands" and the "face", where those were looked for.
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    score: float
    id: int | None
    skeleton: Skeleton
    part_sets: Mapping[str, PartSet] = field(default_factory=dict)

    @property
    def box(self) -> NDArray[np.float32]:
        """(4,) x0, y0, x1, y1 around the keypoints found."""
        box: NDArray[np.float32] = boxes_of(self.keypoints[None])[0]
        return box

    @property
    def hands(self) -> PartSet:
        """21 parts of each hand, (2, 21, 2): left, then right; NaN where none was found."""
        return set_or_missing(self.part_sets, "hands")

    @property
    def face(self) -> PartSet:
        """70 parts of the face, (70, 2); NaN where none was found."""
        return set_or_missing(self.part_sets, "face")

    def __getitem__(self, part: str | int) -> Keypoint:
        """Look up a part by name or index; NaN, NaN, 0 where it was not found.

        Raises
        ------
        SkeletonError
            When the skeleton has no part of that name.
        """
        k = self.skeleton.index(part) if isinstance(part, str) else part
        x, y = self.keypoints[k].tolist()
        return Keypoint(x, y, float(self.scores[k]))

    def angle(self, name: str, facing: Literal["left", "right"] | None = None) -> float:
        """Angle of a joint or segment in degrees, such as "left_knee"; NaN where a part is missing.

        Parameters
        ----------
        name : str
            One of `openpaf.angles.ANGLES`, which say what each is between.
        facing : "left" or "right", optional
            The side of the frame the person faces: joint angles then have a sign. Without it they
            are the size of the bend.

        Raises
        ------
        SkeletonError
            When there is no such angle, or the skeleton lacks a part of it.
        """
        if facing not in FACINGS:
            raise PosesError(f'facing must be "left", "right" or None, got {facing!r}')
        return float(angle(self.keypoints, self.skeleton, name, FACINGS[facing]))

    def __len__(self) -> int:
        return len(self.keypoints)

    def __iter__(self) -> Iterator[Keypoint]:
        return (self[k] for k in range(len(self)))

    def __repr__(self) -> str:
        found = int(np.count_nonzero(self.scores))
        name = "" if self.id is None else f"id {self.id}, "
        return f"<Person {name}{found} of {len(self)} parts, score {self.score:.2f}>"

    def __eq__(self, other: object) -> bool:
        """Whether two have the same keypoints, scores and id, hands and face included."""
        return same(self, other, "keypoints", "scores", "score", "id", "skeleton", "part_sets")

    __hash__ = None  # type: ignore[assignment]


def boxes_of(keypoints: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 4) x0, y0, x1, y1 around (N, K, 2) keypoints; NaN for a person without any."""
    # fmin and fmax ignore NaN without the warning that nanmin gives for a person with no part.
    low = np.fmin.reduce(keypoints, axis=1)
    high = np.fmax.reduce(keypoints, axis=1)
    return np.concatenate([low, high], axis=1)


def extents(boxes: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """(N,) longest sides of (N, 4) boxes, which says how large people are; 0 without a box."""
    sides: NDArray[np.float32] = np.nan_to_num(boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0)
    return sides
