"""People: connections that share a candidate belong to one person (CVPR 2017, section 2.4)."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

import numpy as np
from numba import njit

from openpaf_kernels.cache import CACHE


@njit(cache=CACHE, nogil=True)
def _merge(members, sums, owner, keep, gone):
    """Move everything one person has to another, when they share no part."""
    parts = members.shape[1]
    for k in range(parts):
        if members[keep, k] >= 0 and members[gone, k] >= 0:
            return
    for k in range(parts):
        if members[gone, k] >= 0:
            members[keep, k] = members[gone, k]
            owner[k, members[gone, k]] = keep
            members[gone, k] = -1
    sums[keep] += sums[gone]
    sums[gone] = 0


@njit(cache=CACHE, nogil=True)
def assemble(
    limbs, connection_a, connection_b, connection_score, connection_counts,
    xs, ys, scores, counts,
    min_parts, min_score, stride,
    owner, members, sums, person_parts,
    keypoints, keypoint_scores, person_scores,
):  # fmt: skip
    """Grow people limb by limb.

    Parameters
    ----------
    limbs : (L, 2) int32
    connection_a, connection_b, connection_score, connection_counts
        Connections of each limb.
    xs, ys, scores, counts
        Candidates of each part, in cells.
    min_parts : int
    min_score : float
    stride : float
        Net px a cell.
    owner : (K, C) int32
    members : (N, K) int32
    sums : (N,) float32
    person_parts : (N,) int32
        Scratch.
    keypoints : (N, K, 2) float32, written, net px
    keypoint_scores : (N, K) float32, written
    person_scores : (N,) float32, written

    Returns
    -------
    int
        People found.
    """
    parts = len(counts)
    room = len(members)
    for k in range(parts):
        owner[k, : counts[k]] = -1
    started = 0
    for limb in range(len(limbs)):
        a, b = limbs[limb]
        for n in range(connection_counts[limb]):
            i, j = connection_a[limb, n], connection_b[limb, n]
            score = connection_score[limb, n]
            person_a, person_b = owner[a, i], owner[b, j]
            if person_a < 0 and person_b < 0:
                if started == room:
                    continue
                members[started, :] = -1
                members[started, a] = i
                members[started, b] = j
                owner[a, i] = started
                owner[b, j] = started
                sums[started] = score
                started += 1
            elif person_b < 0:
                if members[person_a, b] < 0:
                    members[person_a, b] = j
                    owner[b, j] = person_a
                    sums[person_a] += score
            elif person_a < 0:
                if members[person_b, a] < 0:
                    members[person_b, a] = i
                    owner[a, i] = person_b
                    sums[person_b] += score
            elif person_a == person_b:
                sums[person_a] += score
            else:
                _merge(members, sums, owner, person_a, person_b)
    found = 0
    for person in range(started):
        have = 0
        total = sums[person]
        for k in range(parts):
            if members[person, k] >= 0:
                have += 1
                total += scores[k, members[person, k]]
        if have < min_parts or have == 0 or total / np.float32(have) < np.float32(min_score):
            continue
        for k in range(parts):
            c = members[person, k]
            if c < 0:
                keypoints[found, k, 0] = np.nan
                keypoints[found, k, 1] = np.nan
                keypoint_scores[found, k] = 0
            else:
                keypoints[found, k, 0] = (xs[k, c] + np.float32(0.5)) * stride - np.float32(0.5)
                keypoints[found, k, 1] = (ys[k, c] + np.float32(0.5)) * stride - np.float32(0.5)
                keypoint_scores[found, k] = scores[k, c]
        person_scores[found] = total
        found += 1
    return found
