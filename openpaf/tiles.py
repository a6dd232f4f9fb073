"""Tiny people in large frames: overlapping tiles at full resolution, looked at beside the whole.

Each tile is decoded by itself, so that memory does not grow with the frame. Somebody whom two of
them show is told by OKS and kept once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from openpaf.looks import placed
from openpaf.poses import Poses
from openpaf.preprocess import MAX_NET_SIDE, Placement

_ASPECT = 16 / 9
# Of a tile's side: people up to as large are whole in some tile.
_OVERLAP = 0.25
# Chosen on sheets of COCO train: 0.5 leaves a fifth more people whom nobody labelled, 0.2 begins to
# take neighbours for one.
_SAME = 0.3

Look = Callable[[NDArray[np.uint8], Callable[[float], Placement]], Poses]
"""Finds everyone in a piece of a frame, given its placement at a scale; in px of the piece."""


@dataclass(frozen=True)
class Tiles:
    """How frames are cut up.

    Attributes
    ----------
    size : (width, height)
        Of a tile, frame px and net px.
    stride : int
    fixed : bool
        The network takes this size only.
    """

    size: tuple[int, int]
    stride: int
    fixed: bool = False

    @classmethod
    def of(cls, net_height: int, net_size: tuple[int, int] | None, stride: int) -> Tiles:
        """Tiles for a network input: twice as large, since overlaps cost less on large tiles."""
        if net_size is None:
            wide = stride * math.ceil(2 * net_height * _ASPECT / stride)
            net_size = (wide // 2, net_height)
        width, height = (
            min(stride * math.ceil(2 * side / stride), MAX_NET_SIDE) for side in net_size
        )
        return cls((width, height), stride)

    def corners(self, frame_size: tuple[int, int]) -> list[tuple[int, int]]:
        """Top left corners of the tiles of a (width, height), frame px, row by row."""
        columns, rows = (
            _starts(side, tile) for side, tile in zip(frame_size, self.size, strict=True)
        )
        return [(x, y) for y in rows for x in columns]

    def look(
        self,
        frame: NDArray[np.uint8],
        whole: Poses,
        first: Placement,
        look: Look,
    ) -> Poses:
        """People of the whole frame and of its tiles, everyone once.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR
        whole : Poses
            Frame px; what the look at the whole frame found.
        first : Placement
            Of the whole frame in that look: one at full resolution needs no tiles.
        look : callable
        """
        if min(first.scale) >= 1:
            return whole
        height, width = frame.shape[:2]
        found = [whole]
        for x, y in self.corners((width, height)):
            piece = np.ascontiguousarray(
                frame[y : y + self.size[1], x : x + self.size[0]], np.uint8
            )
            people = look(piece, partial(self._place, piece.shape[1], piece.shape[0]))
            moved = people.keypoints + np.array((x, y), np.float32)
            found.append(replace(people, keypoints=moved))
        return joined(found)

    def _place(self, width: int, height: int, scale: float) -> Placement:
        size = self.size if self.fixed else None
        return placed((width, height), scale, height, size, self.stride)


def _starts(side: int, tile: int) -> list[int]:
    """Where tiles begin along a side: evenly, from one end to the other, the last within it."""
    if side <= tile:
        return [0]
    count = math.ceil((side - _OVERLAP * tile) / (tile * (1 - _OVERLAP)))
    return [round(n * (side - tile) / (count - 1)) for n in range(count)]


def joined(looks: Sequence[Poses]) -> Poses:
    """Everyone that several looks at one frame found, each once, the surest first.

    Of two looks at somebody the one of the higher score is kept, and gets the parts that only the
    other has. Two people of one look are two people, however near.

    Parameters
    ----------
    looks : sequence of Poses
        Of one skeleton, frame px; the first gives the result its frame size and timings.
    """
    look_of = np.repeat(np.arange(len(looks)), [len(poses) for poses in looks])
    keypoints = np.concatenate([poses.keypoints for poses in looks])
    scores = np.concatenate([poses.scores for poses in looks])
    person_scores = np.concatenate([poses.person_scores for poses in looks])
    areas = np.concatenate([_areas(poses) for poses in looks])
    sigmas = np.array(looks[0].skeleton.sigmas)
    kept: list[int] = []
    for n in np.argsort(-person_scores, kind="stable"):
        others = np.array([m for m in kept if look_of[m] != look_of[n]], int)
        both = (scores[others] > 0) & (scores[n] > 0)
        apart = ((keypoints[others] - keypoints[n]) ** 2).sum(axis=2)
        area = np.maximum(areas[others], areas[n])[:, None]
        alike = np.where(both, np.exp(-np.nan_to_num(apart) / (8 * sigmas**2 * area)), 0)
        oks = alike.sum(axis=1) / np.maximum(both.sum(axis=1), 1)
        if not len(others) or oks.max() < _SAME:
            kept.append(int(n))
            continue
        same = others[oks.argmax()]
        missing = (scores[same] == 0) & (scores[n] > 0)
        keypoints[same, missing] = keypoints[n, missing]
        scores[same, missing] = scores[n, missing]
    return replace(
        looks[0],
        keypoints=keypoints[kept],
        scores=scores[kept],
        person_scores=person_scores[kept],
    )


def _areas(poses: Poses) -> NDArray[np.float32]:
    """(N,) px^2 of people: of the boxes around them, unless they are all but lines."""
    boxes = poses.boxes
    sides = boxes[:, 2:] - boxes[:, :2]
    longest = sides.max(axis=1, initial=0)
    areas: NDArray[np.float32] = np.maximum(sides.prod(axis=1), longest**2 / 4).clip(min=1)
    return areas
