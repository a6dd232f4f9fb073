"""Rows, one a frame, as Parquet or as JSON lines."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import MissingExtraError
from openpaf.files import replacing
from openpaf.part_set import KINDS, triples_of
from openpaf.poses import Poses
from openpaf.skeleton import is_built_in
from openpaf.skeleton_table import table_of
from openpaf.wide import sets_of, small_parts

if TYPE_CHECKING:
    import pyarrow


class Row(NamedTuple):
    """A frame and the people in it.

    source : its file; frame : its place in a video, from 0; time : seconds, None in a picture.
    """

    source: str
    frame: int
    time: float | None
    poses: Poses


def write_part(path: Path, rows: Sequence[Row], metadata: dict[str, Any]) -> None:
    """Write rows as a file that is there whole or not at all; its suffix says how.

    Parameters
    ----------
    path : Path
        `.parquet` or `.ndjson`.
    rows : sequence of Row
    metadata : dict
        Goes into a Parquet file's metadata, as JSON under "openpaf".

    Raises
    ------
    MissingExtraError
        When pyarrow, which Parquet needs, is not installed.
    OutputError
        When the file cannot be written.
    """
    with replacing(path) as partial:
        if path.suffix == ".ndjson":
            partial.write_text("".join(map(_line, rows)), "utf-8")
            return
        parquet = arrow("parquet")
        table = _table(rows).replace_schema_metadata({"openpaf": json.dumps(metadata)})
        parquet.write_table(table, partial, compression="zstd")


def arrow(module: str | None = None) -> Any:
    """Give pyarrow, or a module of it.

    Raises
    ------
    MissingExtraError
        When it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            'Parquet needs pyarrow; pip install "openpaf[batch]", or take NDJSON instead'
        ) from error
    return pyarrow if module is None else getattr(pyarrow, module)


def people_column(people: Sequence[Poses]) -> pyarrow.Array:
    """People of each frame: a list of {score, keypoints}; keypoints are x, y, score a part.

    Frame px, flat, in the skeleton's order, zeros where a part is missing. Where any are tracked
    there is `person_id` too, -1 for those who are not. Where hands or faces were looked for there
    are OpenPose's keys of theirs, likewise flat.
    """
    pa = arrow()
    counts = [len(poses) for poses in people]
    values = [_flat(poses) for poses in people if len(poses)]
    flat = np.concatenate(values) if values else np.empty((0, 0), np.float32)
    persons, width = flat.shape
    scores = [poses.person_scores for poses in people if len(poses)]
    columns = {
        "score": pa.array(np.concatenate(scores) if scores else np.empty(0, np.float32)),
        "keypoints": pa.ListArray.from_arrays(
            pa.array(np.arange(persons + 1, dtype=np.int32) * width), pa.array(flat.reshape(-1))
        ),
    }
    if any(poses.ids is not None for poses in people):
        columns["person_id"] = pa.array(np.concatenate([_ids(poses) for poses in people]))
    columns |= _small_columns(people)
    struct = pa.StructArray.from_arrays(list(columns.values()), names=list(columns))
    offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int32)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), struct)


def _small_columns(people: Sequence[Poses]) -> dict[str, pyarrow.Array]:
    """Hands and faces of everybody by OpenPose's keys; empty lists where not looked for."""
    pa = arrow()
    columns = {}
    for name in sets_of(people):
        kind = KINDS[name]
        width = 3 * len(kind.skeleton.parts)
        there = [name in poses.part_sets for poses in people]
        found = [
            triples_of(poses.part_sets[name]).reshape(len(poses), len(kind.openpose), width)
            for poses, has in zip(people, there, strict=True)
            if has
        ]
        lengths = np.repeat(np.where(there, width, 0), [len(poses) for poses in people])
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        flat = np.concatenate(found).astype(np.float32)
        for place, key in enumerate(kind.openpose):
            values = pa.array(flat[:, place].reshape(-1))
            columns[key] = pa.ListArray.from_arrays(offsets, values)
    return columns


def _table(rows: Sequence[Row]) -> pyarrow.Table:
    pa = arrow()
    sizes = [row.poses.frame_size or (0, 0) for row in rows]
    return pa.table(
        {
            "source": pa.array([_text(row.source) for row in rows], pa.string()),
            "frame": pa.array([row.frame for row in rows], pa.int64()),
            "time": pa.array([row.time for row in rows], pa.float64()),
            "width": pa.array([width for width, _ in sizes], pa.int32()),
            "height": pa.array([height for _, height in sizes], pa.int32()),
            "people": people_column([row.poses for row in rows]),
        }
    )


def _text(name: str) -> str:
    """A file's name as Parquet takes it: bytes that are no UTF-8 as `\\xff`."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _line(row: Row) -> str:
    width, height = row.poses.frame_size or (0, 0)
    # In float64, so that rounding leaves short numbers.
    keypoints = _flat(row.poses).astype(np.float64).round(4).tolist()
    scores = row.poses.person_scores.astype(np.float64).round(6).tolist()
    skeleton = row.poses.skeleton
    record = {
        "source": row.source,
        "frame": row.frame,
        "time": row.time,
        "width": width,
        "height": height,
        **({} if is_built_in(skeleton) else {"skeleton": table_of(skeleton)}),
        "people": [
            {"score": score, "keypoints": one, **{key: row for key, row in small.items() if row}}
            for score, one, small in zip(scores, keypoints, small_parts(row.poses), strict=True)
        ],
    }
    return json.dumps(record) + "\n"


def _ids(poses: Poses) -> NDArray[np.int64]:
    return np.full(len(poses), -1) if poses.ids is None else poses.ids


def _flat(poses: Poses) -> NDArray[np.float32]:
    triples = np.concatenate([np.nan_to_num(poses.keypoints), poses.scores[..., None]], axis=2)
    return triples.reshape(len(poses), 3 * len(poses.skeleton.parts))
