"""People with hands and faces, for tests of whatever carries them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from openpaf.part_set import KINDS, PartSet
from openpaf.poses import Poses


def part_set(name: str, people: int, seed: int = 0) -> PartSet:
    """Random parts on a frame of 480 px; the last person's first one is missing."""
    rng = np.random.default_rng(seed)
    kind = KINDS[name]
    axes, parts = (people, *kind.axes), len(kind.skeleton.parts)
    keypoints, scores = rng.uniform(0, 480, (*axes, parts, 2)), rng.uniform(0.1, 1, (*axes, parts))
    presence = scores.mean(axis=-1)
    if people:
        last = (people - 1, *(0 for _ in kind.axes))
        keypoints[last], scores[last], presence[last] = np.nan, 0, 0
    return PartSet(keypoints, scores, presence, kind.skeleton)


def with_small_parts(poses: Poses, seed: int = 0) -> Poses:
    """The same people with hands and faces."""
    sets = {name: part_set(name, len(poses), seed) for name in KINDS}
    return replace(poses, part_sets=sets)
