"""Candidates: local maxima of the confidence maps on the field grid (CVPR 2017, section 2.2).

A cell is a candidate when it is above the threshold, above its neighbours earlier in raster order
and not below the later ones, so that a plateau of two cells gives one candidate, between them.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from math import exp, log

import numpy as np
from numba import njit

from openpaf_kernels.cache import CACHE

# Refinements of a candidate's place, by number.
NONE, QUADRATIC, LOG_QUADRATIC, QUARTER_OFFSET, CENTROID = range(5)

_TINY = np.float32(1e-6)
_HALF = np.float32(0.5)


@njit(cache=CACHE, nogil=True)
def _is_peak(grid, y, x, value):
    h, w = grid.shape
    left, right = x > 0, x < w - 1
    if left and grid[y, x - 1] >= value or right and grid[y, x + 1] > value:
        return False
    if y > 0:
        if grid[y - 1, x] >= value:
            return False
        if left and grid[y - 1, x - 1] >= value or right and grid[y - 1, x + 1] >= value:
            return False
    if y < h - 1:
        if grid[y + 1, x] > value:
            return False
        if left and grid[y + 1, x - 1] > value or right and grid[y + 1, x + 1] > value:
            return False
    return True


@njit(cache=CACHE, nogil=True)
def _vertex(before, middle, after):
    """Vertex of the parabola through three equidistant values: offset and height gained."""
    slope = _HALF * (after - before)
    curvature = middle + middle - before - after
    if not curvature > _TINY:
        return np.float32(0.0), np.float32(0.0)
    offset = min(max(slope / curvature, -_HALF), _HALF)
    return offset, offset * (slope - _HALF * curvature * offset)


@njit(cache=CACHE, nogil=True)
def _axis_offset(before, middle, after, refinement):
    """Sub-cell offset along one axis and the factor by which the peak exceeds its cell."""
    if refinement == QUARTER_OFFSET:
        step = np.float32(0.25)
        return (step if after > before else -step if before > after else step - step), step / step
    if refinement == LOG_QUADRATIC:
        before, after = max(before, _TINY), max(after, _TINY)
        offset, gain = _vertex(
            np.float32(log(before)), np.float32(log(middle)), np.float32(log(after))
        )
        return offset, np.float32(exp(gain))
    offset, gain = _vertex(before, middle, after)
    return offset, np.float32(1.0) + gain / middle


@njit(cache=CACHE, nogil=True)
def _centroid(grid, y, x):
    """Mean place of the positive values in the 3x3 cells around a peak."""
    h, w = grid.shape
    total, sum_x, sum_y = np.float32(0.0), np.float32(0.0), np.float32(0.0)
    for v in range(max(y - 1, 0), min(y + 2, h)):
        for u in range(max(x - 1, 0), min(x + 2, w)):
            value = max(grid[v, u], np.float32(0.0))
            total += value
            sum_x += value * np.float32(u)
            sum_y += value * np.float32(v)
    return sum_x / total, sum_y / total


@njit(cache=CACHE, nogil=True)
def _refine(grid, y, x, refinement):
    """Sub-cell place and height of a peak."""
    h, w = grid.shape
    value = grid[y, x]
    if refinement == NONE:
        return np.float32(x), np.float32(y), value
    if refinement == CENTROID:
        cx, cy = _centroid(grid, y, x)
        return cx, cy, value
    dx, dy, factor_x, factor_y = np.float32(0), np.float32(0), np.float32(1), np.float32(1)
    if 0 < x < w - 1:
        dx, factor_x = _axis_offset(grid[y, x - 1], value, grid[y, x + 1], refinement)
    if 0 < y < h - 1:
        dy, factor_y = _axis_offset(grid[y - 1, x], value, grid[y + 1, x], refinement)
    return np.float32(x) + dx, np.float32(y) + dy, value * factor_x * factor_y


@njit(cache=CACHE, nogil=True)
def _weakest(scores, count):
    place = 0
    for c in range(1, count):
        if scores[c] <= scores[place]:
            place = c
    return place


@njit(cache=CACHE, nogil=True)
def find_peaks(maps, threshold, refinement, xs, ys, scores, counts):
    """Find the candidates of every part; beyond the room for them the strongest stay.

    Parameters
    ----------
    maps : (K, h, w) float32
    threshold : float
    refinement : int
    xs, ys, scores : (K, C) float32, written; in cells
    counts : (K,) int32, written

    Returns
    -------
    int
        Candidates that found no room.
    """
    parts, h, w = maps.shape
    room = xs.shape[1]
    level = np.float32(threshold)
    dropped = 0
    for k in range(parts):
        grid = maps[k]
        count = 0
        weakest = -1
        for y in range(h):
            row = grid[y]
            for x in range(w):
                if row[x] > level and _is_peak(grid, y, x, row[x]) and row[x] < np.inf:
                    if count < room:
                        place = count
                        count += 1
                    else:
                        dropped += 1
                        if weakest < 0:
                            weakest = _weakest(scores[k], count)
                        if row[x] <= scores[k, weakest]:
                            continue
                        place = weakest
                        weakest = -1
                    xs[k, place], ys[k, place], scores[k, place] = _refine(grid, y, x, refinement)
        counts[k] = count
    return dropped
