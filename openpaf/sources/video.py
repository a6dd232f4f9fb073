"""Video files and urls as a source."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from openpaf.address import without_secrets
from openpaf.errors import SourceError
from openpaf.sources.film import Film, FilmFrame
from openpaf.sources.patience import attempts
from openpaf.sources.source import DEFAULT_FRAME_RATE, Shot
from openpaf.sources.span import Chooser, Span

# Times of a stream that are this far from the clock have begun anew.
_LEAP_S = 5.0
# A live frame older than this when it is asked for is left out.
_STALE_S = 1.0
_log = logging.getLogger(__name__)


class Video:
    """Frames of a video file or a url.

    A frame that cannot be unpacked is left out and counted. A url without an end that breaks off
    is connected to again, waiting longer after each failure, for a minute.

    Parameters
    ----------
    place : str or Path
        Path or url.
    url : bool
    live : bool, optional
        By default urls without an end are live.
    span : Span, optional
    tell : function of a line, optional
        Called with what befalls the source; logged as a warning when None.

    Raises
    ------
    FrameError
        When its frames are larger than what is unpacked.
    SourceError
        When it cannot be opened or gives no frame.

    Attributes
    ----------
    files : list of Path
        What is read.
    index : int
        Frames so far, with those that were damaged or not wanted.
    """

    def __init__(
        self,
        place: str | Path,
        *,
        url: bool = False,
        live: bool | None = None,
        span: Span | None = None,
        tell: Callable[[str], object] = _log.warning,
    ) -> None:
        self._place, self._tell = place, tell
        self._name = without_secrets(str(place))
        self._closed = threading.Event()
        self.files = [] if url else [Path(place)]
        self._film = Film(place, url=url)
        self._frames: Iterator[FilmFrame] = iter(self._film)
        self._pending = self._next()
        if self._pending is None:
            self._film.close()
            raise SourceError(f"{self._name} gives no frames; see that it is a video")
        self.frame_rate = self._film.frame_rate
        self.frame_count = self._film.frame_count
        self.has_end = self._film.has_end
        self.live = not self.has_end if live is None else live
        self.damaged = self._film.damaged
        self.reconnects = 0
        self.cut_short: str | None = None
        self._damaged_before = 0
        self._span = span or Span()
        self._chooser = Chooser(self._span)
        self.index = 0
        self._first: float | None = None
        self._offset: float | None = None
        self._time = 0.0

    def read(self) -> Shot | None:
        """Give the next frame, or None at the end or after `close`.

        Raises
        ------
        SourceError
            When a url without an end breaks off for good.
        """
        while not self._closed.is_set():
            frame, self._pending = self._pending or self._next(), None
            self.damaged = self._damaged_before + self._film.damaged
            if frame is None and not self.has_end and not self._closed.is_set():
                frame = self._reconnect()
            if frame is None or self._closed.is_set():
                self._finish()
                return None
            if self._stale(frame):
                continue
            arrived = frame.arrived if self.live else time.perf_counter()
            index, seconds = self._place_and_time(frame)
            if self._span.over(index, seconds):
                self._closed.set()
            elif self._chooser.wants(index, seconds):
                return Shot(
                    self._film.pixels(frame),
                    index,
                    seconds,
                    arrived,
                    pixel_aspect=self._film.pixel_aspect,
                )
        self._film.close()
        return None

    def close(self) -> None:
        """End as soon as the frame that is being read is there, or its time is up."""
        self._closed.set()

    def _next(self) -> FilmFrame | None:
        return next(self._frames, None)

    def _finish(self) -> None:
        missing = None if self._closed.is_set() else self._film.what_is_missing()
        if missing is not None and self.cut_short is None:
            self.cut_short = missing
            self._tell(f"{self._name} {missing}; get it again")
        self._film.close()
        self._closed.set()

    def _stale(self, frame: FilmFrame) -> bool:
        """Whether it waited while the network was loaded."""
        return not self.has_end and time.perf_counter() - frame.arrived > _STALE_S

    def _place_and_time(self, frame: FilmFrame) -> tuple[int, float]:
        index = frame.number if self.has_end else self.index
        self.index = index + 1
        now = frame.time
        if self._first is None:
            self._first = frame.arrived if not self.has_end or now is None else now
        if self.has_end:
            seconds = index / (self.frame_rate or DEFAULT_FRAME_RATE)
            if now is not None:
                seconds = now - self._first
        else:
            seconds = self._capture_time(now, frame.arrived - self._first)
        # Some containers give a frame no time, or an earlier one.
        if seconds <= self._time and index:
            seconds = self._time + 1 / (self.frame_rate or DEFAULT_FRAME_RATE)
        self._time = seconds
        return index, seconds

    def _capture_time(self, now: float | None, clock: float) -> float:
        """When a live frame was taken: by the stream's times, set by the clock."""
        if now is None:
            return clock
        if self._offset is None or abs(now + self._offset - clock) > _LEAP_S:
            self._offset = clock - now
        return now + self._offset

    def _reconnect(self) -> FilmFrame | None:
        """Connect again, waiting twice as long each time; None after `close`."""
        self._film.close()
        self._tell(f"{self._name} broke off after {self.index} frames; connecting again")
        for gone in attempts(self._closed):
            try:
                film = Film(self._place, url=True)
            except SourceError:
                continue
            self._damaged_before, self._film = self.damaged, film
            self._frames = iter(film)
            self._offset = None
            frame = self._next()
            if frame is not None:
                self.reconnects += 1
                self._tell(f"{self._name} is back after {gone:.1f} s")
                return frame
        if self._closed.is_set():
            return None
        raise SourceError(f"{self._name} broke off after {self.index} frames and stayed away")
