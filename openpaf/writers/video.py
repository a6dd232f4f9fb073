"""Annotated frames as a video that can be played even when the writing broke off."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openpaf import optional
from openpaf.errors import OutputError
from openpaf.optional import cv2
from openpaf.result import Result
from openpaf.writers.painter import Paint

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.stream import VideoStream

_TICKS = 90_000
SUFFIXES = (".mp4", ".mkv", ".mov")
# Pieces of half a second, each whole by itself: a kill costs the last one.
_CONTAINER = {
    "movflags": "frag_keyframe+empty_moov+default_base_moof",
    "frag_duration": "500000",
    "flush_packets": "1",
}
_ENCODER = {"preset": "veryfast", "tune": "zerolatency", "crf": "21"}


class VideoWriter:
    """An H.264 video whose frames keep their times from the first on, dropped ones included.

    Frames of another size than the first are fitted into its size.

    Parameters
    ----------
    path : Path
        .mp4, .mkv or .mov
    paint : Painter, or any function from a `Result` to a picture

    Raises
    ------
    MissingExtraError
        When PyAV is not installed.
    OutputError
        When the path cannot be a video.
    """

    def __init__(self, path: Path, paint: Paint) -> None:
        check_video(path)
        self._path, self._paint = path, paint
        self._stream: VideoStream | None = None
        self._first, self._last = 0.0, -1
        options = {} if path.suffix.lower() == ".mkv" else _CONTAINER
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._container: OutputContainer | None = optional.av.open(
                str(path), "w", options=options
            )
        except OSError as error:
            raise self._error(error) from error

    def write(self, result: Result) -> None:
        """Append a frame."""
        if self._container is None:
            raise OutputError(f"{self._path} has been closed")
        drawing = self._paint(result)
        if self._stream is None:
            self._stream = self._start(self._container, drawing, result.pixel_aspect)
            self._first = result.time
        size = (self._stream.width, self._stream.height)
        frame = optional.av.VideoFrame.from_ndarray(_fitted(drawing, size), format="bgr24")
        frame.pts = self._last = max(round((result.time - self._first) * _TICKS), self._last + 1)
        frame.time_base = Fraction(1, _TICKS)
        try:
            self._container.mux(self._stream.encode(frame))
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Write what is still in the encoder."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            if self._stream is not None:
                container.mux(self._stream.encode(None))
            container.close()
        except OSError as error:
            raise self._error(error) from error

    def _start(
        self, container: OutputContainer, drawing: NDArray[np.uint8], pixel_aspect: float
    ) -> VideoStream:
        height, width = drawing.shape[:2]
        stream: VideoStream = container.add_stream("libx264", options=_ENCODER)
        # The encoder takes even sides only.
        stream.width, stream.height = max(width // 2 * 2, 2), max(height // 2 * 2, 2)
        stream.pix_fmt = "yuv420p"
        if pixel_aspect != 1:
            aspect = Fraction(pixel_aspect).limit_denominator(255)
            stream.codec_context.sample_aspect_ratio = aspect
        stream.codec_context.time_base = Fraction(1, _TICKS)
        stream.codec_context.gop_size = 60
        return stream

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path}: {error.strerror}; pass another place")


def check_video(path: Path) -> None:
    """Make sure that a video can be written under a name, before anything is.

    Raises
    ------
    MissingExtraError
        When PyAV is not installed.
    OutputError
        When its suffix is another.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise OutputError(f"a video must be one of {', '.join(SUFFIXES)}, got {path}")
    optional.av.library_versions  # noqa: B018  (asks for the library, or says how to get it)


def _fitted(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Scale a picture into (width, height), black beside it; a last odd row or column is cut."""
    width, height = size
    if picture.shape[0] in (height, height + 1) and picture.shape[1] in (width, width + 1):
        return picture[:height, :width]
    scale = min(width / picture.shape[1], height / picture.shape[0])
    inner = (
        max(1, min(width, round(picture.shape[1] * scale))),
        max(1, min(height, round(picture.shape[0] * scale))),
    )
    out = np.zeros((height, width, 3), np.uint8)
    x, y = (width - inner[0]) // 2, (height - inner[1]) // 2
    out[y : y + inner[1], x : x + inner[0]] = cv2.resize(
        picture, inner, interpolation=cv2.INTER_AREA
    )
    return out
