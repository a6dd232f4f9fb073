"""One file from the first of its mirrors that gives the right bytes.

A download goes to `FILE.part` and becomes `FILE` only after its checksum has held, so a file under
its own name is always whole. What an interrupted download left is continued. Where nobody published
a checksum, the first one seen can be trusted on request and is held to from then on.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from filelock import FileLock

from openpaf.errors import ChecksumError, DownloadError, OpenPafError, OutputError
from openpaf.files import replacing

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there and the bytes expected, None where no one said."""

STALL_SECONDS = 30.0
"""How long a server may send nothing before the download starts again."""

_ATTEMPTS = 4
_PAUSE_SECONDS = 1.0
_CHUNK = 1 << 20


def cache_folder() -> Path:
    """Folder of everything openpaf downloads."""
    if os.environ.get("OPENPAF_CACHE"):
        return Path(os.environ["OPENPAF_CACHE"]).expanduser()
    if os.environ.get("OPENPAF_HOME"):
        return Path(os.environ["OPENPAF_HOME"]).expanduser() / "cache"
    import platformdirs

    return platformdirs.user_cache_path("openpaf")


@dataclass(frozen=True)
class RemoteFile:
    """A file and where to get it.

    Attributes
    ----------
    name : str
    urls : tuple of str
        Mirrors, tried in this order.
    size : int, optional
        Bytes.
    sha256, md5 : str, optional
        Hexadecimal; sha256 counts where both are given.
    """

    name: str
    urls: tuple[str, ...]
    size: int | None = None
    sha256: str | None = None
    md5: str | None = None

    def is_file(self, path: Path) -> bool:
        """Whether a file on this machine is this one, by its published checksum."""
        if self.checksum is None or not path.is_file():
            return False
        if self.size not in (None, path.stat().st_size):
            return False
        return _digest(path, self.checksum[0]) == self.checksum[1]

    @property
    def checksum(self) -> tuple[str, str] | None:
        """Algorithm and hexadecimal digest, or None where none is published."""
        if self.sha256:
            return "sha256", self.sha256
        return ("md5", self.md5) if self.md5 else None


class _WrongFile(DownloadError):
    """This mirror cannot give the file; another may."""


class _Interrupted(DownloadError):
    """The transfer broke off; what came is good."""


def download(
    file: RemoteFile, path: Path, *, trust: bool = False, progress: Progress | None = None
) -> None:
    """Make sure that `path` holds a file, fetching it when it is missing or damaged.

    Safe to call from several processes at once: one downloads, the others wait for it.

    Parameters
    ----------
    file : RemoteFile
    path : Path
    trust : bool
        Accept a file nobody published a checksum for and record the one it has beside it.
    progress : callable, optional

    Raises
    ------
    ChecksumError
        When every mirror gave other bytes than the ones described; they have been deleted.
    DownloadError
        When no mirror could be reached, `OPENPAF_OFFLINE` is set, or trust is needed.
    OutputError
        When the folder cannot be written or the disk is full.
    """
    if _is_whole(path, file):
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if not _is_whole(path, file):  # another process may just have fetched it
                _download_locked(file, path, trust, progress or (lambda done, total: None))
    except OSError as error:
        if isinstance(error, OpenPafError):
            raise
        raise _cannot_write(path, error) from error


def _is_whole(path: Path, file: RemoteFile) -> bool:
    expected = file.checksum or _trusted(path)
    return path.is_file() and expected is not None and _digest(path, expected[0]) == expected[1]


def _download_locked(file: RemoteFile, path: Path, trust: bool, progress: Progress) -> None:
    expected = file.checksum or _trusted(path)
    if expected is None and not trust:
        raise DownloadError(
            f"nobody published a checksum for {file.name}; pass --trust to accept what "
            "the server sends and to hold later downloads to it"
        )
    if os.environ.get("OPENPAF_OFFLINE", "0") not in ("", "0"):
        raise DownloadError(f"{file.name} is not there and OPENPAF_OFFLINE is set; unset it first")
    partial = path.with_name(path.name + ".part")
    if expected is None:
        # Nothing says that another server's bytes continue these.
        partial.unlink(missing_ok=True)
    failures = []
    for url in file.urls:
        try:
            _from_mirror(url, file, expected, partial, progress)
        except (_WrongFile, _Interrupted, ChecksumError) as error:
            failures.append(error)
            continue
        if expected is None:
            _record_trust(path, partial)
        os.replace(partial, path)
        return
    line = "; ".join(
        f"{_host(url)}: {error}" for url, error in zip(file.urls, failures, strict=True)
    )
    all_wrong = all(isinstance(error, ChecksumError) for error in failures)
    raise (ChecksumError if all_wrong else DownloadError)(f"cannot fetch {file.name}: {line}")


def _from_mirror(
    url: str,
    file: RemoteFile,
    expected: tuple[str, str] | None,
    partial: Path,
    progress: Progress,
) -> None:
    if urlsplit(url).scheme == "http" and expected is None:
        raise _WrongFile("http is only used where a checksum is published")
    resumed = partial.exists()
    _transfer_patiently(url, file, partial, progress, plain_http=expected is not None)
    if expected is None:
        return
    got = _digest(partial, expected[0])
    if got == expected[1]:
        return
    partial.unlink()
    if resumed:
        # The bytes of an earlier mirror may have been the wrong ones.
        _from_mirror(url, file, expected, partial, progress)
        return
    raise ChecksumError(f"{expected[0]} is {got}, expected {expected[1]}; deleted")


def _transfer_patiently(
    url: str, file: RemoteFile, partial: Path, progress: Progress, *, plain_http: bool
) -> None:
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS * 2 ** (attempt - 1))
        try:
            _transfer(url, file, partial, progress, plain_http=plain_http)
            return
        except _Interrupted:
            if attempt == _ATTEMPTS - 1:
                raise


def _transfer(
    url: str, file: RemoteFile, partial: Path, progress: Progress, *, plain_http: bool
) -> None:
    """Get the rest of a file: one request, appended to what `partial` holds."""
    have = partial.stat().st_size if partial.exists() else 0
    if file.size is not None and have >= file.size:
        if have == file.size:
            return
        partial.unlink()
        have = 0
    headers = {"User-Agent": "openpaf", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
    opener = urllib.request.build_opener(_Redirects(plain_http))
    request = urllib.request.Request(url, headers=headers)
    try:
        with opener.open(request, timeout=STALL_SECONDS) as response:
            _save(response, file, partial, have, progress)
    except urllib.error.HTTPError as error:
        if error.code == 416:
            partial.unlink(missing_ok=True)
        answer = " ".join(f"answered {error.code} {error.reason}".split())
        again = error.code in (408, 416, 429) or error.code >= 500
        raise (_Interrupted if again else _WrongFile)(answer) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _Interrupted(f"no answer for {STALL_SECONDS:g} s") from error
        raise _WrongFile(f"cannot be reached: {error.reason}") from error
    except TimeoutError as error:
        raise _Interrupted(f"nothing came for {STALL_SECONDS:g} s") from error
    except (http.client.HTTPException, ConnectionError, ssl.SSLError) as error:
        raise _Interrupted(f"broke off: {error or type(error).__name__}") from error


def _save(
    response: http.client.HTTPResponse,
    file: RemoteFile,
    partial: Path,
    have: int,
    progress: Progress,
) -> None:
    have = _continued_at(response, partial, have)
    total = _announced_size(response, file, have)
    _check_room(file, partial, have, total)
    with partial.open("ab" if have else "wb") as out:
        progress(have, total)
        while chunk := response.read1(_CHUNK):
            have += len(chunk)
            if file.size is not None and have > file.size:
                raise _WrongFile(f"sends more than {file.size} bytes")
            _write(out, chunk, partial)
            progress(have, total)
    if total is not None and have < total:
        raise _Interrupted(f"broke off after {have} of {total} bytes")


def _continued_at(response: http.client.HTTPResponse, partial: Path, have: int) -> int:
    """Where the body of an answer belongs: at the end of what is there, or at the beginning."""
    if not have or response.status != 206:
        return 0
    if not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
        partial.unlink()
        raise _Interrupted("continued at another place than asked")
    return have


def _announced_size(response: http.client.HTTPResponse, file: RemoteFile, have: int) -> int | None:
    length = response.headers.get("Content-Length") or ""
    if not length.isdigit():
        return file.size
    total = have + int(length)
    if file.size not in (None, total):
        raise _WrongFile(f"has a file of {total} bytes, expected {file.size}")
    return total


def _check_room(file: RemoteFile, partial: Path, have: int, total: int | None) -> None:
    free = shutil.disk_usage(partial.parent).free
    if total is not None and total - have > free:
        partial.unlink(missing_ok=True)
        raise OutputError(
            f"{file.name} needs {total / 1e6:.0f} MB and {free / 1e6:.0f} MB are free in "
            f"{partial.parent}; make room or set OPENPAF_CACHE to another folder"
        )


def _write(out: IO[bytes], chunk: bytes, partial: Path) -> None:
    try:
        out.write(chunk)
        out.flush()
    except OSError as error:
        # Half a file on a full disk helps nobody; the user gets the room back.
        partial.unlink(missing_ok=True)
        raise _cannot_write(partial, error) from error


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from a promised https to http."""

    def __init__(self, plain_http: bool) -> None:
        self.schemes = ("https", "http") if plain_http else ("https",)

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in self.schemes:
            raise _WrongFile(f"redirects to {newurl}, and only {' or '.join(self.schemes)} will do")
        return super().redirect_request(req, fp, code, msg, headers, newurl)  # type: ignore[arg-type]


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        # md5 only guards against damage and stale mirrors here, where nothing better is published.
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _trusted(path: Path) -> tuple[str, str] | None:
    with suppress(FileNotFoundError):
        return "sha256", _record(path).read_text("utf-8").split()[0]
    return None


def _record_trust(path: Path, partial: Path) -> None:
    with replacing(_record(path)) as record:
        record.write_text(f"{_digest(partial, 'sha256')}  {path.name}\n", "utf-8")


def _host(url: str) -> str:
    return urlsplit(url).hostname or url


def _cannot_write(path: Path, error: OSError) -> OutputError:
    reason = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
    return OutputError(
        f"cannot write {path}: {reason}; make room or set OPENPAF_CACHE to another folder"
    )
