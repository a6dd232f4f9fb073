"""What every writer is, several of them at once, and files that only ever grow by whole records."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Protocol, Self

from openpaf.errors import OutputError
from openpaf.result import Result


class Writer(Protocol):
    """Takes results one after the other, in order, from one thread."""

    def write(self, result: Result) -> None:
        """Write one result.

        Raises
        ------
        OutputError
            When it cannot be written; what was written before is whole.
        """

    def close(self) -> None:
        """Finish; nothing can be written any more. May be called again.

        Raises
        ------
        OutputError
            When the end cannot be written.
        """


class Writers:
    """Several writers as one, each closed whatever happens to the others."""

    def __init__(self) -> None:
        self._writers: list[Writer] = []
        self._open = contextlib.ExitStack()

    def add(self, writer: Writer) -> None:
        """Take another one in."""
        self._writers.append(writer)
        self._open.callback(writer.close)

    def write(self, result: Result) -> None:
        """Give a result to every writer.

        Raises
        ------
        OutputError
            Of the first that fails.
        """
        for writer in self._writers:
            writer.write(result)

    def close(self) -> None:
        """Close all.

        Raises
        ------
        OutputError
            Of one that fails; the others are closed all the same.
        """
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def source_of(result: Result) -> dict[str, str]:
    """What JSON says of where a frame comes from, where its poses know it."""
    return {} if result.poses.source is None else {"source": result.poses.source}


class GrowingFile:
    """A file that is whole after every write: its records, then an ending.

    A write that fails half way, as on a full disk, is taken back.

    Parameters
    ----------
    path : Path or None
        Written anew; its folder is made when missing. None is standard output.
    start, ending : bytes
        Before the first record, and after the last.

    Raises
    ------
    OutputError
        When it cannot be written.
    """

    def __init__(self, path: Path | None, start: bytes = b"", ending: bytes = b"") -> None:
        self._path = path
        self._ending = ending
        self._end = 0
        try:
            if path is None:
                sys.stdout.flush()
                self._file = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                self._file = open(path, "wb", buffering=0)  # noqa: SIM115 closed by close
        except OSError as error:
            raise self._error(error) from error
        self.append(start)

    def append(self, record: bytes) -> None:
        """Put a record where the ending is, and the ending after it.

        Raises
        ------
        OutputError
            When it cannot be written; the file then ends as before.
        """
        # One call for both, so that a kill finds the file with its ending or without the record.
        data = memoryview(record + self._ending)
        try:
            self._seek(self._end)
            while data:
                data = data[self._file.write(data) :]
        except BrokenPipeError:
            raise
        except OSError as error:
            with contextlib.suppress(OSError):
                self._seek(self._end)
                self._file.write(self._ending)
                self._file.truncate()
            raise self._error(error) from error
        self._end += len(record)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _seek(self, place: int) -> None:
        if self._path is not None:
            self._file.seek(place)

    def _error(self, error: OSError) -> OutputError:
        place = "standard output" if self._path is None else self._path
        return OutputError(f"cannot write {place}: {error.strerror}; pass another place")
