"""Opening video files and urls with FFmpeg, and saying in one line why that did not work."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from openpaf.address import without_secrets
from openpaf.errors import SourceError, SourceNotFoundError
from openpaf.optional import av
from openpaf.pictures.picture import MAX_PIXELS, check_pixels

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# Seconds: for opening, and for a frame.
_TIMEOUT = 5.0


def open_container(place: str | Path, *, url: bool = False) -> InputContainer:
    """Open a video file, or a url, which is given up when nothing comes for five seconds.

    Raises
    ------
    SourceError
        When there is nothing, or nothing that FFmpeg knows.
    """
    # Of a frame that FFmpeg unpacks only to see what there is.
    options = {"max_pixels": str(MAX_PIXELS)}
    if not url:
        return _open_file(Path(place), options)
    if str(place).lower().startswith("rtsp"):
        options["rtsp_transport"] = "tcp"
    try:
        return av.open(str(place), "r", options=options, timeout=_TIMEOUT)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(
            f"{without_secrets(str(place))} cannot be opened; see that the address is right and "
            f"the server runs ({reason(error)})"
        ) from None  # It names the address, password included.


def best_stream(container: InputContainer, name: str, *, threads: int) -> VideoStream:
    """The video among the streams of a container, ready to be unpacked.

    Raises
    ------
    FrameError
        When its frames have more than `MAX_PIXELS`.
    SourceError
        When there is none, or it cannot be unpacked.
    """
    stream = container.streams.best("video")
    if not isinstance(stream, av.VideoStream) or stream.codec_context is None:
        raise SourceError(f"{name} cannot be opened; it has no video, or a codec that FFmpeg lacks")
    check_pixels(stream.width, stream.height, name)
    # A frame may turn out larger than the container says.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    stream.codec_context.thread_count = threads
    stream.thread_type = "AUTO"
    return stream


def reason(error: BaseException) -> str:
    """What FFmpeg says, without the address it says it of."""
    return str(getattr(error, "strerror", None) or type(error).__name__)


def _open_file(path: Path, options: dict[str, str]) -> InputContainer:
    try:
        if not path.is_file():
            raise SourceNotFoundError(
                f"{path} is neither a file nor a folder, camera number or url"
            )
        with path.open("rb") as file:
            if not file.read(1):
                raise SourceError(f"{path} cannot be opened; it is empty")
        return av.open(_named(path) or path.open("rb"), "r", options=options)
    except SourceError:
        raise
    except PermissionError as error:
        raise SourceError(f"{path} cannot be read: permission denied") from error
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise SourceError(
            f"{path} cannot be opened; it is no video, is damaged or cut short, or has a codec "
            f"that FFmpeg lacks ({reason(error)})"
        ) from error


def _named(path: Path) -> str | None:
    """A path as FFmpeg takes it and never takes it for a url; None where its name is no text."""
    name = os.fspath(path.absolute())
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return None
    return f"file:{name}"
