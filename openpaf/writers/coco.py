"""COCO keypoint results: one JSON array of all people of all frames."""

from __future__ import annotations

import json
from pathlib import Path

from openpaf.result import Result
from openpaf.writers.writer import GrowingFile, source_of


class CocoWriter:
    """A results file that pycocotools loads at any moment: its last bracket is always there.

    `image_id` is a picture's number, else the frame's index; `track_id` and `time` go along, and
    `source` where the poses know theirs.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._file = GrowingFile(path, b"[", b"\n]\n")
        self._separator = "\n"

    def write(self, result: Result) -> None:
        """Append the people of a frame."""
        number = result.index if result.image_id is None else result.image_id
        people = result.poses.to_coco(number)
        if not people:
            return
        ids = [-1] * len(people) if result.poses.ids is None else result.poses.ids.tolist()
        time = round(result.time, 6)
        lines = [
            json.dumps({**person, "track_id": track_id, "time": time, **source_of(result)})
            for person, track_id in zip(people, ids, strict=True)
        ]
        self._file.append((self._separator + ",\n".join(lines)).encode())
        self._separator = ",\n"

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()
