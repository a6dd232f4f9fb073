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

from openpaf.errors import OpenPafError, SourceError
from openpaf.frame import to_frame
from openpaf.sources import Shot
from openpaf.sources.span import Span
from openpaf.sources.video import Video

_T = TypeVar("_T")

_TRIES = 3
_PAUSE_SECONDS = 0.5


class Failure(NamedTuple):
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


def open_video(path: Path, span: Span) -> Video:
    """Open a video file; what befalls it is said by `read_video`.

    Raises
    ------
    FrameError
        When its frames are larger than what is unpacked.
    SourceError
        When it cannot be opened, several times over, or is no video.
    """
    with_retries(lambda: _check_readable(path))
    return Video(path, live=False, span=span, tell=lambda line: None)


def read_video(video: Video) -> Iterator[Shot | Failure]:
    """Give the frames of a video, in order, and last what could not be read.

    A frame that cannot be read leaves a gap in the indices.
    """
    yield from iter(video.read, None)
    if video.cut_short is not None:
        yield Failure(video.index, f"{video.cut_short}; get the file again")
    elif video.damaged:
        yield Failure(video.index, f"{video.damaged} of its {video.index} frames cannot be read")


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
