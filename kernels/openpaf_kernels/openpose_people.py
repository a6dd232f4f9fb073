"""The two ways in which OpenPose's builds put people together."""

# mypy: allow-untyped-defs, allow-untyped-calls
from __future__ import annotations

from .cache import INNER, KERNEL, njit


@njit(**INNER)
def _start_singles(part, count, check, scores, members, sums, sizes, people):
    """Make a person of each candidate of a part that nobody holds yet; the new number of people."""
    for c in range(count):
        held = False
        if check:
            for person in range(people):
                held = held or members[person, part] == c
        if not held and people < len(members):
            members[people, :] = -1
            members[people, part] = c
            sums[people] = scores[part, c]
            sizes[people] = 1
            people += 1
    return people


@njit(**INNER)
def _fill_blanks(a, b, i, j, members, people):
    """Let whoever holds one end of a redundant limb have the other, when that slot is empty."""
    for person in range(people):
        if members[person, a] == i and members[person, b] < 0:
            members[person, b] = j
        elif members[person, b] == j and members[person, a] < 0:
            members[person, a] = i


@njit(**KERNEL)
def assemble_limb_by_limb(
    limbs, redundant, check_singles, counts, scores,
    pair_limb, pair_a, pair_b, pair_score, taken,
    members, sums, sizes,
):  # fmt: skip
    """Put people together as the CPU build does: they grow down the tree and are never merged.

    Parameters
    ----------
    limbs : (L, 2) int32
    redundant : (L,) bool
        Limbs that only fill blanks.
    check_singles : bool
        Whether a candidate someone holds may start another person.
    counts : (K,) int32
    scores : (K, C) float32
    pair_limb, pair_a, pair_b, pair_score : (P,)
        Accepted pairs, by limb, then best first.
    taken : (2, C) bool, scratch
    members : (N, K) int32, written
        Candidate of each part of each person, -1 where missing.
    sums : (N,) float32, written
    sizes : (N,) int32, written

    Returns
    -------
    int
        People, before any filter.
    """
    people = 0
    pair = 0
    for limb in range(len(limbs)):
        a, b = limbs[limb]
        if counts[a] == 0 or counts[b] == 0:
            lone = b if counts[a] == 0 else a
            people = _start_singles(
                lone, counts[lone], check_singles, scores, members, sums, sizes, people
            )
            continue
        taken[:] = False
        while pair < len(pair_limb) and pair_limb[pair] == limb:
            i, j, score = pair_a[pair], pair_b[pair], pair_score[pair]
            pair += 1
            if taken[0, i] or taken[1, j]:
                continue
            taken[0, i] = True
            taken[1, j] = True
            if redundant[limb]:
                _fill_blanks(a, b, i, j, members, people)
                continue
            attached = False
            for person in range(people):
                if members[person, a] == i:
                    members[person, b] = j
                    sums[person] += scores[b, j] + score
                    sizes[person] += 1
                    attached = True
            if not attached and people < len(members):
                members[people, :] = -1
                members[people, a] = i
                members[people, b] = j
                sums[people] = scores[a, i] + scores[b, j] + score
                sizes[people] = 2
                people += 1
    return people


@njit(**INNER)
def _merge(keep, gone, score, owner, members, sums, sizes):
    """Join two people that share no part."""
    parts = members.shape[1]
    for k in range(parts):
        if members[keep, k] >= 0 and members[gone, k] >= 0:
            return
    for k in range(parts):
        if members[gone, k] >= 0:
            members[keep, k] = members[gone, k]
            owner[k, members[gone, k]] = keep
            members[gone, k] = -1
    sums[keep] += sums[gone] + score
    sizes[keep] += sizes[gone]
    sums[gone] = 0
    sizes[gone] = 0


@njit(**KERNEL)
def assemble_all_pairs(
    limbs, counts, scores, pair_limb, pair_a, pair_b, pair_score, owner, members, sums, sizes
):
    """Put people together as the CUDA build does: all pairs of all limbs in one list, best first.

    Parameters
    ----------
    limbs : (L, 2) int32
    counts : (K,) int32
    scores : (K, C) float32
    pair_limb, pair_a, pair_b, pair_score : (P,)
        Accepted pairs, best first.
    owner : (K, C) int32, scratch
    members : (N, K) int32, written
    sums : (N,) float32, written
    sizes : (N,) int32, written

    Returns
    -------
    int
        People, before any filter; those merged into others have size 0.
    """
    for k in range(len(counts)):
        owner[k, : counts[k]] = -1
    people = 0
    for pair in range(len(pair_limb)):
        a, b = limbs[pair_limb[pair]]
        i, j, score = pair_a[pair], pair_b[pair], pair_score[pair]
        person_a, person_b = owner[a, i], owner[b, j]
        if person_a < 0 and person_b < 0:
            members[people, :] = -1
            members[people, a] = i
            members[people, b] = j
            owner[a, i] = people
            owner[b, j] = people
            sums[people] = scores[a, i] + scores[b, j] + score
            sizes[people] = 2
            people += 1
        elif person_b < 0:
            if members[person_a, b] < 0:
                members[person_a, b] = j
                owner[b, j] = person_a
                sums[person_a] += scores[b, j] + score
                sizes[person_a] += 1
        elif person_a < 0:
            if members[person_b, a] < 0:
                members[person_b, a] = i
                owner[a, i] = person_b
                sums[person_b] += scores[a, i] + score
                sizes[person_b] += 1
        elif person_a == person_b:
            sums[person_a] += score
        else:
            _merge(person_a, person_b, score, owner, members, sums, sizes)
    return people
