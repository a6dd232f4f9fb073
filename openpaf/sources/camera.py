"""Cameras of this machine, read by OpenCV."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import SourceError
from openpaf.optional import cv2
from openpaf.sources.patience import attempts
from openpaf.sources.source import Shot
from openpaf.sources.span import Chooser, Span

_log = logging.getLogger(__name__)


class Camera:
    """Frames of a camera, as they come.

    One that is gone is opened again, waiting longer after each failure, for a minute.

    Parameters
    ----------
    source : int or str
        Its number, or its device file.
    live : bool
    span : Span
    tell : function of a line, optional
        Called with what befalls the camera; logged as a warning when None.

    Raises
    ------
    SourceError
        When it cannot be opened or gives no frame.
    """

    def __init__(
        self,
        source: int | str,
        *,
        live: bool = True,
        span: Span | None = None,
        tell: Callable[[str], object] = _log.warning,
    ) -> None:
        self._source, self._tell = source, tell
        self._name = f"camera {source}" if isinstance(source, int) else source
        self.live = live
        self.has_end = False
        self.frame_count: int | None = None
        self.damaged = self.reconnects = 0
        self.cut_short: str | None = None
        self._closed = threading.Event()
        self._capture = self._open()
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.frame_rate: float | None = rate if 0 < rate <= 1000 else None
        self._span = span or Span()
        self._chooser = Chooser(self._span)
        self._index = 0
        self._started: float | None = None
        if self._next_frame() is None:
            self._capture.release()
            raise SourceError(f"{self._name} gives no frames; see that it is a camera")

    def read(self) -> Shot | None:
        """Give the next frame, or None after `close` or the end of the span.

        Raises
        ------
        SourceError
            When it is gone and stays away.
        """
        while not self._closed.is_set():
            frame = self._next_frame()
            if frame is None and not self._closed.is_set():
                frame = self._opened_again()
            if frame is None:
                break
            arrived = time.perf_counter()
            self._started = self._started or arrived
            index, seconds = self._index, arrived - self._started
            self._index += 1
            if self._span.over(index, seconds):
                self._closed.set()
            elif self._chooser.wants(index, seconds):
                return Shot(frame, index, seconds, arrived)
        self._capture.release()
        return None

    def close(self) -> None:
        """End as soon as the frame that is being read is there."""
        self._closed.set()

    def _opened_again(self) -> NDArray[np.uint8] | None:
        """The first frame of the camera when it is back; None after `close`."""
        self._capture.release()
        self._tell(f"{self._name} stopped giving frames after {self._index}; opening it again")
        for gone in attempts(self._closed):
            with suppress(SourceError):
                self._capture = self._open()
                frame = self._next_frame()
                if frame is not None:
                    self.reconnects += 1
                    self._tell(f"{self._name} is back after {gone:.1f} s")
                    return frame
                self._capture.release()
        if self._closed.is_set():
            return None
        raise SourceError(f"{self._name} stopped giving frames after {self._index}, and is gone")

    def _open(self) -> cv2.VideoCapture:
        try:
            capture = cv2.VideoCapture(self._source, cv2.CAP_ANY)
        except cv2.error as error:
            raise SourceError(f"{self._name} cannot be opened: {error.err}") from error
        if not capture.isOpened():
            capture.release()
            raise SourceError(
                f"{self._name} cannot be opened; see that it is plugged in, that you may use it, "
                "and that nobody else does"
            )
        return capture

    def _next_frame(self) -> NDArray[np.uint8] | None:
        try:
            there, frame = self._capture.read()
        except cv2.error:
            return None
        return np.asarray(frame, np.uint8) if there and frame is not None else None
