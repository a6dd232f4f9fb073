"""OKS-AP: pycocotools matches people image by image, the counting over images is done here.

Counting apart from matching is what makes resampling the images cheap: a resample weighs the
images, and nothing is matched again. With all weights one the figures are pycocotools' own.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.evaluate.dataset import AnnotatedImage

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""OKS at which a person counts as found; AP is the mean over them."""
AREAS = ("all", "medium", "large")

_RECALLS = np.linspace(0, 1, 101)
# name: precision (else recall), area, index of the OKS threshold or None for the mean over all
_SUMMARY: dict[str, tuple[bool, int, int | None]] = {
    "AP": (True, 0, None),
    "AP50": (True, 0, 0),
    "AP75": (True, 0, 5),
    "APM": (True, 1, None),
    "APL": (True, 2, None),
    "AR": (False, 0, None),
    "AR50": (False, 0, 0),
    "AR75": (False, 0, 5),
    "ARM": (False, 1, None),
    "ARL": (False, 2, None),
}


@dataclass(frozen=True, eq=False)
class FoundPeople:
    """Everyone predicted in one picture.

    Attributes
    ----------
    keypoints : (N, K, 2) float64
        Frame px in the annotations' parts, NaN where missing.
    scores : (N, K) float64
    person_scores : (N,) float64
    """

    keypoints: NDArray[np.float64]
    scores: NDArray[np.float64]
    person_scores: NDArray[np.float64]

    def at_least(self, score: float) -> FoundPeople:
        """Those of this score or more."""
        kept = self.person_scores >= score
        return FoundPeople(self.keypoints[kept], self.scores[kept], self.person_scores[kept])


@dataclass(frozen=True, eq=False)
class Matches:
    """What became of the D people predicted in I images; all that AP needs.

    Attributes
    ----------
    images : (D,) int64
        Place of the image each was predicted in.
    scores : (D,) float64
    matched, ignored : (3, 10, D) bool
        By area (all, medium, large) and OKS threshold.
    people : (3, I) int64
        True people that count, by area and image.
    """

    images: NDArray[np.int64]
    scores: NDArray[np.float64]
    matched: NDArray[np.bool_]
    ignored: NDArray[np.bool_]
    people: NDArray[np.int64]


def match_people(
    images: Sequence[AnnotatedImage], found: Sequence[FoundPeople], sigmas: Sequence[float]
) -> Matches:
    """Match predicted to true people in every image by pycocotools.

    Parameters
    ----------
    images : I annotated images
    found : I predictions, one an image
    sigmas : (K,) float
        OKS falloff of the annotations' parts.
    """
    from pycocotools.cocoeval import COCOeval

    # pycocotools reports its progress by print.
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(*_coco_objects(images, found), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.asarray(sigmas, np.float64)
        evaluation.evaluate()
    count = len(images)
    by_area = [evaluation.evalImgs[a * count : (a + 1) * count] for a in range(len(AREAS))]
    people = np.array(
        [[0 if e is None else np.count_nonzero(e["gtIgnore"] == 0) for e in row] for row in by_area]
    )
    # Every area looks at the same people in the same order.
    sizes = [0 if e is None else len(e["dtScores"]) for e in by_area[0]]
    scores = [score for e in by_area[0] if e is not None for score in e["dtScores"]]
    return Matches(
        np.repeat(np.arange(count), sizes),
        np.array(scores, np.float64),
        np.stack([_gather(row, "dtMatches") for row in by_area]),
        np.stack([_gather(row, "dtIgnore") for row in by_area]),
        people,
    )


def _gather(row: list[dict[str, Any] | None], key: str) -> NDArray[np.bool_]:
    columns = [np.asarray(e[key], bool) for e in row if e is not None]
    return np.concatenate([np.zeros((len(THRESHOLDS), 0), bool), *columns], axis=1)


def coco_results(
    images: Sequence[AnnotatedImage], found: Sequence[FoundPeople]
) -> list[dict[str, Any]]:
    """COCO keypoint results: flat x, y, score a part, zeros where it is missing."""
    return [
        {
            "image_id": image.image_id,
            "category_id": 1,
            "keypoints": np.nan_to_num(np.column_stack([keypoints, scores])).ravel().tolist(),
            "score": float(score),
        }
        for image, people in zip(images, found, strict=True)
        for keypoints, scores, score in zip(
            people.keypoints, people.scores, people.person_scores, strict=True
        )
    ]


def _coco_objects(
    images: Sequence[AnnotatedImage], found: Sequence[FoundPeople]
) -> tuple[Any, Any]:
    from pycocotools.coco import COCO

    truth = COCO()
    truth.dataset = {
        "images": [{"id": image.image_id} for image in images],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [
            {
                "image_id": image.image_id,
                "category_id": 1,
                "keypoints": np.column_stack([image.keypoints[p], image.labelled[p] * 2])
                .ravel()
                .tolist(),
                "num_keypoints": 0 if image.ignored[p] else int(image.labelled[p].sum()),
                "area": float(image.areas[p]),
                "bbox": image.boxes[p].tolist(),
                "iscrowd": int(image.crowd[p]),
            }
            for image in images
            for p in range(len(image.areas))
        ],
    }
    # Ids from 1: pycocotools writes them into its table of matches, where 0 means no match.
    for number, annotation in enumerate(truth.dataset["annotations"], 1):
        annotation["id"] = number
    truth.createIndex()
    results = coco_results(images, found)
    if results:
        return truth, truth.loadRes(results)
    nobody = COCO()
    nobody.dataset = {**truth.dataset, "annotations": []}
    nobody.createIndex()
    return truth, nobody


def precision(matches: Matches, min_score: float) -> dict[str, NDArray[np.float64]]:
    """Precision and recall at OKS 0.5 of people of a score or more, each as sums by image.

    Returns
    -------
    dict of str to (2, I) float64
        Numerator and denominator.
    """
    kept = (matches.scores >= min_score) & ~matches.ignored[0, 0]
    people = matches.people[0].astype(np.float64)
    found = np.bincount(matches.images[kept], minlength=len(people)).astype(np.float64)
    true = np.bincount(matches.images[kept & matches.matched[0, 0]], minlength=len(people)).astype(
        np.float64
    )
    return {"precision": np.stack([true, found]), "recall": np.stack([true, people])}


class PrecisionCounter:
    """AP and AR of weighted images, from matches sorted once."""

    def __init__(self, matches: Matches) -> None:
        order = np.argsort(-matches.scores, kind="stable")
        matched, ignored = matches.matched[..., order], matches.ignored[..., order]
        self._images = matches.images[order]
        self._people = matches.people
        self._true = (matched & ~ignored).astype(np.float64)
        self._false = (~matched & ~ignored).astype(np.float64)

    def summarize(self, weights: NDArray[np.float64] | None = None) -> dict[str, float]:
        """COCO's ten figures; NaN where nobody of that size is annotated.

        Parameters
        ----------
        weights : (I,) float64, optional
            How often each image counts; once when left out.
        """
        if weights is None:
            weights = np.ones(self._people.shape[1])
        tables = [self._precision_and_recall(area, weights) for area in range(len(AREAS))]
        return {
            name: float(np.mean(tables[area][0 if precision else 1][threshold]))
            for name, (precision, area, threshold) in _SUMMARY.items()
        }

    def _precision_and_recall(
        self, area: int, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Precision (10, 101) at each recall and final recall (10,)."""
        people = float(self._people[area] @ weights)
        if people == 0:
            return np.full((len(THRESHOLDS), 1), np.nan), np.full(len(THRESHOLDS), np.nan)
        weight = weights[self._images]
        true = np.cumsum(self._true[area] * weight, axis=1)
        false = np.cumsum(self._false[area] * weight, axis=1)
        recall = true / people
        precision = true / (true + false + np.spacing(1))
        envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        # Beyond the last recall reached, precision is zero.
        envelope = np.pad(envelope, ((0, 0), (0, 1)))
        at = np.stack([np.searchsorted(row, _RECALLS) for row in recall])
        final = recall[:, -1] if recall.shape[1] else np.zeros(len(THRESHOLDS))
        return np.take_along_axis(envelope, at, axis=1), final
