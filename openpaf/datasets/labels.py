"""What networks that took their time say of a photograph, and what of it may be taught.

Labels are of COCO_17's parts. A part is taught where those who looked agree on its place; where
they do not, it is left open: visibility 0 within a box that is kept, so that training neither wants
somebody there nor nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.skeleton import COCO_17, Skeleton

Floats = NDArray[np.float64]

SKELETON: Skeleton = COCO_17
"""Of all labels."""

AREA_OF_BOX = 0.53
"""Area of a person in that of the box, the mean over COCO's people."""

_AGREED = 0.5


@dataclass(frozen=True, eq=False)
class PhotoLabels:
    """Labels of one photograph; N people, R regions.

    Attributes
    ----------
    size : (width, height)
        Photograph px.
    keypoints : (N, 17, 2) float64
        Photograph px, COCO_17; each part has a place, however unsure.
    scores : (N, 17) float64
        How sure the look at the person's window is of the part, 0 to about 1.
    apart : (N, 17) float64
        Distance to where the whole photograph's fields have the part, over the square root of the
        box's area; NaN where they have none.
    boxes : (N, 4) float64
        x0, y0, x1, y1, px.
    person_scores : (N,) float64
        The share of OKS thresholds from .5 to .95 that the person is expected to pass; surest
        first.
    seen : (N, 4) float64
        Scores of the first and second detector, of the fields, and of given boxes; 0 where they saw
        nobody.
    turns : (N,) int64
        Quarter turns clockwise that bring the person upright.
    regions : (R, 4) float64
        Boxes where somebody may be whom no person here stands for.
    region_scores : (R,) float64
    """

    size: tuple[int, int]
    keypoints: Floats
    scores: Floats
    apart: Floats
    boxes: Floats
    person_scores: Floats
    seen: Floats
    turns: NDArray[np.int64]
    regions: Floats
    region_scores: Floats


@dataclass(frozen=True)
class Teaching:
    """Which labels are taught; the defaults were chosen on human labels of COCO train2017.

    Of the parts that people labelled there these teach 89 %, and 96 % of those within OKS .5 of
    where people put them.

    Attributes
    ----------
    min_person : float
        People of a lower score become regions.
    min_part : float
        Parts of a lower score stay open.
    min_alone : float
        The same of parts that only one labeller has.
    """

    min_person: float = 0.3
    min_part: float = 0.2
    min_alone: float = 0.5

    def parts(self, labels: PhotoLabels) -> NDArray[np.bool_]:
        """(N, 17) parts on which the labellers agree, inside the photograph."""
        variances = (2 * np.asarray(SKELETON.sigmas)) ** 2
        similarity = np.exp(-(labels.apart**2) / (2 * AREA_OF_BOX * variances))
        alone = np.isnan(labels.apart)
        # Nobody to agree with: a person that the fields did not see is as sure as its window.
        agreed = np.where(alone, labels.scores >= self.min_alone, similarity >= _AGREED)
        limit = np.array(labels.size) - 0.5
        inside = ((labels.keypoints >= -0.5) & (labels.keypoints <= limit)).all(axis=2)
        taught: NDArray[np.bool_] = agreed & (labels.scores >= self.min_part) & inside
        return taught


def coco_content(
    photographs: Iterable[tuple[str, PhotoLabels]],
    teaching: Teaching | None = None,
    *,
    before: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """COCO keypoint JSON, as plain values.

    Sure people are annotations with `score` and `part_scores`; everybody else and every region is a
    box with `iscrowd` 1 and no keypoints.

    Parameters
    ----------
    photographs : iterable of (name, PhotoLabels)
    teaching : Teaching, optional
    before : mapping, optional
        Content to which these are added.
    """
    teaching = teaching or Teaching()
    images: list[dict[str, Any]] = list(before["images"]) if before else []
    annotations: list[dict[str, Any]] = list(before["annotations"]) if before else []
    image_id = max((int(image["id"]) for image in images), default=0)
    number = max((int(one.get("id", 0)) for one in annotations), default=0)
    for name, labels in photographs:
        image_id += 1
        width, height = labels.size
        images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for annotation in _annotations(labels, teaching):
            number += 1
            annotations.append({"id": number, "image_id": image_id, "category_id": 1, **annotation})
    category = {
        "id": 1,
        "name": "person",
        "keypoints": list(SKELETON.parts),
        # COCO counts parts from 1.
        "skeleton": [[a + 1, b + 1] for a, b in SKELETON.limbs],
    }
    return {
        **(before or {}),
        "images": images,
        "annotations": annotations,
        "categories": before["categories"] if before else [category],
    }


def _annotations(labels: PhotoLabels, teaching: Teaching) -> Iterable[dict[str, Any]]:
    sure = labels.person_scores >= teaching.min_person
    taught = teaching.parts(labels)
    for n in np.flatnonzero(sure):
        triples = np.column_stack([labels.keypoints[n], np.full(len(taught[n]), 2)])
        yield {
            "iscrowd": 0,
            "num_keypoints": int(taught[n].sum()),
            "keypoints": np.round(triples * taught[n][:, None], 2).ravel().tolist(),
            "part_scores": np.round(labels.scores[n], 3).tolist(),
            **_box(labels.boxes[n], labels.person_scores[n]),
        }
    boxes = np.concatenate([labels.boxes[~sure], labels.regions])
    scores = np.concatenate([labels.person_scores[~sure], labels.region_scores])
    for box, score in zip(boxes, scores, strict=True):
        nothing = [0] * (3 * len(SKELETON.parts))
        yield {"iscrowd": 1, "num_keypoints": 0, "keypoints": nothing, **_box(box, score)}


def _box(box: Floats, score: float) -> dict[str, Any]:
    width, height = box[2:] - box[:2]
    return {
        "bbox": [round(float(value), 2) for value in (*box[:2], width, height)],
        "area": round(AREA_OF_BOX * float(width * height), 2),
        "score": round(float(score), 3),
    }
