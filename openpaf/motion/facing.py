"""Which side of the frame a person faces over time."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from openpaf import angles
from openpaf.motion.trail import Trail

Facing = Literal["auto", "left", "right", "none"]

# Trunk lengths that feet and nose point to one side by, at least; trunk lengths a second that
# somebody goes there, at least; and seconds of which the median is taken: nobody turns more often.
_CLEAR, _GOING, _SECONDS = 0.08, 0.4, 1.0


def facings(trail: Trail, facing: Facing = "auto") -> NDArray[np.float64]:
    """(T,) 1 where a person faces the frame's right, -1 its left, 0 where neither is clear.

    Parameters
    ----------
    trail : Trail
    facing : "auto", "left", "right" or "none"
        "auto" goes by feet and face, and where they say nothing by where the person goes.
    """
    if facing != "auto":
        return np.full(len(trail), {"left": -1.0, "right": 1.0, "none": 0.0}[facing])
    looking = _sides(angles.facing(trail.keypoints, trail.skeleton), trail, _CLEAR)
    return np.where(looking != 0, looking, _sides(_going(trail), trail, _GOING))


def _going(trail: Trail) -> NDArray[np.float64]:
    """(T,) trunk lengths a second to the frame's right, NaN where they cannot be told."""
    if len(trail) < 2 or not {"neck", "mid_hip"} <= set(angles.whole_parts(trail.skeleton)):
        return np.full(len(trail), np.nan)
    hips = angles.points(trail.keypoints, trail.skeleton, "mid_hip")
    trunks = np.linalg.norm(angles.points(trail.keypoints, trail.skeleton, "neck") - hips, axis=1)
    trunk = float(np.median(trunks[np.isfinite(trunks)])) if np.isfinite(trunks).any() else np.nan
    going: NDArray[np.float64] = np.gradient(hips[:, 0], trail.times) / trunk
    return going


def _sides(ways: NDArray[np.float64], trail: Trail, clear: float) -> NDArray[np.float64]:
    """(T,) the sign of a running median, 0 where it is not clear."""
    known = np.flatnonzero(np.isfinite(ways))
    if not len(known):
        return np.zeros(len(trail))
    # What was not seen is as in the nearest frame in which it was.
    rows = np.arange(len(trail))
    nearest = known[np.searchsorted((known[1:] + known[:-1]) / 2, rows)]
    step = float(np.median(np.diff(trail.times))) if len(trail) > 1 else _SECONDS
    size = min(int(_SECONDS / step) // 2 * 2 + 1, max(1, len(trail) // 2 * 2 - 1))
    middle = ndimage.median_filter(ways[nearest], size=size, mode="mirror")
    return np.where(np.abs(middle) < clear, 0.0, np.sign(middle))
