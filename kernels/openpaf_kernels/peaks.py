"""Candidates: local maxima of the confidence maps on the field grid (CVPR 2017, section 2.2).

A cell is a candidate when it is above the threshold, above its neighbours earlier in raster order
and not below the later ones, so that a plateau of two cells gives one candidate, between them.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from math import exp, log

import numpy as np

from .cache import INNER, KERNEL, njit

# Refinements of a candidate's place, by number.
NONE, QUADRATIC, LOG_QUADRATIC, QUARTER_OFFSET, CENTROID = range(5)

# Rows of the candidates' table.
X, Y, SCORE = range(3)

_ZERO = np.float32(0)
_TINY = 1e-6


@njit(**INNER)
def _any_above(row, level):
    """Whether a row holds a candidate at all; written so that it runs on vectors."""
    found = False
    for x in range(len(row)):
        found |= row[x] > level
    return found


@njit(**INNER)
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


@njit(**INNER)
def _is_peak_at_end(above, row, below, x, level):
    """The same question for the first and last cell of a row."""
    value = row[x]
    peak = (value > level) & (value > above[x]) & (value >= below[x])
    if x > 0:
        peak &= (value > row[x - 1]) & (value > above[x - 1]) & (value >= below[x - 1])
    if x < len(row) - 1:
        peak &= (value >= row[x + 1]) & (value > above[x + 1]) & (value >= below[x + 1])
    return peak


@njit(**INNER)
def _along_axis(before, top, after, refinement):
    """Offset of a peak along one axis, and its height over its cell; logarithmic for Gaussians.

    The vertex of the parabola through three values. A Gaussian is a parabola in its logarithm, and
    there the place is exact; `top` is the peak's value, or the logarithm of it. In float64, because
    logarithms of float32 are not the same everywhere.
    """
    if refinement == QUARTER_OFFSET:
        return (0.0 if after == before else 0.25 if after > before else -0.25), 0.0
    low, high = np.float64(before), np.float64(after)
    if refinement == LOG_QUADRATIC:
        low = np.float64(log(max(_TINY, low)))
        high = np.float64(log(max(_TINY, high)))
    slope = 0.5 * (high - low)
    curvature = top + top - low - high
    if not curvature > _TINY:
        return 0.0, 0.0
    offset = max(min(slope / curvature, 0.5), -0.5)
    return offset, offset * (slope - 0.5 * curvature * offset)


@njit(**INNER)
def _centroid(grid, y, x):
    """Offset of the mean place of the positive values in the 3x3 cells around a peak."""
    h, w = grid.shape
    total, sum_x, sum_y = _ZERO, _ZERO, _ZERO
    for v in range(y - 1, y + 2):
        for u in range(x - 1, x + 2):
            if 0 <= u < w and 0 <= v < h and grid[v, u] > 0:
                total += grid[v, u]
                sum_x += grid[v, u] * np.float32(u - x)
                sum_y += grid[v, u] * np.float32(v - y)
    return np.float64(sum_x / total), np.float64(sum_y / total)


@njit(**INNER)
def _refine(grid, y, x, refinement):
    """Place of a peak between cells, and its height there."""
    h, w = grid.shape
    value = np.float64(grid[y, x])
    dx, dy, gain_x, gain_y = 0.0, 0.0, 0.0, 0.0
    if refinement == CENTROID:
        dx, dy = _centroid(grid, y, x)
    elif refinement != NONE:
        top = np.float64(log(value)) if refinement == LOG_QUADRATIC else value
        if 0 < x < w - 1:
            dx, gain_x = _along_axis(grid[y, x - 1], top, grid[y, x + 1], refinement)
        if 0 < y < h - 1:
            dy, gain_y = _along_axis(grid[y - 1, x], top, grid[y + 1, x], refinement)
    gain = gain_x + gain_y
    height = np.float32(value * exp(gain) if refinement == LOG_QUADRATIC else value + gain)
    x_cell, y_cell = np.float32(x + dx), np.float32(y + dy)
    # Wild neighbours spoil the arithmetic, and later loops rely on places inside the grid.
    inside = (0 <= x_cell <= w - 1) & (0 <= y_cell <= h - 1) & (height < np.inf)
    if inside:
        return x_cell, y_cell, height
    return np.float32(x), np.float32(y), np.float32(value)


@njit(**INNER)
def _weakest(scores):
    """Index of the lowest score, the last of equals."""
    place = 0
    for c in range(1, len(scores)):
        if scores[c] <= scores[place]:
            place = c
    return place


@njit(**KERNEL)
def find_peaks(maps, threshold, refinement, flags, words, beyond, candidates, counts):
    """Find the candidates of every part; beyond the room for them the strongest stay.

    Parameters
    ----------
    maps : (K, h, w) float32
    threshold : float
        Not negative.
    refinement : int
    flags : (at least w, a multiple of 8) uint8
    words : uint64
        The same memory as `flags`.
    beyond : (w,) float32
        Scratch.
    candidates : (3, K, C) float32, written
        x and y in cells, score.
    counts : (K,) int32, written

    Returns
    -------
    int
        Candidates that found no room.
    """
    parts, h, w = maps.shape
    room = candidates.shape[2]
    level = np.float32(threshold)
    for x in range(w):
        beyond[x] = -np.inf
    for word in range(len(words)):
        words[word] = 0
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
            for word in range(len(words)):
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
                            weakest = _weakest(candidates[SCORE, k])
                        if score <= candidates[SCORE, k, weakest]:
                            continue
                        place = weakest
                        weakest = -1
                    candidates[X, k, place] = x_cell
                    candidates[Y, k, place] = y_cell
                    candidates[SCORE, k, place] = score
        counts[k] = count
    return dropped
