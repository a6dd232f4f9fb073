"""Parquet: the parts that `openpaf batch` writes, and the wide table of `openpaf smooth`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from openpaf.errors import MissingExtraError, RecordingError, first_line
from openpaf.motion.readers.sources import OneSource
from openpaf.motion.readers.wide import is_wide, wide_records
from openpaf.motion.records import NO_NUMBERS, Record, skeleton_named, text_of, to_poses
from openpaf.motion.small_parts import sets_of_people
from openpaf.skeleton import Skeleton

_ROWS = 1024


class ParquetRecording:
    """A row a frame, or a row a person.

    Parameters
    ----------
    path : Path
    source : str, optional
        Which video, where rows say so.

    Raises
    ------
    MissingExtraError
        When pyarrow is not installed.
    RecordingError
        When it is no such table.
    """

    def __init__(self, path: Path, source: str | None = None) -> None:
        self._path, self._source = path, OneSource(str(path), source)
        self.share = 0.0
        file = self._opened()
        names = file.schema_arrow.names
        self._wide = is_wide(names)
        if not self._wide and not {"frame", "people"} <= set(names):
            raise RecordingError(
                f"{path} must have the columns frame, time and people, as openpaf batch writes; "
                f"got {', '.join(names[:8])}"
            )
        self._skeleton = _skeleton(file.schema_arrow.metadata, str(path))

    def records(self) -> Iterator[Record]:
        """Give its frames."""
        if self._wide:
            yield from wide_records(self._rows(), str(self._path))
            return
        for number, row in enumerate(self._rows(), 1):
            if self._source.wanted(row.get("source")):
                yield self._record(row, f"{self._path}: row {number}")

    def _rows(self) -> Iterator[dict[str, Any]]:
        file = self._opened()
        total, done = max(file.metadata.num_rows, 1), 0
        with self._errors():
            for batch in file.iter_batches(batch_size=_ROWS):
                yield from batch.to_pylist()
                done += batch.num_rows
                self.share = done / total

    def _record(self, row: dict[str, Any], where: str) -> Record:
        try:
            people = row["people"] or []
            rows = [one["keypoints"] for one in people]
            ids = [int(one.get("person_id", -1)) for one in people]
            scores = [one.get("score") for one in people]
            size = (int(row["width"]), int(row["height"])) if row.get("width") else None
            frame, time = int(row["frame"]), row.get("time")
            seconds = float("nan") if time is None else float(time)
        except (*NO_NUMBERS, AttributeError, KeyError) as error:
            raise RecordingError(f"{where} is not a frame of openpaf batch: {error}") from None
        source = text_of(row.get("source"))
        poses = to_poses(rows, ids, self._skeleton, where, size, scores=scores, source=source)
        poses = replace(poses, part_sets=sets_of_people(people, where))
        return Record(frame, seconds, poses, source, None, where)

    def _opened(self) -> Any:
        try:
            from pyarrow import parquet
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                'Parquet needs pyarrow; pip install "openpaf[motion]"'
            ) from error
        with self._errors():
            return parquet.ParquetFile(self._path)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import pyarrow

        try:
            yield
        except (OSError, UnicodeDecodeError, pyarrow.ArrowException) as error:
            problem = first_line(error)
            raise RecordingError(f"{self._path} cannot be read as Parquet: {problem}") from None


def _skeleton(metadata: dict[bytes, bytes] | None, where: str) -> Skeleton | None:
    text = (metadata or {}).get(b"openpaf")
    try:
        said = None if text is None else json.loads(text).get("skeleton")
    except (ValueError, AttributeError, RecursionError) as error:
        raise RecordingError(f"{where}: its metadata is not of openpaf: {error}") from None
    return skeleton_named(said, where)
