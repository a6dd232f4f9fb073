"""Results that wait on disk until it is known when they were taken."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton import Skeleton

# Frame, seconds, width, height, people, whether they have ids.
_HEAD = struct.Struct("<qdiii?")


class Spool:
    """Takes results like any writer, and gives them back without their frames' pixels.

    The file has no name and goes with the process.

    Attributes
    ----------
    frames : int
    first : float
        Seconds of the first result.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 closed by close
        self._skeleton: Skeleton | None = None
        self.frames, self.first = 0, 0.0

    def write(self, result: Result) -> None:
        """Append a result."""
        poses = result.poses
        if not self.frames:
            self.first = result.time
        self.frames += 1
        self._skeleton = poses.skeleton
        height, width = result.frame.shape[:2]
        ids = np.full(len(poses), -1) if poses.ids is None else poses.ids
        head = (result.index, result.time, width, height, len(poses), poses.ids is not None)
        self._file.write(_HEAD.pack(*head))
        for values in (poses.keypoints, poses.scores, poses.person_scores, ids):
            self._file.write(values.astype(np.float64).tobytes())

    def results(self) -> Iterator[Result]:
        """Give everything from the beginning on."""
        self._file.seek(0)
        while head := self._file.read(_HEAD.size):
            index, time, width, height, people, has_ids = _HEAD.unpack(head)
            assert self._skeleton is not None
            parts = len(self._skeleton.parts)
            values = np.frombuffer(self._file.read(8 * people * (3 * parts + 2)))
            ends = np.cumsum([2 * people * parts, people * parts, people])
            keypoints, scores, means, ids = np.split(values, ends)
            poses = Poses(
                keypoints.reshape(people, parts, 2).astype(np.float32),
                scores.reshape(people, parts).astype(np.float32),
                means.astype(np.float32),
                self._skeleton,
                ids.astype(np.int64) if has_ids else None,
                (width, height),
            )
            black = np.broadcast_to(np.uint8(0), (height, width, 3))
            yield Result(poses, black, index, time)

    def shifted(self, seconds: float, frame_rate: float) -> Iterator[Result]:
        """Give everything as if it had been taken so much later, frame numbers and all."""
        frames = round(seconds * frame_rate)
        for result in self.results():
            yield replace(result, index=result.index + frames, time=result.time + seconds)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
