"""Which reader somebody means: a camera, a video, pictures, a url or standard input."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import Any

import numpy as np

from openpaf.address import is_url
from openpaf.errors import ConfigError
from openpaf.sources.listing import SUFFIXES
from openpaf.sources.source import Source
from openpaf.sources.span import Span

# Pictures of these kinds can be films.
_MAY_MOVE = (".apng", ".avif", ".gif", ".png", ".webp")


def open_source(
    source: int | str | Path | np.integer[Any],
    *,
    live: bool | None = None,
    frame_rate: float | None = None,
    frame_size: tuple[int, int] | None = None,
    start: str | float | None = None,
    end: str | float | None = None,
    step: int = 1,
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
    start, end : float or str, optional
        First moment, and the one before which to stop: seconds, "1:02:03", or "250f" for a frame.
        Places and times of the frames stay those of the recording.
    step : int
        Give every step-th frame only.

    Raises
    ------
    ConfigError
        When an option has a value that cannot work.
    SourceError
        When there is nothing to read.
    """
    if frame_rate is not None and not 0 < frame_rate <= 1000:
        raise ConfigError(f"frame_rate must be above 0 and at most 1000, got {frame_rate!r}")
    span = Span.of(start, end, step)
    text = str(source)
    if frame_size is not None and text != "-":
        raise ConfigError("frame_size is for raw frames on standard input, the source '-'")
    if text == "-":
        from openpaf.sources.stdin import StandardInput

        return StandardInput(frame_size, frame_rate=frame_rate, live=bool(live), span=span)
    if is_url(text):
        from openpaf.sources.video import Video

        return Video(text, url=True, live=live, span=span)
    path = Path(text)
    if _is_animation(path):
        from openpaf.sources.animation import Animation

        return Animation(path, live=bool(live), span=span)
    if path.is_dir() or path.suffix.lower() in SUFFIXES or _is_glob(path):
        from openpaf.sources.picture_files import PictureFiles

        return PictureFiles(text, frame_rate=frame_rate, live=bool(live), span=span)
    if isinstance(source, bool) or re.fullmatch(r"-\d+", text):
        raise ConfigError(f"a camera is 0, 1, ..., got {source!r}")
    if text.isdecimal() or text.startswith("/dev/video"):
        from openpaf.sources.camera import Camera

        camera = int(text) if text.isdecimal() else text
        return Camera(camera, live=live is not False, span=span)
    from openpaf.sources.video import Video

    return Video(path, live=live, span=span)


def _is_animation(path: Path) -> bool:
    if path.suffix.lower() not in _MAY_MOVE or not path.is_file():
        return False
    from openpaf.sources.animation import moves

    return moves(path)


def _is_glob(path: Path) -> bool:
    return glob.has_magic(str(path)) and not path.is_file()
