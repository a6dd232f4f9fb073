"""Frames to measure with, where nobody has a video of their own at hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from openpaf.stream import open_source

Frame = NDArray[np.uint8]


def random_frames(count: int, size: tuple[int, int]) -> Frame:
    """(N, H, W, 3) uint8 of seeded noise: what a frame shows does not change what it costs."""
    width, height = size
    return np.random.default_rng(0).integers(0, 256, (count, height, width, 3), np.uint8)


def write_video(path: Path, frames: Iterable[Frame], size: tuple[int, int]) -> None:
    """An MJPEG file of frames (H, W, 3) uint8 BGR."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    for frame in frames:
        writer.write(frame)
    writer.release()


def make_video(path: Path, frames: int, size: tuple[int, int] = (640, 360)) -> None:
    """Discs that wander over noise."""
    write_video(path, wandering_discs(frames, size), size)


def wandering_discs(frames: int, size: tuple[int, int]) -> Iterator[Frame]:
    """Frames of discs over noise, seeded."""
    rng = np.random.default_rng(7)
    background = rng.integers(0, 80, (size[1], size[0], 3), np.uint8)
    places = rng.uniform(0, size, (12, 2))
    for _ in range(frames):
        frame = background.copy()
        places += rng.normal(0, 4, places.shape)
        for x, y in places:
            cv2.circle(frame, (int(x), int(y)), 30, (200, 160, 120), -1)
        yield frame


@contextmanager
def clip_or_made(clip: Path | None, frames: int, size: tuple[int, int]) -> Iterator[Path]:
    """The clip given, or one made for as long as it is needed."""
    if clip is not None:
        yield clip
        return
    with TemporaryDirectory() as folder:
        made = Path(folder) / "made.avi"
        make_video(made, frames, size)
        yield made


def first_frames(clip: Path, count: int) -> list[Frame]:
    """The first frames of a video, (H, W, 3) uint8 BGR; fewer where it is shorter."""
    source = open_source(clip, live=False)
    shots = list(islice(iter(source.read, None), count))
    source.close()
    return [shot.frame for shot in shots if shot is not None]
