"""One request to one mirror, appended to what is there; whatever it does becomes a reason."""

from __future__ import annotations

import errno
import http.client
import os
import shutil
import ssl
import stat
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from openpaf.errors import DownloadError, OpenPafError, OutputError
from openpaf.web import RedirectRefused, Redirects, printable

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes expected, None where no one said."""

MOST_BYTES = 2 << 30
"""Of a file whose size nobody published."""

_ROOM_LEFT = 64 << 20
"""Bytes of the disk that a file of unknown size leaves to others."""

_CHUNK = 1 << 20
_DIGITS = 18


class WrongFile(DownloadError):
    """This mirror cannot give the file; another may."""


class Interrupted(DownloadError):
    """The transfer broke off; what came is good."""


def transfer(
    url: str,
    partial: Path,
    *,
    name: str,
    size: int | None,
    stall: float,
    plain_http: bool,
    progress: Progress,
) -> None:
    """Get the rest of a file: one request, appended to what `partial` holds.

    Parameters
    ----------
    url : str
    partial : Path
    name : str
        Of the file, for messages.
    size : int or None
        Bytes it has, where known.
    stall : float
        Seconds the mirror may send nothing.
    plain_http : bool
        Whether http will do.
    progress : callable

    Raises
    ------
    WrongFile
        When this mirror cannot give the file.
    Interrupted
        When it may later.
    OutputError
        When the file cannot be written.
    """
    have = partial.stat().st_size if partial.exists() else 0
    if size is not None and have >= size:
        if have == size:
            return
        partial.unlink()
        have = 0
    headers = {"User-Agent": "openpaf", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    schemes = ("https", "http") if plain_http else ("https",)
    opener = urllib.request.build_opener(Redirects(schemes))
    try:
        request = urllib.request.Request(url, headers=headers)
        with opener.open(request, timeout=stall) as response:
            _save(response, partial, name, size, have, progress)
    except OpenPafError:
        raise
    except urllib.error.HTTPError as error:
        if error.code == 416:
            partial.unlink(missing_ok=True)
        again = error.code in (408, 416, 429) or error.code >= 500
        reason = printable(f"answered {error.code} {error.reason}")
        raise (Interrupted if again else WrongFile)(reason) from error
    except RedirectRefused as error:
        raise WrongFile(str(error.reason)) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise Interrupted(f"no answer for {stall:g} s") from error
        raise WrongFile(printable(f"cannot be reached: {error.reason}")) from error
    except TimeoutError as error:
        raise Interrupted(f"nothing came for {stall:g} s") from error
    except (http.client.HTTPException, ssl.SSLError, OSError) as error:
        raise Interrupted(printable(f"broke off: {error or type(error).__name__}")) from error
    except ValueError as error:
        # What urllib and http.client say to a url or a header that is none.
        raise WrongFile(printable(f"answers what is not HTTP: {error}")) from error


def keep_only_own(partial: Path) -> None:
    """Remove what somebody else may have put in place of a partial file: a link, a pipe.

    Raises
    ------
    OSError
        When it is a folder, or cannot be removed.
    """
    with suppress(FileNotFoundError):
        found = partial.lstat()
        if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            partial.unlink()


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Say that a file of the cache cannot be written, and what helps."""
    reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
    return OutputError(
        f"cannot write {path}: {reason}; make room or set OPENPAF_CACHE to another folder"
    )


def _save(
    response: http.client.HTTPResponse,
    partial: Path,
    name: str,
    size: int | None,
    have: int,
    progress: Progress,
) -> None:
    have = _continued_at(response, partial, have)
    total = _announced_size(response, size, have)
    _check_room(name, partial, have, total)
    with _open(partial, have) as out:
        progress(have, total)
        while chunk := response.read1(_CHUNK):
            have += len(chunk)
            if size is not None and have > size:
                raise WrongFile(f"sends more than {size} bytes")
            if size is None:
                _check_bounds(partial, have)
            _write(out, chunk, partial)
            progress(have, total)
    if total is not None and have < total:
        raise Interrupted(f"broke off after {have} of {total} bytes")


def _open(partial: Path, have: int) -> IO[bytes]:
    how = os.O_APPEND if have else os.O_TRUNC
    flags = os.O_WRONLY | os.O_CREAT | how | getattr(os, "O_NOFOLLOW", 0)
    try:
        return os.fdopen(os.open(partial, flags, 0o666), "wb")
    except OSError as error:
        raise cannot_write(partial, error) from error


def _continued_at(response: http.client.HTTPResponse, partial: Path, have: int) -> int:
    """Where the body of an answer belongs: at the end of what is there, or at the beginning."""
    if not have or response.status != 206:
        return 0
    if not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
        partial.unlink()
        raise Interrupted("continued at another place than asked")
    return have


def _announced_size(response: http.client.HTTPResponse, size: int | None, have: int) -> int | None:
    length = response.headers.get("Content-Length") or ""
    if not (length.isascii() and length.isdigit()):
        return size
    if len(length.lstrip("0")) > _DIGITS:
        raise WrongFile(f"announces a length of {len(length)} digits")
    total = have + int(length[-_DIGITS:])
    if size not in (None, total):
        raise WrongFile(f"has a file of {total} bytes, expected {size}")
    if size is None and total > MOST_BYTES:
        raise WrongFile(f"has a file of {total} bytes, more than {MOST_BYTES} are never taken")
    return total


def _check_room(name: str, partial: Path, have: int, total: int | None) -> None:
    free = shutil.disk_usage(partial.parent).free
    if total is not None and total - have > free:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{name} needs {total / 1e6:.0f} MB and {free / 1e6:.0f} MB are free in "
            f"{partial.parent}; make room or set OPENPAF_CACHE to another folder"
        )


def _check_bounds(partial: Path, have: int) -> None:
    """Stop a body that has no announced end before it has filled the disk."""
    if have > MOST_BYTES:
        partial.unlink(missing_ok=True)
        raise WrongFile(f"sends more than {MOST_BYTES} bytes")
    if shutil.disk_usage(partial.parent).free < _ROOM_LEFT:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"less than {_ROOM_LEFT / 1e6:.0f} MB are left in {partial.parent}, and the server "
            "does not say where it ends; make room or set OPENPAF_CACHE to another folder"
        )


def _write(out: IO[bytes], chunk: bytes, partial: Path) -> None:
    try:
        out.write(chunk)
        out.flush()
    except OSError as error:
        # Half a file on a full disk helps nobody; the user gets the room back.
        partial.unlink(missing_ok=True)
        raise cannot_write(partial, error) from error
