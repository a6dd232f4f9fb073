"""CSV in the long form: one row a keypoint."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np

from openpaf.result import Result
from openpaf.wide import sets_of, wide_values, widened
from openpaf.writers.writer import GrowingFile

COLUMNS = ("frame", "time", "person", "id", "part", "x", "y", "score")


class CsvWriter:
    """A row for every keypoint found; `person` counts within the frame, `id` across frames.

    Parts of hands and faces are called `left_hand_thumb_1`, `face_nose_0` and so on.

    Parameters
    ----------
    path : Path or None
        None writes to standard output.
    sources : bool
        Add the column `source`: the file of each picture.
    """

    def __init__(self, path: Path | None, *, sources: bool = False) -> None:
        self._sources = sources
        columns = [*COLUMNS, "source"] if sources else COLUMNS
        self._file = GrowingFile(path, (",".join(columns) + "\n").encode())

    def write(self, result: Result) -> None:
        """Append the rows of a frame."""
        poses = result.poses
        source = [poses.source] if self._sources else []
        ids = np.full(len(poses), -1) if poses.ids is None else poses.ids
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        sets = sets_of([poses])
        parts = widened(poses.skeleton, sets).parts
        keypoints, scores = wide_values(poses, sets)
        for person, part in np.argwhere(scores > 0).tolist():
            x, y = keypoints[person, part].tolist()
            rows.writerow(
                (
                    result.index, f"{result.time:.6f}", person, ids[person],
                    parts[part], f"{x:.3f}", f"{y:.3f}", f"{scores[person, part]:.4f}", *source,
                )
            )  # fmt: skip
        # Names of files may hold bytes that are no text.
        self._file.append(text.getvalue().encode(errors="backslashreplace"))

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
