"""Wide tables: a row a person of a frame, columns `nose_x`, `nose_y`, `nose_score` and so on."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from openpaf.errors import RecordingError
from openpaf.motion.records import NO_NUMBERS, Record, to_poses
from openpaf.skeleton import SKELETONS, Skeleton
from openpaf.wide import SMALL_PARTS, apart, widened


def is_wide(names: Iterable[str]) -> bool:
    """Whether these columns are those of a wide table."""
    return {"frame", "time", "id", "nose_x"} <= set(names) or {"frame", "neck_x"} <= set(names)


def wide_records(rows: Iterator[Mapping[str, Any]], place: str) -> Iterator[Record]:
    """Frames of a wide table whose rows are in order of their frames.

    Raises
    ------
    RecordingError
        When a cell is no number.
    """
    skeleton: Skeleton | None = None
    sets: tuple[str, ...] = ()
    number = 1
    for _, group in itertools.groupby(rows, lambda row: row.get("frame")):
        people = list(group)
        where = f"{place}: row {number}"
        number += len(people)
        if skeleton is None:
            skeleton, sets = _skeleton(people[0], where)
        yield _record(people, skeleton, sets, where)


def _skeleton(row: Mapping[str, Any], where: str) -> tuple[Skeleton, tuple[str, ...]]:
    """The skeleton of the columns, and the sets of hands and faces beside it."""
    every = tuple(name.removesuffix("_x") for name in row if name.endswith("_x"))
    sets = tuple(dict.fromkeys(SMALL_PARTS[part] for part in every if part in SMALL_PARTS))
    parts = tuple(part for part in every if part not in SMALL_PARTS)
    for skeleton in SKELETONS.values():
        if set(skeleton.parts) == set(parts):
            return skeleton, sets
    raise RecordingError(
        f"{where}: no built-in skeleton has these parts: {', '.join(parts)}; of others read the "
        "NDJSON, which describes them"
    )


def _record(
    people: list[Mapping[str, Any]], skeleton: Skeleton, sets: tuple[str, ...], where: str
) -> Record:
    every = widened(skeleton, sets).parts
    try:
        rows = [
            [_number(row[f"{part}_{axis}"]) for part in every for axis in _AXES] for row in people
        ]
        ids = [int(row["id"]) for row in people]
        frame, time = int(people[0]["frame"]), float(people[0]["time"])
        filled = [[_number(row.get(f"{p}_filled")) > 0 for p in skeleton.parts] for row in people]
    except (*NO_NUMBERS, KeyError) as error:
        raise RecordingError(f"{where} cannot be read: {error}") from None
    count = len(skeleton.parts)
    poses = to_poses([row[: 3 * count] for row in rows], ids, skeleton, where)
    table = np.array(rows, np.float32).reshape(len(rows), len(every), 3)
    _, _, small = apart(table[..., :2], table[..., 2], count, sets)
    poses = replace(poses, part_sets=small)
    return Record(frame, time, poses, filled=np.array(filled), where=where)


_AXES = ("x", "y", "score")


def _number(cell: Any) -> float:
    return float("nan") if cell is None or cell == "" else float(cell)
