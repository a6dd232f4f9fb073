"""Poses between two frames that went through the network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from openpaf.errors import PosesError
from openpaf.part_set import between, joined
from openpaf.poses import Poses


def interpolate(before: Poses, after: Poses, share: float) -> Poses:
    """Poses at `share` of the way from one tracked frame to the next, 0 to 1.

    Whoever has the same id in both moves in a straight line; parts found in only one of the two
    are left out. Whoever is in one of them only belongs to the frames nearer to it.

    Parameters
    ----------
    before, after : Poses
        With ids, from the same `Tracker`.
    share : float

    Returns
    -------
    Poses
        Those who are in both, then those who are in one only.

    Raises
    ------
    PosesError
        When one of them has no ids.
    """
    if before.ids is None or after.ids is None:
        raise PosesError("interpolate needs ids on both sides; pass what Tracker.update gives")
    _, old, new = np.intersect1d(before.ids, after.ids, return_indices=True)
    confirmed = before.ids[old] >= 0
    old, new = old[confirmed], new[confirmed]
    keypoints = (1 - share) * before.keypoints[old] + share * after.keypoints[new]
    found = np.isfinite(keypoints[..., 0])
    scores = np.where(found, np.minimum(before.scores[old], after.scores[new]), 0)
    nearer, ids, both = (before, before.ids, old) if share < 0.5 else (after, after.ids, new)
    alone = np.setdiff1d(np.arange(len(nearer)), both)
    part_sets = {
        name: joined(
            between(before.part_sets[name][old], after.part_sets[name][new], share),
            nearer.part_sets[name][alone],
        )
        for name in before.part_sets.keys() & after.part_sets.keys()
    }
    return replace(
        before,
        part_sets=part_sets,
        keypoints=np.concatenate([keypoints, nearer.keypoints[alone]]),
        scores=np.concatenate([scores, nearer.scores[alone]]),
        person_scores=np.concatenate([before.person_scores[old], nearer.person_scores[alone]]),
        ids=np.concatenate([before.ids[old], ids[alone]]),
    )
