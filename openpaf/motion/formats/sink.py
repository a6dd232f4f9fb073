"""What every form of a motion is written through."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Protocol

from openpaf.files import replacing
from openpaf.motion.block import Block
from openpaf.motion.scale import Scale


class Sink(Protocol):
    """Takes the blocks of a motion in order, and makes files of them in the end."""

    def write(self, block: Block) -> None:
        """Take a block."""

    def finish(self) -> list[Path]:
        """Put the files in place and name them.

        Raises
        ------
        OutputError
            When they cannot be written.
        """


class Body:
    """Lines that wait on disk until the header before them is known.

    Headers count frames, which are only known in the end, and memory must not grow with them.
    """

    def __init__(self) -> None:
        self._file: IO[str] = tempfile.TemporaryFile("w+", encoding="utf-8", newline="")  # noqa: SIM115
        self.lines = 0

    def add(self, line: str) -> None:
        """Append a line."""
        self._file.write(line + "\n")
        self.lines += 1

    def take(self, other: Body) -> None:
        """Append the lines of another one, which is then used up."""
        other._file.seek(0)
        shutil.copyfileobj(other._file, self._file)
        other._file.close()
        self.lines += other.lines

    def save(self, path: Path, header: str, ending: str = "") -> None:
        """Write header, lines and ending as a file that is there whole or not at all."""
        self._file.seek(0)
        with replacing(path) as partial, partial.open("w", encoding="utf-8", newline="") as out:
            out.write(header)
            shutil.copyfileobj(self._file, out)
            out.write(ending)
        self._file.close()


def person_path(path: Path, who: int, people: int) -> Path:
    """Name of a person's file: the path itself where there is only one."""
    return path if people == 1 else path.with_name(f"{path.stem}_{who}{path.suffix}")


MakeSink = Callable[[Path, Scale | None], Sink]
"""From where to write and the metres, where they are known."""
