"""What says where people are: detectors, a network of fields, boxes somebody drew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets.labels import SKELETON
from openpaf.decoder import Decoder
from openpaf.decoder.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.looks import Look
from openpaf.poses import Poses
from openpaf.topdown import Detector
from openpaf.topdown import boxes as box

Floats = NDArray[np.float64]

# What a box around parts lacks of a box around the person, as shares of its longer side.
_SIDES, _TOP, _BOTTOM = 0.08, 0.10, 0.06
_LEAST_PARTS = 2
_SAME_PLACE = 0.6


@dataclass(frozen=True, eq=False)
class Sightings:
    """People that one finder sees in one frame, best first.

    Attributes
    ----------
    boxes : (N, 4) float64
    scores : (N,) float64
    keypoints : (N, 17, 2) float64
        NaN where the finder has no such part; all of them for a finder of boxes.
    part_scores : (N, 17) float64
        0 where it has no such part.
    """

    boxes: Floats
    scores: Floats
    keypoints: Floats
    part_scores: Floats

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def of_boxes(cls, boxes: Floats, scores: Floats) -> Sightings:
        """Sightings without parts."""
        parts = (len(boxes), len(SKELETON.parts))
        return cls(boxes, scores, np.full((*parts, 2), np.nan), np.zeros(parts))


class Finder(Protocol):
    """Anything that sees people in a frame."""

    def find(self, frame: NDArray[np.uint8]) -> Sightings:
        """Everyone in an (H, W, 3) uint8 BGR frame, doubtful ones too."""


class BoxFinder:
    """A person detector as a finder."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    def find(self, frame: NDArray[np.uint8]) -> Sightings:
        """See `Finder.find`."""
        return Sightings.of_boxes(*self._detector.find(frame))


class FieldFinder:
    """A network of fields at several sizes, decoded loosely.

    Parameters
    ----------
    engine : Engine
        Its `looks` are the sizes.
    max_enlargement : float
        Sizes that would make the frame larger by more are left out, but for the smallest.
    """

    def __init__(self, engine: Engine, max_enlargement: float) -> None:
        self._engine, self._max_enlargement = engine, max_enlargement
        config = DecoderConfig(min_score=0.05)
        if not engine.card.calibration.person:
            config = DecoderConfig(min_score=0.05, peak_threshold=0.04, paf_threshold=0.03)
        self._decoder = Decoder(config, engine.card.calibration)

    def find(self, frame: NDArray[np.uint8]) -> Sightings:
        """See `Finder.find`."""
        largest = self._max_enlargement * frame.shape[0] / self._engine.net_height
        looks = self._engine.looks
        smallest = looks[-1].scale
        poses = self.poses(frame, [look for look in looks if look.scale <= max(largest, smallest)])
        keypoints, scores = poses.skeleton.convert(poses.keypoints, poses.scores, SKELETON)
        judged = (scores > 0).sum(axis=1) >= _LEAST_PARTS
        parts = np.where(scores[judged, :, None] > 0, keypoints[judged], np.nan).astype(np.float64)
        return Sightings(
            box.clipped(around(parts), (frame.shape[1], frame.shape[0])),
            poses.person_scores[judged].astype(np.float64),
            parts,
            scores[judged].astype(np.float64),
        )

    def poses(self, frame: NDArray[np.uint8], looks: Sequence[Look]) -> Poses:
        """Everyone that some looks see, frame px, in the network's own skeleton."""
        prepared = self._engine.prepare(frame, looks=looks)
        (fields,) = self._engine.predict([prepared])
        return self._engine.decode(fields, prepared.placement, decoder=self._decoder)


def around(keypoints: Floats) -> Floats:
    """(N, 4) boxes of people about their parts, (N, K, 2), NaN where missing."""
    if not len(keypoints):
        return np.empty((0, 4))
    low, high = np.nanmin(keypoints, axis=1), np.nanmax(keypoints, axis=1)
    reach = (high - low).max(axis=1, keepdims=True)
    return np.concatenate([low - reach * [_SIDES, _TOP], high + reach * [_SIDES, _BOTTOM]], axis=1)


def turned_back(found: Sightings, turn: int, size: tuple[int, int]) -> Sightings:
    """Sightings in a frame turned clockwise by quarter turns, in the frame of (width, height)."""
    if turn == 0:
        return found
    width, height = size

    def back(points: Floats) -> Floats:
        x, y = points[..., 0], points[..., 1]
        if turn == 1:
            x, y = y, height - 1 - x
        elif turn == 2:
            x, y = width - 1 - x, height - 1 - y
        else:
            x, y = width - 1 - y, x
        return np.stack([x, y], axis=-1)

    corners = back(found.boxes.reshape(-1, 2, 2))
    boxes = np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)
    return Sightings(boxes, found.scores, back(found.keypoints), found.part_scores)


def surest(looks: Sequence[Sightings]) -> Sightings:
    """What a finder sees in several turns; of boxes at one place the surest."""
    if len(looks) == 1:
        return looks[0]
    boxes = np.concatenate([look.boxes for look in looks])
    scores = np.concatenate([look.scores for look in looks])
    kept = box.best(box.iou(boxes, boxes), scores, _SAME_PLACE)
    return Sightings(
        boxes[kept],
        scores[kept],
        np.concatenate([look.keypoints for look in looks])[kept],
        np.concatenate([look.part_scores for look in looks])[kept],
    )
