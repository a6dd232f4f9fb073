"""Forms that hold one person at a steady rate: a file for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openpaf.motion.block import Block
from openpaf.motion.formats.sink import person_path
from openpaf.motion.trail import Trail
from openpaf.skeleton import Skeleton


class PersonFile(Protocol):
    """One person's file in the making."""

    def row(self, number: int, time: float, keypoints: NDArray[np.float64], extra: float) -> None:
        """Take a row of the motion, numbered from 0: (K, 2) px, NaN where missing.

        `extra` is what the person faces: 1 right, -1 left, 0 not known.
        """

    def save(self, path: Path, frame_rate: float) -> None:
        """Write the file, whole or not at all."""


class EachPerson:
    """A file for every person, from their first row to their last, without a row left out.

    Parameters
    ----------
    path : Path
        The name where there is one person; else `NAME_ID.SUFFIX`.
    begin : function of a Skeleton
        Makes a person's file.
    facings : function of a Trail, optional
        (T,) which way they face.
    """

    def __init__(
        self,
        path: Path,
        begin: Callable[[Skeleton], PersonFile],
        facings: Callable[[Trail], NDArray[np.float64]] | None = None,
    ) -> None:
        self._path, self._begin, self._facings = path, begin, facings
        self._files: dict[int, PersonFile] = {}
        self._next: dict[int, tuple[int, float]] = {}
        self._rows = 0
        self._step = 0.0

    def write(self, block: Block) -> None:
        """Take a block."""
        if len(block) > 1 and not self._step:
            self._step = float(np.median(np.diff(block.times)))
        for trail in block:
            first = self._rows + trail.start
            if trail.id not in self._files:
                self._files[trail.id] = self._begin(trail.skeleton)
                self._next[trail.id] = (first, float(trail.times[0]))
            file = self._files[trail.id]
            self._fill_up(file, trail, first)
            facings = np.zeros(len(trail)) if self._facings is None else self._facings(trail)
            for n in range(len(trail)):
                file.row(first + n, float(trail.times[n]), trail.keypoints[n], float(facings[n]))
            self._next[trail.id] = (first + len(trail), float(trail.times[-1]) + self._step)
        self._rows += len(block)

    def finish(self) -> list[Path]:
        """Put the files in place."""
        rate = round(1 / self._step, 3) if self._step else 30.0
        paths = []
        for who, file in sorted(self._files.items()):
            paths.append(person_path(self._path, who, len(self._files)))
            file.save(paths[-1], rate)
        return paths

    def _fill_up(self, file: PersonFile, trail: Trail, first: int) -> None:
        """Rows in which the person is out of sight, up to the next sighting."""
        row, time = self._next[trail.id]
        nothing = np.full(trail.keypoints.shape[1:], np.nan)
        for n in range(first - row):
            file.row(row + n, time + n * self._step, nothing, 0.0)
