"""NDJSON: one JSON object a frame, one a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from openpaf.result import Result
from openpaf.skeleton_table import table_of
from openpaf.writers.writer import GrowingFile


class NdjsonWriter:
    """A line a frame, there for whoever follows the file as soon as the frame is done.

    A line holds `frame`, `time`, `name`, `frame_size`, `skeleton`, and OpenPose's `version` and
    `people`; `person_id` is the track's id, -1 without one, and `score` that of the person.
    `skeleton` is a name, or a table where it is not a built-in one.

    Parameters
    ----------
    path : Path or None
        None writes to standard output.
    source : str, optional
        Written as `source`, where lines of several come together.
    """

    def __init__(self, path: Path | None, source: str | None = None) -> None:
        self._file = GrowingFile(path)
        self._source = source

    def write(self, result: Result) -> None:
        """Append a line."""
        self._file.append(json.dumps(line_of(result, self._source)).encode() + b"\n")

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def line_of(result: Result, source: str | None) -> dict[str, Any]:
    """What a line holds; `source` first, where there are several."""
    height, width = result.frame.shape[:2]
    openpose = result.poses.to_openpose()
    for person, score in zip(openpose["people"], result.poses.person_scores, strict=True):
        person["score"] = round(float(score), 6)
    return {
        **({} if source is None else {"source": source}),
        "frame": result.index,
        "time": round(result.time, 6),
        "name": result.name,
        "frame_size": [width, height],
        "skeleton": table_of(result.poses.skeleton),
        **openpose,
    }
