"""Which side of the frame a person faces over time."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from openpaf import angles
from openpaf.motion.trail import Trail

Facing = Literal["auto", "left", "right", "none"]

# Trunk lengths that feet and nose point to one side by, at least, and seconds of which the median
# is taken: nobody turns more often.
_CLEAR, _SECONDS = 0.08, 1.0


def facings(trail: Trail, facing: Facing = "auto") -> NDArray[np.float64]:
    """(T,) 1 where a person faces the frame's right, -1 its left, 0 where neither is clear.

    Parameters
    ----------
    trail : Trail
    facing : "auto", "left", "right" or "none"
        "auto" goes by feet and face.
    """
    if facing != "auto":
        return np.full(len(trail), {"left": -1.0, "right": 1.0, "none": 0.0}[facing])
    ways = angles.facing(trail.keypoints, trail.skeleton)
    known = np.flatnonzero(np.isfinite(ways))
    if not len(known):
        return np.zeros(len(trail))
    # What was not seen is as in the nearest frame in which it was.
    rows = np.arange(len(trail))
    nearest = known[np.searchsorted((known[1:] + known[:-1]) / 2, rows)]
    step = float(np.median(np.diff(trail.times))) if len(trail) > 1 else _SECONDS
    size = min(int(_SECONDS / step) // 2 * 2 + 1, max(1, len(trail) // 2 * 2 - 1))
    middle = ndimage.median_filter(ways[nearest], size=size, mode="mirror")
    return np.where(np.abs(middle) < _CLEAR, 0.0, np.sign(middle))
