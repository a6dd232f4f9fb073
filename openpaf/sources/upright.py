"""Decoded video frames as a player shows them: whole pictures, the right way up, in BGR."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openpaf.optional import av, cv2

if TYPE_CHECKING:
    from av.filter import Graph
    from av.video.frame import VideoFrame

# Many files say interlaced of whole pictures, or say wrongly which half comes first: what is not
# seen to be interlaced is whole. (A threshold of 0, because a still scene shows neither.)
_LOOK = "prog_thres=0"
_INTERLACED_ONLY = "mode=send_frame:parity=auto:deint=interlaced"


class Deinterlacer:
    """Make whole pictures of the frames that say they hold two half ones; pass on all others.

    It works with the frames before and after, so it gives each a little late, and the last when it
    is flushed. Nothing is filtered, or late, until the first interlaced frame.
    """

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._kind: tuple[int, int, str] | None = None

    def push(self, frame: VideoFrame, time_base: Fraction) -> Iterator[VideoFrame]:
        """Take a frame and give those that are ready, with their own times."""
        kind = (frame.width, frame.height, frame.format.name)
        if self._graph is not None and kind != self._kind:
            yield from self.flush()
        if self._graph is None:
            if not frame.interlaced_frame:
                yield frame
                return
            self._graph, self._kind = _graph(frame, time_base), kind
        self._graph.vpush(frame)
        yield from _pulled(self._graph)

    def flush(self) -> Iterator[VideoFrame]:
        """Give what is still held back."""
        graph, self._graph = self._graph, None
        if graph is not None:
            graph.vpush(None)
            yield from _pulled(graph)


def _graph(frame: VideoFrame, time_base: Fraction) -> Graph:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=time_base
    )
    look = graph.add("idet", _LOOK)
    bwdif = graph.add("bwdif", _INTERLACED_ONLY)
    sink = graph.add("buffersink")
    source.link_to(look)
    look.link_to(bwdif)
    bwdif.link_to(sink)
    graph.configure()
    return graph


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except av.error.EOFError:
            return
        except av.error.FFmpegError as error:
            if error.errno == errno.EAGAIN:
                return
            raise


class Turn:
    """How pictures are to be flipped and turned, from a video's display matrix.

    Parameters
    ----------
    frame : av.VideoFrame
        Any of the video, with the matrix in its side data or without one.
    """

    def __init__(self, frame: VideoFrame) -> None:
        data = frame.side_data.get("DISPLAYMATRIX")
        a, b, c, d = 1, 0, 0, 1
        if data is not None:
            matrix = np.frombuffer(data, np.int32).reshape(3, 3)  # type: ignore[call-overload]
            # A point x, y of the stored picture is shown at a x + c y, b x + d y.
            a, b, c, d = (int(value) for value in matrix[:2, :2].ravel())
        self.swaps = abs(b) + abs(c) > abs(a) + abs(d)
        self._mirrored, self._upside_down = (c < 0, b < 0) if self.swaps else (a < 0, d < 0)

    def __call__(self, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn an (H, W, 3) picture; it may come back (W, H, 3)."""
        if self.swaps:
            picture = np.asarray(cv2.transpose(picture), np.uint8)
        if self._mirrored and self._upside_down:
            return np.asarray(cv2.flip(picture, -1), np.uint8)
        if self._mirrored or self._upside_down:
            return np.asarray(cv2.flip(picture, int(self._mirrored)), np.uint8)
        return picture


class Pixels:
    """Pixels of decoded frames as they are stored, (H, W, 3) uint8 BGR; one frame at a time.

    Keeps the converter: making one anew takes longer than converting a frame.
    """

    def __init__(self) -> None:
        self._reformatter = av.video.reformatter.VideoReformatter()

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        picture = self._reformatter.reformat(frame, format="bgr24")
        plane = picture.planes[0]
        rows = np.frombuffer(plane, np.uint8, plane.line_size * picture.height)  # type: ignore[call-overload]
        whole = rows.reshape(picture.height, plane.line_size)[:, : 3 * picture.width]
        return np.ascontiguousarray(whole).reshape(picture.height, picture.width, 3)
