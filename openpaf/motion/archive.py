"""Angles of everybody in an archive that `openpaf batch` has done."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from openpaf.angles import angle_names, facing
from openpaf.errors import RecordingError
from openpaf.files import replacing
from openpaf.motion.readers.ndjson import NdjsonRecording
from openpaf.motion.readers.parquet import ParquetRecording
from openpaf.motion.readers.sources import EVERY
from openpaf.motion.records import Record
from openpaf.writers.angles import all_angles, cells, facing_sides


def write_archive_angles(poses: Path, path: Path) -> None:
    """Write source, frame, time, person, facing and all angles in degrees as CSV, a row a person.

    Every frame is looked at by itself, as nobody has an id.

    Parameters
    ----------
    poses : Path
        The folder of parts.
    path : Path
        `.csv`

    Raises
    ------
    RecordingError
        When there is nobody in the whole archive, or a part cannot be read.
    OutputError
        When it cannot be written.
    """
    with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        started = False
        for record in _records(poses):
            found = record.poses
            if not len(found):
                continue
            if not started:
                started = True
                names = angle_names(found.skeleton)
                rows.writerow(("source", "frame", "time", "person", "facing", *names))
            sides = facing_sides(facing(found.keypoints, found.skeleton))
            time = "" if record.time != record.time else f"{record.time:.6f}"
            for n, degrees in enumerate(all_angles(found, sides)):
                rows.writerow((record.name, record.frame, time, n, int(sides[n]), *cells(degrees)))
        if not started:
            raise RecordingError(f"nobody was found in {poses}; there are no angles")


def _records(poses: Path) -> Iterator[Record]:
    for part in sorted(poses.iterdir()):
        if part.suffix == ".parquet":
            yield from ParquetRecording(part, EVERY).records()
        elif part.suffix == ".ndjson":
            yield from NdjsonRecording(part, str(part), EVERY).records()
