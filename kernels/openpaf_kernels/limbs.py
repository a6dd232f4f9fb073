"""Connections: candidate pairs scored along their PAF and matched one to one.

CVPR 2017, sections 2.3 and 2.4. Nearly all pairs are wrong, so each is first asked whether the PAF
points its way at both ends and halfway; only the few that pass are integrated. The loops that ask
have no branches in them: what a pair answers cannot be predicted, and a wrong guess costs more than
the question. `_GATE`, `_CONE` and the single sample halfway were chosen on a network's real fields
as what changes nobody found there.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit

from openpaf_kernels.cache import CACHE

# Share of the PAF threshold that the gate asks for.
_GATE = np.float32(0.4)
# Squared cosine of the widest angle between the limb and the PAF at its ends.
_CONE = np.float32(0.25**2)
# Probes after which a hopeless pair is left.
_FIRST_PROBES = 4

# At most so many accepted pairs from one start; more only come from noise.
PAIRS_A_START = 16
TAKEN = -2

_ZERO = np.float32(0)
_HALF = np.float32(0.5)


@njit(cache=CACHE, nogil=True)
def _along(field_x, field_y, width, last_x, last_y, x, y, dx, dy):
    """PAF at a place in cells, bilinear, times (dx, dy); the fields are flat.

    Unsigned indices spare the check for negative ones. All places lie between candidates and so
    inside the grid, which has at least two cells a side.
    """
    x0, y0 = np.int32(min(x, last_x)), np.int32(min(y, last_y))
    at = np.uintp(y0) * width + np.uintp(x0)
    right, below = at + np.uintp(1), at + width
    corner = below + np.uintp(1)
    part_x, part_y = x - np.float32(x0), y - np.float32(y0)
    top = dx * field_x[at] + dy * field_y[at]
    top_right = dx * field_x[right] + dy * field_y[right]
    low = dx * field_x[below] + dy * field_y[below]
    low_right = dx * field_x[corner] + dy * field_y[corner]
    top += part_x * (top_right - top)
    low += part_x * (low_right - low)
    return top + part_y * (low - top)


@njit(cache=CACHE, nogil=True)
def _sample_at_candidates(
    field_x, field_y, width, last_x, last_y, xs, ys, count, gate, paf_x, paf_y, least
):
    """PAF of one limb at all candidates of one of its parts, and what the gate asks for there.

    `least` is the square of the lowest PAF along the limb that passes.
    """
    for c in range(count):
        x0, y0 = np.int32(min(xs[c], last_x)), np.int32(min(ys[c], last_y))
        at = np.uintp(y0) * width + np.uintp(x0)
        right, below = at + np.uintp(1), at + width
        corner = below + np.uintp(1)
        part_x, part_y = xs[c] - np.float32(x0), ys[c] - np.float32(y0)
        top = field_x[at] + part_x * (field_x[right] - field_x[at])
        low = field_x[below] + part_x * (field_x[corner] - field_x[below])
        paf_x[c] = top + part_y * (low - top)
        top = field_y[at] + part_x * (field_y[right] - field_y[at])
        low = field_y[below] + part_x * (field_y[corner] - field_y[below])
        paf_y[c] = top + part_y * (low - top)
        squared = paf_x[c] * paf_x[c] + paf_y[c] * paf_y[c]
        least[c] = max(gate * gate, _CONE * squared)


@njit(cache=CACHE, nogil=True)
def _flag_by_ends(
    ax, ay, start_x, start_y, start_least, bx, by, end_x, end_y, end_least, count, flags
):
    """Flag the ends towards which the PAF points, both at the start and there."""
    for j in range(count):
        dx, dy = bx[j] - ax, by[j] - ay
        squared = dx * dx + dy * dy
        at_start = dx * start_x + dy * start_y
        at_end = dx * end_x[j] + dy * end_y[j]
        flags[j] = (
            (at_start > 0)
            & (at_end > 0)
            & (at_start * at_start > start_least * squared)
            & (at_end * at_end > end_least[j] * squared)
        )


@njit(cache=CACHE, nogil=True)
def _keep_by_middle(field_x, field_y, width, ax, ay, bx, by, gate, ends, count):
    """Keep the ends towards which the PAF points in the cell halfway, too; how many."""
    kept = 0
    for n in range(count):
        j = ends[n]
        dx, dy = bx[j] - ax, by[j] - ay
        x, y = np.int32(ax + _HALF * dx + _HALF), np.int32(ay + _HALF * dy + _HALF)
        at = np.uintp(y) * width + np.uintp(x)
        along = dx * field_x[at] + dy * field_y[at]
        ends[kept] = j
        kept += (along > 0) & (along * along > gate * gate * (dx * dx + dy * dy))
    return kept


@njit(cache=CACHE, nogil=True)
def _integral(
    field_x, field_y, width, last_x, last_y, ax, ay, dx, dy, probes, level, misses_allowed
):
    """Mean of the PAF along a limb over the probes above the level; 0 when too many miss."""
    length = np.float32(sqrt(dx * dx + dy * dy))
    cut = level * length
    total = _ZERO
    misses = 0
    for first, last in ((0, min(_FIRST_PROBES, len(probes))), (_FIRST_PROBES, len(probes))):
        for n in range(first, last):
            t = probes[n]
            along = _along(
                field_x, field_y, width, last_x, last_y, ax + t * dx, ay + t * dy, dx, dy
            )
            hit = along > cut
            total += along if hit else _ZERO
            misses += 0 if hit else 1
        if misses > misses_allowed:
            return _ZERO
    return total / (length * np.float32(len(probes) - misses)) if misses < len(probes) else _ZERO


@njit(cache=CACHE, nogil=True)
def _weakest(scores, first, last):
    """Index of the lowest of some scores, the last of equals."""
    place = first
    for n in range(first + 1, last):
        if scores[n] <= scores[place]:
            place = n
    return place


@njit(cache=CACHE, nogil=True)
def _score_pairs(
    field_x, field_y, width, last_x, last_y, xs_a, ys_a, count_a, xs_b, ys_b, count_b,
    level, probes, misses_allowed, at_ends, flags, ends, pair_a, pair_b, pair_score,
):  # fmt: skip
    """List the accepted pairs of one limb, at most so many a start; how many, and how many not."""
    start_x, start_y, start_least, end_x, end_y, end_least = at_ends
    gate = _GATE * level
    _sample_at_candidates(
        field_x, field_y, width, last_x, last_y, xs_a, ys_a, count_a, gate,
        start_x, start_y, start_least,
    )  # fmt: skip
    _sample_at_candidates(
        field_x, field_y, width, last_x, last_y, xs_b, ys_b, count_b, gate,
        end_x, end_y, end_least,
    )  # fmt: skip
    pairs, dropped = 0, 0
    for i in range(count_a):
        ax, ay = xs_a[i], ys_a[i]
        _flag_by_ends(
            ax, ay, start_x[i], start_y[i], start_least[i], xs_b, ys_b, end_x, end_y, end_least,
            count_b, flags,
        )  # fmt: skip
        count = 0
        for j in range(count_b):
            ends[count] = j
            count += flags[j]
        count = _keep_by_middle(field_x, field_y, width, ax, ay, xs_b, ys_b, gate, ends, count)
        first = pairs
        for n in range(count):
            j = ends[n]
            score = _integral(
                field_x, field_y, width, last_x, last_y, ax, ay, xs_b[j] - ax, ys_b[j] - ay,
                probes, level, misses_allowed,
            )  # fmt: skip
            if not _ZERO < score < np.inf:
                continue
            place = pairs
            if pairs - first < PAIRS_A_START:
                pairs += 1
            else:
                dropped += 1
                place = _weakest(pair_score, first, pairs)
                if score <= pair_score[place]:
                    continue
            pair_a[place] = i
            pair_b[place] = j
            pair_score[place] = score
    return pairs, dropped


@njit(cache=CACHE, nogil=True)
def _match(pair_a, pair_b, pair_score, pairs, best_a, best_b, out_a, out_b, out_score):
    """Match pairs one to one, greedily: the best pair first, then the best of what is left.

    A pair that is the best of both its ends would be next in a sorted list, whatever the rest; so
    whole rounds of such pairs are taken and nothing is sorted. How many are matched.
    """
    matched = 0
    while pairs > 0:
        for n in range(pairs):
            best_a[pair_a[n]] = -1
            best_b[pair_b[n]] = -1
        for n in range(pairs):
            i, j = pair_a[n], pair_b[n]
            if best_a[i] < 0 or pair_score[n] > pair_score[best_a[i]]:
                best_a[i] = n
            if best_b[j] < 0 or pair_score[n] > pair_score[best_b[j]]:
                best_b[j] = n
        for n in range(pairs):
            i, j = pair_a[n], pair_b[n]
            if best_a[i] == n and best_b[j] == n:
                out_a[matched] = i
                out_b[matched] = j
                out_score[matched] = pair_score[n]
                matched += 1
                best_a[i] = TAKEN
                best_b[j] = TAKEN
        left = 0
        for n in range(pairs):
            if best_a[pair_a[n]] != TAKEN and best_b[pair_b[n]] != TAKEN:
                pair_a[left] = pair_a[n]
                pair_b[left] = pair_b[n]
                pair_score[left] = pair_score[n]
                left += 1
        pairs = left
    return matched


@njit(cache=CACHE, nogil=True)
def connect(
    pafs, limbs, xs, ys, counts, threshold, probes, misses_allowed,
    at_ends, flags, ends, pair_a, pair_b, pair_score, best_a, best_b,
    connection_a, connection_b, connection_score, connection_counts,
):  # fmt: skip
    """Match the candidates of each limb's two parts, the best pair first.

    Parameters
    ----------
    pafs : (2L, h, w) float32
        h and w at least 2.
    limbs : (L, 2) int32
    xs, ys : (K, C) float32
        Candidates, in cells, inside the grid.
    counts : (K,) int32
    threshold : float
        A probe counts when the PAF along the limb is above.
    probes : (n,) float32
        Places along the limb, 0 to 1, in the order in which they are looked at.
    misses_allowed : int
        Probes that need not count.
    at_ends : (6, C) float32
    flags : (C,) uint8
    ends, best_a, best_b : (C,) int32
    pair_a, pair_b : (C * PAIRS_A_START,) int32
    pair_score : (C * PAIRS_A_START,) float32
        Scratch.
    connection_a, connection_b : (L, C) int32, written
    connection_score : (L, C) float32, written
    connection_counts : (L,) int32, written

    Returns
    -------
    int
        Accepted pairs that found no room, weaker than `PAIRS_A_START` others from the same start.
    """
    h, w = pafs.shape[1], pafs.shape[2]
    width = np.uintp(w)
    last_x, last_y = np.float32(w - 2), np.float32(h - 2)
    level = np.float32(threshold)
    dropped = 0
    for limb in range(len(limbs)):
        a, b = limbs[limb]
        pairs, more = _score_pairs(
            pafs[2 * limb].reshape(-1), pafs[2 * limb + 1].reshape(-1), width, last_x, last_y,
            xs[a], ys[a], counts[a], xs[b], ys[b], counts[b], level, probes, misses_allowed,
            at_ends, flags, ends, pair_a, pair_b, pair_score,
        )  # fmt: skip
        dropped += more
        connection_counts[limb] = _match(
            pair_a, pair_b, pair_score, pairs, best_a, best_b,
            connection_a[limb], connection_b[limb], connection_score[limb],
        )  # fmt: skip
    return dropped
