"""One clock for several cameras, and frame numbers that mean the same moment in all of them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from openpaf.sources import Shot, Source
from openpaf.sources.source import DEFAULT_FRAME_RATE


class CommonClock:
    """Counts from the first frame that is taken from any of the cameras.

    Parameters
    ----------
    frame_rates : iterable of float or None
        What the cameras say of themselves; frames are numbered by the fastest.

    Attributes
    ----------
    frame_rate : float
        Frame numbers a second.
    """

    def __init__(self, frame_rates: Iterable[float | None]) -> None:
        self.frame_rate = max((rate for rate in frame_rates if rate), default=DEFAULT_FRAME_RATE)
        self._zero: float | None = None
        self._lock = threading.Lock()

    def at(self, arrived: float) -> float:
        """Seconds of a reading of `time.perf_counter`; the first one that is asked for is 0."""
        with self._lock:
            if self._zero is None:
                self._zero = arrived
        return arrived - self._zero


class Timed:
    """A live source whose shots carry the common clock's time and frame number.

    Parameters
    ----------
    source : Source
    clock : CommonClock
    """

    def __init__(self, source: Source, clock: CommonClock) -> None:
        self._source, self._clock = source, clock
        self._offset: float | None = None
        self._index = -1

    def read(self) -> Shot | None:
        """Give the next shot; those from before the clock began are left out."""
        while (shot := self._source.read()) is not None:
            if self._offset is None:
                self._offset = self._clock.at(shot.arrived) - shot.time
            time = shot.time + self._offset
            if time >= 0:
                self._index = max(self._index + 1, round(time * self._clock.frame_rate))
                return replace(shot, time=time, index=self._index)
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)
