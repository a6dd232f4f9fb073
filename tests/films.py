"""Videos of every kind, made as they are needed: frame i has a bar at a place that tells i."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

SIZE = 160, 96
_STEP = 5


def picture(index: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """A dark frame with a bright bar, whose left edge moves 5 px a frame, and a lighter top."""
    frame = np.full((size[1], size[0], 3), 40, np.uint8)
    frame[: size[1] // 4] = 90
    left = _STEP * index % (size[0] - 20)
    frame[:, left : left + 20] = 230
    return frame


def number(frame: NDArray[np.uint8], width: int = SIZE[0]) -> int:
    """What the bar says."""
    columns = frame[frame.shape[0] // 2 :].mean((0, 2))
    inside = np.flatnonzero(columns > 140) * width / frame.shape[1]
    return round((float(inside.mean()) - 9.5) / _STEP)


def save(
    path: Path,
    count: int = 24,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    times: Sequence[float] | None = None,
    rate: int = 25,
    size: tuple[int, int] = SIZE,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    turned: dict[str, Any] | None = None,
    aspect: Fraction | None = None,
    group: int = 12,
) -> Path:
    """Write a video with PyAV."""
    with av.open(str(path), "w", options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.gop_size = group
        ticks = rate if times is None else 1000
        stream.codec_context.time_base = Fraction(1, ticks)
        if turned is not None:
            stream.set_display_rotation(**turned)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(picture(index, size), format="bgr24")
            seconds = index / rate if times is None else times[index]
            frame.pts, frame.time_base = round(ticks * seconds), Fraction(1, ticks)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path
