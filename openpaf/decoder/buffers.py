"""What the decoder's kernels write to, made once and used for every frame of a thread."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder.body import body_geometry
from openpaf.decoder.config import DecoderConfig
from openpaf.decoder.kernels import plain
from openpaf.skeleton import Skeleton

# Joins of fragments that are weighed in one frame; more only come from noise.
_MOST_JOINS = 512


class RowBuffers(NamedTuple):
    flags: NDArray[np.uint8]
    words: NDArray[np.uint64]
    beyond: NDArray[np.float32]


def _row_buffers(width: int) -> RowBuffers:
    words = np.zeros((width + 7) // 8, np.uint64)
    return RowBuffers(words.view(np.uint8), words, np.empty(width, np.float32))


class Buffers:
    """Everything the kernels write to and need to know; one set a thread and skeleton."""

    def __init__(self, skeleton: Skeleton, config: DecoderConfig) -> None:
        limb_tables, sums = plain().limbs, plain().people.SUMS
        room = config.max_candidates
        parts, limbs = len(skeleton.parts), len(skeleton.limbs)
        people = parts * room // 2 + 1
        self.skeleton = skeleton
        self.limbs = np.array(skeleton.limbs, np.int32).reshape(-1, 2)
        self.geometry = body_geometry(skeleton)
        if not config.join_fragments:
            self.geometry = self.geometry.without_bridges()
        self.row = _row_buffers(0)
        self.candidates = (np.zeros((3, parts, room), np.float32), np.zeros(parts, np.int32))
        self.pairs = (
            np.empty((2, limb_tables.END_ROWS, room), np.float32),
            np.empty((limb_tables.INT_ROWS, room), np.int32),
            np.empty((2, room * limb_tables.PAIRS_A_START), np.int32),
            np.empty(room * limb_tables.PAIRS_A_START, np.float32),
        )
        self.connections = (
            np.empty((2, limbs, room), np.int32),
            np.empty((limbs, room), np.float32),
            np.empty(limbs, np.int32),
        )
        self.members = np.empty((people, parts), np.int32)
        self.people = (
            np.empty((people, sums), np.float32),
            np.empty(people, np.int32),
            np.empty(people, np.int64),
            np.empty((2, _MOST_JOINS), np.int32),
            np.empty(_MOST_JOINS, np.float32),
        )
        self.owner = np.empty((parts, room), np.int32)
        self.ranked = (np.empty(people, np.int32), np.empty(people, np.float32))
        self.boxes = np.empty((people, 4), np.float32)

    def for_row(self, width: int) -> RowBuffers:
        if len(self.row.beyond) != width:
            self.row = _row_buffers(width)
        return self.row
