"""Hands and faces of the people of a frame: many small parts that a closer look found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.equality import same
from openpaf.errors import PosesError
from openpaf.skeleton import FACE_70, HAND_21, Skeleton

LEFT, RIGHT = 0, 1
"""Places of a person's hands in a `PartSet` of hands."""


@dataclass(frozen=True, eq=False, slots=True, repr=False)
class PartSet:
    """Parts of the hands, or of the faces, of N people; the arrays are copies, read-only.

    Of hands there is one axis more, (N, 2, ...): the left one, then the right one. Of one person
    the axis of people is gone.

    Parameters
    ----------
    keypoints : (N, K, 2) or (N, 2, K, 2) float32
        x, y in frame px, NaN where a part is missing.
    scores : (N, K) or (N, 2, K) float32
        0 where a part is missing.
    presence : (N,) or (N, 2) float32
        How sure it is that there is a hand, or a face, to be seen; 0 where none was found.
    skeleton : Skeleton
        Gives the K parts their names.

    Raises
    ------
    PosesError
        When shapes disagree, a part has a score without a position or the reverse, or a number is
        infinite.
    """

    keypoints: NDArray[np.float32]
    scores: NDArray[np.float32]
    presence: NDArray[np.float32]
    skeleton: Skeleton

    def __post_init__(self) -> None:
        for name in ("keypoints", "scores", "presence"):
            array = np.array(getattr(self, name), np.float32, order="C")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        parts, axes = len(self.skeleton.parts), self.presence.shape
        shapes = (self.keypoints.shape, self.scores.shape)
        if shapes != ((*axes, parts, 2), (*axes, parts)):
            raise PosesError(
                f"keypoints and scores of {axes} times {self.skeleton.name} must be "
                f"{(*axes, parts, 2)} and {(*axes, parts)}, got {shapes[0]} and {shapes[1]}"
            )
        found = np.isfinite(self.keypoints).all(axis=-1)
        if not (found == (self.scores != 0)).all() or np.isinf(self.keypoints).any():
            raise PosesError(
                f"a part of {self.skeleton.name} must have finite x, y and a score that is not 0, "
                "or NaN, NaN and 0 if missing"
            )
        if not (np.isfinite(self.scores).all() and np.isfinite(self.presence).all()):
            raise PosesError("scores and presence must be finite, got NaN or infinite ones")

    @classmethod
    def missing(cls, skeleton: Skeleton, *axes: int) -> PartSet:
        """Nothing found: NaN and 0 for so many, (N,) or (N, 2)."""
        parts = len(skeleton.parts)
        keypoints = np.full((*axes, parts, 2), np.nan, np.float32)
        scores, presence = np.zeros((*axes, parts), np.float32), np.zeros(axes, np.float32)
        return cls(keypoints, scores, presence, skeleton)

    def __len__(self) -> int:
        return len(self.keypoints)

    def __getitem__(self, which: int | slice | NDArray[Any] | list[int]) -> PartSet:
        """Those of one person, or of some people: by a place, a slice, a mask or a list."""
        return PartSet(
            self.keypoints[which], self.scores[which], self.presence[which], self.skeleton
        )

    def __eq__(self, other: object) -> bool:
        return same(self, other, "keypoints", "scores", "presence", "skeleton")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        found, places = np.count_nonzero(self.presence), self.presence.size
        return f"<PartSet {found} of {places} found, {self.skeleton.name}>"


class Kind(NamedTuple):
    """What a set is of.

    skeleton : of one; axes : of those that a person has; words : what they are called in names of
    parts, one for each that a person has; openpose : the keys of OpenPose's JSON, likewise.
    """

    skeleton: Skeleton
    axes: tuple[int, ...]
    words: tuple[str, ...]
    openpose: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parts of a person's, such as "left_hand_thumb_1", in order."""
        return tuple(f"{word}_{part}" for word in self.words for part in self.skeleton.parts)


KINDS = {
    "hands": Kind(
        HAND_21,
        (2,),
        ("left_hand", "right_hand"),
        ("hand_left_keypoints_2d", "hand_right_keypoints_2d"),
    ),
    "face": Kind(FACE_70, (), ("face",), ("face_keypoints_2d",)),
}
"""Every kind of set, by its key in `Poses.part_sets`."""


def set_or_missing(part_sets: Mapping[str, PartSet], name: str, *people: int) -> PartSet:
    """A set by its key, for so many people, or for one; all missing where it is not there."""
    kind = KINDS[name]
    found = part_sets.get(name)
    return PartSet.missing(kind.skeleton, *people, *kind.axes) if found is None else found


def check_set(name: str, given: object, people: int) -> None:
    """Make sure that a set is one of its kind, for so many people.

    Raises
    ------
    PosesError
        When it is not.
    """
    if name not in KINDS:
        raise PosesError(f"part_sets has the keys {', '.join(KINDS)}, got {name!r}")
    kind = KINDS[name]
    if not isinstance(given, PartSet):
        raise PosesError(f"part_sets[{name!r}] must be a PartSet, got {type(given).__name__}")
    if given.skeleton != kind.skeleton:
        raise PosesError(
            f"part_sets[{name!r}] must be of {kind.skeleton.name}, got {given.skeleton.name}"
        )
    if given.presence.shape != (people, *kind.axes):
        raise PosesError(
            f"part_sets[{name!r}] must be of {(people, *kind.axes)}, got {given.presence.shape}"
        )


def joined(*sets: PartSet) -> PartSet:
    """The people of several sets of a kind, one after the other."""
    return PartSet(
        np.concatenate([one.keypoints for one in sets]),
        np.concatenate([one.scores for one in sets]),
        np.concatenate([one.presence for one in sets]),
        sets[0].skeleton,
    )


def between(before: PartSet, after: PartSet, share: float) -> PartSet:
    """The same people's at `share` of the way from one frame to another, where both have them."""
    keypoints = (1 - share) * before.keypoints + share * after.keypoints
    found = np.isfinite(keypoints[..., 0])
    presence = np.where(found.any(axis=-1), np.minimum(before.presence, after.presence), 0)
    scores = np.where(found, np.minimum(before.scores, after.scores), 0)
    return PartSet(keypoints, scores, presence, before.skeleton)


def triples_of(part_set: PartSet) -> NDArray[np.float64]:
    """(..., K, 3) x, y, score, zeros where missing; in float64, so that rounding keeps it short."""
    return np.concatenate(
        [np.nan_to_num(part_set.keypoints), part_set.scores[..., None]], axis=-1
    ).astype(np.float64)


def set_of_triples(name: str, triples: NDArray[Any]) -> PartSet:
    """A set of a kind from (..., K, 3) x, y, score; not found is a score of 0 or NaN.

    The presence is the mean score of the parts.
    """
    found = np.isfinite(triples).all(axis=-1) & (triples[..., 2] > 0)
    keypoints = np.where(found[..., None], triples[..., :2], np.nan)
    scores = np.where(found, triples[..., 2], 0.0)
    return PartSet(
        keypoints.astype(np.float32),
        scores.astype(np.float32),
        scores.mean(axis=-1).astype(np.float32),
        KINDS[name].skeleton,
    )
