"""What a source of frames is, whatever it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Shot:
    """A frame as it comes from a source.

    Attributes
    ----------
    frame : (H, W, 3) uint8 BGR
    index : int
        Place in the source, from 0.
    time : float
        Seconds since the first frame.
    arrived : float
        `time.perf_counter()` when it was there.
    name : str or None
        What the source calls it.
    image_id : int or None
        A picture's number, for COCO results.
    """

    frame: NDArray[np.uint8]
    index: int
    time: float
    arrived: float
    name: str | None = None
    image_id: int | None = None


class Source(Protocol):
    """Gives frames one after the other; `read` is called by one thread, `close` by any.

    Attributes
    ----------
    live : bool
        Frames come when they come, and only the newest is worth looking at.
    frame_rate : float or None
        Frames a second, where the source knows it.
    frame_count : int or None
    damaged, reconnects : int
        Frames left out because they could not be unpacked; connections made anew.
    """

    live: bool
    frame_rate: float | None
    frame_count: int | None
    damaged: int
    reconnects: int

    def read(self) -> Shot | None:
        """Give the next frame, or None at the end or after `close`.

        Raises
        ------
        SourceError
            When the source breaks off.
        """

    def close(self) -> None:
        """Let go of the source as soon as `read` returns."""
