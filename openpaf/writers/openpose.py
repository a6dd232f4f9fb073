"""OpenPose's JSON: one file a frame."""

from __future__ import annotations

import json
from pathlib import Path

from openpaf.files import replacing
from openpaf.result import Result
from openpaf.writers.writer import source_of


class OpenPoseWriter:
    """`NAME_000000000012_keypoints.json` a frame, and `PICTURE_keypoints.json` a picture.

    The object is OpenPose's, version 1.3, with `frame` and `time` beside `people`, and `source`
    where the poses know theirs; frames without anybody have a file too.

    Parameters
    ----------
    folder : Path
    name : str
        What the files of a video begin with.
    numbered : bool
        Frame numbers in the names of pictures' files too, where cameras are matched by them.
    """

    def __init__(self, folder: Path, name: str, *, numbered: bool = False) -> None:
        self._folder, self._name, self._numbered = folder, name, numbered

    def write(self, result: Result) -> None:
        """Write one file, whole or not at all."""
        called = None if self._numbered else result.name
        stem = called or f"{self._name}_{result.index:012d}"
        line = {
            **result.poses.to_openpose(),
            "frame": result.index,
            "time": round(result.time, 6),
            **source_of(result),
        }
        with replacing(self._folder / f"{stem}_keypoints.json") as partial:
            partial.write_text(json.dumps(line))

    def close(self) -> None:
        """There is nothing to finish."""
