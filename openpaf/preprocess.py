"""Frames to network input, and where each pixel went.

Coordinates, here and everywhere: pixel centres are at integers, so that a frame W px wide spans
-0.5 to W - 0.5. The network sees one cell a `stride` x `stride` block of its input: **cell g is
centred on net px stride * g + (stride - 1) / 2**, which is 8 g + 3.5 at stride 8.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError, shown
from openpaf.optional import cv2

PADDING = 128
"""Grey that fills the net input right of and below the frame."""

MAX_NET_ASPECT = 4
"""Without a fixed net size, the net input is at most this many times wider than `net_height`.

A wider panorama is made smaller until it fits, so that no frame can ask for unbounded time and
memory; to see small people in one, fix a larger `net_size` or cut the panorama up.
"""

MAX_NET_SIDE = 4096
"""Longest side of a net input that can be asked for, px."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a frame lies in the net input: made smaller or larger, at the top left.

    Attributes
    ----------
    frame_size : (width, height)
        Frame px.
    inner_size : (width, height)
        Net px that the frame covers; the rest is padding.
    net_size : (width, height)
        Net px, multiples of the stride.
    halvings : int
        How often the frame is halved before it is resized. The last rows and columns of a frame
        that does not halve evenly, less than one net px, are left out.
    """

    frame_size: tuple[int, int]
    inner_size: tuple[int, int]
    net_size: tuple[int, int]
    halvings: int = 0

    @property
    def covered_size(self) -> tuple[int, int]:
        """(width, height) of the part of the frame that the network sees, frame px."""
        width, height = self.frame_size
        return width >> self.halvings << self.halvings, height >> self.halvings << self.halvings

    @property
    def scale(self) -> NDArray[np.float64]:
        """(2,) net px a frame px, in x and in y; they differ by the rounding of `inner_size`."""
        inner, covered = np.array(self.inner_size, float), np.array(self.covered_size, float)
        scale: NDArray[np.float64] = inner / covered
        return scale

    @property
    def offset(self) -> NDArray[np.float64]:
        """(2,) net px of frame px 0, 0; the outer edges of both pictures coincide."""
        return self.scale / 2 - 0.5

    def of_stored(self, frame_size: tuple[int, int]) -> Placement:
        """Give the placement of the frame, of a (width, height), that was stretched to this one."""
        width, height = frame_size
        covered = np.array(self.covered_size) / self.frame_size * frame_size
        inner = np.round(np.array(self.inner_size) * frame_size / covered)
        return Placement((width, height), (int(inner[0]), int(inner[1])), self.net_size)

    def to_net(self, points_frame: NDArray[Any]) -> NDArray[np.float64]:
        """(..., 2) frame px to net px."""
        points: NDArray[np.float64] = points_frame * self.scale + self.offset
        return points

    def to_frame(self, points_net: NDArray[Any]) -> NDArray[np.float64]:
        """(..., 2) net px to frame px; undoes `to_net`."""
        points: NDArray[np.float64] = (points_net - self.offset) / self.scale
        return points


def stretch(frame: NDArray[np.uint8], pixel_aspect: float) -> NDArray[np.uint8]:
    """Give a frame square pixels: wider or narrower, as high as before.

    Parameters
    ----------
    frame : (H, W, 3) uint8 BGR
    pixel_aspect : float
        Width of its pixels over their height.
    """
    height, width = frame.shape[:2]
    size = (max(round(width * pixel_aspect), 1), height)
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def plain(value: Any) -> Any:
    """Give numpy's whole numbers, alone or in a pair, as Python's; anything else as it is."""
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, (tuple, list)):
        return tuple(plain(one) for one in value)
    return value


def check_net_size(net_height: int, net_size: tuple[int, int] | None, stride: int) -> None:
    """Refuse sizes that no network input can have.

    Raises
    ------
    ConfigError
        When `net_height`, or a side of `net_size`, is no whole number from the stride to
        `MAX_NET_SIDE`, or a side of `net_size` is no multiple of the stride.
    """
    if net_size is None:
        _check_side("net_height", net_height, stride)
        return
    if not isinstance(net_size, (tuple, list)) or len(net_size) != 2:
        raise ConfigError(f"net_size must be (width, height) in px, got {shown(net_size)}")
    for side in net_size:
        _check_side("a side of net_size", side, stride)
    if any(side % stride for side in net_size):
        nearest = tuple(max(round(side / stride), 1) * stride for side in net_size)
        raise ConfigError(
            f"net_size must be multiples of the stride {stride}, got {net_size}; use {nearest}"
        )


def _check_side(name: str, side: int, stride: int) -> None:
    if not isinstance(side, int) or isinstance(side, bool) or not stride <= side <= MAX_NET_SIDE:
        raise ConfigError(
            f"{name} must be a whole number from {stride} to {MAX_NET_SIDE}, got {shown(side)}"
        )


def place(
    frame_size: tuple[int, int],
    *,
    net_height: int = 368,
    net_size: tuple[int, int] | None = None,
    stride: int = 8,
) -> Placement:
    """Choose where a frame goes: aspect kept, top left, net sides multiples of the stride.

    Parameters
    ----------
    frame_size : (width, height)
        Of any frame from 1 x 1 up.
    net_height : int
        Height the frame gets, px; the width follows, up to `MAX_NET_ASPECT` times as much.
    net_size : (width, height), optional
        A fixed size instead, which the frame fills as far as its aspect allows.
    stride : int

    Returns
    -------
    Placement
    """
    width, height = frame_size
    room = (MAX_NET_ASPECT * net_height, net_height) if net_size is None else net_size
    scale = min(room[0] / width, room[1] / height)
    inner_size = (
        min(max(round(width * scale), 1), room[0]),
        min(max(round(height * scale), 1), room[1]),
    )
    if net_size is None:
        inner_width, inner_height = inner_size
        net_size = (
            math.ceil(inner_width / stride) * stride,
            math.ceil(inner_height / stride) * stride,
        )
    halvings = min(math.floor(math.log2(1 / scale)), math.floor(math.log2(min(frame_size))))
    return Placement((width, height), inner_size, net_size, max(halvings, 0))


def fit(frame: NDArray[np.uint8], placement: Placement) -> NDArray[np.uint8]:
    """Make the net input that a placement describes.

    Parameters
    ----------
    frame : (H, W, 3) uint8 BGR
    placement : Placement

    Returns
    -------
    net_frame : (net height, net width, 3) uint8 BGR
        A new array.
    """
    width, height = placement.covered_size
    inner = frame[:height, :width]
    # Averaging 2 x 2 px until less than a halving is left, then bilinear: as free of aliasing as
    # averaging over the exact area, and ten times as fast on large frames.
    for _ in range(placement.halvings):
        width, height = width // 2, height // 2
        inner = np.asarray(
            cv2.resize(inner, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
    net_width, net_height = placement.net_size
    inner_width, inner_height = placement.inner_size
    net_frame = np.full((net_height, net_width, 3), PADDING, np.uint8)
    net_frame[:inner_height, :inner_width] = cv2.resize(
        inner, placement.inner_size, interpolation=cv2.INTER_LINEAR
    )
    return net_frame
