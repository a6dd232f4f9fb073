"""NDJSON: what `openpaf run --ndjson`, `openpaf batch --format ndjson` and `smooth` write."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import OpenPafWarning, RecordingError
from openpaf.motion.readers.sources import OneSource
from openpaf.motion.records import NO_NUMBERS, Record, skeleton_named, text_of, to_poses
from openpaf.motion.small_parts import sets_of_people
from openpaf.skeleton import Skeleton

_EXPECTED = 'a JSON object a line with "frame", "time" and "people", as openpaf run --ndjson writes'


class NdjsonRecording:
    """A line a frame, in either of the two forms that openpaf writes.

    Parameters
    ----------
    file : Path or binary file that can be wound back
    place : str
        What messages call it.
    source : str, optional
        Which video, where lines say so.
    """

    def __init__(self, file: Path | IO[bytes], place: str, source: str | None = None) -> None:
        self._file, self._place, self._source = file, place, OneSource(place, source)
        self.share = 0.0

    def records(self) -> Iterator[Record]:
        """Give its frames."""
        with _opened(self._file, self._place) as file:
            size = max(file.seek(0, 2), 1)
            file.seek(0)
            done = 0
            for number, line in enumerate(file, 1):
                done += len(line)
                self.share = done / size
                if not line.strip():
                    continue
                where = f"{self._place}: line {number}"
                value = self._parsed(line, where, last=done == size)
                if value is not None and self._source.wanted(value.get("source")):
                    yield _record(value, where)

    def _parsed(self, line: bytes, where: str, last: bool) -> dict[str, Any] | None:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            if last and not line.endswith(b"\n") and not where.endswith("line 1"):
                warnings.warn(f"{where} is cut short and left out", OpenPafWarning, stacklevel=2)
                return None
            raise RecordingError(f"{where} is not {_EXPECTED}: {error}") from None
        if not isinstance(value, dict) or not isinstance(value.get("people"), list):
            got = f"one with {', '.join(list(value)[:5])}" if isinstance(value, dict) else "a list"
            raise RecordingError(f"{where} must be {_EXPECTED}; got {got}")
        return value


@contextmanager
def _opened(file: Path | IO[bytes], place: str) -> Iterator[IO[bytes]]:
    if not isinstance(file, Path):
        yield file
        return
    try:
        with file.open("rb") as opened:
            yield opened
    except OSError as error:
        raise RecordingError(f"{place} cannot be read: {error.strerror or error}") from error


def _record(value: dict[str, Any], where: str) -> Record:
    people = value["people"]
    skeleton = skeleton_named(value.get("skeleton"), where)
    try:
        # A line of `batch` has the scores of people beside their keypoints, OpenPose's has not.
        rows = [one.get("keypoints", one.get("pose_keypoints_2d")) for one in people]
        ids = [_id(one) for one in people]
        size = value.get("frame_size") or [value.get("width") or 0, value.get("height") or 0]
        frame_size = (int(size[0]), int(size[1])) if size[0] else None
        frame, time = int(value["frame"]), value.get("time")
        seconds = float("nan") if time is None else float(time)
        scores = [one.get("score") for one in people]
    except (*NO_NUMBERS, AttributeError, KeyError, IndexError) as error:
        problem = f"no {error}" if isinstance(error, KeyError) else error
        raise RecordingError(f"{where} must be {_EXPECTED}: {problem}") from None
    source, name = text_of(value.get("source")), text_of(value.get("name"))
    poses = to_poses(rows, ids, skeleton, where, frame_size, scores=scores, source=source)
    poses = replace(poses, part_sets=sets_of_people(people, where))
    filled = _filled(people, poses.skeleton)
    return Record(frame, seconds, poses, name or source, filled, where)


def _id(person: dict[str, Any]) -> int:
    value = person.get("person_id", -1)
    return int(value[0] if isinstance(value, list) else value)


def _filled(people: list[dict[str, Any]], skeleton: Skeleton) -> NDArray[np.bool_] | None:
    if not any("filled" in one for one in people):
        return None
    named = [set(one.get("filled", ())) for one in people]
    return np.array([[part in names for part in skeleton.parts] for names in named])
