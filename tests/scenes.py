"""Small scenes whose people are known exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.fields import Fields
from openpaf.selftest.crowd import draw_fields
from openpaf.skeleton import COCO_18, Skeleton

Float32 = NDArray[np.float32]

# An upright person of height 100 px around (0, 0), facing us: its right is on the left.
_UPRIGHT = {
    "nose": (0, -40), "eye": (4, -43), "ear": (8, -41), "neck": (0, -28), "shoulder": (12, -28),
    "elbow": (17, -10), "wrist": (19, 6), "hip": (8, 4), "knee": (9, 28), "ankle": (10, 52),
    "mid_hip": (0, 4), "chest": (0, -12), "head_top": (0, -52), "big_toe": (14, 56),
    "small_toe": (17, 55), "heel": (8, 56),
}  # fmt: skip


def upright(
    centre: tuple[float, float], scale: float = 1.0, skeleton: Skeleton = COCO_18
) -> Float32:
    """(K, 2) keypoints of someone who stands upright, net px."""
    rows = []
    for part in skeleton.parts:
        side = 1 if part.startswith("left_") else -1 if part.startswith("right_") else 0
        x, y = _UPRIGHT[part.removeprefix("left_").removeprefix("right_")]
        rows.append((centre[0] + scale * (side * x if side else x), centre[1] + scale * y))
    return np.array(rows, np.float32)


def scene(
    people: list[Float32], skeleton: Skeleton = COCO_18, grid: tuple[int, int] = (60, 40)
) -> Fields:
    """Fields a perfect network would give of these people; grid is (w, h) cells."""
    keypoints = np.array(people, np.float32).reshape(-1, len(skeleton.parts), 2)
    return draw_fields(keypoints, skeleton, grid)


def without(person: Float32, *parts: str, skeleton: Skeleton = COCO_18) -> Float32:
    """The same person with some parts hidden."""
    hidden = person.copy()
    hidden[[skeleton.index(part) for part in parts]] = np.nan
    return hidden


def noise(skeleton: Skeleton, grid: tuple[int, int], seed: int, strength: float = 1.0) -> Fields:
    """White noise all over; grid is (w, h) cells."""
    rng = np.random.default_rng(seed)
    parts, limbs = len(skeleton.parts), len(skeleton.limbs)
    values = rng.standard_normal((parts + 2 * limbs, grid[1], grid[0]), np.float32)
    values *= np.float32(strength)
    return Fields(values[:parts], values[parts:], skeleton=skeleton)
