"""Files that appear whole or not at all, in places where they destroy nothing that is read."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from openpaf.errors import OpenPafError, OutputError

# What nearly every file system takes, in bytes.
_LONGEST_NAME = 255


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a name beside `path` to write to; on success it becomes `path`, else it is removed.

    Parameters
    ----------
    path : Path
        The file to write; its folder is made when missing.

    Raises
    ------
    OutputError
        When the folder cannot be written or the disk is full.
    """
    # Short, because the name it stands for may be as long as a name can be.
    partial = path.with_name(f".openpaf-{uuid.uuid4().hex[:16]}{path.suffix[:20]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        os.replace(partial, path)
    except OSError as error:
        if isinstance(error, OpenPafError):
            raise
        reason = error.strerror or error
        raise OutputError(f"cannot write {path}: {reason}; pass another place") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def fitting_name(stem: str, room: int) -> str:
    """Shorten the beginning of a file's name so that `room` more bytes fit behind it.

    What is cut off stays in a few digits, so that two long names do not become one.
    """
    if len(os.fsencode(stem)) + room <= _LONGEST_NAME:
        return stem
    mark = "~" + hashlib.sha256(os.fsencode(stem)).hexdigest()[:8]
    while len(os.fsencode(stem)) + len(mark) + room > _LONGEST_NAME:
        stem = stem[:-1]
    return stem + mark


def refuse_to_replace(inputs: Iterable[Path], outputs: Iterable[Path]) -> None:
    """Make sure that no output is one of the files that are read, under whatever name.

    Parameters
    ----------
    inputs, outputs : iterable of Path

    Raises
    ------
    OutputError
        When one is, by its path or by a symbolic or hard link.
    """
    places: set[object] = set()
    for path in inputs:
        places |= _identities(path)
    for path in outputs:
        if places & _identities(path):
            raise OutputError(f"{path} would replace an input; pass another place")


def _identities(path: Path) -> set[object]:
    with suppress(OSError, ValueError, RuntimeError):
        resolved = path.resolve()
        with suppress(OSError):
            status = resolved.stat()
            return {resolved, (status.st_dev, status.st_ino)}
        return {resolved}
    return set()


def check_file(path: Path) -> None:
    """Make sure that a file can be written, without making or changing anything.

    Raises
    ------
    OutputError
        When it is a folder, or its folder cannot be.
    """
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; pass the name of a file")
    if path.exists() and not os.access(path, os.W_OK):
        raise OutputError(f"cannot write {path}: permission denied; pass another place")
    check_folder(path.parent)


def check_folder(path: Path) -> None:
    """Make sure that a folder is there and can be written, or can be made; nothing is changed.

    Raises
    ------
    OutputError
        When neither is so.
    """
    there = next((one for one in (path, *path.absolute().parents) if one.exists()), path)
    if not there.is_dir():
        raise OutputError(f"cannot write into {path}: {there} is not a folder; pass another place")
    if not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into {path}: permission denied; pass another place")
