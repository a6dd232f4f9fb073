"""Gaps in a course: which are short enough, and what stands in them."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator, PchipInterpolator

from openpaf.motion.trail import FILLED, Trail
from openpaf.skeleton import Skeleton

Array = NDArray[np.float64]
_ROOTS = ("mid_hip", "neck", "left_hip")


def fill_gaps(trail: Trail, max_gap: float) -> Trail:
    """Fill what is missing between two keypoints, along a cubic that does not overshoot (Akima).

    Parts are filled from the trunk outwards. Where the part that one hangs on is there all through
    the gap, the way from there is filled, so that a hidden foot goes along with its ankle.

    Parameters
    ----------
    trail : Trail
    max_gap : float
        Seconds; longer gaps stay.

    Returns
    -------
    Trail
        What was filled is marked `FILLED` and has the lower one of the scores around the gap.
    """
    if max_gap <= 0 or len(trail) < 3:
        return trail
    keypoints, scores, marks = trail.keypoints.copy(), trail.scores.copy(), trail.marks.copy()
    for k, parent in _outwards(trail.skeleton):
        base = np.zeros_like(keypoints[:, k]) if parent is None else keypoints[:, parent]
        for gap in _short_gaps(keypoints[:, k], trail.times, max_gap):
            around = slice(gap.start - 1, gap.stop + 1)
            from_ = base if np.isfinite(base[around]).all() else np.zeros_like(base)
            keypoints[gap, k] = from_[gap] + _course(keypoints[:, k] - from_, trail.times, gap)
            scores[gap, k] = min(scores[gap.start - 1, k], scores[gap.stop, k])
            marks[gap, k] |= FILLED
    return trail.with_keypoints(keypoints, scores=scores, marks=marks)


def _short_gaps(points: Array, times: Array, max_gap: float) -> list[slice]:
    found = np.flatnonzero(np.isfinite(points[:, 0]))
    before, after = found[:-1], found[1:]
    step = float(np.median(np.diff(times)))
    # A gap of one frame is as long as the frame, not as the way across it.
    absent = times[after] - times[before] - step
    short = (after - before > 1) & (absent <= max_gap + step / 2)
    ends = zip(before[short].tolist(), after[short].tolist(), strict=True)
    return [slice(left + 1, right) for left, right in ends]


def _course(points: Array, times: Array, gap: slice) -> Array:
    """Values in a gap, by what is found near it."""
    near = np.arange(max(gap.start - _NEAR, 0), min(gap.stop + _NEAR, len(points)))
    near = near[np.isfinite(points[near, 0])]
    kind = Akima1DInterpolator if len(near) > 4 else PchipInterpolator
    values: Array = kind(times[near], points[near])(times[gap])
    return values


# Rows on each side that say how a course goes on.
_NEAR = 8


@lru_cache(maxsize=16)
def _outwards(skeleton: Skeleton) -> list[tuple[int, int | None]]:
    """Every part with the one it hangs on, from the trunk to the hands and feet."""
    root = next((skeleton.index(part) for part in _ROOTS if part in skeleton.parts), 0)
    limbs = [limb for n, limb in enumerate(skeleton.limbs) if n not in skeleton.redundant_limbs]
    order: list[tuple[int, int | None]] = [(root, None)]
    met = {root}
    for k, _ in order:
        for a, b in limbs:
            for here, there in ((a, b), (b, a)):
                if here == k and there not in met:
                    met.add(there)
                    order.append((there, here))
    return order + [(k, None) for k in range(len(skeleton.parts)) if k not in met]
