"""Animated GIF, WebP, PNG and AVIF as a source, unpacked by Pillow."""

from __future__ import annotations

import time
from pathlib import Path

from openpaf.errors import FrameError, SourceError
from openpaf.pictures.picture import check_pixels, format_of, from_pillow, open_pillow
from openpaf.sources.source import Shot
from openpaf.sources.span import Chooser, Span

# What browsers take for a frame that says it is shown for no time at all.
_SHORTEST_S, _DEFAULT_S = 0.011, 0.1


def moves(path: Path) -> bool:
    """Whether a picture file has more than one frame; False for one that cannot be read."""
    try:
        data = path.read_bytes()
        format = format_of(data)
        if format not in ("GIF", "WebP", "PNG", "AVIF"):
            return False
        image = open_pillow(data, format, str(path))
        return int(getattr(image, "n_frames", 1)) > 1
    except (OSError, ValueError, SyntaxError, EOFError):
        return False


class Animation:
    """Frames of an animated picture, each at the time at which it is shown.

    Parameters
    ----------
    path : Path
    live : bool
        Played at its own pace.
    span : Span, optional

    Raises
    ------
    FrameError
        When its frames are larger than what is unpacked.
    SourceError
        When it cannot be read.
    """

    def __init__(self, path: Path, *, live: bool = False, span: Span | None = None) -> None:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
        format = format_of(data) or "GIF"
        self._image = open_pillow(data, format, str(path))
        check_pixels(*self._image.size, str(path))
        self._name = str(path)
        self.files = [path]
        self.live = live
        self.has_end = True
        self.frame_rate: float | None = None
        self.frame_count: int | None = int(getattr(self._image, "n_frames", 1))
        self.damaged = self.reconnects = 0
        self.cut_short: str | None = None
        self._span = span or Span()
        self._chooser = Chooser(self._span)
        self._next = 0
        self._time = 0.0
        self._closed = False

    def read(self) -> Shot | None:
        """Give the next frame, or None after the last."""
        while self._next < (self.frame_count or 0) and not self._closed:
            index, seconds = self._next, self._time
            if self._span.over(index, seconds):
                break
            self._next += 1
            try:
                self._image.seek(index)
                frame = from_pillow(self._image.copy(), self._name)
            except (FrameError, EOFError, OSError, ValueError, SyntaxError) as error:
                # Each frame is drawn on the one before.
                self.damaged += (self.frame_count or 0) - index
                self.cut_short = f"broke off after {index} of {self.frame_count} frames ({error})"
                break
            shown = float(self._image.info.get("duration", 0)) / 1000
            self._time += shown if shown >= _SHORTEST_S else _DEFAULT_S
            if self._chooser.wants(index, seconds):
                return Shot(frame, index, seconds, time.perf_counter())
        return None

    def close(self) -> None:
        """End before the next frame."""
        self._closed = True
