"""What hides and recolours a training picture without moving anything in it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray


def occlude(rng: np.random.Generator, frame: NDArray[np.uint8]) -> None:
    """Lay one or two boxes of one colour over a picture, in place."""
    side = min(frame.shape[:2])
    for _ in range(rng.integers(1, 3)):
        width, height = rng.integers(side // 16, side // 4, 2)
        x = rng.integers(0, frame.shape[1] - width)
        y = rng.integers(0, frame.shape[0] - height)
        frame[y : y + height, x : x + width] = rng.integers(0, 256, 3)


def recolour(rng: np.random.Generator, frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Change brightness, contrast and colour balance, sometimes drop colour or sharpness."""
    gain = rng.uniform(0.7, 1.3) * rng.uniform(0.92, 1.08, 3)
    shift = rng.uniform(-24, 24)
    table = np.clip(np.arange(256)[:, None] * gain + shift, 0, 255).astype(np.uint8)
    frame = np.asarray(cv2.LUT(frame, table.reshape(1, 256, 3)), np.uint8)
    if rng.random() < 0.08:
        frame = np.repeat(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.1:
        frame = np.asarray(cv2.GaussianBlur(frame, (3, 3), 0), np.uint8)
    return frame
