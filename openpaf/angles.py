"""Joint and segment angles of a body in the picture plane: what each is between, and its sign.

Joint angles are 0 where a body stands straight with its arms down (its feet at right angles).
Segment angles are those of a line against the picture's horizontal, counted against the clock.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpaf.errors import SkeletonError
from openpaf.skeleton import Skeleton

FACINGS = {"right": 1, "left": -1, None: 0}
"""Which side of the frame a person faces, as the sign that joint angles are counted with."""

# What stands for a part that a skeleton lacks or that was not found: the middle of two others.
_MIDDLES = {
    "neck": ("left_shoulder", "right_shoulder"),
    "mid_hip": ("left_hip", "right_hip"),
}


@dataclass(frozen=True)
class Angle:
    """One angle: at a joint between two lines, or of a segment against the horizontal.

    Attributes
    ----------
    name : str
    points : tuple of str
        Of a joint four: from, to of the line nearer the trunk, then from, to of the other. Of a
        segment two: from, to.
    sign : int
        Of a joint: 1 where the positive sense turns the second line backwards (as a knee bends),
        -1 where it turns it forwards.
    offset : float
        Degrees taken off: a foot stands at right angles to its shank.
    positive : str
        What a positive angle means.
    """

    name: str
    points: tuple[str, ...]
    positive: str
    sign: int = 1
    offset: float = 0.0

    @property
    def joint(self) -> bool:
        """Whether it is between two lines."""
        return len(self.points) == 4


def _joint(side: str, name: str, points: str, positive: str, sign: int, offset: float = 0) -> Angle:
    return Angle(f"{side}_{name}", _sided(points, side), positive, sign, offset)


def _sided(points: str, side: str) -> tuple[str, ...]:
    return tuple(p if p in _MIDDLES else f"{side}_{p}" for p in points.split())


def _side(side: str) -> list[Angle]:
    up = "90 where it stands upright"
    return [
        _joint(side, "ankle", "knee ankle heel big_toe", "dorsiflexion", -1, 90),
        _joint(side, "knee", "hip knee knee ankle", "flexion", 1),
        _joint(side, "hip", "neck mid_hip hip knee", "flexion", -1),
        _joint(side, "shoulder", "neck mid_hip shoulder elbow", "flexion", -1),
        _joint(side, "elbow", "shoulder elbow elbow wrist", "flexion", -1),
        Angle(f"{side}_foot", _sided("heel big_toe", side), "toes above the heel"),
        Angle(f"{side}_shank", _sided("ankle knee", side), up),
        Angle(f"{side}_thigh", _sided("knee hip", side), up),
        Angle(f"{side}_upper_arm", _sided("elbow shoulder", side), up),
        Angle(f"{side}_forearm", _sided("wrist elbow", side), up),
    ]


ANGLES = {
    angle.name: angle
    for angle in (
        *_side("left"),
        *_side("right"),
        Angle("trunk", ("mid_hip", "neck"), "90 where it stands upright"),
        Angle("head", ("neck", "nose"), "90 where the nose is above the neck"),
        Angle("pelvis", ("right_hip", "left_hip"), "left hip higher, seen from the front"),
        Angle("shoulders", ("right_shoulder", "left_shoulder"), "left shoulder higher, from front"),
    )
}
"""Every angle by name."""


def angle_names(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the angles whose parts a skeleton has."""
    return tuple(
        name
        for name, angle in ANGLES.items()
        if all(_indices(skeleton, part) for part in angle.points)
    )


def some_angles(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the angles whose parts a skeleton has, for who wants nothing else.

    Raises
    ------
    SkeletonError
        When there are none.
    """
    names = angle_names(skeleton)
    if not names:
        raise SkeletonError(
            f"{skeleton.name} has no angle: it has not the parts of a person that angles are "
            "between; write keypoints instead"
        )
    return names


def angle(
    keypoints: NDArray[Any], skeleton: Skeleton, name: str, facing: ArrayLike = 0
) -> NDArray[np.float64]:
    """Give an angle of one or many poses.

    Parameters
    ----------
    keypoints : (..., K, 2) float
        px, y down; NaN where a part was not found.
    skeleton : Skeleton
    name : str
        One of `ANGLES`.
    facing : (...) int
        1 where the person faces the frame's right, -1 its left: joint angles then have a sign.
        0 where neither is known: joint angles are then the size of the bend alone.

    Returns
    -------
    (...) float64
        Degrees, NaN where a part it needs is missing. Joints: -180 to 180 with a facing, else 0 to
        180 (an ankle -90 to 90). Segments: above -180, up to 180.

    Raises
    ------
    SkeletonError
        When there is no such angle, or the skeleton lacks a part of it.
    """
    which = ANGLES.get(name)
    if which is None:
        raise SkeletonError(f"there is no angle {name!r}; there are {', '.join(ANGLES)}")
    for part in which.points:
        if not _indices(skeleton, part):
            raise SkeletonError(f"{skeleton.name} has no {part}, which {name} needs")
    ends = [points(keypoints, skeleton, part) for part in which.points]
    first = ends[1] - ends[0]
    if not which.joint:
        return _degrees(-first[..., 1], first[..., 0])
    second = ends[3] - ends[2]
    turned = _degrees(
        first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0], (first * second).sum(-1)
    )
    sign = np.asarray(facing) * which.sign
    return np.where(sign == 0, np.abs(turned), sign * turned) - which.offset


def facing(keypoints: NDArray[Any], skeleton: Skeleton) -> NDArray[np.float64]:
    """Tell how far to the frame's right people face, as feet and face show it.

    Parameters
    ----------
    keypoints : (..., K, 2) float
    skeleton : Skeleton

    Returns
    -------
    (...) float64
        Mean way from heels to toes and from ears and neck to the nose, in trunk lengths; to the
        right is positive. NaN where it cannot be told.
    """
    ways = []
    for start, end in _FORWARD:
        if _indices(skeleton, start) and _indices(skeleton, end):
            way = points(keypoints, skeleton, end) - points(keypoints, skeleton, start)
            ways.append(way[..., 0])
    if not ways or not (_indices(skeleton, "neck") and _indices(skeleton, "mid_hip")):
        return np.full(keypoints.shape[:-2], np.nan)
    trunk = points(keypoints, skeleton, "neck") - points(keypoints, skeleton, "mid_hip")
    length = np.hypot(trunk[..., 0], trunk[..., 1])
    known = np.isfinite(ways)
    total = np.where(known, ways, 0).sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(total / known.sum(0) / length)


_FORWARD = (
    ("left_heel", "left_big_toe"),
    ("right_heel", "right_big_toe"),
    ("left_ear", "nose"),
    ("right_ear", "nose"),
    ("neck", "nose"),
)


def _degrees(y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Directions; NaN where two parts are in one place."""
    return np.where((x == 0) & (y == 0), np.nan, np.degrees(np.arctan2(y, x)))


def _indices(skeleton: Skeleton, part: str) -> tuple[int, ...]:
    return _places(skeleton).get(part, ())


@lru_cache(maxsize=16)
def _places(skeleton: Skeleton) -> dict[str, tuple[int, ...]]:
    """For each part, where it is, or else the two that it is the middle of."""
    places: dict[str, tuple[int, ...]] = {part: (k,) for k, part in enumerate(skeleton.parts)}
    for part, sides in _MIDDLES.items():
        if all(side in places for side in sides):
            places[part] = (*places.get(part, ()), *(places[side][0] for side in sides))
    return places


def whole_parts(skeleton: Skeleton) -> tuple[str, ...]:
    """Names of the parts that `points` can give."""
    return tuple(_places(skeleton))


def points(keypoints: NDArray[Any], skeleton: Skeleton, part: str) -> NDArray[np.float64]:
    """(..., 2) px of a part; a neck or mid-hip that is lacking is the middle of both sides."""
    places = _indices(skeleton, part)
    if len(places) == 1:
        return np.asarray(keypoints[..., places[0], :], np.float64)
    middle: NDArray[np.float64] = keypoints[..., places[-2:], :].astype(np.float64).mean(-2)
    if len(places) == 2:
        return middle
    own = keypoints[..., places[0], :]
    return np.where(np.isfinite(own), own, middle)
