"""Video files and urls, unpacked by FFmpeg: every frame that can be, and what is missing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.address import without_secrets
from openpaf.optional import av
from openpaf.sources.container import best_stream, open_container, reason
from openpaf.sources.upright import Deinterlacer, Pixels, Turn

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

# Further threads hold that many frames back, which counts when the last ones are damaged.
_MOST_THREADS = 8
# Of the packets a container counts so many may be missing: a header is not always exact.
_SPARE_FRAMES, _SPARE_SHARE = 2, 0.01
# An end is before the duration by more than a share of it, and more than gaps between frames.
_SPARE_DURATION, _SPARE_GAPS = 0.05, 2.0
_MOST_DEMUX_ERRORS = 30


class FilmFrame(NamedTuple):
    """A frame still as it was decoded.

    number : place among all, damaged ones included; time : seconds on its own clock, None without
    one; arrived : `time.perf_counter()` when it was there.
    """

    frame: VideoFrame
    number: int
    time: float | None
    arrived: float


class Film:
    """A video file or url that can be read once, from its beginning.

    Parameters
    ----------
    place : str or Path
        A path, or a url.
    url : bool
        A url is read by one thread and given up when nothing comes for five seconds.

    Raises
    ------
    FrameError
        When its frames have more than `MAX_PIXELS`.
    SourceError
        When it cannot be opened or is no video.

    Attributes
    ----------
    frame_rate : float or None
        Frames a second, on average.
    frame_count : int or None
        Where the container says it; never a guess.
    duration : float or None
        Seconds, where the container says it.
    has_end : bool
        It is a file, or a url with a length.
    own_clock : bool
        Its frames have times of their own.
    damaged : int
        Frames so far that could not be unpacked.
    """

    def __init__(self, place: str | Path, *, url: bool = False) -> None:
        self._place, self._is_url = place, url
        self._name = without_secrets(str(place))
        self._container = open_container(place, url=url)
        try:
            threads = 1 if url else min(os.cpu_count() or 1, _MOST_THREADS)
            self._stream = best_stream(self._container, self._name, threads=threads)
            self._describe()
        except BaseException:
            self.close()
            raise
        self._time_base = self._stream.time_base or Fraction(1, 1000)
        self.damaged = 0
        self._frames = self._decoded()
        self._deinterlacer = Deinterlacer()
        self._turn: Turn | None = None
        self._pixels = Pixels()
        self._packets = self._given = 0
        self._last_sent = -1
        self._end = 0.0
        self._latest: float | None = None
        self._longest_gap = 0.0
        self._broken: str | None = None

    def __iter__(self) -> Iterator[FilmFrame]:
        """Give every frame that can be unpacked, once, in order.

        Raises
        ------
        SourceError
            When a url breaks off.
        """
        index = 0
        for frame in self._frames:
            if frame is None:
                self.damaged += 1
                index += 1
                continue
            self._turn = self._turn or Turn(frame)
            for whole in self._deinterlacer.push(frame, self._time_base):
                yield self._film_frame(whole, index)
                index += 1
        for whole in self._deinterlacer.flush():
            yield self._film_frame(whole, index)
            index += 1

    def pixels(self, frame: FilmFrame) -> NDArray[np.uint8]:
        """Pixels of a frame the way it is shown, (H, W, 3) uint8 BGR."""
        assert self._turn is not None
        return self._turn(self._pixels(frame.frame))

    @property
    def pixel_aspect(self) -> float:
        """Width of a pixel over its height, of frames as they are shown."""
        aspect = float(self._stream.sample_aspect_ratio or 1) or 1.0
        return 1 / aspect if self._turn is not None and self._turn.swaps else aspect

    def what_is_missing(self) -> str | None:
        """After the last frame: how it ended before its end, or None where it did not."""
        if self._broken is not None:
            return self._broken
        seen = self._packets
        if self._container.format.name == "avi":
            # It counts the frames that were left out while recording, too.
            seen = max(seen, round((self._end + self._longest_gap) / self._time_base))
        missing = (self.frame_count or 0) - seen
        if missing > max(_SPARE_FRAMES, _SPARE_SHARE * self._packets):
            return f"ended after {self._given} of {self.frame_count} frames"
        if self.duration is not None:
            spare = max(_SPARE_DURATION * self.duration, _SPARE_GAPS * self._longest_gap)
            if self.duration - self._end > spare:
                return f"ended after {self._end:.1f} of {self.duration:.1f} s"
        return None

    def close(self) -> None:
        """Let go of the file or connection."""
        self._container.close()

    def _film_frame(self, frame: VideoFrame, index: int) -> FilmFrame:
        self._given += 1
        seconds = frame.time if self.own_clock else None
        return FilmFrame(frame, index, seconds, time.perf_counter())

    def _describe(self) -> None:
        url = self._is_url
        stream, container = self._stream, self._container
        timed = "no_timestamps" not in str(av.format.Flags(container.format.flags))
        rate = float(stream.average_rate or stream.guessed_rate or 0)
        self.frame_rate = rate if 0 < rate <= 1000 else None
        self.frame_count = stream.frames or None
        # Of what has no times FFmpeg guesses it by the size.
        self.duration = container.duration / 1e6 if container.duration and timed else None
        self.has_end = not url or container.duration is not None or container.size > 0
        self.own_clock = timed or not url

    def _decoded(self) -> Iterator[VideoFrame | None]:
        """Every frame, None for one that cannot be unpacked."""
        last, lost = -1, 0
        for frame in _unpacked(self._demuxed()):
            if frame is None:
                lost += 1
                continue
            yield from [None] * lost
            last, lost = last if frame.pts is None else frame.pts, 0
            yield frame
        if self._is_url or self._last_sent <= last:
            yield from [None] * lost
            return
        yield from self._tail(last)

    def _tail(self, last: int) -> Iterator[VideoFrame | None]:
        """Frames after the last one, which several threads lose when one of these is damaged."""
        container = open_container(self._place)
        try:
            stream = best_stream(container, self._name, threads=1)
            container.seek(max(last, 0), stream=stream)
            packets = container.demux(stream)
            for frame in _unpacked(packets, after=last):
                if frame is None or frame.pts is None or frame.pts > last:
                    yield frame
        except av.error.FFmpegError:
            return
        finally:
            container.close()

    def _demuxed(self) -> Iterator[Packet[Any]]:
        """Packets of the video, and when all streams together end."""
        errors = 0
        while True:
            try:
                for packet in self._container.demux():
                    if packet.stream is self._stream:
                        self._note(packet)
                        yield packet
                    else:
                        self._end = max(self._end, _end_of(packet) or 0.0)
                return
            except av.error.FFmpegError as error:
                errors += 1
                if not isinstance(error, av.error.InvalidDataError) or errors > _MOST_DEMUX_ERRORS:
                    self._broken = f"broke off after {self._packets} frames ({reason(error)})"
                    return

    def _note(self, packet: Packet[Any]) -> None:
        if packet.size:
            self._packets += 1
            self._last_sent = max(self._last_sent, -1 if packet.pts is None else packet.pts)
        end = _end_of(packet)
        if end is None:
            return
        if self._latest is not None:
            self._longest_gap = max(self._longest_gap, abs(end - self._latest))
        self._latest, self._end = end, max(self._end, end)


def _unpacked(packets: Iterator[Packet[Any]], after: int = -1) -> Iterator[VideoFrame | None]:
    """Frames of packets, None for one that cannot be unpacked and is shown after a moment."""
    for packet in packets:
        try:
            frames = packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            if packet.pts is None or packet.pts > after:
                yield None
            continue
        yield from frames


def _end_of(packet: Packet[Any]) -> float | None:
    """Seconds at which what is in a packet has been shown."""
    start = packet.dts if packet.pts is None else packet.pts
    if start is None or packet.time_base is None:
        return None
    return float((start + (packet.duration or 0)) * packet.time_base)
