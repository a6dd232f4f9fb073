"""The people being followed, as one array a property and one row a person."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

UNCONFIRMED = -1
"""Id of a newcomer who has not been seen often enough."""


@dataclass
class Tracks:
    """T people of K parts and G left-right groups; px and seconds."""

    id: NDArray[np.int64]  # (T,), -1 until confirmed
    hits: NDArray[np.int64]  # (T,) frames seen in
    seen: NDArray[np.float64]  # (T,)
    scale: NDArray[np.float32]  # (T,) half the body's diagonal
    pace: NDArray[np.float32]  # (T, 2) px/s, of the body as a whole
    position: NDArray[np.float32]  # (T, K, 2)
    velocity: NDArray[np.float32]  # (T, K, 2) px/s
    part_seen: NDArray[np.float64]  # (T, K)
    exchanged_since: NDArray[np.float64]  # (T, G), infinite while left and right are as expected

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
