"""Which people and parts that were found are right, by human labels: what scores should say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.evaluate import metrics
from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.dataset import AnnotatedImage

RIGHT = 0.5
"""OKS from which a person, and keypoint similarity from which a part, counts as right."""


@dataclass(frozen=True, eq=False)
class Judged:
    """N people found in one picture, beside the labels.

    Attributes
    ----------
    truth : (N,) int64
        Place of the labelled person each stands for, -1 for nobody.
    counts : (N,) bool
        False for those who stand for a crowd or for somebody without keypoints.
    part_right, part_counts : (N, K) bool
        A part counts where it was found, and is labelled or belongs to nobody's person.
    """

    truth: NDArray[np.int64]
    counts: NDArray[np.bool_]
    part_right: NDArray[np.bool_]
    part_counts: NDArray[np.bool_]

    @property
    def right(self) -> NDArray[np.bool_]:
        """(N,) whether each is somebody, at OKS 0.5, whom nobody of a higher score stands for."""
        return self.counts & (self.truth >= 0)


def judge(image: AnnotatedImage, people: FoundPeople, sigmas: Sequence[float]) -> Judged:
    """Give every labelled person to the found one of the highest score that is like it."""
    count, parts = people.scores.shape
    oks = metrics.oks(
        image.keypoints, image.labelled, image.areas, image.boxes, people.keypoints, sigmas
    )
    truth, counts = np.full(count, -1), np.ones(count, bool)
    free = ~image.ignored
    for n in np.argsort(-people.person_scores, kind="stable"):
        open_to = np.where(free, oks[n], -1.0)
        if len(open_to) and open_to.max() >= RIGHT:
            truth[n] = int(open_to.argmax())
            free[truth[n]] = False
        elif (oks[n][image.ignored] >= RIGHT).any():
            counts[n] = False
    somebody = truth >= 0
    of = truth[somebody]
    squared = ((people.keypoints[somebody] - image.keypoints[of]) ** 2).sum(axis=2)
    right = np.zeros((count, parts), bool)
    right[somebody] = metrics.similarity_at(squared, image.areas[of], sigmas) >= RIGHT
    judged = (people.scores > 0) & counts[:, None]
    judged[somebody] &= image.labelled[of]
    return Judged(truth, counts, right & judged, judged)
