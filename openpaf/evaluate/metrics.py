"""The measures of the literature, each as a function of arrays.

Everywhere P true people stand against N predicted ones, K parts each, px; a part that was not
found is NaN. A measure that divides by a length leaves out the people whose length is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

# MPII's head segment: 0.6 of the diagonal of the annotated head rectangle.
_HEAD_OF_DIAGONAL = 0.6


def similarity_at(squared: Floats, areas: Floats, sigmas: Sequence[float]) -> Floats:
    """Similarity of a keypoint at some distance, exp(-d^2 / (2 area (2 sigma)^2)).

    The keypoint term of OKS (COCO keypoint evaluation; Ronchi & Perona, ICCV 2017).

    Parameters
    ----------
    squared : (..., P, K) float64
        Squared distance, px^2; NaN where the part was not found.
    areas : (P,) float64
        Segment area of each person, px^2.
    sigmas : (K,) float

    Returns
    -------
    (..., P, K) float64, 0 where the part was not found
    """
    variances = (2 * np.asarray(sigmas, np.float64)) ** 2
    spread = variances * (areas[:, None] + np.spacing(1)) * 2
    similarity: Floats = np.nan_to_num(np.exp(-squared / spread))
    return similarity


def keypoint_similarity(
    truth: Floats, areas: Floats, predicted: Floats, sigmas: Sequence[float]
) -> Floats:
    """Similarity of every predicted to every true keypoint; see `similarity_at`.

    Parameters
    ----------
    truth : (P, K, 2) float64
    areas : (P,) float64
    predicted : (N, K, 2) float64
    sigmas : (K,) float

    Returns
    -------
    (N, P, K) float64, 0 where the part was not found
    """
    difference = predicted[:, None] - truth[None]
    return similarity_at((difference**2).sum(axis=3), areas, sigmas)


def oks(
    truth: Floats,
    labelled: Bools,
    areas: Floats,
    boxes: Floats,
    predicted: Floats,
    sigmas: Sequence[float],
) -> Floats:
    """Object keypoint similarity of every predicted to every true person, as COCO defines it.

    The mean keypoint similarity over the labelled parts. A person without any labelled part is a
    region: there the distance is to its box, grown to three times its size.

    Parameters
    ----------
    truth : (P, K, 2) float64
    labelled : (P, K) bool
    areas : (P,) float64
    boxes : (P, 4) float64
        x, y, width, height.
    predicted : (N, K, 2) float64
        NaN where a part was not found; it then adds nothing. (pycocotools places such a part at
        0, 0, which adds next to nothing but for people in the frame's corner.)
    sigmas : (K,) float

    Returns
    -------
    (N, P) float64
    """
    similarity = keypoint_similarity(truth, areas, predicted, sigmas)
    counts = labelled.sum(axis=1)
    if (counts == 0).any():
        low = boxes[:, None, :2] - boxes[:, None, 2:]
        high = boxes[:, None, :2] + 2 * boxes[:, None, 2:]
        outside = np.maximum(0, low - predicted[:, None]) + np.maximum(0, predicted[:, None] - high)
        region = similarity_at((outside**2).sum(axis=3), areas, sigmas).mean(axis=2)
    else:
        region = np.zeros(similarity.shape[:2])
    mean = (similarity * labelled).sum(axis=2) / np.maximum(counts, 1)
    chosen: Floats = np.where(counts > 0, mean, region)
    return chosen


def joint_errors(truth: Floats, labelled: Bools, predicted: Floats) -> Floats:
    """Distance of each found part of P people from the truth.

    Returns
    -------
    (P, K) float64, NaN where the part is not labelled or not found
    """
    distance = np.linalg.norm(predicted - truth, axis=2)
    return np.where(labelled, distance, np.nan)


def mpjpe(truth: Floats, labelled: Bools, predicted: Floats) -> float:
    """Mean per-joint position error, px, over the parts that are labelled and found.

    It says nothing of parts that are missing: read it beside how many were found. NaN where no
    part is found.
    """
    errors = joint_errors(truth, labelled, predicted)
    errors = errors[np.isfinite(errors)]
    return float(errors.mean()) if errors.size else float("nan")


def pck(
    truth: Floats, labelled: Bools, predicted: Floats, lengths: Floats, threshold: float
) -> tuple[Bools, Bools]:
    """Which parts lie within `threshold * length` of the truth (Yang & Ramanan, PAMI 2013).

    PCK@0.2 takes `torso_lengths`; PCKh@0.5 takes `head_lengths` (Andriluka et al., CVPR 2014).
    A part that was not found is wrong.

    Parameters
    ----------
    truth, predicted : (P, K, 2) float64
        The same person in the same row.
    labelled : (P, K) bool
    lengths : (P,) float64
        Reference length of each person, NaN where unknown.
    threshold : float

    Returns
    -------
    correct, counted : (P, K) bool
        PCK is `correct.sum() / counted.sum()`.
    """
    counted = labelled & np.isfinite(lengths)[:, None]
    errors = joint_errors(truth, labelled, predicted)
    return counted & (errors <= threshold * lengths[:, None]), counted


def torso_lengths(truth: Floats, labelled: Bools, parts: Sequence[str]) -> Floats:
    """Left shoulder to right hip of each person (Sapp & Taskar, CVPR 2013); NaN if unlabelled."""
    return _distances(truth, labelled, parts, "left_shoulder", "right_hip")


def head_lengths(
    truth: Floats, labelled: Bools, parts: Sequence[str], head_boxes: Floats
) -> Floats:
    """Head segment of each person (Andriluka et al., CVPR 2014).

    0.6 of the diagonal of the head box where one is annotated, else head top to neck, else NaN.

    Parameters
    ----------
    head_boxes : (P, 4) float64
        x, y, width, height; NaN where not annotated.

    Returns
    -------
    (P,) float64
    """
    diagonals = _HEAD_OF_DIAGONAL * np.hypot(head_boxes[:, 2], head_boxes[:, 3])
    segments = _distances(truth, labelled, parts, "head_top", "neck")
    return np.where(np.isfinite(diagonals), diagonals, segments)


def _distances(truth: Floats, labelled: Bools, parts: Sequence[str], a: str, b: str) -> Floats:
    if a not in parts or b not in parts:
        return np.full(len(truth), np.nan)
    i, j = parts.index(a), parts.index(b)
    distance = np.linalg.norm(truth[:, i] - truth[:, j], axis=1)
    usable = labelled[:, i] & labelled[:, j] & (distance > 0)
    return np.where(usable, distance, np.nan)


def pcp(
    truth: Floats,
    labelled: Bools,
    predicted: Floats,
    limbs: Sequence[tuple[int, int]],
    threshold: float = 0.5,
) -> tuple[Bools, Bools]:
    """Which limbs have both ends within `threshold` of the limb's length from the truth.

    The strict percentage of correct parts (Ferrari et al., CVPR 2008).

    Parameters
    ----------
    truth, predicted : (P, K, 2) float64
        The same person in the same row.
    labelled : (P, K) bool
    limbs : L pairs of part indices
    threshold : float

    Returns
    -------
    correct, counted : (P, L) bool
        PCP is `correct.sum() / counted.sum()`.
    """
    a, b = np.asarray(limbs, int).reshape(-1, 2).T
    reach = threshold * np.linalg.norm(truth[:, a] - truth[:, b], axis=2)
    counted = labelled[:, a] & labelled[:, b] & (reach > 0)
    errors = joint_errors(truth, labelled, predicted)
    return counted & (errors[:, a] <= reach) & (errors[:, b] <= reach), counted
