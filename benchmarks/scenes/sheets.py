"""Large pictures made of photographs side by side: whoever is in them is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.frame import to_frame
from openpaf.preprocess import PADDING

SHEET = (3840, 2160)
"""(width, height) of a sheet, px."""


@dataclass(frozen=True, eq=False)
class Sheet:
    """A picture of photographs, each at its own size.

    frame : (H, W, 3) uint8 BGR
    photographs : the pictures in it, with their labels where they lie in the frame.
    corners : (n, 2) int, where the top left corner of each lies, px.
    """

    frame: NDArray[np.uint8]
    photographs: tuple[AnnotatedImage, ...]
    corners: NDArray[np.int64]


def sheets(images: Sequence[AnnotatedImage], size: tuple[int, int] = SHEET) -> Iterator[Sheet]:
    """Lay photographs in rows, highest first, as many as fit; the last sheet may have room left."""
    left = sorted(images, key=lambda image: (-image.size[1], image.image_id))
    while left:
        placed = _corners([image.size for image in left], size)
        if not placed:
            raise ValueError(f"{left[0].path} is larger than {size[0]}x{size[1]}")
        frame = np.full((size[1], size[0], 3), PADDING, np.uint8)
        for n, (x, y) in placed.items():
            width, height = left[n].size
            frame[y : y + height, x : x + width] = to_frame(left[n].path)
        moved = tuple(_moved(left[n], corner) for n, corner in placed.items())
        yield Sheet(frame, moved, np.array(list(placed.values())))
        left = [image for n, image in enumerate(left) if n not in placed]


def _corners(sizes: Sequence[tuple[int, int]], room: tuple[int, int]) -> dict[int, tuple[int, int]]:
    """Corners of those that fit, in rows as high as the first of each."""
    corners: dict[int, tuple[int, int]] = {}
    top = 0
    while True:
        x = row_height = 0
        for n, (width, height) in enumerate(sizes):
            if n in corners or x + width > room[0] or top + (row_height or height) > room[1]:
                continue
            if row_height and height > row_height:
                continue
            row_height = row_height or height
            corners[n] = (x, top)
            x += width
        if not row_height:
            return corners
        top += row_height


def _moved(image: AnnotatedImage, corner: tuple[int, int]) -> AnnotatedImage:
    boxes = image.boxes.copy()
    boxes[:, :2] += corner
    return replace(image, keypoints=image.keypoints + np.array(corner, float), boxes=boxes)
