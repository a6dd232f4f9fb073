"""Boxes (..., 4): x0, y0, x1, y1 in px; which are of one person, and which cover which."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def areas(boxes: Floats) -> Floats:
    """(N,) px^2."""
    result: Floats = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=1)
    return result


def iou(a: Floats, b: Floats) -> Floats:
    """(N, M) intersection over union of N boxes with M."""
    common = _common(a, b)
    union = areas(a)[:, None] + areas(b)[None] - common
    result: Floats = common / np.maximum(union, 1e-9)
    return result


def covered(a: Floats, b: Floats) -> Floats:
    """(N, M) share of each of N boxes that lies within each of M."""
    result: Floats = _common(a, b) / np.maximum(areas(a), 1e-9)[:, None]
    return result


def clipped(boxes: Floats, size: tuple[int, int]) -> Floats:
    """Boxes cut at the border of a frame of (width, height)."""
    limit = np.array([size[0], size[1]] * 2, np.float64) - 0.5
    result: Floats = np.clip(boxes, -0.5, limit)
    return result


def best(alike: Floats, scores: Floats, threshold: float) -> NDArray[np.int64]:
    """Non-maximum suppression: places that no better one is like by more than `threshold`.

    Parameters
    ----------
    alike : (N, N) float64
        How like each is to each: IoU of boxes, OKS of people.
    scores : (N,) float64

    Returns
    -------
    (M,) int64
        Best first.
    """
    kept: list[int] = []
    for place in np.argsort(-scores, kind="stable"):
        if not (alike[place, kept] > threshold).any():
            kept.append(int(place))
    return np.array(kept, np.int64)


def _common(a: Floats, b: Floats) -> Floats:
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    result: Floats = np.clip(high - low, 0, None).prod(axis=2)
    return result
