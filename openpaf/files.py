"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from openpaf.errors import OpenPafError, OutputError


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
    partial = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
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
