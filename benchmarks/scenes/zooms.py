"""A video made of photographs: a camera goes near each, slowly; whoever is in it is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.frame import to_frame
from openpaf.optional import cv2
from openpaf.preprocess import PADDING

SIZE = (1280, 720)
"""(width, height) of a frame, px."""

# Height of the photograph over that of the frame: far away, then so near that people fill it.
_FAR, _NEAR = 0.35, 2.5
_LEAST_PARTS = 3


def zooms(
    images: Sequence[AnnotatedImage], frames: int, size: tuple[int, int] = SIZE
) -> Iterator[tuple[NDArray[np.uint8], AnnotatedImage]]:
    """Frames, and their labels in frame px; towards the largest person of each photograph.

    Parameters
    ----------
    images : photographs with somebody labelled
    frames : int
        Of each photograph.
    size : (width, height)
    """
    for n, image in enumerate(images):
        photograph = to_frame(image.path)
        x, y, width, height = image.boxes[int(np.where(image.ignored, 0, image.areas).argmax())]
        centre = np.array(image.size) / 2
        for m, share in enumerate(np.linspace(0, 1, frames)):
            scale = _FAR * (_NEAR / _FAR) ** share * size[1] / image.size[1]
            middle = (1 - share) * centre + share * np.array((x + width / 2, y + height / 2))
            shift = np.array(size) / 2 - scale * middle
            matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
            frame = cv2.warpAffine(
                photograph, matrix, size, flags=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
                borderValue=(PADDING,) * 3,
            )  # fmt: skip
            labels = _seen(image, scale, shift, size)
            yield np.asarray(frame, np.uint8), replace(labels, image_id=n * frames + m)


def _seen(
    image: AnnotatedImage, scale: float, shift: NDArray[np.float64], size: tuple[int, int]
) -> AnnotatedImage:
    """Labels as the camera sees them; people of whom too little is left are ignored."""
    keypoints = image.keypoints * scale + shift
    labelled = image.labelled & ((keypoints >= 0) & (keypoints < size)).all(axis=2)
    boxes = np.concatenate([image.boxes[:, :2] * scale + shift, image.boxes[:, 2:] * scale], axis=1)
    return replace(
        image,
        size=size,
        keypoints=keypoints,
        labelled=labelled,
        areas=image.areas * scale**2,
        boxes=boxes,
        ignored=image.ignored | (labelled.sum(axis=1) < _LEAST_PARTS),
    )
