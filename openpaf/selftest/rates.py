"""Which way of looking holds a frame rate here: a few are tried, the best that does is taken."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

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
    """A way of looking that decides how long a frame takes, and what it is worth.

    net_height : px; looks : as `Engine` has them; refine : each person is looked at once more; ap :
    AP of the default network in eight bits on 200 pictures of COCO train that nothing learnt from.
    """

    net_height: int
    looks: str = "one"
    refine: bool = False
    ap: float = 0.0

    def __str__(self) -> str:
        """As messages name it."""
        again = ", each person looked at again" if self.refine else ""
        return f"net height {self.net_height}, looks {self.looks}{again}"

    @property
    def options(self) -> dict[str, Any]:
        """Options of `Engine`; a second look that was asked for already stays."""
        refine = {"refine": True} if self.refine else {}
        return {"net_height": self.net_height, "looks": self.looks, **refine}


MODES = (
    Mode(144, ap=0.176),
    Mode(192, ap=0.253),
    Mode(256, ap=0.310),
    Mode(320, ap=0.339),
    Mode(368, ap=0.363),
    Mode(192, "best", ap=0.365),
    Mode(256, "best", ap=0.384),
    Mode(368, "accurate", ap=0.396),
    Mode(368, "best", ap=0.401),
)
"""From the fastest to the best; what something as fast outdid is left out. The APs are those of
`benchmarks/bench_modes.py` on the photographs of `coco_held_out.txt`."""

REFINED = (
    Mode(144, refine=True, ap=0.275),
    Mode(192, refine=True, ap=0.335),
    Mode(256, refine=True, ap=0.377),
    Mode(320, refine=True, ap=0.393),
    Mode(368, refine=True, ap=0.407),
    Mode(256, "best", refine=True, ap=0.414),
    Mode(368, "best", refine=True, ap=0.429),
)
"""The same with a second look at each person, whose time depends on how many there are."""


class Pick(NamedTuple):
    """What was taken, the frames a second it made in its trial, and whether they are enough.

    The rate is infinite where the source has too few frames to tell.
    """

    mode: Mode
    frame_rate: float
    holds: bool


def pick(
    open_stream: Callable[[Mode], Stream],
    frame_rate: float,
    first: Sequence[Mode],
    *others: Sequence[Mode],
) -> Pick:
    """The best mode that holds a frame rate; the fastest where none does.

    Parameters
    ----------
    open_stream : callable
        Opens what is to be run, in a mode; it is closed here.
    frame_rate : float
        Frames a second.
    first, *others : sequence of Mode
        Each from its fastest to its best; the first one's fastest is the fastest of all.

    Raises
    ------
    ConfigError
        When there can be no such frame rate.
    """
    if not math.isfinite(frame_rate) or not 0 < frame_rate <= _FASTEST_ASKED:
        raise ConfigError(
            f"target_fps must be above 0 and at most {_FASTEST_ASKED:g}, got {frame_rate:g}"
        )
    best = _climb(open_stream, frame_rate, first)
    for ladder in others if best.holds else ():
        better = [mode for mode in ladder if mode.ap > best.mode.ap]
        if better and (other := _climb(open_stream, frame_rate, better)).holds:
            best = other
    return best


def _climb(open_stream: Callable[[Mode], Stream], frame_rate: float, modes: Sequence[Mode]) -> Pick:
    """The highest rung that holds a rate, by halves; the lowest where none does."""
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
    """A source that gives a frame, (H, W, 3) uint8 BGR, again and again."""

    live = False
    frame_rate: float | None = None
    frame_count: int | None = None
    has_end = False
    cut_short: str | None = None
    damaged = reconnects = 0

    def __init__(self, frame: NDArray[np.uint8]) -> None:
        self._frame = frame
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


def grey(size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A frame (H, W, 3), BGR, of a size (width, height), or a usual one, that shows nothing."""
    width, height = size or (1280, 720)
    return np.full((height, width, 3), 128, np.uint8)
