"""A folder of OpenPose's JSON, a file a frame, as Pose2Sim and others read it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from openpaf.errors import OutputError
from openpaf.motion.block import Block
from openpaf.result import Result
from openpaf.writers.openpose import OpenPoseWriter


class OpenPoseFolder:
    """A folder that is there whole or not at all.

    Parameters
    ----------
    path : Path
        New, or empty. Files begin with its name.

    Raises
    ------
    OutputError
        When there is something in it.
    """

    def __init__(self, path: Path) -> None:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise OutputError(f"{path} is there already; pass a new folder")
        self._path = path
        try:
            path.absolute().parent.mkdir(parents=True, exist_ok=True)
            self._partial = tempfile.TemporaryDirectory(
                prefix=f".{path.name}-", dir=path.absolute().parent
            )
        except OSError as error:
            raise OutputError(f"cannot write {path}: {error.strerror}") from error
        self._writer = OpenPoseWriter(Path(self._partial.name) / "all", path.name)

    def write(self, block: Block) -> None:
        """Take a block."""
        nothing = np.empty((0, 0, 3), np.uint8)
        for record in block.records():
            self._writer.write(Result(record.poses, nothing, record.frame, record.time))

    def finish(self) -> list[Path]:
        """Put the folder in place."""
        whole = Path(self._partial.name) / "all"
        try:
            whole.mkdir(exist_ok=True)
            os.replace(whole, self._path)
        except OSError as error:
            raise OutputError(f"cannot write {self._path}: {error.strerror}") from error
        self._partial.cleanup()
        return [self._path]
