"""CSV: a row a keypoint, as `openpaf run --csv` writes, or a row a person, as `smooth` does."""

from __future__ import annotations

import csv
import itertools
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from openpaf.errors import OpenPafWarning, RecordingError
from openpaf.motion.readers.wide import is_wide, wide_records
from openpaf.motion.records import NO_NUMBERS, Record, to_poses
from openpaf.skeleton import SKELETONS, Skeleton
from openpaf.wide import SMALL_PARTS, apart, widened
from openpaf.writers.csv import COLUMNS

_LOOK_FOR_PARTS = 20_000


class CsvRecording:
    """Rows in order of their frames; frames without anybody have none.

    Parameters
    ----------
    path : Path

    Raises
    ------
    RecordingError
        When its columns are others.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.share = 0.0
        with self._opened() as file:
            self._names = next(csv.reader(file), [])
        self._wide = is_wide(self._names)
        if not self._wide and not set(COLUMNS) <= set(self._names):
            raise RecordingError(
                f"{path} must have the columns {', '.join(COLUMNS)}, as openpaf run --csv writes; "
                f"got {', '.join(self._names[:8]) or 'none'}"
            )
        self._sets: tuple[str, ...] = ()
        self._skeleton = None if self._wide else self._find_skeleton()

    def records(self) -> Iterator[Record]:
        """Give its frames."""
        if self._wide:
            yield from wide_records(self._dicts(), str(self._path))
            return
        columns = [self._names.index(name) for name in COLUMNS]
        mark, named = (
            self._names.index(name) if name in self._names else None
            for name in ("filled", "source")
        )
        skeleton = self._skeleton
        assert skeleton is not None
        number = 2
        for _, group in itertools.groupby(self._rows(), _frame_of(columns[0], named)):
            rows = list(group)
            where = f"{self._path}: line {number}"
            number += len(rows)
            try:
                yield _record(rows, columns, mark, named, (skeleton, self._sets), where)
            except (*NO_NUMBERS, IndexError) as error:
                if isinstance(error, RecordingError):
                    raise
                raise RecordingError(f"{where} cannot be read: {error}") from None

    def _dicts(self) -> Iterator[dict[str, str]]:
        return (dict(zip(self._names, row, strict=True)) for row in self._rows())

    def _rows(self) -> Iterator[list[str]]:
        size = max(self._path.stat().st_size, 1)
        done = 0
        with self._opened() as file:
            reader = csv.reader(file)
            next(reader)
            for row in reader:
                done += sum(map(len, row)) + len(row)
                self.share = min(1.0, done / size)
                if len(row) == len(self._names):
                    yield row
                elif row:
                    self._refuse(reader.line_num, ends=next(reader, None) is None)

    def _refuse(self, line: int, ends: bool) -> None:
        where = f"{self._path}: line {line}"
        if not ends:
            raise RecordingError(f"{where} must have {len(self._names)} cells")
        warnings.warn(f"{where} is cut short and left out", OpenPafWarning, stacklevel=2)

    @contextmanager
    def _opened(self) -> Iterator[IO[str]]:
        try:
            # Names of files may hold bytes that are no text; spreadsheets put a mark in front.
            with self._path.open(
                newline="", encoding="utf-8-sig", errors="backslashreplace"
            ) as file:
                yield file
        except (OSError, csv.Error) as error:
            problem = getattr(error, "strerror", None) or error
            raise RecordingError(f"{self._path} cannot be read: {problem}") from error

    def _find_skeleton(self) -> Skeleton:
        """The smallest skeleton that has the parts of the first rows."""
        place = self._names.index("part")
        parts = {row[place] for row in itertools.islice(self._rows(), _LOOK_FOR_PARTS)}
        self._sets = tuple(dict.fromkeys(name for p, name in SMALL_PARTS.items() if p in parts))
        parts -= SMALL_PARTS.keys()
        for skeleton in _SMALLEST_FIRST:
            if parts <= set(skeleton.parts):
                return skeleton
        known = {part for skeleton in _SMALLEST_FIRST for part in skeleton.parts}
        names = ", ".join(sorted(parts - known)) or "of several skeletons"
        raise RecordingError(
            f"{self._path}: no built-in skeleton has these parts: {names[:200]}; of "
            "others read the NDJSON, which describes them"
        )


# The fifteen parts of MPI come last, because only its chest and head are its own.
_SMALLEST_FIRST = sorted(
    SKELETONS.values(), key=lambda skeleton: (skeleton.name == "MPI_15", len(skeleton.parts))
)


def _frame_of(frame: int, named: int | None) -> Callable[[list[str]], tuple[str, ...]]:
    """What rows of one frame have in common: its number, and its file where rows name one."""
    return lambda row: (row[frame],) if named is None else (row[frame], row[named])


def _record(
    rows: list[list[str]],
    columns: list[int],
    mark: int | None,
    named: int | None,
    kinds: tuple[Skeleton, tuple[str, ...]],
    where: str,
) -> Record:
    body, sets = kinds
    skeleton = widened(body, sets)
    frame, time, person, id_, part, *values = columns
    people = {name: n for n, name in enumerate(dict.fromkeys(row[person] for row in rows))}
    table = np.zeros((len(people), len(skeleton.parts), 3))
    filled = np.zeros(table.shape[:2], bool)
    ids = [-1] * len(people)
    for row in rows:
        n = people[row[person]]
        if row[part] not in skeleton.parts:
            raise RecordingError(f"{where}: {skeleton.name} has no part {row[part]!r}")
        k = skeleton.index(row[part])
        table[n, k] = [float(row[value]) for value in values]
        filled[n, k] = mark is not None and row[mark] == "1"
        ids[n] = int(row[id_])
    source = None if named is None else rows[0][named] or None
    count = len(body.parts)
    flat = table[:, :count].reshape(len(table), -1)
    poses = to_poses(flat, ids, body, where, source=source)
    _, _, small = apart(table[..., :2], table[..., 2], count, sets)
    poses, filled = replace(poses, part_sets=small), filled[:, :count]
    return Record(int(rows[0][frame]), float(rows[0][time]), poses, None, filled, where)
