"""MOTChallenge: frame, id, box and confidence, a line a person; frames count from 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from openpaf.motion.block import Block
from openpaf.motion.formats.sink import Body


class MotChallenge:
    """One file of all people; boxes are those around their keypoints, px.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path, self._body = path, Body()

    def write(self, block: Block) -> None:
        """Take a block."""
        for record in block.records():
            ids = [] if record.poses.ids is None else record.poses.ids.tolist()
            boxes = record.poses.boxes.astype(np.float64)
            for n, who in enumerate(ids):
                x0, y0, x1, y1 = boxes[n].tolist()
                score = float(record.poses.person_scores[n])
                self._body.add(
                    f"{record.frame + 1},{who},{x0:.2f},{y0:.2f},{x1 - x0:.2f},{y1 - y0:.2f},"
                    f"{score:.4f},-1,-1,-1"
                )

    def finish(self) -> list[Path]:
        """Put the file in place."""
        self._body.save(self._path, "")
        return [self._path]
