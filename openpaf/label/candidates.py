"""Many sightings to candidates, candidates to people: who is the same, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets.labels import AREA_OF_BOX, SKELETON
from openpaf.evaluate.metrics import similarity_at
from openpaf.label.recipe import Recipe
from openpaf.label.sightings import Sightings
from openpaf.topdown import boxes as box

Floats = NDArray[np.float64]

FINDERS = 4
"""Columns of `seen`: the first and second detector, the fields, boxes that were given."""

FIELDS, GIVEN = 2, 3

# Where somebody drew a box there is a person: as if both detectors had seen it well.
_GIVEN_IS_WORTH = (0.5, 0.5, 0.0)
_SURE_PART = 0.2


@dataclass(frozen=True, eq=False)
class Candidates:
    """Places to look at through a window.

    Attributes
    ----------
    boxes : (C, 4) float64
    seen : (C, 4) float64
        Score each finder gives this place, 0 where it saw nobody.
    keypoints : (C, 17, 2) float64
        Parts as the fields have them, NaN where missing.
    part_scores : (C, 17) float64
    """

    boxes: Floats
    seen: Floats
    keypoints: Floats
    part_scores: Floats

    def __getitem__(self, rows: NDArray[np.int64]) -> Candidates:
        return Candidates(
            self.boxes[rows], self.seen[rows], self.keypoints[rows], self.part_scores[rows]
        )

    def __len__(self) -> int:
        return len(self.boxes)


def gather(sightings: Sequence[Sightings], recipe: Recipe) -> Candidates:
    """Make one candidate of what several finders see at one place.

    The likeliest sighting takes from each other finder the one that overlaps it most, then the
    next; a candidate's box is the mean of theirs.

    Parameters
    ----------
    sightings : one a finder, in the order of `seen`
    recipe : Recipe
    """
    boxes = np.concatenate([one.boxes for one in sightings])
    scores = np.concatenate([one.scores for one in sightings])
    keypoints = np.concatenate([one.keypoints for one in sightings])
    part_scores = np.concatenate([one.part_scores for one in sightings])
    finder = np.repeat(np.arange(len(sightings)), [len(one) for one in sightings])
    weight = np.array(recipe.box_weights)[finder]
    groups = _groups(box.iou(boxes, boxes), scores * weight, finder, recipe.same)
    parts = len(SKELETON.parts)
    found = Candidates(
        np.empty((len(groups), 4)),
        np.zeros((len(groups), FINDERS)),
        np.full((len(groups), parts, 2), np.nan),
        np.zeros((len(groups), parts)),
    )
    for row, group in enumerate(groups):
        found.seen[row, finder[group]] = scores[group]
        share = weight[group] * scores[group] + 1e-6
        found.boxes[row] = share @ boxes[group] / share.sum()
        for member in group:
            if finder[member] == FIELDS:
                found.keypoints[row] = keypoints[member]
                found.part_scores[row] = part_scores[member]
    return found


def _groups(
    overlap: Floats, rank: Floats, finder: NDArray[np.int64], same: float
) -> list[list[int]]:
    free = np.ones(len(rank), bool)
    groups: list[list[int]] = []
    for first in np.argsort(-rank, kind="stable"):
        if not free[first]:
            continue
        group = [int(first)]
        for other in range(FINDERS):
            near = np.flatnonzero(free & (finder == other) & (overlap[first] > same))
            if other != finder[first] and len(near):
                group.append(int(near[overlap[first, near].argmax()]))
        free[group] = False
        groups.append(group)
    return groups


def evidence(seen: Floats, recipe: Recipe, finders: Sequence[int]) -> Floats:
    """(N,) weighted sum of what the finders saw, as if there had been all three.

    `finders` are those there are: two detectors 0 and 1, and the fields 2.
    """
    weights = np.array(recipe.score_weights[:GIVEN])
    networks = np.maximum(seen[:, :GIVEN], seen[:, GIVEN:] * _GIVEN_IS_WORTH)
    total: Floats = networks @ weights * (weights.sum() / weights[list(finders)].sum())
    return total


def person_scores(seen: Floats, scores: Floats, recipe: Recipe, finders: Sequence[int]) -> Floats:
    """(N,) how right each person is: the share of OKS thresholds .5 to .95 it is expected to pass.

    A logistic of the logarithms of the finders' evidence and of the mean part score.
    """
    constant, of_finders, of_parts = recipe.confidence
    logit = (
        constant
        + of_finders * np.log(evidence(seen, recipe, finders) + 0.05)
        + of_parts * np.log(part_mean(scores) + 0.05)
    )
    confidence: Floats = 1 / (1 + np.exp(-logit))
    return confidence


def part_mean(scores: Floats) -> Floats:
    """(N,) mean of the scores of parts that are sure, 0 where none is."""
    good = scores > _SURE_PART
    mean: Floats = (scores * good).sum(axis=1) / np.maximum(good.sum(axis=1), 1)
    return mean


def distinct(
    keypoints: Floats, scores: Floats, boxes: Floats, rank: Floats, threshold: float
) -> NDArray[np.int64]:
    """Places of people that no better ranked one is like by more than `threshold` OKS."""
    good = (scores > _SURE_PART).astype(np.float64)
    areas = AREA_OF_BOX * box.areas(boxes)
    alike = np.zeros((len(boxes), len(boxes)))
    for n, place in enumerate(keypoints):
        squared = ((keypoints - place) ** 2).sum(axis=2)
        # Of both sizes the mean, so that it does not matter who is like whom.
        similarity = similarity_at(squared, (areas + areas[n]) / 2, SKELETON.sigmas)
        weight = np.maximum(good * good[n], 1e-9)
        alike[n] = (similarity * weight).sum(axis=1) / weight.sum(axis=1)
    return box.best(alike, rank, threshold)
