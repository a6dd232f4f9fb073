"""Video files and urls, unpacked by FFmpeg: every frame that can be, and what is missing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import SourceError
from openpaf.optional import av
from openpaf.picture import MAX_PIXELS, check_pixels
from openpaf.sources.address import without_secrets
from openpaf.sources.upright import Deinterlacer, Turn, to_bgr

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Seconds: for opening, and for a frame.
_TIMEOUT = 5.0
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
        self._name = without_secrets(str(place))
        self._file: IO[bytes] | None = None
        self._container = self._open(place, url)
        try:
            self._stream = self._best_stream()
            self._describe(url)
        except BaseException:
            self.close()
            raise
        self._time_base = self._stream.time_base or Fraction(1, 1000)
        self.damaged = 0
        self._frames = self._decoded()
        self._deinterlacer = Deinterlacer()
        self._turn: Turn | None = None
        self._packets = self._given = 0
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
        return self._turn(to_bgr(frame.frame))

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
        if self._file is not None:
            self._file.close()

    def _film_frame(self, frame: VideoFrame, index: int) -> FilmFrame:
        self._given += 1
        seconds = frame.time if self.own_clock else None
        return FilmFrame(frame, index, seconds, time.perf_counter())

    def _open(self, place: str | Path, url: bool) -> InputContainer:
        options = {"max_pixels": str(MAX_PIXELS)}
        if not url:
            return self._open_file(Path(place), options)
        if str(place).lower().startswith("rtsp"):
            options["rtsp_transport"] = "tcp"
        try:
            return av.open(str(place), "r", options=options, timeout=_TIMEOUT)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise SourceError(
                f"{self._name} cannot be opened; see that the address is right and the server runs"
                f" ({_reason(error)})"
            ) from None  # It names the address, password included.

    def _open_file(self, path: Path, options: dict[str, str]) -> InputContainer:
        if not path.is_file():
            raise SourceError(f"{path} is neither a file nor a folder, camera number or url")
        try:
            name = os.fspath(path.absolute()).encode("utf-8")
        except UnicodeEncodeError:
            name = b""
        try:
            self._file = path.open("rb")
            if not self._file.read(1):
                raise SourceError(f"{path} cannot be opened; it is empty")
            self._file.seek(0)
            # By its name where FFmpeg can be told it, which is faster.
            place = f"file:{name.decode()}" if name else self._file
            return av.open(place, "r", options=options)
        except SourceError:
            self._close_file()
            raise
        except PermissionError as error:
            raise SourceError(f"{path} cannot be read: permission denied") from error
        except (av.error.FFmpegError, OSError, ValueError) as error:
            self._close_file()
            raise SourceError(
                f"{path} cannot be opened; it is no video, is damaged or cut short, or has a codec "
                f"that FFmpeg lacks ({_reason(error)})"
            ) from error

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()

    def _best_stream(self) -> VideoStream:
        stream = self._container.streams.best("video")
        if not isinstance(stream, av.VideoStream) or stream.codec_context is None:
            raise SourceError(
                f"{self._name} cannot be opened; it has no video, or a codec that FFmpeg lacks"
            )
        return stream

    def _describe(self, url: bool) -> None:
        stream, container = self._stream, self._container
        check_pixels(stream.width, stream.height, self._name)
        stream.codec_context.thread_count = 1 if url else min(os.cpu_count() or 1, _MOST_THREADS)
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
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
        for packet in self._demuxed():
            try:
                frames = packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                yield None
                continue
            yield from frames

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
                    self._broken = f"broke off after {self._packets} frames ({_reason(error)})"
                    return

    def _note(self, packet: Packet[Any]) -> None:
        if packet.size:
            self._packets += 1
        end = _end_of(packet)
        if end is None:
            return
        if self._latest is not None:
            self._longest_gap = max(self._longest_gap, abs(end - self._latest))
        self._latest, self._end = end, max(self._end, end)


def _end_of(packet: Packet[Any]) -> float | None:
    """Seconds at which what is in a packet has been shown."""
    start = packet.dts if packet.pts is None else packet.pts
    if start is None or packet.time_base is None:
        return None
    return float((start + (packet.duration or 0)) * packet.time_base)


def _reason(error: BaseException) -> str:
    """What FFmpeg says, without the address it says it of."""
    return str(getattr(error, "strerror", None) or type(error).__name__)
