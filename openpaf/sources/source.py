"""What a source of frames is, whatever it reads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

DEFAULT_FRAME_RATE = 30.0
"""Frames a second of what does not know its own."""


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
    pixel_aspect : float
        Width of a pixel over its height; the network is shown square ones.
    """

    frame: NDArray[np.uint8]
    index: int
    time: float
    arrived: float
    name: str | None = None
    image_id: int | None = None
    pixel_aspect: float = 1.0


class Source(Protocol):
    """Gives frames one after the other; `read` is called by one thread, `close` by any.

    Attributes
    ----------
    live : bool
        Frames come when they come, and only the newest is worth looking at.
    frame_rate : float or None
        Frames a second, where the source knows it.
    frame_count : int or None
        How many there are, where the source knows it.
    has_end : bool
        It is a recording, whose frames have times of their own.
    cut_short : str or None
        After the last frame, how it ended before its end.
    damaged, reconnects : int
        Frames left out because they could not be unpacked; connections made anew.
    """

    live: bool
    frame_rate: float | None
    frame_count: int | None
    has_end: bool
    cut_short: str | None
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
