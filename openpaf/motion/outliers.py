"""Keypoints that leap away from their course and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from openpaf.motion.trail import OUTLIER, Trail

Array = NDArray[np.float64]

# Seconds around a frame whose median says where a keypoint should be, and over which the usual
# distance from there is taken.
_NEAR, _USUAL = 0.25, 4.0
# A leap is so many times the usual distance, and so many body scales.
_TIMES, _LEAST = 6.0, 0.08


def remove_outliers(trail: Trail) -> Trail:
    """Take out keypoints far from the running median of their neighbours (a Hampel filter).

    Parameters
    ----------
    trail : Trail

    Returns
    -------
    Trail
        Without them, marked `OUTLIER`.
    """
    step = float(np.median(np.diff(trail.times))) if len(trail) > 1 else 1.0
    near, usual = _odd(_NEAR / step, 5), _odd(_USUAL / step, 31)
    least = _LEAST * trail.scale
    keypoints, scores, marks = trail.keypoints.copy(), trail.scores.copy(), trail.marks.copy()
    for k in range(keypoints.shape[1]):
        found = np.flatnonzero(np.isfinite(keypoints[:, k, 0]))
        if len(found) < near:
            continue
        away = _away(keypoints[found, k], trail.times[found], near)
        allowed = np.maximum(_TIMES * _running_median(away, usual), least)
        out = found[away > allowed]
        keypoints[out, k], scores[out, k] = np.nan, 0
        marks[out, k] |= OUTLIER
    return trail.with_keypoints(keypoints, scores=scores, marks=marks)


def _away(points: Array, times: Array, size: int) -> Array:
    """(T,) px from where neighbours say the point should be: the nearest of five opinions.

    The running median knows runs of several outliers; the lines through the frames around, before
    and after know fast courses and the ends of gaps.
    """
    median = ndimage.median_filter(points, size=(size, 1), mode="mirror")
    away: Array = np.linalg.norm(points - median, axis=1)
    for one, other in _LINES:
        rows = np.arange(max(-one, 0), len(points) - max(other, 0))
        first, second = points[rows + one], points[rows + other]
        share = (times[rows] - times[rows + one]) / (times[rows + other] - times[rows + one])
        line = first + (second - first) * share[:, None]
        away[rows] = np.minimum(away[rows], np.linalg.norm(points[rows] - line, axis=1))
    return away


# Rows that a line goes through, counted from the one that it is asked about.
_LINES = ((-1, 1), (-2, 2), (-2, -1), (1, 2))


def _running_median(values: Array, size: int) -> Array:
    middle: Array = ndimage.median_filter(
        values, size=min(size, _odd(len(values), 1)), mode="mirror"
    )
    return middle


def _odd(count: float, least: int) -> int:
    return max(least, int(count) // 2 * 2 + 1)
