"""Frames to measure with, where nobody has a video of their own at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from numpy.typing import NDArray

from openpaf.stream import open_source

Frame = NDArray[np.uint8]


def make_video(path: Path, frames: int, size: tuple[int, int] = (640, 360)) -> None:
    """Discs that wander over noise; what the network sees does not change what it costs."""
    rng = np.random.default_rng(7)
    background = rng.integers(0, 80, (size[1], size[0], 3), np.uint8)
    places = rng.uniform(0, size, (12, 2))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    for _ in range(frames):
        frame = background.copy()
        places += rng.normal(0, 4, places.shape)
        for x, y in places:
            cv2.circle(frame, (int(x), int(y)), 30, (200, 160, 120), -1)
        writer.write(frame)
    writer.release()


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
