"""H.264 files to read, where nobody has one at hand."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 25


def write_film(path: Path, frames: Iterable[NDArray[np.uint8]], size: tuple[int, int]) -> None:
    """H.264 of frames (H, W, 3) uint8 BGR, quickly made rather than small."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="bgr24")))
        container.mux(stream.encode())


def repeat_film(path: Path, film: Path, times: int) -> None:
    """The same film so many times in one file, nothing encoded again."""
    with av.open(str(film)) as given, av.open(str(path), "w") as container:
        source = given.streams.video[0]
        stream = container.add_stream_from_template(source)
        packets = [packet for packet in given.demux(source) if packet.pts is not None]
        length = int(Fraction(source.frames, RATE) / packets[0].time_base)
        starts = [(packet.pts or 0, packet.dts or 0) for packet in packets]
        for number in range(times):
            for packet, (pts, dts) in zip(packets, starts, strict=True):
                packet.pts, packet.dts = pts + number * length, dts + number * length
                packet.stream = stream
                container.mux(packet)
