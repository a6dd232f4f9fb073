"""Where frames come from: one small reader a kind of source, and how to tell which is meant."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError
from openpaf.pictures import SUFFIXES


@dataclass(frozen=True, eq=False, slots=True)
class Shot:
    """A frame as it comes from a source.

    Attributes
    ----------
    frame : (H, W, 3) uint8 BGR
    index : int
        Place in the source, from 0.
    time : float
        Seconds since the first frame.
    arrived : float
        `time.perf_counter()` when it was there.
    name : str or None
        What the source calls it.
    image_id : int or None
        A picture's number, for COCO results.
    """

    frame: NDArray[np.uint8]
    index: int
    time: float
    arrived: float
    name: str | None = None
    image_id: int | None = None


class Source(Protocol):
    """Gives frames one after the other; `read` is called by one thread, `close` by any.

    Attributes
    ----------
    live : bool
        Frames come when they come, and only the newest is worth looking at.
    frame_rate : float or None
        Frames a second, where the source knows it.
    frame_count : int or None
    damaged, reconnects : int
        Frames left out because they could not be unpacked; connections made anew.
    """

    live: bool
    frame_rate: float | None
    frame_count: int | None
    damaged: int
    reconnects: int

    def read(self) -> Shot | None:
        """Give the next frame, or None at the end or after `close`.

        Raises
        ------
        SourceError
            When the source breaks off.
        """

    def close(self) -> None:
        """Let go of the source as soon as `read` returns."""


def open_source(
    source: int | str | Path,
    *,
    live: bool | None = None,
    frame_rate: float | None = None,
    frame_size: tuple[int, int] | None = None,
) -> Source:
    """Open a camera, video, picture folder or glob, url, or standard input.

    Parameters
    ----------
    source : int, str or Path
        0, 1, ... or /dev/video0: a camera. A url: http, https, rtsp, rtmp, udp or tcp. A video
        file. A picture, a folder of pictures, or a glob. "-": JPEG pictures one after the other,
        or raw BGR frames of `frame_size`, on standard input.
    live : bool, optional
        Keep only the newest frame; otherwise every frame counts. Cameras and endless urls are live
        unless told otherwise. A live file is played at its own pace.
    frame_rate : float, optional
        Frames a second of a source that does not know it: pictures and standard input. 30 if None.
    frame_size : (width, height), optional
        Of raw frames on standard input.

    Raises
    ------
    ConfigError
        When an option has a value that cannot work.
    SourceError
        When there is nothing to read.
    """
    if frame_rate is not None and not 0 < frame_rate <= 1000:
        raise ConfigError(f"frame_rate must be above 0 and at most 1000, got {frame_rate!r}")
    text = str(source)
    if frame_size is not None and text != "-":
        raise ConfigError("frame_size is for raw frames on standard input, the source '-'")
    if text == "-":
        from openpaf.stream.stdin import StandardInput

        return StandardInput(frame_size, frame_rate=frame_rate, live=bool(live))
    url = _is_url(text)
    path = Path(text)
    if not url and (path.is_dir() or path.suffix.lower() in SUFFIXES or _is_glob(path)):
        from openpaf.stream.picture_files import PictureFiles

        return PictureFiles(text, frame_rate=frame_rate, live=bool(live))
    from openpaf.stream.video import Video

    if isinstance(source, bool) or re.fullmatch(r"-\d+", text):
        raise ConfigError(f"a camera is 0, 1, ..., got {source!r}")
    return Video(int(text) if text.isdecimal() else text, live=live, url=url)


def _is_glob(path: Path) -> bool:
    return glob.has_magic(str(path)) and not path.is_file()


def _is_url(text: str) -> bool:
    return re.match(r"[a-z][a-z0-9+.-]+://", text, re.IGNORECASE) is not None
