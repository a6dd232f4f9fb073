"""NDJSON as `openpaf run` writes it, with the names of the parts that were filled."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from openpaf.motion.block import Block
from openpaf.motion.formats.sink import Body
from openpaf.motion.records import Record
from openpaf.skeleton_table import table_of


class Ndjson:
    """A line a frame; `filled` lists parts of a person that were put in.

    Parameters
    ----------
    path : Path or None
        None is standard output, line by line.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self._body = path, Body()

    def write(self, block: Block) -> None:
        """Take a block."""
        for record in block.records():
            line = json.dumps(_line(record, block))
            if self._path is None:
                sys.stdout.write(line + "\n")
            else:
                self._body.add(line)

    def finish(self) -> list[Path]:
        """Put the file in place."""
        if self._path is None:
            sys.stdout.flush()
            return []
        self._body.save(self._path, "")
        return [self._path]


def _line(record: Record, block: Block) -> dict[str, object]:
    line = {
        "frame": record.frame,
        "time": round(record.time, 6),
        "name": record.name,
        "frame_size": block.frame_size,
        "skeleton": table_of(record.poses.skeleton),
        **record.poses.to_openpose(),
    }
    if record.filled is not None:
        for person, filled in zip(line["people"], record.filled, strict=True):
            parts = np.flatnonzero(filled).tolist()
            person["filled"] = [record.poses.skeleton.parts[k] for k in parts]
    return line
