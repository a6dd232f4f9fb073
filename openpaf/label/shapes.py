"""Photographs squashed to a square: the shape in which people look most like people."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.label.sightings import FieldFinder
from openpaf.looks import ONE
from openpaf.optional import cv2

_ASPECTS = (4 / 3, 3 / 2, 16 / 9, 3 / 4, 2 / 3)
# Width over height of what counts as a square.
_SQUARE = 1.02
# Shapes differ by chance too: another one must be this much surer.
_MARGIN = 1.05


def surest_shape(frame: NDArray[np.uint8], finder: FieldFinder) -> tuple[int, int]:
    """Shape in which a square photograph's people are surest; any other keeps its own.

    Parameters
    ----------
    frame : (H, W, 3) uint8 BGR
    finder : FieldFinder

    Returns
    -------
    (width, height)
        Of as many px, about.
    """
    height, width = frame.shape[:2]
    if max(width, height) > _SQUARE * min(width, height):
        return width, height
    side = np.sqrt(width * height)
    best, most = (width, height), _MARGIN * _sureness(frame, finder)
    for aspect in _ASPECTS:
        shape = round(side * np.sqrt(aspect)), round(side / np.sqrt(aspect))
        sure = _sureness(stretched(frame, shape), finder)
        if sure > most:
            best, most = shape, sure
    return best


def stretched(frame: NDArray[np.uint8], shape: tuple[int, int]) -> NDArray[np.uint8]:
    """A frame brought to another (width, height)."""
    if shape == (frame.shape[1], frame.shape[0]):
        return frame
    return np.asarray(cv2.resize(frame, shape, interpolation=cv2.INTER_LINEAR), np.uint8)


def _sureness(frame: NDArray[np.uint8], finder: FieldFinder) -> float:
    poses = finder.poses(frame, ONE)
    return float((poses.scores.sum(axis=1) * poses.person_scores).sum())
