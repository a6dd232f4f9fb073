"""Heads of the people found, blurred beyond knowing them again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.optional import cv2
from openpaf.person import Person
from openpaf.poses import Poses

_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear", "head_top")
# Radius of a head over the distance of two parts; seen from the side most of them are shorter, and
# the largest is taken.
_RADII = {
    ("left_ear", "right_ear"): 0.9,
    ("left_eye", "right_eye"): 2.2,
    ("nose", "left_ear"): 1.2,
    ("nose", "right_ear"): 1.2,
    ("nose", "left_eye"): 2.5,
    ("nose", "right_eye"): 2.5,
    ("nose", "neck"): 0.6,
    ("head_top", "neck"): 0.6,
    ("left_shoulder", "right_shoulder"): 0.4,
    ("neck", "left_hip"): 0.28,
    ("neck", "right_hip"): 0.28,
}
_SMALLEST = 0.06  # of the longer side of a person's box
_UP_FROM_NECK = 1.1  # radii from the neck to the middle of a head that was not found
_CELLS = 5  # what a head is averaged to


def blur_heads(canvas: NDArray[np.uint8], poses: Poses) -> None:
    """Blur a disc over the head of everyone found, also where only neck or shoulders were."""
    for person in poses:
        head = _head(person)
        if head is not None:
            _blur_disc(canvas, *head)


def _head(person: Person) -> tuple[NDArray[np.float64], float] | None:
    """Middle and radius of a head, px; None where nothing says where it is."""
    at = {
        part: np.array(person[part][:2], float)
        for part in person.skeleton.parts
        if person[part].score > 0
    }
    radii = [
        share * float(np.linalg.norm(at[a] - at[b]))
        for (a, b), share in _RADII.items()
        if a in at and b in at
    ]
    low, high = person.box[:2], person.box[2:]
    radius = max([*radii, _SMALLEST * float((high - low).max()), 1.0])
    seen = [at[part] for part in _HEAD if part in at]
    if seen:
        return np.mean(seen, axis=0), radius
    neck = _middle(at, "neck", "left_shoulder", "right_shoulder")
    if neck is None:
        return None
    hips = _middle(at, "mid_hip", "left_hip", "right_hip")
    up = np.array([0.0, -1.0]) if hips is None else neck - hips
    return neck + _UP_FROM_NECK * radius * up / max(float(np.linalg.norm(up)), 1e-6), radius


def _middle(
    at: dict[str, NDArray[np.float64]], part: str, left: str, right: str
) -> NDArray[np.float64] | None:
    if part in at:
        return at[part]
    sides = [at[side] for side in (left, right) if side in at]
    return np.asarray(np.mean(sides, axis=0)) if sides else None


def _blur_disc(canvas: NDArray[np.uint8], middle: NDArray[np.float64], radius: float) -> None:
    height, width = canvas.shape[:2]
    left, top = np.clip(np.floor(middle - radius), 0, (width, height)).astype(int).tolist()
    right, bottom = np.clip(np.ceil(middle + radius) + 1, 0, (width, height)).astype(int).tolist()
    region = canvas[top:bottom, left:right]
    if not region.size:
        return
    few = (min(_CELLS, region.shape[1]), min(_CELLS, region.shape[0]))
    cells = cv2.resize(region, few, interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(cells, region.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    y, x = np.ogrid[top:bottom, left:right]
    inside = (x - middle[0]) ** 2 + (y - middle[1]) ** 2 <= radius**2
    region[inside] = blurred[inside]
