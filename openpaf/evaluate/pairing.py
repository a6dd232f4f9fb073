"""Each true person beside the predicted one that stands for it, and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from openpaf.evaluate import metrics
from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.dataset import AnnotatedImage

PCK_THRESHOLD = 0.2
PCKH_THRESHOLD = 0.5
PCP_THRESHOLD = 0.5

Values = NDArray[np.float64] | NDArray[np.bool_]

# Below this OKS two skeletons have nothing to do with each other.
_SAME_PERSON = 0.1
_PCP_LIMBS = (
    ("neck", "head_top"),
    *(
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
    ),
)


@dataclass(frozen=True, eq=False)
class PairedPeople:
    """Every true person of a folder that counts, M in all, and the predicted one assigned to it.

    Attributes
    ----------
    image : (M,) int64
        Place of the person's image.
    truth, predicted : (M, K, 2) float64
        Frame px; predicted is NaN where a part, or the whole person, was not found.
    labelled : (M, K) bool
    areas, torso_lengths, head_lengths, box_lengths : (M,) float64
    """

    image: NDArray[np.int64]
    truth: NDArray[np.float64]
    predicted: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    areas: NDArray[np.float64]
    torso_lengths: NDArray[np.float64]
    head_lengths: NDArray[np.float64]
    box_lengths: NDArray[np.float64]

    @property
    def pck_lengths(self) -> tuple[str, NDArray[np.float64]]:
        """What PCK is measured in: torsos, and boxes where nobody has a torso."""
        if np.isfinite(self.torso_lengths).any():
            return "torso", self.torso_lengths
        return "box", self.box_lengths


def assign(similarity: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Predicted and true people that belong together: the one-to-one choice of highest OKS sum.

    Parameters
    ----------
    similarity : (N, P) float64
        OKS.
    """
    pairs = zip(*linear_sum_assignment(similarity, maximize=True), strict=True)
    return [(int(n), int(p)) for n, p in pairs if similarity[n, p] >= _SAME_PERSON]


def pair_people(
    images: Sequence[AnnotatedImage], found: Sequence[FoundPeople], sigmas: Sequence[float]
) -> PairedPeople:
    """Set every true person that counts beside the predicted person assigned to it."""
    predicted = []
    for image, people in zip(images, found, strict=True):
        similarity = metrics.oks(
            image.keypoints, image.labelled, image.areas, image.boxes, people.keypoints, sigmas
        )
        rows = np.full(image.keypoints.shape, np.nan)
        counting = np.flatnonzero(~image.ignored)
        for n, p in assign(similarity[:, counting]):
            rows[counting[p]] = people.keypoints[n]
        predicted.append(rows[counting])
    return PairedPeople(
        np.repeat(np.arange(len(images)), [len(rows) for rows in predicted]),
        np.concatenate([image.keypoints[~image.ignored] for image in images]),
        np.concatenate(predicted),
        np.concatenate([image.labelled[~image.ignored] for image in images]),
        np.concatenate([image.areas[~image.ignored] for image in images]),
        np.concatenate([image.torso_lengths[~image.ignored] for image in images]),
        np.concatenate([image.head_lengths[~image.ignored] for image in images]),
        np.concatenate([image.box_lengths[~image.ignored] for image in images]),
    )


@dataclass(frozen=True, eq=False)
class Ratios:
    """Named figures that are a sum over a sum, kept by image so that images can be resampled.

    Attributes
    ----------
    sums : mapping of str to (2, I) float64
        Numerator and denominator of each figure in each image.
    """

    sums: Mapping[str, NDArray[np.float64]]

    def summarize(self, weights: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Every figure over weighted images; NaN where nothing counts.

        Parameters
        ----------
        weights : (I,) float64, optional
            How often each image counts; once when left out.
        """
        figures = {}
        for name, sums in self.sums.items():
            top, bottom = sums.sum(axis=1) if weights is None else sums @ weights
            figures[name] = float(top / bottom) if bottom else float("nan")
        return figures


def measure_people(
    people: PairedPeople,
    parts: Sequence[str],
    images: int,
    others: Mapping[str, NDArray[np.float64]] | None = None,
) -> Ratios:
    """PCK, PCKh, PCP, MPJPE and the share of labelled parts found, image by image.

    `others` are ratios of the same images that are told beside them.
    """
    truth, labelled, predicted = people.truth, people.labelled, people.predicted
    limbs = [(parts.index(a), parts.index(b)) for a, b in _PCP_LIMBS if a in parts and b in parts]
    errors = metrics.joint_errors(truth, labelled, predicted)
    found = np.isfinite(errors)

    def by_image(values: Values) -> NDArray[np.float64]:
        return np.bincount(people.image, values.sum(axis=1), images).astype(np.float64)

    def ratio(top: Values, bottom: Values) -> NDArray[np.float64]:
        return np.stack([by_image(top), by_image(bottom)])

    unit, lengths = people.pck_lengths
    pck = metrics.pck(truth, labelled, predicted, lengths, PCK_THRESHOLD)
    pckh = metrics.pck(truth, labelled, predicted, people.head_lengths, PCKH_THRESHOLD)
    pcp = metrics.pcp(truth, labelled, predicted, limbs, PCP_THRESHOLD)
    return Ratios(
        {
            f"PCK@{PCK_THRESHOLD} {unit}": ratio(*pck),
            f"PCKh@{PCKH_THRESHOLD}": ratio(*pckh),
            f"PCP@{PCP_THRESHOLD}": ratio(*pcp),
            "MPJPE px": ratio(np.nan_to_num(errors), found),
            "parts found": ratio(found, labelled),
            **(others or {}),
        }
    )


@dataclass(frozen=True)
class PartRow:
    """How one part fared over all people; NaN where nothing counts.

    `found` and `pck` are shares of the labelled parts (for PCK of those with a length to go by),
    `error_px` is the median distance of those found, `similarity` the mean keypoint similarity
    with 0 for those not found: what the part adds to OKS.
    """

    part: str
    labelled: int
    found: float
    pck: float
    error_px: float
    similarity: float


def measure_parts(
    people: PairedPeople, parts: Sequence[str], sigmas: Sequence[float]
) -> list[PartRow]:
    """One row a part."""
    correct, counted = metrics.pck(
        people.truth, people.labelled, people.predicted, people.pck_lengths[1], PCK_THRESHOLD
    )
    errors = metrics.joint_errors(people.truth, people.labelled, people.predicted)
    similarity = metrics.similarity_at(errors**2, people.areas, sigmas)
    rows = []
    for k, part in enumerate(parts):
        labelled = people.labelled[:, k]
        found = np.isfinite(errors[:, k])
        rows.append(
            PartRow(
                part,
                int(labelled.sum()),
                _mean(found[labelled]),
                _mean(correct[counted[:, k], k]),
                float(np.median(errors[found, k])) if found.any() else float("nan"),
                _mean(similarity[labelled, k]),
            )
        )
    return rows


def _mean(values: Values) -> float:
    return float(np.mean(values)) if values.size else float("nan")
