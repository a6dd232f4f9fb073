"""Labels of one photograph as the small numbers of `label_file`, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets.compact import small, small_bytes
from openpaf.datasets.labels import PhotoLabels
from openpaf.errors import DatasetError

_BOX, _PLACE, _SCORE, _APART, _UNIT = 4, 8, 200, 500, 255
_NONE = 255
_LARGEST_SIDE = 32767 // _BOX

Packed = dict[str, NDArray[Any]]


def pack(labels: PhotoLabels, name: str = "photograph") -> Packed:
    """Labels of one photograph, as small numbers.

    Raises
    ------
    DatasetError
        When the photograph is too large for them.
    """
    if max(labels.size) > _LARGEST_SIDE:
        raise DatasetError(
            f"{name} is {labels.size[0]}x{labels.size[1]} px, more than the {_LARGEST_SIDE:,} a "
            "side that an .npz of labels holds; write .json instead"
        )
    boxes = np.rint(labels.boxes * _BOX).astype(np.int16)
    places = labels.keypoints - boxes[:, None, :2] / _BOX
    apart = np.where(np.isnan(labels.apart), _NONE, np.minimum(labels.apart * _APART, _NONE - 1))
    return {
        "size": np.array(labels.size, np.uint16),
        "boxes": boxes,
        "places": small(places, _PLACE),
        "scores": small_bytes(labels.scores, _SCORE),
        "apart": np.rint(apart).astype(np.uint8),
        "person_scores": small_bytes(labels.person_scores, _UNIT),
        "seen": small_bytes(labels.seen, _UNIT),
        "turns": labels.turns.astype(np.uint8),
        "regions": np.rint(labels.regions).astype(np.int16),
        "region_scores": small_bytes(labels.region_scores, _UNIT),
    }


def unpack(packed: Packed) -> PhotoLabels:
    """Undo `pack`, but for the rounding."""
    boxes = packed["boxes"].astype(np.float64) / _BOX
    return PhotoLabels(
        (int(packed["size"][0]), int(packed["size"][1])),
        packed["places"].astype(np.float64) / _PLACE + boxes[:, None, :2],
        packed["scores"].astype(np.float64) / _SCORE,
        np.where(packed["apart"] == _NONE, np.nan, packed["apart"].astype(np.float64) / _APART),
        boxes,
        packed["person_scores"].astype(np.float64) / _UNIT,
        packed["seen"].astype(np.float64) / _UNIT,
        packed["turns"].astype(np.int64),
        packed["regions"].astype(np.float64),
        packed["region_scores"].astype(np.float64) / _UNIT,
    )
