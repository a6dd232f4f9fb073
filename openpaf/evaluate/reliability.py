"""Whether scores mean what they say, and whether parts lie where they are labelled.

A score is calibrated when, of all people given a score of about p, a share of about p is right
(Guo et al., ICML 2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.bootstrap import Estimate, bootstrap
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.evaluate.judging import judge

BINS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Reliability:
    """Scores against what became of them, in bins of equal count, lowest scores first.

    Attributes
    ----------
    scores, right : tuple of float
        Mean score of each bin, and the share that is right.
    counts : tuple of int
    error : float
        Expected calibration error: the mean distance of the two, by count.
    """

    scores: tuple[float, ...]
    right: tuple[float, ...]
    counts: tuple[int, ...]
    error: float

    @classmethod
    def of(cls, scores: Floats, right: NDArray[np.bool_]) -> Reliability:
        """Sum up (D,) scores and whether each was right."""
        order = np.argsort(scores, kind="stable")
        bins = [rows for rows in np.array_split(order, BINS) if len(rows)]
        means = [float(scores[rows].mean()) for rows in bins]
        shares = [float(right[rows].mean()) for rows in bins]
        counts = [len(rows) for rows in bins]
        gaps = np.abs(np.subtract(means, shares))
        error = float(np.average(gaps, weights=counts)) if bins else float("nan")
        return cls(tuple(means), tuple(shares), tuple(counts), error)


def measure_reliability(
    images: Sequence[AnnotatedImage], found: Sequence[FoundPeople], sigmas: Sequence[float]
) -> dict[str, Reliability]:
    """Reliability of the scores of "people" and of "parts"."""
    people: list[tuple[Floats, NDArray[np.bool_]]] = []
    parts: list[tuple[Floats, NDArray[np.bool_]]] = []
    for image, one in zip(images, found, strict=True):
        judged = judge(image, one, sigmas)
        people.append((one.person_scores[judged.counts], judged.right[judged.counts]))
        parts.append((one.scores[judged.part_counts], judged.part_right[judged.part_counts]))
    return {
        name: Reliability.of(
            np.concatenate([scores for scores, _ in rows]),
            np.concatenate([right for _, right in rows]),
        )
        for name, rows in {"people": people, "parts": parts}.items()
    }


def measure_shift(
    images: Sequence[AnnotatedImage],
    found: Sequence[FoundPeople],
    scales: Sequence[Floats],
    sigmas: Sequence[float],
    *,
    resamples: int,
    seed: int,
) -> dict[str, Estimate]:
    """Median of found less labelled, "x" and "y" in net px, over the parts of people who are right.

    Parameters
    ----------
    images, found
        I pictures, and who was found in each.
    scales : (I,) of (2,) float64
        Net px a frame px.
    sigmas : (K,) float
    resamples, seed : int
        Of the bootstrap over images.
    """
    differences, places = [np.zeros((0, 2))], [np.zeros(0, int)]
    for place, (image, one, scale) in enumerate(zip(images, found, scales, strict=True)):
        judged = judge(image, one, sigmas)
        truth = judged.truth[judged.right]
        both = image.labelled[truth] & (one.scores[judged.right] > 0)
        apart = (one.keypoints[judged.right] - image.keypoints[truth])[both] * scale
        differences.append(apart)
        places.append(np.full(len(apart), place))
    apart, place_of = np.concatenate(differences), np.concatenate(places)

    def measure(weights: Floats) -> dict[str, float]:
        return {
            axis: _weighted_median(apart[:, n], weights[place_of]) for n, axis in enumerate("xy")
        }

    return bootstrap(measure, len(images), resamples=resamples, seed=seed)


def _weighted_median(values: Floats, weights: Floats) -> float:
    if not weights.sum():
        return float("nan")
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
