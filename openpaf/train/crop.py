"""Augmented square crops: scale, rotation, shift, flip, colour, mosaics, pasted people, boxes.

Every crop is a pure function of the recipe's seed and the crop's number, so a resumed run sees the
crops it would have seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from openpaf.skeleton import Skeleton
from openpaf.train.config import TrainConfig
from openpaf.train.data import Picture
from openpaf.train.disturb import occlude, recolour

_GREY = (128, 128, 128)
_MOST_ENLARGED = 3.0


@dataclass(eq=False)
class Crop:
    """A training example before its targets are rendered; all coordinates in crop px.

    Attributes
    ----------
    frame : (S, S, 3) uint8 BGR
    points : (P, K, 3) float32
        x, y, visibility.
    boxes : (P, 4) float32
        x1, y1, x2, y2.
    known : (P, K) bool
        Parts whose label, or absence, is to be believed inside the person's box.
    ignored : (M, 4) float32
        Boxes of people without keypoints.
    """

    frame: NDArray[np.uint8]
    points: NDArray[np.float32]
    boxes: NDArray[np.float32]
    known: NDArray[np.bool_]
    ignored: NDArray[np.float32]


class Cropper:
    """Draws augmented crops from pictures.

    Parameters
    ----------
    pictures : list of Picture
    shares : (len(pictures),) float64
        Probability of each picture.
    config : TrainConfig
    skeleton : Skeleton
    """

    def __init__(
        self,
        pictures: list[Picture],
        shares: NDArray[np.float64],
        config: TrainConfig,
        skeleton: Skeleton,
    ) -> None:
        self.pictures = pictures
        self.cumulative = np.cumsum(shares)
        self.config = config
        self.flip = list(skeleton.flip)

    def crop(self, number: int) -> Crop:
        """The crop with this number."""
        rng = np.random.default_rng([self.config.seed, number])
        config = self.config
        if rng.random() < config.mosaic:
            crop = self._mosaic(rng)
        else:
            crop = self._single(rng, config.crop, config.person_size)
            if rng.random() < config.cut_paste:
                self._paste(rng, crop)
        if rng.random() < config.occlusion:
            occlude(rng, crop.frame)
        crop.frame = recolour(rng, crop.frame)
        return crop

    def _draw(self, rng: np.random.Generator) -> Picture:
        place = int(np.searchsorted(self.cumulative, rng.random() * self.cumulative[-1]))
        return self.pictures[min(place, len(self.pictures) - 1)]

    def _single(
        self, rng: np.random.Generator, side: int, person_size: tuple[float, float]
    ) -> Crop:
        picture = self._draw(rng)
        frame = picture.decode()
        chosen = picture.boxes[rng.integers(len(picture.boxes))]
        extent = max(chosen[2] - chosen[0], chosen[3] - chosen[1], 4.0)
        low, high = np.log(person_size)
        scale = side * np.exp(rng.uniform(low, high)) / extent
        longest = max(frame.shape[:2])
        # Neither blurred beyond use nor lost in grey: small people come from wide pictures.
        scale = min(max(scale, 0.9 * side / longest), max(_MOST_ENLARGED, side / longest))
        angle = float(np.clip(rng.normal(0, self.config.rotation / 2), -90, 90))
        flip = bool(rng.random() < 0.5)
        centre = (chosen[:2] + chosen[2:]) / 2
        # Shift at will, but rather towards where the picture goes on than into the grey.
        room = np.array([frame.shape[1], frame.shape[0]]) * scale
        aim = side / 2 + rng.uniform(-0.25, 0.25, 2) * side
        if abs(angle) < 30:
            place = centre * scale
            place[0] = room[0] - place[0] if flip else place[0]
            low, high = (
                np.minimum(place, side - room + place),
                np.maximum(place, side - room + place),
            )
            aim = np.clip(aim, low, high)
        if scale < 0.5:
            # Bilinear warping skips pixels below half size; shrink by areas first.
            shrink = scale
            height, width = frame.shape[:2]
            size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
            frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
            matrix = _affine(centre * shrink, 1.0, angle, flip, aim)
            whole = matrix.copy()
            whole[:, :2] *= shrink
        else:
            matrix = whole = _affine(centre, scale, angle, flip, aim)
        warped = cv2.warpAffine(
            frame, matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=_GREY
        )
        return self._labels(picture, np.asarray(warped, np.uint8), whole, side, flip)

    def _labels(
        self,
        picture: Picture,
        frame: NDArray[np.uint8],
        matrix: NDArray[np.float64],
        side: int,
        flip: bool,
    ) -> Crop:
        points = picture.keypoints.copy()
        points[..., :2] = points[..., :2] @ matrix[:, :2].T + matrix[:, 2]
        known = np.broadcast_to(picture.labelled, points.shape[:2])
        taught = picture.trusted or self.config.labels_of_models or not self.config.teacher
        if not picture.trusted:
            # Models say where parts are, not that there are none.
            known = known & (points[..., 2] > 0) & taught
        if flip:
            points, known = points[:, self.flip], known[:, self.flip]
        outside = (points[..., :2] < 0).any(-1) | (points[..., :2] > side - 1).any(-1)
        points[outside] = 0
        if not taught:
            points[:] = 0
        boxes = _warp_boxes(picture.boxes, matrix)
        seen = _overlaps(boxes, side)
        return Crop(
            frame,
            points[seen],
            boxes[seen],
            known[seen].copy(),
            _warp_boxes(picture.ignored, matrix),
        )

    def _mosaic(self, rng: np.random.Generator) -> Crop:
        """Four crops of half the side: small people, many, cut off at odd places."""
        side = self.config.crop
        half = side // 2
        low, high = self.config.person_size
        parts = []
        frame = np.empty((side, side, 3), np.uint8)
        for row in (0, half):
            for column in (0, half):
                part = self._single(rng, half, (2 * low, high))
                frame[row : row + half, column : column + half] = part.frame
                part.points[..., :2] += np.where(part.points[..., 2:] > 0, (column, row), 0)
                for boxes in (part.boxes, part.ignored):
                    np.clip(boxes, 0, half, out=boxes)
                    boxes += (column, row, column, row)
                parts.append(part)
        return Crop(
            frame,
            np.concatenate([p.points for p in parts]),
            np.concatenate([p.boxes for p in parts]),
            np.concatenate([p.known for p in parts]),
            np.concatenate([p.ignored for p in parts]),
        )

    def _paste(self, rng: np.random.Generator, crop: Crop) -> None:
        """Lay the box of a person of another picture over this crop: a crowd with occlusion."""
        side = self.config.crop
        other = self._single(rng, side, (self.config.person_size[0], 0.6))
        if not len(other.boxes):
            return
        x1, y1, x2, y2 = np.clip(other.boxes[rng.integers(len(other.boxes))], 0, side).astype(int)
        if x2 - x1 < 8 or y2 - y1 < 8:
            return
        crop.frame = crop.frame.copy()
        crop.frame[y1:y2, x1:x2] = other.frame[y1:y2, x1:x2]
        hidden = _inside(crop.points, (x1, y1, x2, y2))
        crop.points[hidden] = 0
        other.points[~_inside(other.points, (x1, y1, x2, y2))] = 0
        low, high = other.boxes[:, :2], other.boxes[:, 2:]
        shown = ((low < (x2, y2)) & (high > (x1, y1))).all(axis=1)
        crop.points = np.concatenate([crop.points, other.points[shown]])
        crop.known = np.concatenate([crop.known, other.known[shown]])
        boxes = np.clip(other.boxes[shown], (x1, y1, x1, y1), (x2, y2, x2, y2))
        crop.boxes = np.concatenate([crop.boxes, boxes.astype(np.float32)])


def _affine(
    centre: NDArray[np.float32],
    scale: float,
    angle: float,
    flip: bool,
    aim: NDArray[np.float64],
) -> NDArray[np.float64]:
    """(2, 3) matrix that mirrors, rotates and scales about `centre` and lands it on `aim`."""
    cos, sin = scale * np.cos(np.radians(angle)), scale * np.sin(np.radians(angle))
    linear = np.array([[cos, -sin], [sin, cos]])
    if flip:
        linear[:, 0] *= -1
    return np.concatenate([linear, (aim - linear @ centre)[:, None]], axis=1)


def _warp_boxes(boxes: NDArray[np.float32], matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """Boxes around the warped corners of boxes, (N, 4)."""
    corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2).astype(np.float64)
    corners = corners @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)


def _overlaps(boxes: NDArray[np.float32], side: int) -> NDArray[np.bool_]:
    return np.asarray((boxes[:, 2:] > 0).all(axis=1) & (boxes[:, :2] < side).all(axis=1))


def _inside(points: NDArray[np.float32], box: tuple[int, int, int, int]) -> NDArray[np.bool_]:
    low, high = np.array(box[:2]), np.array(box[2:])
    return np.asarray(
        (points[..., :2] >= low).all(-1) & (points[..., :2] < high).all(-1) & (points[..., 2] > 0)
    )
