"""Undo a sudden exchange of left and right, but believe one that lasts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.skeleton import Skeleton
from openpaf.track.tracks import Tracks
from openpaf_kernels.track import exchanges

_GROUPS = (
    ("eye", "ear"),
    ("shoulder", "elbow", "wrist"),
    ("hip", "knee", "ankle", "big_toe", "small_toe", "heel"),
)
GROUPS = len(_GROUPS)
"""How many groups of parts networks exchange together: heads, arms, legs."""


class SwapGuard:
    """Keep left and right of one skeleton apart.

    Parameters
    ----------
    skeleton : Skeleton
    patience : float
        Seconds after which an exchange is believed: the person has turned around.
    """

    def __init__(self, skeleton: Skeleton, patience: float) -> None:
        self.patience = patience
        pairs = np.array(skeleton.pairs, np.intp).reshape(-1, 2)
        self._left, self._right = pairs.T.copy()
        names = [skeleton.parts[left].removeprefix("left_") for left in self._left]
        self._group = np.array(
            [next(g for g, group in enumerate(_GROUPS) if name in group) for name in names], np.intp
        )
        self._straight = np.arange(len(skeleton.parts))

    def order(
        self,
        tracks: Tracks,
        rows: NDArray[np.intp],
        expected: NDArray[np.float32],
        known: NDArray[np.bool_],
        keypoints: NDArray[np.float32],
        found: NDArray[np.bool_],
        time: float,
    ) -> NDArray[np.intp] | None:
        """Give the part that belongs in each place, (M, K); None when all are in place.

        Notes in `tracks` since when groups have been exchanged, and starts the parts of an
        exchange that is believed anew.
        """
        exchange = np.empty((len(rows), GROUPS), bool)
        exchanges(
            expected, known, tracks.scale[rows], keypoints, found,
            self._left, self._right, self._group, exchange,
        )  # fmt: skip
        since = np.where(exchange, np.minimum(tracks.exchanged_since[rows], time), np.inf)
        if not exchange.any():
            tracks.exchanged_since[rows] = since
            return None
        believed = time - since > self.patience
        tracks.exchanged_since[rows] = np.where(believed, np.inf, since)
        person, pair = np.nonzero(believed[:, self._group])
        for side in (self._left, self._right):
            tracks.part_seen[rows[person], side[pair]] = -np.inf
        order = np.tile(self._straight, (len(rows), 1))
        person, pair = np.nonzero((exchange & ~believed)[:, self._group])
        order[person, self._left[pair]] = self._right[pair]
        order[person, self._right[pair]] = self._left[pair]
        return order
