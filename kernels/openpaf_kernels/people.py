"""People: connections that share a candidate belong to one person (CVPR 2017, section 2.4).

Where a part between two others was not found, one person comes out in several fragments. These are
joined when they lie to each other as the parts of a body do, and nothing else competes.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from math import log, sqrt

import numpy as np
from numba import njit

from openpaf_kernels.cache import CACHE

# Columns of a person's sums.
SCORE, CONNECTIONS, LENGTH, EXPECTED_LENGTH = range(4)
SUMS = 4

# On the labelled people of COCO train, their necks taken out, 97 % of the joins made under these
# limits are right: the mean squared deviation of the bridges plus that of the scales, and how much
# better than every rival a join has to be. Scales of fragments of one person differ by about 1/4.
_MISFIT_LIMIT = np.float32(4)
_RIVAL_FACTOR = np.float32(2)
_SCALE_SPREAD = np.float32(0.25)

_ZERO = np.float32(0)
_HALF = np.float32(0.5)


@njit(cache=CACHE, nogil=True)
def _add_sums(sums, person, limb, i, j, a, b, score, xs, ys, limb_lengths):
    """Count one connection into a person's sums."""
    dx, dy = xs[b, j] - xs[a, i], ys[b, j] - ys[a, i]
    sums[person, SCORE] += score
    sums[person, CONNECTIONS] += 1
    if limb_lengths[limb] > 0:
        sums[person, LENGTH] += np.float32(sqrt(dx * dx + dy * dy))
        sums[person, EXPECTED_LENGTH] += limb_lengths[limb]


@njit(cache=CACHE, nogil=True)
def _merge(members, sums, owner, keep, gone):
    """Move everything one person has to another, when they share no part; whether it was done."""
    parts = members.shape[1]
    for k in range(parts):
        if members[keep, k] >= 0 and members[gone, k] >= 0:
            return False
    for k in range(parts):
        if members[gone, k] >= 0:
            members[keep, k] = members[gone, k]
            owner[k, members[gone, k]] = keep
            members[gone, k] = -1
    for column in range(SUMS):
        sums[keep, column] += sums[gone, column]
        sums[gone, column] = 0
    return True


@njit(cache=CACHE, nogil=True)
def _grow(
    limbs, connection_a, connection_b, connection_score, connection_counts, xs, ys, counts,
    limb_lengths, owner, members, sums,
):  # fmt: skip
    """Grow people limb by limb; how many were started."""
    for k in range(len(counts)):
        owner[k, : counts[k]] = -1
    started = 0
    for limb in range(len(limbs)):
        a, b = limbs[limb]
        for n in range(connection_counts[limb]):
            i, j = connection_a[limb, n], connection_b[limb, n]
            person_a, person_b = owner[a, i], owner[b, j]
            person = person_a
            if person_a < 0 and person_b < 0:
                person = started
                members[person] = -1
                sums[person] = 0
                started += 1
            elif person_a < 0:
                person = person_b
                if members[person, a] >= 0:
                    continue
            elif person_b < 0:
                if members[person, b] >= 0:
                    continue
            elif person_a != person_b and not _merge(members, sums, owner, person_a, person_b):
                continue
            members[person, a] = i
            members[person, b] = j
            owner[a, i] = person
            owner[b, j] = person
            score = connection_score[limb, n]
            _add_sums(sums, person, limb, i, j, a, b, score, xs, ys, limb_lengths)
    return started


@njit(cache=CACHE, nogil=True)
def _close_ranks(members, sums, sizes, masks, started):
    """Drop the rows of people merged into others; how many are left."""
    parts = members.shape[1]
    left = 0
    for person in range(started):
        size = 0
        mask = np.int64(0)
        for k in range(parts):
            if members[person, k] >= 0:
                size += 1
                mask |= np.int64(1) << np.int64(k & 63)
        if size > 0:
            members[left] = members[person]
            sums[left] = sums[person]
            sizes[left] = size
            masks[left] = mask
            left += 1
    return left


@njit(cache=CACHE, nogil=True)
def _misfit(members, sums, first, second, xs, ys, bridges, places, most):
    """How badly two fragments lie to each other as parts of one body; `most` or more when they do.

    Mean over the bridges of the squared deviation in spreads, plus that of the scales.
    """
    scale_first = sums[first, LENGTH] / sums[first, EXPECTED_LENGTH]
    scale_second = sums[second, LENGTH] / sums[second, EXPECTED_LENGTH]
    if not (scale_first > 0 and scale_second > 0):
        return most
    deviation = np.float32(log(scale_first / scale_second)) / _SCALE_SPREAD
    by_scale = deviation * deviation
    if by_scale >= most:
        return most
    unit = np.float32(sqrt(scale_first * scale_second))
    total = _ZERO
    count = 0
    for n in range(len(bridges)):
        p, q = bridges[n]
        i, j = members[first, p], members[second, q]
        if i < 0 or j < 0:
            i, j = members[second, p], members[first, q]
            if i < 0 or j < 0:
                continue
        off_x = ((xs[q, j] - xs[p, i]) / unit - places[n, 0]) * places[n, 2]
        off_y = ((ys[q, j] - ys[p, i]) / unit - places[n, 1]) * places[n, 3]
        total += off_x * off_x + off_y * off_y
        count += 1
    if count == 0:
        return most
    return total / np.float32(count) + by_scale


@njit(cache=CACHE, nogil=True)
def _list_joins(
    members, sums, sizes, masks, people, min_parts, xs, ys, bridges, places, join_a, join_b, misfits
):
    """List the pairs of fragments that may be one person, the best fitting first; how many."""
    most = _MISFIT_LIMIT * _RIVAL_FACTOR
    joins = 0
    for first in range(people):
        if not sums[first, EXPECTED_LENGTH] > 0:
            continue
        for second in range(first + 1, people):
            if masks[first] & masks[second] or not sums[second, EXPECTED_LENGTH] > 0:
                continue
            # Two scraps do not make a person.
            if max(sizes[first], sizes[second]) < min_parts or joins == len(misfits):
                continue
            misfit = _misfit(members, sums, first, second, xs, ys, bridges, places, most)
            if not misfit < most:
                continue
            place = joins
            while place > 0 and misfits[place - 1] > misfit:
                join_a[place] = join_a[place - 1]
                join_b[place] = join_b[place - 1]
                misfits[place] = misfits[place - 1]
                place -= 1
            join_a[place] = first
            join_b[place] = second
            misfits[place] = misfit
            joins += 1
    return joins


@njit(cache=CACHE, nogil=True)
def _has_rival(n, join_a, join_b, misfits, joins, masks):
    """Whether another join competes for one end of join n and fits nearly as well."""
    a, b = join_a[n], join_b[n]
    for m in range(joins):
        if m == n:
            continue
        if misfits[m] > _RIVAL_FACTOR * misfits[n]:
            return False
        c, d = join_a[m], join_b[m]
        if c == d or masks[c] & masks[d]:
            continue
        if (
            (c == a and d != b and masks[d] & masks[b])
            or (d == a and c != b and masks[c] & masks[b])
            or (c == b and d != a and masks[d] & masks[a])
            or (d == b and c != a and masks[c] & masks[a])
        ):
            return True
    return False


@njit(cache=CACHE, nogil=True)
def _join_fragments(
    members, sums, sizes, masks, people, owner, min_parts, xs, ys, bridges, places,
    join_a, join_b, misfits,
):  # fmt: skip
    """Join fragments of one person, the best fitting first, wherever nothing competes."""
    joins = _list_joins(
        members, sums, sizes, masks, people, min_parts, xs, ys, bridges, places,
        join_a, join_b, misfits,
    )  # fmt: skip
    joined = True
    while joined:
        joined = False
        for n in range(joins):
            keep, gone = join_a[n], join_b[n]
            if misfits[n] > _MISFIT_LIMIT:
                break
            if keep == gone or masks[keep] & masks[gone]:
                continue
            if _has_rival(n, join_a, join_b, misfits, joins, masks):
                continue
            _merge(members, sums, owner, keep, gone)
            masks[keep] |= masks[gone]
            masks[gone] = 0
            sizes[keep] += sizes[gone]
            sizes[gone] = 0
            for m in range(joins):
                if join_a[m] == gone:
                    join_a[m] = keep
                if join_b[m] == gone:
                    join_b[m] = keep
            joined = True


@njit(cache=CACHE, nogil=True)
def _rank(members, sums, sizes, people, scores, min_parts, min_score, ranking, person_scores):
    """Score everyone and list who stays, the best first; how many.

    A person's score is the mean of its parts' and connections' scores, times the square root of
    the share of parts found: a whole body counts for more than a scrap of equal quality.
    """
    parts = members.shape[1]
    kept = 0
    for person in range(people):
        total = sums[person, SCORE]
        for k in range(parts):
            if members[person, k] >= 0:
                total += scores[k, members[person, k]]
        size = np.float32(sizes[person])
        if sizes[person] < min_parts or sizes[person] == 0:
            continue
        mean = total / (size + sums[person, CONNECTIONS])
        score = mean * np.float32(sqrt(size / np.float32(parts)))
        if score < min_score:
            continue
        person_scores[person] = score
        place = kept
        while place > 0 and person_scores[ranking[place - 1]] < score:
            ranking[place] = ranking[place - 1]
            place -= 1
        ranking[place] = person
        kept += 1
    return kept


@njit(cache=CACHE, nogil=True)
def assemble(
    limbs, connection_a, connection_b, connection_score, connection_counts,
    xs, ys, scores, counts, limb_lengths, bridges, places, min_parts, min_score,
    owner, members, sums, sizes, masks, ranking, person_scores, join_a, join_b, misfits,
):  # fmt: skip
    """Put people together and rank them.

    Parameters
    ----------
    limbs : (L, 2) int32
    connection_a, connection_b, connection_score, connection_counts
        Connections of each limb.
    xs, ys, scores, counts
        Candidates of each part, in cells.
    limb_lengths : (L,) float32
    bridges : (B, 2) int32
    places : (B, 4) float32
        What bodies look like; without bridges, or with more than 64 parts, nothing is joined.
    min_parts : int
    min_score : float
    owner : (K, C) int32
    sizes : (N,) int32
    masks : (N,) int64
    join_a, join_b : (J,) int32
    misfits : (J,) float32
        Scratch.
    members : (N, K) int32, written
        Candidate of each part of each person, -1 where missing.
    sums : (N, SUMS) float32, written
    ranking : (N,) int32, written
        Rows of those who stay, the best first.
    person_scores : (N,) float32, written

    Returns
    -------
    int
        How many stay.
    """
    started = _grow(
        limbs, connection_a, connection_b, connection_score, connection_counts, xs, ys, counts,
        limb_lengths, owner, members, sums,
    )  # fmt: skip
    people = _close_ranks(members, sums, sizes, masks, started)
    if len(bridges) > 0 and len(counts) <= 64:
        _join_fragments(
            members, sums, sizes, masks, people, owner, min_parts, xs, ys, bridges, places,
            join_a, join_b, misfits,
        )  # fmt: skip
    return _rank(
        members, sums, sizes, people, scores, min_parts, np.float32(min_score), ranking,
        person_scores,
    )  # fmt: skip


@njit(cache=CACHE, nogil=True)
def write_people(
    members, ranking, all_person_scores, xs, ys, scores, stride,
    keypoints, keypoint_scores, person_scores,
):  # fmt: skip
    """Write people in net px: cell g is centred on stride * g + (stride - 1) / 2.

    Parameters
    ----------
    members, ranking, all_person_scores
        From `assemble`.
    xs, ys, scores : (K, C) float32
    stride : float
    keypoints : (N, K, 2) float32, written, NaN where missing
    keypoint_scores : (N, K) float32, written, 0 where missing
    person_scores : (N,) float32, written
    """
    step = np.float32(stride)
    half = (step - np.float32(1)) * _HALF
    for n in range(len(person_scores)):
        person = ranking[n]
        person_scores[n] = all_person_scores[person]
        for k in range(members.shape[1]):
            c = members[person, k]
            if c < 0:
                keypoints[n, k, 0] = np.nan
                keypoints[n, k, 1] = np.nan
                keypoint_scores[n, k] = 0
            else:
                keypoints[n, k, 0] = xs[k, c] * step + half
                keypoints[n, k, 1] = ys[k, c] * step + half
                keypoint_scores[n, k] = scores[k, c]
