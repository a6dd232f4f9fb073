"""Windows of a frame: where each lies, the pixels in it, and the way back to frame px.

A window may be turned, and mirrored for the other side's hand. The centres of its outermost px lie
on the border of what it shows: window px 0 and W - 1 are `sides` apart in the frame.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpaf.optional import cv2

_SMALLEST = 1.0
_LARGEST = 1e6


@dataclass(frozen=True, eq=False)
class Windows:
    """Where N windows lie in a frame.

    Attributes
    ----------
    centres : (N, 2) float64
        Frame px.
    sides : (N, 2) float64
        Frame px across and down the window.
    angles : (N,) float64
        Radians that each is turned clockwise in the frame; pi / 2 shows upright a body whose feet
        point to the left of the frame.
    mirrored : (N,) bool
    """

    centres: NDArray[np.float64]
    sides: NDArray[np.float64]
    angles: NDArray[np.float64]
    mirrored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.centres)

    def __getitem__(self, rows: slice | NDArray[Any]) -> Windows:
        return Windows(self.centres[rows], self.sides[rows], self.angles[rows], self.mirrored[rows])

    @classmethod
    def around(
        cls,
        boxes: NDArray[Any],
        size: tuple[int, int],
        *,
        factor: float = 1.0,
        angles: ArrayLike = 0.0,
        mirrored: ArrayLike = False,
    ) -> Windows:
        """Windows about boxes, grown to the aspect of the network's input.

        Parameters
        ----------
        boxes : (N, 4) floating point
            x0, y0, x1, y1, frame px.
        size : (width, height)
            Of the network's input, px.
        factor : float
            How much larger than the box, once that has the aspect.
        angles : (N,) float, or one
            See `Windows`.
        mirrored : (N,) bool, or one
        """
        boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
        turns = np.broadcast_to(np.asarray(angles, np.float64), len(boxes))
        extent = boxes[:, 2:] - boxes[:, :2]
        cos, sin = np.abs(np.cos(turns)), np.abs(np.sin(turns))
        across = cos * extent[:, 0] + sin * extent[:, 1]
        down = sin * extent[:, 0] + cos * extent[:, 1]
        aspect = size[0] / size[1]
        height = np.clip(np.maximum(down, across / aspect) * factor, _SMALLEST, _LARGEST)
        return cls(
            (boxes[:, :2] + boxes[:, 2:]) / 2,
            np.stack([height * aspect, height], axis=1),
            turns.copy(),
            np.broadcast_to(np.asarray(mirrored, bool), len(boxes)).copy(),
        )

    @classmethod
    def squares(
        cls,
        centres: NDArray[np.float64],
        sides: NDArray[np.float64],
        angles: NDArray[np.float64],
        mirrored: NDArray[np.bool_],
    ) -> Windows:
        """Windows as wide as high: `sides` (N,) frame px, the others as the attributes."""
        return cls(centres, np.stack([sides, sides], axis=1), angles, mirrored)

    def transforms(self, size: tuple[int, int]) -> NDArray[np.float64]:
        """(N, 2, 3) affine from px of a window of this (width, height) to frame px."""
        cos, sin = np.cos(self.angles), np.sin(self.angles)
        right = np.stack([cos, sin], axis=1) * self.sides[:, :1]
        right = np.where(self.mirrored[:, None], -right, right)
        down = np.stack([-sin, cos], axis=1) * self.sides[:, 1:]
        corner = self.centres - (right + down) / 2
        return np.stack([right / (size[0] - 1), down / (size[1] - 1), corner], axis=2)

    def to_frame(self, points: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
        """(N, K, 2) px of windows of this (width, height) to frame px."""
        affine = self.transforms(size)
        turned: NDArray[np.float64] = np.einsum("nij,nkj->nki", affine[:, :, :2], points)
        return turned + affine[:, None, :, 2]

    def to_window(self, points: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
        """(N, K, 2) frame px to px of windows of this (width, height); undoes `to_frame`."""
        affine = self.transforms(size)
        moved = points - affine[:, None, :, 2]
        back: NDArray[np.float64] = np.einsum(
            "nij,nkj->nki", np.linalg.inv(affine[:, :, :2]), moved
        )
        return back


def cut(frame: NDArray[np.uint8], windows: Windows, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Pixels of windows, black beyond the frame.

    Parameters
    ----------
    frame : (H, W, 3) uint8 BGR
    windows : Windows
    size : (width, height)
        Of each, window px.

    Returns
    -------
    (N, height, width, 3) uint8 BGR
    """
    width, height = size
    out = np.zeros((len(windows), height, width, 3), np.uint8)
    for window, transform in zip(out, windows.transforms(size), strict=True):
        source, transform = _source(frame, transform, size)
        if source.size:
            cv2.warpAffine(
                source, transform, size, dst=window, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            )
    return out


def _source(
    frame: NDArray[np.uint8], transform: NDArray[np.float64], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """The part of a frame that a window shows, and the affine from window px to its px.

    It is halved until less than a halving is left: bilinear warping would skip pixels.
    """
    width, height = size
    corners = np.array([[0, 0, 1], [width, 0, 1], [0, height, 1], [width, height, 1]]) @ transform.T
    scale = float(np.linalg.norm(transform[:, :2], axis=0).max())
    halvings = max(math.floor(math.log2(scale)), 0)
    block = 1 << halvings
    low = np.clip(np.floor(corners.min(axis=0)) - 2, 0, None)
    high = np.clip(np.ceil(corners.max(axis=0)) + 3, 0, (frame.shape[1], frame.shape[0]))
    if (high <= low).any():
        return frame[:0, :0], transform
    (x0, y0), (x1, y1) = low.astype(int), high.astype(int)
    source = frame[y0:y1, x0:x1]
    moved = transform.copy()
    moved[:, 2] -= (x0, y0)
    if halvings:
        reduced = (max(source.shape[1] // block, 1), max(source.shape[0] // block, 1))
        whole = source[: reduced[1] * block, : reduced[0] * block]
        source = np.asarray(cv2.resize(whole, reduced, interpolation=cv2.INTER_AREA), np.uint8)
        moved[:, 2] = moved[:, 2] + 0.5
        moved /= block
        moved[:, 2] -= 0.5
    return source, moved
