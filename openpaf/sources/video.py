"""Video files, cameras and urls, read by OpenCV."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import SourceError
from openpaf.optional import cv2
from openpaf.sources.source import Shot

# Seconds: for opening, for a frame, between attempts to connect, and until a url is given up.
_TIMEOUT = 5.0
_FIRST_WAIT, _LONGEST_WAIT, _PATIENCE = 0.5, 8.0, 60.0
# Containers may count frames by their duration, which is not exact.
_NEARLY = 0.9
_log = logging.getLogger(__name__)


class Video:
    """Frames of a video file, a camera or a url.

    A url that breaks off is connected to again, waiting longer after each failure, for a minute;
    a camera is not, and neither is a url that has an end.

    Parameters
    ----------
    source : int or str
        Camera number, path or url.
    live : bool, optional
        By default cameras and urls without an end are live.
    url : bool

    Raises
    ------
    SourceError
        When it cannot be opened or gives no frame.
    """

    def __init__(self, source: int | str, *, live: bool | None = None, url: bool = False) -> None:
        self._source = source
        self._is_url = url
        self._closed = threading.Event()
        self._capture = self._open()
        frames = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        # OpenCV counts the frames of a stream without an end as 0 or below.
        has_end = frames > 0 and not self._is_camera
        self.frame_rate: float | None = rate if 0 < rate <= 1000 else None
        self.frame_count: int | None = int(frames) if has_end else None
        self.live = not has_end if live is None else live
        self.damaged = self.reconnects = 0
        self._own_clock = has_end
        self._index = 0
        self._time = 0.0
        self._started: float | None = None
        self._pending = self._next_frame()
        if self._pending is None:
            self._capture.release()
            raise SourceError(f"{self} gives no frames; see that it is a video")

    def __str__(self) -> str:
        return f"camera {self._source}" if isinstance(self._source, int) else str(self._source)

    def read(self) -> Shot | None:
        """Give the next frame, or None at the end or after `close`.

        Raises
        ------
        SourceError
            When a camera or url breaks off for good.
        """
        frame, self._pending = self._pending, None
        if frame is None and not self._closed.is_set():
            frame = self._next_frame()
        if frame is None and not self._closed.is_set() and not self._own_clock:
            frame = self._reconnect()
        if frame is None or self._closed.is_set():
            self._capture.release()
            if frame is None and self._index < _NEARLY * (self.frame_count or 0):
                _log.warning("%s ended after %d of %d frames", self, self._index, self.frame_count)
            return None
        arrived = time.perf_counter()
        shot = Shot(frame, self._index, self._timestamp(arrived), arrived)
        self._index += 1
        return shot

    def close(self) -> None:
        """End as soon as the frame that is being read is there, or its time is up."""
        self._closed.set()

    @property
    def _is_camera(self) -> bool:
        return isinstance(self._source, int) or str(self._source).startswith("/dev/video")

    def _open(self) -> cv2.VideoCapture:
        if not self._is_camera and not self._is_url and not Path(str(self._source)).is_file():
            raise SourceError(
                f"{self._source} is neither a file nor a folder, camera number or url"
            )
        milliseconds = int(1000 * _TIMEOUT)
        options = []
        if self._is_url:
            options = [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, milliseconds,
                cv2.CAP_PROP_READ_TIMEOUT_MSEC, milliseconds,
                # Every further decoding thread holds one frame back.
                cv2.CAP_PROP_N_THREADS, 1,
            ]  # fmt: skip
        backend = cv2.CAP_ANY if self._is_camera else cv2.CAP_FFMPEG
        try:
            capture = cv2.VideoCapture(self._source, backend, options)
        except cv2.error as error:
            raise SourceError(f"{self} cannot be opened: {error.err}") from error
        if not capture.isOpened():
            capture.release()
            raise SourceError(f"{self} cannot be opened; {self._advice()}")
        return capture

    def _advice(self) -> str:
        if self._is_camera:
            return "see that it is plugged in, that you may use it, and that nobody else does"
        if self._is_url:
            return "see that the address is right and the server runs"
        return "it is no video, is damaged, or has a codec that OpenCV lacks"

    def _next_frame(self) -> NDArray[np.uint8] | None:
        try:
            there, frame = self._capture.read()
        except cv2.error as error:
            _log.warning("%s: %s", self, error.err)
            return None
        return np.asarray(frame, np.uint8) if there and frame is not None else None

    def _timestamp(self, arrived: float) -> float:
        if self._started is None:
            self._started = arrived
        now = arrived - self._started
        if self._own_clock:
            rate = self.frame_rate or 30.0
            now = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            # Containers without times say 0 for ever; some count the frame after.
            if now <= self._time and self._index:
                now = self._time + 1 / rate
        self._time = now
        return now

    def _reconnect(self) -> NDArray[np.uint8] | None:
        """Connect again, waiting twice as long each time; None after `close`."""
        if not self._is_url:
            raise SourceError(f"{self} stopped giving frames after {self._index}")
        self._capture.release()
        _log.warning("%s broke off after %d frames; connecting again", self, self._index)
        lost, wait = time.monotonic(), _FIRST_WAIT
        while time.monotonic() - lost < _PATIENCE:
            if self._closed.wait(wait):
                return None
            wait = min(2 * wait, _LONGEST_WAIT)
            try:
                self._capture = self._open()
            except SourceError:
                continue
            frame = self._next_frame()
            if frame is not None:
                self.reconnects += 1
                _log.warning("%s is back after %.1f s", self, time.monotonic() - lost)
                return frame
        raise SourceError(f"{self} broke off after {self._index} frames and stayed away")
