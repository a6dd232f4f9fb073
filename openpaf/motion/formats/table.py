"""Tables with a row a person of a frame, as CSV or Parquet: positions, angles, speeds."""

from __future__ import annotations

import csv
import math
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from openpaf.angles import angle_names
from openpaf.errors import MissingExtraError
from openpaf.files import replacing
from openpaf.motion.block import Block
from openpaf.motion.facing import Facing, facings
from openpaf.motion.scale import Scale
from openpaf.motion.trail import Trail

Columns = Mapping[str, NDArray[Any]]
"""(T,) values of each column, NaN where there is none."""

# Of px, degrees, seconds.
_DIGITS = 6


class Table:
    """One file of all people in order of their frames: frame, time, id, then what `columns` gives.

    Parameters
    ----------
    path : Path
        `.csv` or `.parquet`.
    columns : function of a Trail
        Gives the other columns, the same ones for everybody.

    Raises
    ------
    MissingExtraError
        When pyarrow, which Parquet needs, is not installed.
    """

    def __init__(self, path: Path, columns: Callable[[Trail], Columns]) -> None:
        self._path, self._columns = path, columns
        parquet = path.suffix.lower() == ".parquet"
        self._rows: _Csv | _Parquet = _Parquet() if parquet else _Csv()

    def write(self, block: Block) -> None:
        """Take a block."""
        tables = []
        for trail in block:
            there = trail.found.any(1)
            rows = np.arange(trail.start, trail.start + len(trail))[there]
            own = {
                "frame": block.frames[rows],
                "time": block.times[rows].round(6),
                "id": np.full(len(rows), trail.id),
            }
            tables.append(own | {k: v[there] for k, v in self._columns(trail).items()})
        if not tables:
            return
        whole = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
        order = np.lexsort((whole["id"], whole["frame"]))
        self._rows.add({name: values[order] for name, values in whole.items()})

    def finish(self) -> list[Path]:
        """Put the file in place."""
        with replacing(self._path) as partial:
            self._rows.save(partial)
        return [self._path]


class _Csv:
    def __init__(self) -> None:
        self._file: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._empty = True

    def add(self, columns: Columns) -> None:
        if self._empty:
            self._writer.writerow(columns)
            self._empty = False
        self._writer.writerows(zip(*map(_cells, columns.values()), strict=True))

    def save(self, partial: Path) -> None:
        if self._empty:
            self._writer.writerow(("frame", "time", "id"))
        self._file.seek(0)
        with partial.open("w", encoding="utf-8", newline="") as out:
            shutil.copyfileobj(self._file, out)
        self._file.close()


def _cells(values: NDArray[Any]) -> list[Any]:
    """Numbers that are short, and empty cells for NaN."""
    if values.dtype.kind != "f":
        return list(values.tolist())
    rounded = values.astype(np.float64).round(_DIGITS).tolist()
    return ["" if math.isnan(value) else value for value in rounded]


class _Parquet:
    def __init__(self) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                'Parquet needs pyarrow; pip install "openpaf[motion]"'
            ) from error
        self._arrow = pyarrow
        self._file = tempfile.NamedTemporaryFile(suffix=".parquet", delete=False)  # noqa: SIM115
        self._writer: Any = None

    def add(self, columns: Columns) -> None:
        table = self._arrow.table(
            {name: self._arrow.array(values, from_pandas=True) for name, values in columns.items()}
        )
        if self._writer is None:
            self._writer = self._arrow.parquet.ParquetWriter(
                self._file, table.schema, compression="zstd"
            )
        self._writer.write_table(table)

    def save(self, partial: Path) -> None:
        if self._writer is None:
            nothing = np.empty(0, np.int64)
            self.add({"frame": nothing, "time": nothing.astype(float), "id": nothing})
        self._writer.close()
        self._file.close()
        shutil.copyfile(self._file.name, partial)
        Path(self._file.name).unlink()

    def __del__(self) -> None:
        with suppress(OSError, AttributeError):
            Path(self._file.name).unlink()


def wide(path: Path) -> Table:
    """Make a writer of positions in px: `nose_x`, `nose_y`, `nose_score`, `nose_filled` and so on.

    Marks of filled keypoints are 1.
    """
    return Table(path, _wide)


def _wide(trail: Trail) -> Columns:
    columns: dict[str, NDArray[Any]] = {}
    for k, part in enumerate(trail.skeleton.parts):
        columns[f"{part}_x"], columns[f"{part}_y"] = trail.keypoints[:, k].T
        columns[f"{part}_score"] = trail.scores[:, k]
        columns[f"{part}_filled"] = trail.filled[:, k].astype(np.uint8)
    return columns


def angle_table(path: Path, facing: Facing = "auto") -> Table:
    """Make a writer of `facing` (1 right, -1 left, 0 neither) and all angles in degrees."""
    return Table(path, lambda trail: angle_columns(trail, facing))


def angle_columns(trail: Trail, facing: Facing = "auto") -> Columns:
    """(T,) facing, then degrees of every angle the skeleton has."""
    faces = facings(trail, facing)
    columns = {name: trail.angle(name, faces) for name in angle_names(trail.skeleton)}
    return {"facing": faces.astype(int), **columns}


def speed_table(path: Path, scale: Scale | None = None) -> Table:
    """Make a writer of speeds of every part: m/s with a scale, else px/s."""
    unit = "px_s" if scale is None else "m_s"
    times = 1.0 if scale is None else scale.metres_per_px

    def columns(trail: Trail) -> Columns:
        ways = trail.velocity()
        speeds = np.hypot(ways[..., 0], ways[..., 1]) * times
        return {f"{part}_{unit}": speeds[:, k] for k, part in enumerate(trail.skeleton.parts)}

    return Table(path, columns)
