"""People: connections that share a candidate belong to one person (CVPR 2017, section 2.4).

Where a part between two others was not found, one person comes out in several fragments. These are
joined when they lie to each other as the parts of a body do, and nothing else competes.
"""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from math import exp, log, sqrt

import numpy as np

from .cache import INNER, KERNEL, njit

# Rows of the candidates' table.
X, Y, SCORE = range(3)

# Columns of a person's sums, over its connections.
_SCORES, _CONNECTIONS, _LENGTH, _EXPECTED_LENGTH = range(4)
SUMS = 4

# On labelled people of COCO train, their necks taken out, 98 % of the joins made under these
# limits are right: the mean squared deviation of the bridges plus that of the scales, and how much
# better than every rival a join has to be. Scales of fragments of one person differ by about 1/4.
_MISFIT_LIMIT = np.float32(4)
_RIVAL_FACTOR = np.float32(2)
_SCALE_SPREAD = np.float32(0.25)

_ZERO = np.float32(0)
_HALF = np.float32(0.5)
_ONE = np.float32(1)
_TINY = 1e-6
# Log odds beyond which e to their power is left alone: it would overflow, and 0 is near enough.
_SURELY_NOT = 80.0


@njit(**INNER)
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


@njit(**INNER)
def _grow(
    limbs, connections, connection_scores, connection_counts, candidates, counts, limb_lengths,
    owner, members, sums,
):  # fmt: skip
    """Grow people limb by limb; how many were started."""
    parts = len(counts)
    for k in range(parts):
        for c in range(counts[k]):
            owner[k, c] = -1
    started = 0
    for limb in range(len(limbs)):
        a, b = limbs[limb, 0], limbs[limb, 1]
        for n in range(connection_counts[limb]):
            i, j = connections[0, limb, n], connections[1, limb, n]
            person, other = owner[a, i], owner[b, j]
            if person < 0 and other < 0:
                person = started
                for k in range(parts):
                    members[person, k] = -1
                for column in range(SUMS):
                    sums[person, column] = 0
                started += 1
            elif person < 0:
                person = other
                if members[person, a] >= 0:
                    continue
            elif other < 0:
                if members[person, b] >= 0:
                    continue
            elif person != other and not _merge(members, sums, owner, person, other):
                continue
            members[person, a] = i
            members[person, b] = j
            owner[a, i] = person
            owner[b, j] = person
            dx = candidates[X, b, j] - candidates[X, a, i]
            dy = candidates[Y, b, j] - candidates[Y, a, i]
            sums[person, _SCORES] += connection_scores[limb, n]
            sums[person, _CONNECTIONS] += _ONE
            if limb_lengths[limb] > 0:
                sums[person, _LENGTH] += np.float32(sqrt(dx * dx + dy * dy))
                sums[person, _EXPECTED_LENGTH] += limb_lengths[limb]
    return started


@njit(**INNER)
def _measure(members, started, sizes, masks):
    """Count everyone's parts and note which they are; people merged into others have none."""
    for person in range(started):
        size = 0
        mask = np.int64(0)
        for k in range(members.shape[1]):
            if members[person, k] >= 0:
                size += 1
                mask |= np.int64(1) << np.int64(k & 63)
        sizes[person] = size
        masks[person] = mask


@njit(**INNER)
def _misfit(members, sums, first, second, candidates, bridges, places, most):
    """How badly two fragments lie to each other as parts of one body, `most` when beyond telling.

    Mean over the bridges of the squared deviation in spreads, plus that of the scales.
    """
    scale_first = sums[first, _LENGTH] / sums[first, _EXPECTED_LENGTH]
    scale_second = sums[second, _LENGTH] / sums[second, _EXPECTED_LENGTH]
    if not (scale_first > 0 and scale_second > 0):
        return most
    deviation = np.float32(log(np.float64(scale_first) / np.float64(scale_second))) / _SCALE_SPREAD
    by_scale = deviation * deviation
    if by_scale >= most:
        return most
    unit = np.float32(sqrt(scale_first * scale_second))
    total = _ZERO
    count = 0
    for n in range(len(bridges)):
        p, q = bridges[n, 0], bridges[n, 1]
        i, j = members[first, p], members[second, q]
        if i < 0 or j < 0:
            i, j = members[second, p], members[first, q]
            if i < 0 or j < 0:
                continue
        x = (candidates[X, q, j] - candidates[X, p, i]) / unit
        y = (candidates[Y, q, j] - candidates[Y, p, i]) / unit
        off_x, off_y = (x - places[n, 0]) * places[n, 2], (y - places[n, 1]) * places[n, 3]
        total += off_x * off_x + off_y * off_y
        count += 1
    return total / np.float32(count) + by_scale if count > 0 else most


@njit(**INNER)
def _list_joins(
    members, sums, sizes, masks, started, min_parts, candidates, bridges, places, joins, misfits
):
    """List the pairs of fragments that may be one person, the best fitting first; how many."""
    most = _MISFIT_LIMIT * _RIVAL_FACTOR
    listed = 0
    for first in range(started):
        if not sums[first, _EXPECTED_LENGTH] > 0:
            continue
        for second in range(first + 1, started):
            if masks[first] & masks[second] or not sums[second, _EXPECTED_LENGTH] > 0:
                continue
            # Two scraps do not make a person.
            if sizes[first] < min_parts and sizes[second] < min_parts:
                continue
            misfit = _misfit(members, sums, first, second, candidates, bridges, places, most)
            if not misfit < most or listed == len(misfits):
                continue
            place = listed
            while place > 0 and misfits[place - 1] > misfit:
                joins[0, place] = joins[0, place - 1]
                joins[1, place] = joins[1, place - 1]
                misfits[place] = misfits[place - 1]
                place -= 1
            joins[0, place] = first
            joins[1, place] = second
            misfits[place] = misfit
            listed += 1
    return listed


@njit(**INNER)
def _has_rival(n, joins, misfits, listed, masks):
    """Whether another join competes for one end of join n and fits nearly as well."""
    a, b = joins[0, n], joins[1, n]
    for m in range(listed):
        if misfits[m] > _RIVAL_FACTOR * misfits[n]:
            return False
        c, d = joins[0, m], joins[1, m]
        if masks[c] & masks[d]:
            continue
        # The rival shares one end; what it has at the other and what join n has there clash.
        if (
            (c == a and d != b and masks[d] & masks[b] != 0)
            or (d == a and c != b and masks[c] & masks[b] != 0)
            or (c == b and d != a and masks[d] & masks[a] != 0)
            or (d == b and c != a and masks[c] & masks[a] != 0)
        ):
            return True
    return False


@njit(**INNER)
def _join_fragments(members, sums, sizes, masks, owner, joins, misfits, listed):
    """Join fragments of one person, the best fitting first, wherever nothing competes."""
    joined = True
    while joined:
        joined = False
        for n in range(listed):
            keep, gone = joins[0, n], joins[1, n]
            if misfits[n] > _MISFIT_LIMIT:
                break
            if masks[keep] & masks[gone] or _has_rival(n, joins, misfits, listed, masks):
                continue
            _merge(members, sums, owner, keep, gone)
            masks[keep] |= masks[gone]
            masks[gone] = 0
            sizes[keep] += sizes[gone]
            sizes[gone] = 0
            for m in range(listed):
                for side in range(2):
                    if joins[side, m] == gone:
                        joins[side, m] = keep
            joined = True


@njit(**INNER)
def _rank_among(ranking, scores, ranked, person):
    """Put somebody among the first `ranked`, behind everybody of the same or a higher score."""
    place = ranked
    while place > 0 and scores[ranking[place - 1]] < scores[person]:
        ranking[place] = ranking[place - 1]
        place -= 1
    ranking[place] = person


@njit(**INNER)
def _rank(members, sums, sizes, started, candidates, min_parts, min_score, ranking, person_scores):
    """Score everyone and list who stays, the best first; how many.

    A person's score is the mean of its parts' and connections' scores, times the square root of
    the share of parts found: a whole body counts for more than a scrap of equal quality.
    """
    parts = members.shape[1]
    kept = 0
    for person in range(started):
        if sizes[person] == 0 or sizes[person] < min_parts:
            continue
        total = sums[person, _SCORES]
        for k in range(parts):
            if members[person, k] >= 0:
                total += candidates[SCORE, k, members[person, k]]
        size = np.float32(sizes[person])
        share = np.float32(sqrt(size / np.float32(parts)))
        score = share * total / (size + sums[person, _CONNECTIONS])
        if not score >= min_score:
            continue
        person_scores[person] = score
        _rank_among(ranking, person_scores, kept, person)
        kept += 1
    return kept


@njit(**KERNEL)
def assemble(
    limbs, connections, connection_scores, connection_counts, candidates, counts,
    limb_lengths, bridges, places, min_parts, min_score,
    owner, members, sums, sizes, masks, joins, misfits, ranking, person_scores,
):  # fmt: skip
    """Put people together and rank them.

    Parameters
    ----------
    limbs : (L, 2) int32
    connections : (2, L, C) int32
    connection_scores : (L, C) float32
    connection_counts : (L,) int32
    candidates : (3, K, C) float32
    counts : (K,) int32
    limb_lengths : (L,) float32
    bridges : (B, 2) int32
    places : (B, 4) float32
        What bodies look like; without bridges, or with more than 64 parts, nothing is joined.
    min_parts : int
    min_score : float
    owner : (K, C) int32
    sums : (N, SUMS) float32
    sizes : (N,) int32
    masks : (N,) int64
    joins : (2, J) int32
    misfits : (J,) float32
        Scratch.
    members : (N, K) int32, written
        Candidate of each part of each person, -1 where missing.
    ranking : (N,) int32, written
        Rows of those who stay, the best first.
    person_scores : (N,) float32, written

    Returns
    -------
    int
        How many stay.
    """
    started = _grow(
        limbs, connections, connection_scores, connection_counts, candidates, counts,
        limb_lengths, owner, members, sums,
    )  # fmt: skip
    _measure(members, started, sizes, masks)
    if len(bridges) > 0 and len(counts) <= 64:
        listed = _list_joins(
            members, sums, sizes, masks, started, min_parts, candidates, bridges, places,
            joins, misfits,
        )  # fmt: skip
        _join_fragments(members, sums, sizes, masks, owner, joins, misfits, listed)
    return _rank(
        members, sums, sizes, started, candidates, min_parts, np.float32(min_score), ranking,
        person_scores,
    )  # fmt: skip


@njit(**INNER)
def _bounds(members, person, candidates, step, box):
    """Box around somebody's parts, net px; mean score of the parts, and how many there are."""
    total = _ZERO
    found = 0
    for k in range(members.shape[1]):
        c = members[person, k]
        if c < 0:
            continue
        x, y = candidates[X, k, c] * step, candidates[Y, k, c] * step
        if found == 0:
            box[0], box[1], box[2], box[3] = x, y, x, y
        else:
            box[0], box[1] = min(box[0], x), min(box[1], y)
            box[2], box[3] = max(box[2], x), max(box[3], y)
        total += candidates[SCORE, k, c]
        found += 1
    return total / np.float32(max(found, 1)), found


@njit(**INNER)
def _largest_overlap(boxes, n):
    """Largest share of the n-th box that lies in one of those before it."""
    x0, y0, x1, y1 = boxes[n, 0], boxes[n, 1], boxes[n, 2], boxes[n, 3]
    largest = _ZERO
    for m in range(n):
        width = min(x1, boxes[m, 2]) - max(x0, boxes[m, 0])
        height = min(y1, boxes[m, 3]) - max(y0, boxes[m, 1])
        if width > _ZERO and height > _ZERO:
            largest = max(largest, width * height)
    return largest / max((x1 - x0) * (y1 - y0), _ONE)


@njit(**INNER)
def _logistic(odds):
    """Probability of log odds."""
    return np.float32(1.0 / (1.0 + exp(min(np.float64(-odds), _SURELY_NOT))))


@njit(**KERNEL)
def calibrate(
    members, ranking, person_scores, count, candidates, stride, weights, min_score, boxes
):  # fmt: skip
    """Turn scores into probabilities and rank by them: a logistic of five features.

    A constant, the mean score of the parts, the share of the parts found, the natural logarithm of
    the area of their box (net px^2, at least 1), and the largest share of the box that lies in the
    box of one person of a higher score.

    Parameters
    ----------
    members : (N, K) int32
    ranking : (N,) int32
        From `assemble`; written anew.
    person_scores : (N,) float32
        From `assemble`; those of people in `ranking` become probabilities.
    count : int
        How many are ranked.
    candidates : (3, K, C) float32
    stride : float
    weights : (5,) float32
    min_score : float
        Lowest probability of those who stay.
    boxes : (N, 4) float32
        Scratch.

    Returns
    -------
    int
        How many stay.
    """
    step = np.float32(stride)
    parts = np.float32(members.shape[1])
    for n in range(count):
        person = ranking[n]
        mean, found = _bounds(members, person, candidates, step, boxes[n])
        area = np.float64(boxes[n, 2] - boxes[n, 0]) * np.float64(boxes[n, 3] - boxes[n, 1])
        person_scores[person] = _logistic(
            weights[0]
            + weights[1] * mean
            + weights[2] * np.float32(found) / parts
            + weights[3] * np.float32(log(max(area, 1.0)))
            + weights[4] * _largest_overlap(boxes, n)
        )
    kept = 0
    for n in range(count):
        person = ranking[n]
        score = person_scores[person]
        if not score >= min_score:
            continue
        _rank_among(ranking, person_scores, kept, person)
        kept += 1
    return kept


@njit(**KERNEL)
def write_people(
    members, ranking, all_person_scores, candidates, stride, part_weights,
    keypoints, keypoint_scores, person_scores,
):  # fmt: skip
    """Write people in net px: cell g is centred on stride * g + (stride - 1) / 2.

    Parameters
    ----------
    members, ranking, all_person_scores
        From `assemble`.
    candidates : (3, K, C) float32
    stride : float
    part_weights : (3,) or (0,) float32
        Where given, scores of parts become probabilities: a logistic of a constant, the score and
        the person's log odds.
    keypoints : (N, K, 2) float32, written, NaN where missing
    keypoint_scores : (N, K) float32, written, 0 where missing
    person_scores : (N,) float32, written
    """
    step = np.float32(stride)
    half = (step - _ONE) * _HALF
    nowhere = np.float32(np.nan)
    for n in range(len(person_scores)):
        person = ranking[n]
        person_scores[n] = all_person_scores[person]
        odds = _ZERO
        if len(part_weights) > 0:
            sure = min(max(np.float64(person_scores[n]), _TINY), 1.0 - _TINY)
            odds = part_weights[0] + part_weights[2] * np.float32(log(sure / (1.0 - sure)))
        for k in range(members.shape[1]):
            c = members[person, k]
            if c < 0:
                keypoints[n, k, 0] = keypoints[n, k, 1] = nowhere
                keypoint_scores[n, k] = _ZERO
                continue
            keypoints[n, k, 0] = candidates[X, k, c] * step + half
            keypoints[n, k, 1] = candidates[Y, k, c] * step + half
            score = candidates[SCORE, k, c]
            if len(part_weights) > 0:
                score = _logistic(odds + part_weights[1] * score)
            keypoint_scores[n, k] = score
