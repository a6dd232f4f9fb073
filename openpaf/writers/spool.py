"""Results that wait on disk until it is known when they were taken."""

from __future__ import annotations

import json
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np

from openpaf.errors import OutputError
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton import Skeleton
from openpaf.wide import apart, sets_of, wide_values, widened

# Frame, seconds, width, height, pixel aspect, people, whether they have ids, and bytes of the name,
# the picture's number and the source, which follow as JSON.
_HEAD = struct.Struct("<qdiidi?i")


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
        with _kept():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 closed by close
        self._skeleton: Skeleton | None = None
        self.frames, self.first = 0, 0.0

    def write(self, result: Result) -> None:
        """Append a result.

        Raises
        ------
        OutputError
            When the temporary folder is full.
        """
        poses = result.poses
        self._skeleton = poses.skeleton
        height, width = result.frame.shape[:2]
        ids = np.full(len(poses), -1) if poses.ids is None else poses.ids
        sets = sets_of([poses])
        named = json.dumps([result.name, result.image_id, poses.source, sets]).encode()
        place = (result.index, result.time, width, height, result.pixel_aspect)
        row = [_HEAD.pack(*place, len(poses), poses.ids is not None, len(named)), named]
        for values in (*wide_values(poses, sets), poses.person_scores, ids):
            row.append(values.astype(np.float64).tobytes())
        with _kept():
            self._file.write(b"".join(row))
        if not self.frames:
            self.first = result.time
        self.frames += 1

    def results(self) -> Iterator[Result]:
        """Give everything from the beginning on.

        Raises
        ------
        OutputError
            When the temporary folder turns out to be full.
        """
        with _kept():
            self._file.seek(0)
        for _ in range(self.frames):
            head = self._file.read(_HEAD.size)
            index, time, width, height, aspect, people, has_ids, length = _HEAD.unpack(head)
            name, image_id, source, sets = json.loads(self._file.read(length))
            assert self._skeleton is not None
            parts = len(widened(self._skeleton, tuple(sets)).parts)
            values = np.frombuffer(self._file.read(8 * people * (3 * parts + 2)))
            ends = np.cumsum([2 * people * parts, people * parts, people])
            keypoints, scores, means, ids = np.split(values, ends)
            body, body_scores, part_sets = apart(
                keypoints.reshape(people, parts, 2),
                scores.reshape(people, parts),
                len(self._skeleton.parts),
                sets,
            )
            poses = Poses(
                body.astype(np.float32),
                body_scores.astype(np.float32),
                means.astype(np.float32),
                self._skeleton,
                ids.astype(np.int64) if has_ids else None,
                (width, height),
                index=index,
                time=time,
                source=source,
                part_sets=part_sets,
            )
            black = np.broadcast_to(np.uint8(0), (height, width, 3))
            yield Result(poses, black, index, time, name, image_id, pixel_aspect=aspect)

    def shifted(self, seconds: float, frame_rate: float) -> Iterator[Result]:
        """Give everything as if it had been taken so much later, frame numbers and all."""
        frames = round(seconds * frame_rate)
        for result in self.results():
            index, time = result.index + frames, result.time + seconds
            poses = replace(result.poses, index=index, time=time)
            yield replace(result, poses=poses, index=index, time=time)

    def close(self) -> None:
        """Let go of the file."""
        # What a full disk did not take is no longer wanted.
        with suppress(OSError):
            self._file.close()


@contextmanager
def _kept() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # Set as soon as a folder was found.
        folder = tempfile.tempdir or "a temporary folder"
        raise OutputError(
            f"cannot keep results in {folder}: {error.strerror or error}; set TMPDIR to another"
        ) from error
