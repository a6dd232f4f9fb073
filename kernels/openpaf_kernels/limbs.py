"""Connections: candidate pairs scored along their PAF and matched one to one.

CVPR 2017, sections 2.3 and 2.4.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit

from openpaf_kernels.cache import CACHE


@njit(cache=CACHE, nogil=True)
def _sample(field_x, field_y, x, y):
    """PAF at a place in cells, bilinear, borders continued outwards."""
    h, w = field_x.shape
    x = min(max(x, np.float32(0)), np.float32(w - 1))
    y = min(max(y, np.float32(0)), np.float32(h - 1))
    x0, y0 = np.intp(x), np.intp(y)
    x1, y1 = min(x0 + 1, w - 1), min(y0 + 1, h - 1)
    fx, fy = x - np.float32(x0), y - np.float32(y0)
    top_x = field_x[y0, x0] + fx * (field_x[y0, x1] - field_x[y0, x0])
    top_y = field_y[y0, x0] + fx * (field_y[y0, x1] - field_y[y0, x0])
    low_x = field_x[y1, x0] + fx * (field_x[y1, x1] - field_x[y1, x0])
    low_y = field_y[y1, x0] + fx * (field_y[y1, x1] - field_y[y1, x0])
    return top_x + fy * (low_x - top_x), top_y + fy * (low_y - top_y)


@njit(cache=CACHE, nogil=True)
def _integral(field_x, field_y, ax, ay, bx, by, samples, threshold, misses_allowed):
    """Mean of the PAF along a limb over the samples above the threshold; 0 when too many miss."""
    dx, dy = bx - ax, by - ay
    length = np.float32(sqrt(dx * dx + dy * dy))
    if length < np.float32(1e-3):
        return np.float32(0)
    ux, uy = dx / length, dy / length
    total = np.float32(0)
    misses = 0
    step = np.float32(1) / np.float32(samples - 1)
    for n in range(samples):
        t = np.float32(n) * step
        px, py = _sample(field_x, field_y, ax + t * dx, ay + t * dy)
        along = px * ux + py * uy
        if along > threshold:
            total += along
        else:
            misses += 1
            if misses > misses_allowed:
                return np.float32(0)
    return total / np.float32(samples - misses)


@njit(cache=CACHE, nogil=True)
def _sort_descending(scores, order, count):
    """Shell sort of pair indices by score, ties in the order found."""
    for n in range(count):
        order[n] = n
    gap = count // 2
    while gap > 0:
        for n in range(gap, count):
            pair = order[n]
            m = n
            while m >= gap and (
                scores[order[m - gap]] < scores[pair]
                or (scores[order[m - gap]] == scores[pair] and order[m - gap] > pair)
            ):
                order[m] = order[m - gap]
                m -= gap
            order[m] = pair
        gap //= 2


@njit(cache=CACHE, nogil=True)
def connect(
    pafs, limbs, xs, ys, scores, counts,
    threshold, min_fraction, samples,
    pair_a, pair_b, pair_score, order, taken,
    connection_a, connection_b, connection_score, connection_counts,
):  # fmt: skip
    """Match the candidates of each limb's two parts.

    Parameters
    ----------
    pafs : (2L, h, w) float32
    limbs : (L, 2) int32
    xs, ys, scores : (K, C) float32
        Candidates, in cells.
    counts : (K,) int32
    threshold, min_fraction : float
        A sample counts when above `threshold`; a pair when at least `min_fraction` of them do.
    samples : int
    pair_a, pair_b, order : (P,) int32
    pair_score : (P,) float32
    taken : (2, C) bool
        Scratch.
    connection_a, connection_b : (L, C) int32, written
    connection_score : (L, C) float32, written
    connection_counts : (L,) int32, written

    Returns
    -------
    int
        Pairs that found no room.
    """
    room = len(pair_a)
    level = np.float32(threshold)
    misses_allowed = int(samples * (1.0 - min_fraction) + 1e-6)
    dropped = 0
    for limb in range(len(limbs)):
        a, b = limbs[limb]
        field_x, field_y = pafs[2 * limb], pafs[2 * limb + 1]
        pairs = 0
        for i in range(counts[a]):
            for j in range(counts[b]):
                score = _integral(
                    field_x, field_y, xs[a, i], ys[a, i], xs[b, j], ys[b, j],
                    samples, level, misses_allowed,
                )  # fmt: skip
                if score > level and score < np.inf:
                    if pairs < room:
                        pair_a[pairs] = i
                        pair_b[pairs] = j
                        pair_score[pairs] = score
                        pairs += 1
                    else:
                        dropped += 1
        _sort_descending(pair_score, order, pairs)
        taken[:] = False
        found = 0
        for n in range(pairs):
            i, j = pair_a[order[n]], pair_b[order[n]]
            if not taken[0, i] and not taken[1, j]:
                taken[0, i] = True
                taken[1, j] = True
                connection_a[limb, found] = i
                connection_b[limb, found] = j
                connection_score[limb, found] = pair_score[order[n]]
                found += 1
        connection_counts[limb] = found
    return dropped
