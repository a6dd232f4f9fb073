"""Where a hand or a face is to be looked for next, from its own points.

The shares say how the points lie in windows that are placed by bodies, so that a network sees them
as it was taught: medians over labelled windows, 5,495 of hands and 4,454 of faces.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.skeleton import FACE_70, HAND_21
from openpaf.topdown.windows import Windows

Floats = NDArray[np.float64]

_WRIST, _INDEX, _MIDDLE, _RING, _LITTLE = (
    HAND_21.index(part) for part in ("wrist", "index_1", "middle_1", "ring_1", "little_1")
)
_PALM = [_WRIST, _INDEX, _MIDDLE, _RING, _LITTLE]
# A palm, of which the longer of its length and 1.4 widths is in sight, in windows; and how far the
# middle of its joints lies below the window's.
_PALM_SIDE, _WIDTHS, _PALM_DOWN = 0.304, 1.4, 0.042

_EYES = [
    [k for k, part in enumerate(FACE_70.parts) if part.startswith(f"{side}_eye")]
    for side in ("right", "left")
]
# The longer side of the box around a face, and how far the mean of its points lies above the
# window's middle.
_FACE_SIDE, _FACE_UP = 0.613, 0.046


def hands_again(points: Floats, mirrored: NDArray[np.bool_]) -> Windows:
    """Windows of hands by their points (M, 21, 2), frame px; left ones are mirrored."""
    length = points[:, _MIDDLE] - points[:, _WRIST]
    width = np.linalg.norm(points[:, _INDEX] - points[:, _LITTLE], axis=1)
    sides = np.maximum(np.linalg.norm(length, axis=1), _WIDTHS * width) / _PALM_SIDE
    angles = np.arctan2(length[:, 0], -length[:, 1])
    middle = points[:, _PALM].mean(axis=1) - _PALM_DOWN * sides[:, None] * _down(angles)
    return Windows.squares(middle, sides, angles, mirrored)


def faces_again(points: Floats, mirrored: NDArray[np.bool_]) -> Windows:
    """Windows of faces by their points (M, 70, 2), frame px; none is mirrored."""
    right, left = (points[:, eye].mean(axis=1) for eye in _EYES)
    level = left - right
    angles = np.arctan2(level[:, 1], level[:, 0])
    across, down = _across(angles), _down(angles)
    extents = [np.ptp((points * way[:, None]).sum(axis=2), axis=1) for way in (across, down)]
    sides = np.maximum(*extents) / _FACE_SIDE
    middle = points.mean(axis=1) + _FACE_UP * sides[:, None] * down
    return Windows.squares(middle, sides, angles, mirrored)


def _across(angles: Floats) -> Floats:
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _down(angles: Floats) -> Floats:
    return np.stack([-np.sin(angles), np.cos(angles)], axis=1)
