"""Candidates and pairs by OpenPose's rules, which speak of maps enlarged by cubic interpolation.

Those maps are never made. An enlarged pixel is a weighted sum of 4x4 cells, so it is computed where
it is looked at: in the squares between cells that can hold a value above the threshold, around each
maximum, and at the samples along a limb. All coordinates here are enlarged pixels, and
`weights[x % stride]` holds the weights of the four cells around pixel x. Rows are summed from the
last to the first, as the build that made the golden vectors did: the values agree to the last bit.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from math import sqrt

import numpy as np

from .cache import INNER, KERNEL, njit

# The positive weights of a square add up to no more than this, the negative ones to one less.
_LARGEST_WEIGHT = np.float32(1.1875**2 + 0.1875**2)

_ZERO = np.float32(0)
_HALF = np.float32(0.5)


@njit(**INNER)
def _cell(pixel, stride):
    """Cell whose centre is at or before a pixel."""
    return (2 * pixel + 1 - stride) // (2 * stride)


@njit(**INNER)
def _first_pixel(cell, stride):
    """First pixel at or after the centre of a cell."""
    return (2 * stride * cell + stride) // 2


@njit(**INNER)
def _pixel(grid, y, x, weights):
    """One enlarged pixel; cells beyond the border repeat the last ones."""
    h, w = grid.shape
    stride = len(weights)
    row, column = _cell(y, stride), _cell(x, stride)
    across, down = weights[x % stride], weights[y % stride]
    x0, x1 = max(column - 1, 0), max(column, 0)
    x2, x3 = min(column + 1, w - 1), min(column + 2, w - 1)
    value = _ZERO
    for tap in range(3, -1, -1):
        cells = grid[min(max(row - 1 + tap, 0), h - 1)]
        along = cells[x0] * across[0] + cells[x1] * across[1]
        along = along + cells[x2] * across[2]
        along = along + cells[x3] * across[3]
        value = value + along * down[tap]
    return value


@njit(**INNER)
def _can_exceed(grid, row, column, threshold):
    """Whether any pixel between cells (row, column) and (row + 1, column + 1) can be above."""
    h, w = grid.shape
    highest, lowest = _ZERO, _ZERO
    for tap in range(4):
        cells = grid[min(max(row - 1 + tap, 0), h - 1)]
        for u in range(column - 1, column + 3):
            value = cells[min(max(u, 0), w - 1)]
            highest = max(highest, value)
            lowest = min(lowest, value)
    return highest * _LARGEST_WEIGHT - lowest * (_LARGEST_WEIGHT - 1) > threshold


@njit(**INNER)
def _fill_square(grid, top, bottom, left, right, weights, line, square):
    """Enlarged pixels [top, bottom) x [left, right), all between the same four cells."""
    h, w = grid.shape
    stride = len(weights)
    row, column = _cell(top, stride), _cell(left, stride)
    x0, x1 = max(column - 1, 0), max(column, 0)
    x2, x3 = min(column + 1, w - 1), min(column + 2, w - 1)
    square[:] = _ZERO
    for tap in range(3, -1, -1):
        cells = grid[min(max(row - 1 + tap, 0), h - 1)]
        phase = left % stride
        for n in range(right - left):
            across = weights[phase]
            along = cells[x0] * across[0] + cells[x1] * across[1]
            along = along + cells[x2] * across[2]
            line[n] = along + cells[x3] * across[3]
            phase = phase + 1 if phase + 1 < stride else 0
        phase = top % stride
        for m in range(bottom - top):
            down = weights[phase, tap]
            for n in range(right - left):
                square[m, n] += line[n] * down
            phase = phase + 1 if phase + 1 < stride else 0


@njit(**INNER)
def _is_maximum(grid, y, x, value, threshold, weights):
    """Maximum by OpenPose's border rules: lenient one pixel from the border, and never on it."""
    stride = len(weights)
    height, width = grid.shape[0] * stride, grid.shape[1] * stride
    strict = 1 < x < width - 2 and 1 < y < height - 2
    if not strict and not (x == 1 or x == width - 2 or y == 1 or y == height - 2):
        return False
    for v in range(y - 1, y + 2):
        for u in range(x - 1, x + 2):
            if v == y and u == x:
                continue
            if 0 <= u < width and 0 <= v < height:
                other = _pixel(grid, v, u, weights)
            else:
                other = threshold
            if other > value or (strict and other == value):
                return False
    return True


@njit(**INNER)
def _centroid(grid, y, x, weights):
    """Mean place of the positive values in the 7x7 pixels around a maximum."""
    stride = len(weights)
    height, width = grid.shape[0] * stride, grid.shape[1] * stride
    sum_x, sum_y, total = _ZERO, _ZERO, _ZERO
    for v in range(max(y - 3, 0), min(y + 4, height)):
        for u in range(max(x - 3, 0), min(x + 4, width)):
            value = _pixel(grid, v, u, weights)
            if value > 0:
                sum_x += value * np.float32(u)
                sum_y += value * np.float32(v)
                total += value
    return sum_x / total + _HALF, sum_y / total + _HALF


@njit(**INNER)
def _insert(places, count, place):
    """Keep the lowest places in ascending order; the new count."""
    room = len(places)
    if count == room:
        if place > places[room - 1]:
            return count
    else:
        count += 1
    n = count - 1
    while n > 0 and places[n - 1] > place:
        places[n] = places[n - 1]
        n -= 1
    places[n] = place
    return count


@njit(**INNER)
def _scan_square(grid, row, column, threshold, weights, line, square, places, count):
    """Add the maxima between four cells; the new count."""
    stride = len(weights)
    height, width = grid.shape[0] * stride, grid.shape[1] * stride
    top = max(_first_pixel(row, stride), 0)
    bottom = min(_first_pixel(row + 1, stride), height)
    left = max(_first_pixel(column, stride), 0)
    right = min(_first_pixel(column + 1, stride), width)
    _fill_square(grid, top, bottom, left, right, weights, line, square)
    for m in range(bottom - top):
        for n in range(right - left):
            value = square[m, n]
            # Most pixels fall to a neighbour within the square: the cheap questions first.
            if (
                not value > threshold
                or (n > 0 and square[m, n - 1] > value)
                or (n + 1 < right - left and square[m, n + 1] > value)
                or (m > 0 and square[m - 1, n] > value)
                or (m + 1 < bottom - top and square[m + 1, n] > value)
            ):
                continue
            y, x = top + m, left + n
            if _is_maximum(grid, y, x, value, threshold, weights):
                count = _insert(places, count, y * width + x)
    return count


@njit(**KERNEL)
def find_enlarged_peaks(maps, threshold, weights, line, square, places, xs, ys, scores, counts):
    """Find the maxima of every enlarged confidence map, the first in raster order where many.

    Parameters
    ----------
    maps : (K, h, w) float32
    threshold : float32
    weights : (stride, 4) float32
    line : (stride,) float32, scratch
    square : (stride, stride) float32, scratch
    places : (C,) int64, scratch
    xs, ys, scores : (K, C) float32, written
    counts : (K,) int32, written
    """
    parts, h, w = maps.shape
    room = len(places)
    width = w * len(weights)
    for k in range(parts):
        grid = maps[k]
        count = 0
        for row in range(-1, h):
            # Later rows only hold later places.
            if count == room:
                break
            for column in range(-1, w):
                if _can_exceed(grid, row, column, threshold):
                    count = _scan_square(
                        grid, row, column, threshold, weights, line, square, places, count
                    )
        for c in range(count):
            y, x = places[c] // width, places[c] % width
            xs[k, c], ys[k, c] = _centroid(grid, y, x, weights)
            scores[k, c] = _pixel(grid, y, x, weights)
        counts[k] = count


@njit(**INNER)
def _pair_score(field_x, field_y, ax, ay, bx, by, weights, inter_threshold, min_above, near_score):
    """Mean of the PAF along a limb over samples above the threshold; 0 when not accepted."""
    stride = len(weights)
    height, width = field_x.shape[0] * stride, field_x.shape[1] * stride
    dx, dy = bx - ax, by - ay
    length = np.float32(sqrt(dx * dx + dy * dy))
    if not length > np.float32(1e-6):
        return _ZERO
    longest = max(abs(dx), abs(dy))
    samples = min(max(int(np.float32(sqrt(np.float32(5) * longest)) + _HALF), 5), 25)
    ux, uy = dx / length, dy / length
    step_x, step_y = dx / np.float32(samples), dy / np.float32(samples)
    total = _ZERO
    above = 0
    for n in range(samples):
        # Enough have missed: the outcome is settled.
        if not np.float32(above + samples - n) / np.float32(samples) > min_above:
            break
        x = min(max(int(ax + np.float32(n) * step_x + _HALF), 0), width - 1)
        y = min(max(int(ay + np.float32(n) * step_y + _HALF), 0), height - 1)
        along = ux * _pixel(field_x, y, x, weights) + uy * _pixel(field_y, y, x, weights)
        if along > inter_threshold:
            total += along
            above += 1
    if np.float32(above) / np.float32(samples) > min_above:
        return total / np.float32(above)
    if length < np.float32(sqrt(np.float32(width * height))) / np.float32(150):
        return near_score
    return _ZERO


@njit(**KERNEL)
def score_enlarged_pairs(
    pafs, limbs, weights, xs, ys, counts, inter_threshold, min_above, near_score,
    pair_limb, pair_a, pair_b, pair_score,
):  # fmt: skip
    """Score every candidate pair of every limb and list those accepted.

    Parameters
    ----------
    pafs : (2L, h, w) float32
    limbs : (L, 2) int32
    weights : (stride, 4) float32
    xs, ys : (K, C) float32
    counts : (K,) int32
    inter_threshold, min_above, near_score : float32
    pair_limb, pair_a, pair_b : (L * C * C,) int32, written
    pair_score : (L * C * C,) float32, written

    Returns
    -------
    int
        Pairs accepted.
    """
    found = 0
    for limb in range(len(limbs)):
        a, b = limbs[limb]
        for i in range(counts[a]):
            for j in range(counts[b]):
                score = _pair_score(
                    pafs[2 * limb], pafs[2 * limb + 1], xs[a, i], ys[a, i], xs[b, j], ys[b, j],
                    weights, inter_threshold, min_above, near_score,
                )  # fmt: skip
                if score > np.float32(1e-6):
                    pair_limb[found] = limb
                    pair_a[found] = i
                    pair_b[found] = j
                    pair_score[found] = score
                    found += 1
    return found
