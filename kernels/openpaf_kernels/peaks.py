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

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)
_TINY = np.float32(1e-6)


@njit(cache=CACHE, nogil=True)
def _any_above(row, level):
    """Whether a row holds a candidate at all; written so that it runs on vectors."""
    found = False
    for x in range(len(row)):
        found |= row[x] > level
    return found


@njit(cache=CACHE, nogil=True)
def _flag_row(above, row, below, level, flags):
    """Flag the candidates of a row but for its ends; written so that it runs on vectors.

    The time does not depend on how many cells are above the threshold, as it would with branches.
    """
    for x in range(1, len(row) - 1):
        value = row[x]
        flags[x] = (
            (value > level)
            & (value > row[x - 1])
            & (value >= row[x + 1])
            & (value > above[x - 1])
            & (value > above[x])
            & (value > above[x + 1])
            & (value >= below[x - 1])
            & (value >= below[x])
            & (value >= below[x + 1])
        )


@njit(cache=CACHE, nogil=True)
def _is_peak_at_end(above, row, below, x, level):
    """The same question for the first and last cell of a row."""
    value = row[x]
    if not value > level:
        return False
    if x > 0 and not (value > row[x - 1] and value > above[x - 1] and value >= below[x - 1]):
        return False
    if x < len(row) - 1 and not (
        value >= row[x + 1] and value > above[x + 1] and value >= below[x + 1]
    ):
        return False
    return value > above[x] and value >= below[x]


@njit(cache=CACHE, nogil=True)
def _vertex(before, middle, after):
    """Vertex of the parabola through three equidistant values: offset, and height above middle."""
    slope = _HALF * (after - before)
    curvature = middle + middle - before - after
    if not curvature > _TINY:
        return _ZERO, _ZERO
    offset = min(max(slope / curvature, -_HALF), _HALF)
    return offset, offset * (slope - _HALF * curvature * offset)


@njit(cache=CACHE, nogil=True)
def _along_axis(before, middle, after, refinement):
    """Offset of a peak along one axis, and the factor by which it exceeds its cell."""
    if refinement == QUARTER_OFFSET:
        if after == before:
            return _ZERO, _ONE
        return _HALF * _HALF if after > before else -_HALF * _HALF, _ONE
    if refinement == QUADRATIC:
        offset, gain = _vertex(before, middle, after)
        return offset, _ONE + gain / middle
    # A Gaussian is a parabola in its logarithm: for one the place is exact.
    offset, gain = _vertex(
        np.float32(log(max(before, _TINY))),
        np.float32(log(middle)),
        np.float32(log(max(after, _TINY))),
    )
    return offset, np.float32(exp(gain))


@njit(cache=CACHE, nogil=True)
def _centroid(grid, y, x):
    """Offset of the mean place of the positive values in the 3x3 cells around a peak."""
    h, w = grid.shape
    total, sum_x, sum_y = _ZERO, _ZERO, _ZERO
    for v in range(max(y - 1, 0), min(y + 2, h)):
        for u in range(max(x - 1, 0), min(x + 2, w)):
            value = max(grid[v, u], _ZERO)
            total += value
            sum_x += value * np.float32(u - x)
            sum_y += value * np.float32(v - y)
    return sum_x / total, sum_y / total


@njit(cache=CACHE, nogil=True)
def _refine(grid, y, x, refinement):
    """Place of a peak between cells, and its height there."""
    h, w = grid.shape
    value = grid[y, x]
    dx, dy, factor_x, factor_y = _ZERO, _ZERO, _ONE, _ONE
    if refinement == CENTROID:
        dx, dy = _centroid(grid, y, x)
    elif refinement != NONE:
        if 0 < x < w - 1:
            dx, factor_x = _along_axis(grid[y, x - 1], value, grid[y, x + 1], refinement)
        if 0 < y < h - 1:
            dy, factor_y = _along_axis(grid[y - 1, x], value, grid[y + 1, x], refinement)
    # Wild neighbours may have spoilt the arithmetic; later loops rely on places inside the grid.
    if not (abs(dx) <= 1 and abs(dy) <= 1):
        return np.float32(x), np.float32(y), value
    height = value * factor_x * factor_y
    x_cell = min(max(np.float32(x) + dx, _ZERO), np.float32(w - 1))
    y_cell = min(max(np.float32(y) + dy, _ZERO), np.float32(h - 1))
    return x_cell, y_cell, height if height < np.inf else value


@njit(cache=CACHE, nogil=True)
def _weakest(scores):
    """Index of the lowest score, the last of equals."""
    place = 0
    for c in range(1, len(scores)):
        if scores[c] <= scores[place]:
            place = c
    return place


@njit(cache=CACHE, nogil=True)
def find_peaks(maps, threshold, refinement, flags, beyond, xs, ys, scores, counts):
    """Find the candidates of every part; beyond the room for them the strongest stay.

    Parameters
    ----------
    maps : (K, h, w) float32
    threshold : float
        Not negative.
    refinement : int
    flags : (at least w, a multiple of 8) uint8
    beyond : (w,) float32
        Scratch.
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
    words = flags.view(np.uint64)
    flags[:] = 0
    beyond[:] = -np.inf
    dropped = 0
    for k in range(parts):
        grid = maps[k]
        count = 0
        weakest = -1
        for y in range(h):
            row = grid[y]
            if not _any_above(row, level):
                continue
            above = grid[y - 1] if y > 0 else beyond
            below = grid[y + 1] if y < h - 1 else beyond
            _flag_row(above, row, below, level, flags)
            flags[0] = _is_peak_at_end(above, row, below, 0, level)
            flags[w - 1] = _is_peak_at_end(above, row, below, w - 1, level)
            for word in range((w + 7) // 8):
                if words[word] == 0:
                    continue
                for x in range(8 * word, 8 * word + 8):
                    if not flags[x] or not row[x] < np.inf:
                        continue
                    x_cell, y_cell, score = _refine(grid, y, x, refinement)
                    place = count
                    if count < room:
                        count += 1
                    else:
                        dropped += 1
                        if weakest < 0:
                            weakest = _weakest(scores[k])
                        if score <= scores[k, weakest]:
                            continue
                        place = weakest
                        weakest = -1
                    xs[k, place] = x_cell
                    ys[k, place] = y_cell
                    scores[k, place] = score
        counts[k] = count
    return dropped
