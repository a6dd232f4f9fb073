"""Which reader a file or folder needs."""

from __future__ import annotations

import codecs
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from openpaf.errors import ConfigError, RecordingError
from openpaf.motion.readers.coco import CocoRecording
from openpaf.motion.readers.coco_labels import CocoLabels
from openpaf.motion.readers.csv import CsvRecording
from openpaf.motion.readers.ndjson import NdjsonRecording
from openpaf.motion.readers.openpose import DEFAULT_FRAME_RATE, OpenPoseRecording
from openpaf.motion.readers.parquet import ParquetRecording
from openpaf.motion.records import Record, Recording, in_order

SUFFIXES = (".ndjson", ".jsonl", ".json", ".csv", ".parquet")
"""Files that can be read; folders hold OpenPose's JSON, or the parts that `openpaf batch` wrote."""


class _Parts:
    """Several files, one after the other."""

    def __init__(self, parts: list[Recording]) -> None:
        self._parts, self._done = parts, 0

    @property
    def share(self) -> float:
        now = self._parts[min(self._done, len(self._parts) - 1)].share
        return min(1.0, (self._done + now) / len(self._parts))

    def records(self) -> Iterator[Record]:
        for number, part in enumerate(self._parts):
            self._done = number
            yield from part.records()


class _Ordered:
    """A recording whose order and times have been checked."""

    def __init__(self, recording: Recording, frame_rate: float | None, place: str) -> None:
        self._recording, self._frame_rate, self._place = recording, frame_rate, place

    @property
    def share(self) -> float:
        return self._recording.share

    def records(self) -> Iterator[Record]:
        empty = True
        for record in in_order(self._recording.records(), self._frame_rate):
            empty = False
            yield record
        if empty:
            raise RecordingError(f"{self._place} has no frame in it")


def open_recording(
    path: str | Path, *, frame_rate: float | None = None, source: str | None = None
) -> Recording:
    """Open what `openpaf run`, `batch` or `smooth` wrote, or a folder of OpenPose's JSON.

    Parameters
    ----------
    path : str or Path
        `.ndjson`, `.csv` (a row a keypoint, or wide), `.parquet`, COCO keypoint results or labels,
        a folder of OpenPose's `*_keypoints.json`, a folder of `openpaf batch`; `-` is NDJSON on
        standard input.
    frame_rate : float, optional
        Frames a second; counts times by frame number, whatever the file says.
    source : str, optional
        Which video, where a file of `openpaf batch` holds several.

    Raises
    ------
    ConfigError
        When the frame rate cannot be one.
    RecordingError
        When it is not there, or not a recording.
    """
    if frame_rate is not None and not 0 < frame_rate < 1e6:
        raise ConfigError(f"frame_rate must be above 0, got {frame_rate!r}")
    return _Ordered(recording_of(path, source, DEFAULT_FRAME_RATE), frame_rate, str(path))


def recording_of(
    path: str | Path, source: str | None = None, assumed_rate: float | None = None
) -> Recording:
    """Open the same, in whatever order it is and without times where the file has none.

    `assumed_rate`, frames a second, stands in for the times that OpenPose does not write.

    Raises
    ------
    RecordingError
        When it is not there, or not a recording.
    """
    if str(path) == "-":
        return NdjsonRecording(_spooled(), "standard input", source)
    path = Path(path)
    if not path.exists():
        raise RecordingError(
            f"{path} does not exist; pass what openpaf wrote: .json, .ndjson, .csv, .parquet or a "
            "folder of them"
        )
    return _folder(path, source, assumed_rate) if path.is_dir() else _file(path, source)


def _file(path: Path, source: str | None) -> Recording:
    kind = path.suffix.lower()
    if kind == ".json":
        return _json(path, source)
    if kind == ".parquet":
        return ParquetRecording(path, source)
    if kind == ".csv":
        return CsvRecording(path)
    if kind in SUFFIXES:
        return NdjsonRecording(path, str(path), source)
    raise RecordingError(f"{path} must be a folder or one of {', '.join(SUFFIXES)}")


def _json(path: Path, source: str | None) -> Recording:
    """COCO's results are an array, COCO's labels and OpenPose's people one object."""
    try:
        data = path.read_bytes().removeprefix(codecs.BOM_UTF8).lstrip()
        if data.startswith(b"["):
            return CocoRecording(path)
        value = json.loads(data)
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and "annotations" in value:
        return CocoLabels(path)
    if isinstance(value, dict) and "people" in value and not {"frame_size", "width"} & value.keys():
        return OpenPoseRecording([path])
    return NdjsonRecording(path, str(path), source)


def _folder(path: Path, source: str | None, assumed_rate: float | None) -> Recording:
    files = sorted(path.glob("*_keypoints.json"))
    if files:
        return OpenPoseRecording(files, assumed_rate)
    below = path / "poses" if (path / "poses").is_dir() else path
    parts = sorted(file for kind in ("parquet", "ndjson") for file in below.glob(f"*.{kind}"))
    if not parts:
        raise RecordingError(
            f"{path} holds neither OpenPose's *_keypoints.json nor parts of openpaf batch"
        )
    return _Parts([_file(part, source) for part in parts])


def _spooled() -> IO[bytes]:
    """Standard input as a file that can be read twice; it goes when the program does."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 read until the end
    shutil.copyfileobj(sys.stdin.buffer, spool)
    return spool
