"""The frames of files, in order, with what could not be read between them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import FrameError, OpenPafError, SourceError
from openpaf.frame import MAX_PIXELS, to_frame
from openpaf.optional import cv2

_T = TypeVar("_T")

_TRIES = 3
_PAUSE_SECONDS = 0.5
_GRABS_BEFORE_GIVING_UP = 30


class VideoFrame(NamedTuple):
    """pixels : (H, W, 3) uint8 BGR; number : place in the video, from 0; seconds : its time."""

    pixels: NDArray[np.uint8]
    number: int
    seconds: float


class VideoError(NamedTuple):
    """What could not be read of a video; `frame` is where that was noticed."""

    frame: int
    reason: str


def with_retries(read: Callable[[], _T]) -> _T:
    """Read from a disk that may be far away: more than once before its error counts."""
    for _ in range(_TRIES - 1):
        try:
            return read()
        except SourceError:
            time.sleep(_PAUSE_SECONDS)
    return read()


def read_picture(path: Path) -> NDArray[np.uint8]:
    """Read a picture file as a frame, (H, W, 3) uint8 BGR.

    Raises
    ------
    FrameError
        When it is damaged.
    SourceError
        When it cannot be opened, several times over.
    """
    return with_retries(lambda: to_frame(path))


class Video:
    """A video file, read from its beginning.

    Attributes
    ----------
    path : Path
    frame_count : int
        What the file says it holds; 0 where it does not say.

    Raises
    ------
    SourceError
        When it cannot be opened, several times over, or is no video.
    FrameError
        When its frames are larger than what is unpacked.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with_retries(lambda: _check_readable(path))
        self._capture = cv2.VideoCapture(str(path))
        if not self._capture.isOpened():
            raise SourceError(f"{path} is damaged, cut short, or not a video that can be read")
        width, height, count = (
            int(self._capture.get(key))
            for key in (
                cv2.CAP_PROP_FRAME_WIDTH,
                cv2.CAP_PROP_FRAME_HEIGHT,
                cv2.CAP_PROP_FRAME_COUNT,
            )
        )
        if width * height > MAX_PIXELS:
            raise FrameError(
                f"{path} has frames of {width}x{height} px, more than the {MAX_PIXELS:,} that are "
                "unpacked; make it smaller first"
            )
        self.frame_count = max(count, 0)

    def frames(self, skip: int = 0) -> Iterator[VideoFrame | VideoError]:
        """Give every frame once, in order, without the first `skip` that can be read.

        They are passed over by reading, not by seeking, which many files answer with a frame near
        the one that was asked for. A frame that cannot be read leaves a gap in the indices.
        """
        index = read = broken = 0
        while True:
            missed = self._grab_next(index)
            if missed is None:
                break
            broken += missed
            index += missed
            if read >= skip:
                seconds = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                good, pixels = self._capture.retrieve()
                if good:
                    yield VideoFrame(np.asarray(pixels, np.uint8), index, seconds)
                else:
                    broken += 1
            read += 1
            index += 1
        self._capture.release()
        missing = self.frame_count - index
        # Many containers give a count that is only their length times their frame rate.
        if missing <= max(2, self.frame_count // 100):
            missing = 0
        if broken or missing or not read:
            yield VideoError(index, _what_is_lost(broken, missing, index, self.frame_count))

    def _grab_next(self, index: int) -> int | None:
        """Move to the next frame that can be read: how many could not before, None at the end."""
        for missed in range(_GRABS_BEFORE_GIVING_UP):
            if self._capture.grab():
                return missed
            if index + missed >= self.frame_count:
                break
        return None


def ahead(items: Iterator[_T], count: int) -> Iterator[_T]:
    """Give the items of an iterator, of which up to `count` are made beforehand by a thread."""
    end = object()
    with ThreadPoolExecutor(1) as reader:
        pending = deque(reader.submit(next, items, end) for _ in range(count))
        while True:
            item = pending.popleft().result()
            if item is end:
                return
            pending.append(reader.submit(next, items, end))
            yield item  # type: ignore[misc]


def _what_is_lost(broken: int, missing: int, read_to: int, count: int) -> str:
    if missing:
        return f"ends at frame {read_to} of the {count} that it says it has; get the file again"
    if broken:
        return f"{broken} of its {read_to} frames cannot be read"
    return "has no frame that can be read"


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path} is empty")
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist") from error
    except OSError as error:
        if isinstance(error, OpenPafError):
            raise
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
