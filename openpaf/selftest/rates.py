"""Which way of looking holds a frame rate here: a few are tried, the best that does is taken."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError
from openpaf.sources.source import Shot
from openpaf.stream import Stream

_FASTEST_ASKED = 1000.0
# What a trial does not see: drawing, writing, and whatever else the machine does.
_HEADROOM = 1.15
_TRIAL_SECONDS = 0.6
_FEWEST_FRAMES = 6


class Mode(NamedTuple):
    """Options of `Engine` that decide how long a frame takes."""

    net_height: int
    looks: str = "one"

    def __str__(self) -> str:
        """As messages name it."""
        return f"net height {self.net_height}, looks {self.looks}"


MODES = (
    Mode(144),  # 0.173
    Mode(192),  # 0.244
    Mode(256),  # 0.306
    Mode(320),  # 0.328
    Mode(368),  # 0.336
    Mode(368, "close"),  # 0.346
    Mode(192, "best"),  # 0.350
    Mode(256, "best"),  # 0.374
    Mode(368, "accurate"),  # 0.384
    Mode(368, "best"),
)
"""From the fastest to the best, with the AP of the default network in eight bits on 188 pictures of
COCO train; what something as fast outdid is left out."""


class Pick(NamedTuple):
    """What was taken, the frames a second it made in its trial, and whether they are enough.

    The rate is infinite where the source has too few frames to tell.
    """

    mode: Mode
    frame_rate: float
    holds: bool


def pick(
    open_stream: Callable[[Mode], Stream], frame_rate: float, modes: Sequence[Mode] = MODES
) -> Pick:
    """The best mode that holds a frame rate; the fastest where none does.

    Parameters
    ----------
    open_stream : callable
        Opens what is to be run, in a mode; it is closed here.
    frame_rate : float
        Frames a second.
    modes : sequence of Mode
        From the fastest to the best.

    Raises
    ------
    ConfigError
        When there can be no such frame rate.
    """
    if not math.isfinite(frame_rate) or not 0 < frame_rate <= _FASTEST_ASKED:
        raise ConfigError(
            f"target_fps must be above 0 and at most {_FASTEST_ASKED:g}, got {frame_rate:g}"
        )
    tried: dict[int, float] = {}
    holds, fails = -1, len(modes)
    while fails - holds > 1:
        middle = (holds + fails) // 2
        tried[middle] = _rate(open_stream(modes[middle]))
        if tried[middle] >= _HEADROOM * frame_rate:
            holds = middle
        else:
            fails = middle
    best = max(holds, 0)
    return Pick(modes[best], tried[best], holds >= 0)


def _rate(stream: Stream) -> float:
    """Results a second, from the first one on, so that what starts up is not counted."""
    arrived: list[float] = []
    with stream.engine, stream:
        for _ in stream.results():
            arrived.append(time.perf_counter())
            if len(arrived) >= _FEWEST_FRAMES and arrived[-1] - arrived[0] >= _TRIAL_SECONDS:
                break
    if len(arrived) < 2:
        return math.inf
    return (len(arrived) - 1) / max(arrived[-1] - arrived[0], 1e-9)


class Still:
    """A source that gives one grey frame again and again, for what cannot be opened twice."""

    live = False
    frame_rate: float | None = None
    frame_count: int | None = None
    has_end = False
    cut_short: str | None = None
    damaged = reconnects = 0

    def __init__(self, size: tuple[int, int] | None = None) -> None:
        size = size or (1280, 720)
        self._frame: NDArray[np.uint8] = np.full((size[1], size[0], 3), 128, np.uint8)
        self._index = -1
        self._closed = False

    def read(self) -> Shot | None:
        """The frame, once more."""
        if self._closed:
            return None
        self._index += 1
        return Shot(self._frame, self._index, self._index / 30, time.perf_counter())

    def close(self) -> None:
        """Give no more."""
        self._closed = True
