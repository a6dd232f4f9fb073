"""Connections: candidate pairs scored along their PAF and matched one to one.

CVPR 2017, sections 2.3 and 2.4. Nearly all pairs are wrong, so each is first asked whether the PAF
points its way at both ends and halfway; only the few that pass are integrated. The loops that ask
have no branches in them: what a pair answers cannot be predicted, and a wrong guess costs more than
the question. `_GATE`, `_CONE` and the single sample halfway are set so that on a network's real
fields nobody is lost by asking.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from math import sqrt

import numpy as np

from .cache import INNER, KERNEL, njit

# Share of the PAF threshold that the gate asks for.
_GATE = np.float32(0.4)
# Squared cosine of the widest angle between the limb and the PAF at its ends.
_CONE = np.float32(0.25**2)
# Probes after which a hopeless pair is left.
_FIRST_PROBES = 4
# At most so many accepted pairs from one start; more only come from noise.
PAIRS_A_START = 16

# Rows of the candidates' table.
X, Y = range(2)
# Rows of the scratch tables.
_FLAGS, _ENDS, _BEST_A, _BEST_B = range(4)
INT_ROWS = 4
_PAF_X, _PAF_Y, _LEAST = range(3)
END_ROWS = 3

_TAKEN = -2
_ZERO = np.float32(0)
_HALF = np.float32(0.5)


@njit(**INNER)
def _along(field_x, field_y, width, last_x, last_y, x, y, dx, dy):
    """PAF at a place in cells, bilinear, times (dx, dy); the fields are flat.

    Unsigned indices spare the check for negative ones. All places lie between candidates and so
    inside the grid, which has at least two cells a side.
    """
    x0 = np.int32(min(last_x, x))
    y0 = np.int32(min(last_y, y))
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


@njit(**INNER)
def _sample_at_candidates(field_x, field_y, width, last_x, last_y, xs, ys, count, floor, table):
    """PAF of one limb at all candidates of one of its parts, and what the gate asks for there.

    The last row of the table is the square of the lowest PAF along the limb that passes.
    """
    for c in range(count):
        x, y = xs[c], ys[c]
        one = np.float32(1)
        paf_x = _along(field_x, field_y, width, last_x, last_y, x, y, one, _ZERO)
        paf_y = _along(field_x, field_y, width, last_x, last_y, x, y, _ZERO, one)
        least = _CONE * (paf_x * paf_x + paf_y * paf_y)
        table[_PAF_X, c] = paf_x
        table[_PAF_Y, c] = paf_y
        table[_LEAST, c] = max(floor, least)


@njit(**INNER)
def _flag_by_ends(ax, ay, start_x, start_y, start_least, bx, by, at_ends, count, flags):
    """Flag the ends towards which the PAF points, both at the start and there."""
    end_x, end_y, end_least = at_ends[_PAF_X], at_ends[_PAF_Y], at_ends[_LEAST]
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


@njit(**INNER)
def _keep_by_middle(field_x, field_y, width, ax, ay, bx, by, floor, flags, ends, count):
    """List the flagged ends towards which the PAF points in the cell halfway, too; how many."""
    flagged = 0
    for j in range(count):
        ends[flagged] = j
        flagged += flags[j]
    kept = 0
    for n in range(flagged):
        j = ends[n]
        dx, dy = bx[j] - ax, by[j] - ay
        x, y = np.int32(ax + _HALF * dx + _HALF), np.int32(ay + _HALF * dy + _HALF)
        at = np.uintp(y) * width + np.uintp(x)
        along = dx * field_x[at] + dy * field_y[at]
        ends[kept] = j
        kept += (along > 0) & (along * along > floor * (dx * dx + dy * dy))
    return kept


@njit(**INNER)
def _integral(
    field_x, field_y, width, last_x, last_y, ax, ay, dx, dy, probes, level, misses_allowed
):
    """Mean of the PAF along a limb over the probes above the level; 0 when too many miss."""
    length = np.float32(sqrt(dx * dx + dy * dy))
    cut = level * length
    total = _ZERO
    misses = 0
    first = 0
    last = min(len(probes), _FIRST_PROBES)
    while first < last:
        for n in range(first, last):
            x, y = ax + probes[n] * dx, ay + probes[n] * dy
            along = _along(field_x, field_y, width, last_x, last_y, x, y, dx, dy)
            total += along if along > cut else _ZERO
            misses += 0 if along > cut else 1
        if misses > misses_allowed:
            return _ZERO
        first, last = last, len(probes)
    return total / (length * np.float32(len(probes) - misses))


@njit(**INNER)
def _weakest(scores, first, last):
    """Index of the lowest of some scores, the last of equals."""
    place = first
    for n in range(first + 1, last):
        if scores[n] <= scores[place]:
            place = n
    return place


@njit(**INNER)
def _score_pairs(
    field_x, field_y, width, last_x, last_y, xs_a, ys_a, count_a, xs_b, ys_b, count_b,
    level, probes, misses_allowed, at_starts, at_ends, scratch, pairs, pair_scores,
):  # fmt: skip
    """List the accepted pairs of one limb, at most so many a start; how many, and how many not."""
    floor = _GATE * level * _GATE * level
    _sample_at_candidates(
        field_x, field_y, width, last_x, last_y, xs_a, ys_a, count_a, floor, at_starts
    )
    _sample_at_candidates(
        field_x, field_y, width, last_x, last_y, xs_b, ys_b, count_b, floor, at_ends
    )
    flags, ends = scratch[_FLAGS], scratch[_ENDS]
    accepted, dropped = 0, 0
    for i in range(count_a):
        ax, ay = xs_a[i], ys_a[i]
        _flag_by_ends(
            ax, ay, at_starts[_PAF_X, i], at_starts[_PAF_Y, i], at_starts[_LEAST, i],
            xs_b, ys_b, at_ends, count_b, flags,
        )  # fmt: skip
        plausible = _keep_by_middle(
            field_x, field_y, width, ax, ay, xs_b, ys_b, floor, flags, ends, count_b
        )
        first = accepted
        for n in range(plausible):
            j = ends[n]
            score = _integral(
                field_x, field_y, width, last_x, last_y, ax, ay, xs_b[j] - ax, ys_b[j] - ay,
                probes, level, misses_allowed,
            )  # fmt: skip
            if not (score > 0 and score < np.inf):
                continue
            place = accepted
            if accepted - first < PAIRS_A_START:
                accepted += 1
            else:
                dropped += 1
                place = _weakest(pair_scores, first, accepted)
                if score <= pair_scores[place]:
                    continue
            pairs[0, place] = i
            pairs[1, place] = j
            pair_scores[place] = score
    return accepted, dropped


@njit(**INNER)
def _match(pairs, pair_scores, count, best_a, best_b, starts, ends, scores):
    """Match pairs one to one, greedily: the best pair first, then the best of what is left.

    A pair that is the best of both its ends would be next in a sorted list, whatever the rest; so
    whole rounds of such pairs are taken and nothing is sorted. How many are matched.
    """
    matched = 0
    while count > 0:
        for n in range(count):
            best_a[pairs[0, n]] = -1
            best_b[pairs[1, n]] = -1
        for n in range(count):
            i, j = pairs[0, n], pairs[1, n]
            if best_a[i] < 0 or pair_scores[n] > pair_scores[best_a[i]]:
                best_a[i] = n
            if best_b[j] < 0 or pair_scores[n] > pair_scores[best_b[j]]:
                best_b[j] = n
        for n in range(count):
            i, j = pairs[0, n], pairs[1, n]
            if best_a[i] == n and best_b[j] == n:
                starts[matched] = i
                ends[matched] = j
                scores[matched] = pair_scores[n]
                matched += 1
                best_a[i] = _TAKEN
                best_b[j] = _TAKEN
        left = 0
        for n in range(count):
            if best_a[pairs[0, n]] != _TAKEN and best_b[pairs[1, n]] != _TAKEN:
                pairs[0, left] = pairs[0, n]
                pairs[1, left] = pairs[1, n]
                pair_scores[left] = pair_scores[n]
                left += 1
        count = left
    return matched


@njit(**KERNEL)
def connect(
    pafs, width, limbs, candidates, counts, threshold, probes, misses_allowed,
    at_candidates, scratch, pairs, pair_scores,
    connections, connection_scores, connection_counts,
):  # fmt: skip
    """Match the candidates of each limb's two parts, the best pair first.

    Parameters
    ----------
    pafs : (2L, h * w) float32
        h and w at least 2.
    width : int
        w.
    limbs : (L, 2) int32
    candidates : (3, K, C) float32
        x and y in cells, inside the grid; score.
    counts : (K,) int32
    threshold : float
        A probe counts when the PAF along the limb is above.
    probes : (n,) float32
        Places along the limb, 0 to 1, in the order in which they are looked at.
    misses_allowed : int
        Probes that need not count; less than n.
    at_candidates : (2, END_ROWS, C) float32
    scratch : (INT_ROWS, C) int32
    pairs : (2, C * PAIRS_A_START) int32
    pair_scores : (C * PAIRS_A_START,) float32
        Scratch.
    connections : (2, L, C) int32, written
        Candidates of the first part and of the second.
    connection_scores : (L, C) float32, written
    connection_counts : (L,) int32, written

    Returns
    -------
    int
        Accepted pairs that found no room, weaker than `PAIRS_A_START` others from the same start.
    """
    last_x, last_y = np.float32(width - 2), np.float32(pafs.shape[1] // width - 2)
    level = np.float32(threshold)
    dropped = 0
    for limb in range(len(limbs)):
        a, b = limbs[limb, 0], limbs[limb, 1]
        accepted, more = _score_pairs(
            pafs[2 * limb], pafs[2 * limb + 1], np.uintp(width), last_x, last_y,
            candidates[X, a], candidates[Y, a], counts[a],
            candidates[X, b], candidates[Y, b], counts[b],
            level, probes, misses_allowed, at_candidates[0], at_candidates[1], scratch,
            pairs, pair_scores,
        )  # fmt: skip
        dropped += more
        connection_counts[limb] = _match(
            pairs, pair_scores, accepted, scratch[_BEST_A], scratch[_BEST_B],
            connections[0, limb], connections[1, limb], connection_scores[limb],
        )  # fmt: skip
    return dropped
