"""Pictures in files as a source: one, a folder, or a glob."""

from __future__ import annotations

import logging
import time

from openpaf.errors import FrameError, SourceError, SourceNotFoundError
from openpaf.frame import to_frame
from openpaf.sources.listing import find_pictures
from openpaf.sources.source import DEFAULT_FRAME_RATE, Shot
from openpaf.sources.span import Chooser, Span

_log = logging.getLogger(__name__)


class PictureFiles:
    """Picture files in order; one that cannot be read is left out.

    Parameters
    ----------
    source : str
        A file, folder or glob.
    frame_rate : float, optional
        Pictures a second, which gives them their times; 30 if None.
    live : bool
    span : Span, optional

    Raises
    ------
    SourceError
        When there are no pictures.

    Attributes
    ----------
    pictures : list of Picture
    files : list of Path
        What is read.
    names : list of str
        What results are called: with their folders, no two alike.
    """

    def __init__(
        self,
        source: str,
        *,
        frame_rate: float | None = None,
        live: bool = False,
        span: Span | None = None,
    ) -> None:
        self.pictures = find_pictures([source])
        if len(self.pictures) == 1 and not self.pictures[0].path.exists():
            raise SourceNotFoundError(f"{source} does not exist")
        self.files = [picture.path for picture in self.pictures]
        self.names = [picture.stem.as_posix() for picture in self.pictures]
        self.live = live
        self.frame_rate: float | None = frame_rate or DEFAULT_FRAME_RATE
        self.frame_count: int | None = len(self.pictures)
        self.has_end = True
        self.cut_short: str | None = None
        self.damaged = self.reconnects = 0
        self._span = span or Span()
        self._chooser = Chooser(self._span)
        self._rate = self.frame_rate
        self._next = 0
        self._closed = False

    def read(self) -> Shot | None:
        """Give the next picture that can be read, or None after the last."""
        while self._next < len(self.pictures) and not self._closed:
            index, picture = self._next, self.pictures[self._next]
            self._next += 1
            seconds = index / self._rate
            if self._span.over(index, seconds):
                return None
            if not self._chooser.wants(index, seconds):
                continue
            try:
                frame = to_frame(picture.path)
            except (FrameError, SourceError) as error:
                self.damaged += 1
                _log.warning("%s", error)
                continue
            arrived = time.perf_counter()
            return Shot(frame, index, seconds, arrived, self.names[index], picture.image_id)
        return None

    def close(self) -> None:
        """End before the next picture."""
        self._closed = True
