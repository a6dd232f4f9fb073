"""Standard input as a source: JPEG pictures one after the other, or raw frames."""

from __future__ import annotations

import logging
import os
import select
import sys
import time

import numpy as np

from openpaf.errors import ConfigError, FrameError, SourceError
from openpaf.frame import decode_picture
from openpaf.pictures.jpeg import START, EndFinder
from openpaf.sources.source import DEFAULT_FRAME_RATE, Shot
from openpaf.sources.span import Chooser, Span

_CHUNK = 1 << 20
_LONGEST_JPEG = 64 << 20
_log = logging.getLogger(__name__)


class StandardInput:
    """Frames piped in, such as by `ffmpeg -f mjpeg -` or `ffmpeg -pix_fmt bgr24 -f rawvideo -`.

    Parameters
    ----------
    frame_size : (width, height), optional
        Of raw BGR frames; JPEG pictures are expected when None.
    frame_rate : float, optional
        Frames a second, which gives them their times; 30 if None. A live source is timed by the
        clock instead.
    live : bool
    span : Span, optional

    Raises
    ------
    ConfigError
        When the frame size cannot be.
    SourceError
        When there is no standard input.
    """

    def __init__(
        self,
        frame_size: tuple[int, int] | None = None,
        *,
        frame_rate: float | None = None,
        live: bool = False,
        span: Span | None = None,
    ) -> None:
        if frame_size is not None and not all(0 < side <= 1 << 15 for side in frame_size):
            raise ConfigError(f"frame_size must be (width, height) above 0, got {frame_size}")
        if sys.stdin is None or sys.stdin.isatty():
            raise SourceError("nothing is piped in; use it as: ffmpeg ... -f mjpeg - | openpaf ...")
        self.live = live
        self.frame_rate: float | None = None if live else frame_rate or DEFAULT_FRAME_RATE
        self.frame_count: int | None = None
        self.has_end = False
        self.cut_short: str | None = None
        self.damaged = self.reconnects = 0
        self._span = span or Span()
        self._chooser = Chooser(self._span)
        self._size = frame_size
        self._file = sys.stdin.fileno()
        if sys.platform == "win32":
            import msvcrt

            msvcrt.setmode(self._file, os.O_BINARY)
        self._buffer = bytearray()
        self._index = 0
        self._started: float | None = None
        self._closed = False

    def read(self) -> Shot | None:
        """Give the next frame that can be unpacked, or None when the pipe is closed.

        Raises
        ------
        SourceError
            When what is piped in is neither.
        """
        while True:
            data = self._next_jpeg() if self._size is None else self._next_raw(self._size)
            if data is None:
                return None
            arrived = time.perf_counter()
            if self._started is None:
                self._started = arrived
            rate, index = self.frame_rate, self._index
            seconds = arrived - self._started if rate is None else index / rate
            if self._span.over(index, seconds):
                return None
            if not self._chooser.wants(index, seconds):
                self._index += 1
                continue
            try:
                frame = (
                    decode_picture(data, f"frame {self._index}")
                    if self._size is None
                    else np.frombuffer(data, np.uint8).reshape(self._size[1], self._size[0], 3)
                )
            except FrameError as error:
                self.damaged += 1
                self._index += 1
                _log.warning("%s", error)
                continue
            self._index += 1
            return Shot(frame, index, seconds, arrived)

    def close(self) -> None:
        """End within a moment."""
        self._closed = True

    def _fill(self) -> bool:
        """Wait for more bytes; False when none will come."""
        while not self._closed:
            # Windows cannot wait for a pipe and a moment at once.
            if sys.platform == "win32" or select.select([self._file], [], [], 0.2)[0]:
                data = os.read(self._file, _CHUNK)
                self._buffer += data
                return bool(data)
        return False

    def _take(self, count: int) -> bytes:
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    def _next_raw(self, size: tuple[int, int]) -> bytes | None:
        length = size[0] * size[1] * 3
        while len(self._buffer) < length:
            if not self._fill():
                if self._buffer and not self._closed:
                    self.damaged += 1
                    _log.warning("the last frame is cut short; is %dx%d its size?", *size)
                return None
        return self._take(length)

    def _next_jpeg(self) -> bytes | None:
        while len(self._buffer) < 2:
            if not self._fill():
                return None
        if self._index == 0 and not self._buffer.startswith(START):
            raise SourceError(
                "standard input is no sequence of JPEG pictures; for raw BGR frames say their "
                "size: --raw 1280x720"
            )
        finder = EndFinder()
        while (end := finder.end(self._buffer)) is None:
            if len(self._buffer) > _LONGEST_JPEG:
                raise SourceError(f"a JPEG on standard input has no end within {_LONGEST_JPEG} B")
            if not self._fill():
                if self._buffer and not self._closed:
                    self.damaged += 1
                    _log.warning("the last picture is cut short")
                return None
        picture = self._take(end)
        # After a damaged picture the next may not begin at once.
        return picture[max(picture.find(START), 0) :]
