"""Two looks at the same people, made one: mixed where they agree, the surer where they do not.

How near two places are is judged as OKS judges it: by the falloff of the part and the size of the
person. `NEAR` and `SURER` were chosen on 200 photographs of COCO train, with the bundled network
and with PP-TinyPose as the second look.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEAR = 0.5
"""Similarity from which the two places of a part are taken for the same and mixed."""

SURER = 0.75
"""Of two places of a part, the second look's from this share of the first look's score on."""

SOMEBODY_ELSE = 0.1
"""Agreement of a person below which the window is thought to have found somebody else."""

NOT_SEEN = 0.1
"""Score of a part below which the window is thought not to show it."""

DOUBT = 0.5
"""Factor on the score of people that are not looked at again: what an ordinary agreement costs."""

_GROWN = 1.44
_CLEAR = 0.2
_LEAST_SURE = 0.01


class People(NamedTuple):
    """N people: keypoints (N, K, 2) with NaN and scores (N, K) with 0 where a part is missing."""

    keypoints: Floats
    scores: Floats
    person_scores: Floats


class Agreement(NamedTuple):
    """How two looks at the same N people compare.

    Attributes
    ----------
    parts : (N, K) float64
        OKS of each part between both looks, 0 where either has none.
    people : (N,) float64
        Its mean over the parts that the first look found.
    clear : (N,) float64
        Mean score of the parts that the second look sees clearly, 0 where it sees none.
    other : (N,) bool
        The window shows somebody else.
    """

    parts: Floats
    people: Floats
    clear: Floats
    other: NDArray[np.bool_]


def agree(first: People, second: People, boxes: Floats, sigmas: tuple[float, ...]) -> Agreement:
    """Compare what two looks saw of the same N people.

    Parameters
    ----------
    first, second : People
        Of the second, `person_scores` are not used.
    boxes : (N, 4) float64
        Around the parts that the first look found, frame px.
    sigmas : (K,) float
        OKS falloff of each part.
    """
    alike = similarity(first, second, boxes, sigmas)
    seen = first.scores > 0
    people = (alike * seen).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    clear = second.scores > _CLEAR
    sureness = (second.scores * clear).sum(axis=1) / np.maximum(clear.sum(axis=1), 1)
    return Agreement(alike, people, sureness, (people < SOMEBODY_ELSE) | ~clear.any(axis=1))


def mix(first: People, second: People, agreement: Agreement) -> People:
    """Mix what two looks saw of the same N people.

    Returns
    -------
    People
        Parts that lie near each other are mixed, each place by its score; of those that do not, one
        look's is taken, see `SURER`. Scores of parts are the second look's, the first's where its
        place is taken. The score of a person is the first look's times the agreement and the mean
        score of the parts that the second sees clearly. A person whose window shows somebody else
        keeps the first look, with a score as low as the agreement.
    """
    seen_first, seen = first.scores > 0, second.scores >= NOT_SEEN
    near = (agreement.parts >= NEAR) & seen_first
    by_scores = second.scores / np.maximum(first.scores + second.scores, _LEAST_SURE)
    surer = second.scores >= SURER * first.scores
    share = np.where(seen, np.where(near, by_scores, surer), 0.0)
    kept, taken = (np.nan_to_num(look.keypoints) for look in (first, second))
    places = share[..., None] * taken + (1 - share[..., None]) * kept
    scores = np.where(share > 0, second.scores, first.scores)
    # What the second look does not see at all, the first is believed about, but not much.
    scores = np.where(seen, scores, np.minimum(scores, NOT_SEEN))
    places[scores == 0] = np.nan
    other = agreement.other
    factor = np.where(other, SOMEBODY_ELSE * DOUBT, agreement.people * agreement.clear)
    return People(
        np.where(other[:, None, None], first.keypoints, places),
        np.where(other[:, None], first.scores, scores),
        first.person_scores * factor,
    )


def person_features(first: People, agreement: Agreement) -> Floats:
    """(N, 4) what a person's probability is a logistic of: `SECOND_PERSON_FEATURES` of the card."""
    sure = np.clip(first.person_scores, _LEAST_SURE, 1 - _LEAST_SURE)
    there = ~agreement.other
    return np.stack(
        [
            np.ones(len(sure)),
            np.log(sure / (1 - sure)),
            agreement.people * there,
            agreement.clear * there,
        ],
        axis=1,
    )


def part_features(mixed: People, agreement: Agreement, log_odds: Floats) -> Floats:
    """(N, K, 4) what a part's probability is a logistic of: `SECOND_PART_FEATURES` of the card."""
    odds = np.broadcast_to(log_odds[:, None], mixed.scores.shape)
    alike = agreement.parts * ~agreement.other[:, None]
    return np.stack([np.ones_like(odds), mixed.scores, alike, odds], axis=2)


def calibrated(
    first: People,
    mixed: People,
    agreement: Agreement,
    person: tuple[float, ...],
    part: tuple[float, ...],
) -> People:
    """The same people with probabilities in place of scores.

    Parameters
    ----------
    first, mixed : People
        What `mix` took and gave.
    agreement : Agreement
    person, part : (4,) float
        Weights of `person_features` and `part_features`.
    """
    odds = person_features(first, agreement) @ np.array(person)
    parts = part_features(mixed, agreement, odds) @ np.array(part)
    scores = np.where(mixed.scores > 0, _probability(parts), 0.0)
    return People(mixed.keypoints, scores, _probability(odds))


def _probability(log_odds: Floats) -> Floats:
    result: Floats = 1 / (1 + np.exp(-log_odds))
    return result


def similarity(first: People, second: People, boxes: Floats, sigmas: tuple[float, ...]) -> Floats:
    """(N, K) OKS of each part between two looks, 0 where either has none."""
    extent = np.maximum(boxes[:, 2:] - boxes[:, :2], 1.0)
    area = _GROWN * extent.prod(axis=1)
    apart = ((first.keypoints - second.keypoints) ** 2).sum(axis=2)
    falloff = 2 * (2 * np.array(sigmas)) ** 2 * area[:, None]
    alike: Floats = np.nan_to_num(np.exp(-apart / falloff))
    return alike
