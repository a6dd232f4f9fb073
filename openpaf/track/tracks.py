"""The people being followed, as one array a property and one row a person."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

UNCONFIRMED = -1
"""Id of a newcomer who has not been seen often enough."""

# Seconds over which a person out of sight is thought to slow down.
_GLIDE = 2.0
# Seconds for which a part that was not found still counts.
_PART_MEMORY = 0.75


@dataclass
class Tracks:
    """T people of K parts and G left-right groups."""

    id: NDArray[np.int64]  # (T,), -1 until confirmed
    hits: NDArray[np.int64]  # (T,) frames seen in
    seen: NDArray[np.float64]  # (T,) s
    scale: NDArray[np.float32]  # (T,) px
    pace: NDArray[np.float32]  # (T, 2) px/s, of the body as a whole
    position: NDArray[np.float32]  # (T, K, 2) px
    velocity: NDArray[np.float32]  # (T, K, 2) px/s
    part_seen: NDArray[np.float64]  # (T, K) s
    exchanged_since: NDArray[np.float64]  # (T, G) s, infinite while left and right are as expected

    @classmethod
    def new(cls, count: int, parts: int, groups: int) -> Tracks:
        """Rows for people seen once, at time 0, nowhere in particular."""
        return cls(
            id=np.full(count, UNCONFIRMED, np.int64),
            hits=np.ones(count, np.int64),
            seen=np.zeros(count),
            scale=np.ones(count, np.float32),
            pace=np.zeros((count, 2), np.float32),
            position=np.zeros((count, parts, 2), np.float32),
            velocity=np.zeros((count, parts, 2), np.float32),
            part_seen=np.full((count, parts), -np.inf),
            exchanged_since=np.full((count, groups), np.inf),
        )

    def __len__(self) -> int:
        return len(self.id)

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Drop all other rows."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name)[rows])

    def add(self, other: Tracks) -> None:
        """Append the rows of another."""
        for field in fields(self):
            both = (getattr(self, field.name), getattr(other, field.name))
            setattr(self, field.name, np.concatenate(both))

    def known(self) -> NDArray[np.bool_]:
        """(T, K), parts whose place can still be told from the rest of the body."""
        known: NDArray[np.bool_] = self.seen[:, None] - self.part_seen <= _PART_MEMORY
        return known

    def shift(self, time: float, frame_size: tuple[int, int] | None) -> NDArray[np.float32]:
        """How far each body should have moved since it was seen, (T, 2) px."""
        elapsed = (time - self.seen).astype(np.float32)
        shift = self.pace * (_GLIDE * -np.expm1(-elapsed / _GLIDE))[:, None]
        if frame_size is not None:
            # Whoever walks out of the frame is expected back where they left it.
            known = self.known()[..., None]
            centre = (self.position * known).sum(1) / np.maximum(known.sum(1), 1)
            low, high = np.minimum(centre, 0), np.maximum(centre, np.array(frame_size, np.float32))
            shift = np.clip(centre + shift, low, high) - centre
        moved: NDArray[np.float32] = shift.astype(np.float32, copy=False)
        return moved
