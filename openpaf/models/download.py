"""One file from the first of its mirrors that gives the right bytes.

A download goes to `FILE.part` and becomes `FILE` only after its checksum has held, so a file under
its own name is always whole. What an interrupted download left is continued. Where nobody published
a checksum, the first one seen can be trusted on request and is held to from then on.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock

from openpaf.errors import ChecksumError, ConfigError, DownloadError, OpenPafError
from openpaf.files import replacing
from openpaf.models.transfer import (
    Interrupted,
    Progress,
    WrongFile,
    cannot_write,
    keep_only_own,
    transfer,
)

__all__ = ["Progress", "RemoteFile", "download"]

STALL_SECONDS = 30.0
"""How long a server may send nothing before the download starts again."""

_ATTEMPTS = 4
_PAUSE_SECONDS = 1.0


def cache_folder() -> Path:
    """Folder of everything openpaf downloads."""
    import platformdirs

    try:
        if os.environ.get("OPENPAF_CACHE"):
            return Path(os.environ["OPENPAF_CACHE"]).expanduser()
        if os.environ.get("OPENPAF_HOME"):
            return Path(os.environ["OPENPAF_HOME"]).expanduser() / "cache"
        return platformdirs.user_cache_path("openpaf")
    except RuntimeError:
        # A user without a home, as in many containers.
        return _private_temporary_folder()


def _private_temporary_folder() -> Path:
    """A folder that nobody else can have put anything into."""
    folder = Path(tempfile.gettempdir()) / f"openpaf-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if status.st_uid != os.getuid() or status.st_mode & 0o077 or not stat.S_ISDIR(status.st_mode):
        raise ConfigError(
            f"there is no home folder for downloads and {folder} is not safe; set OPENPAF_CACHE"
        )
    return folder


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
            return "sha256", self.sha256.lower()
        return ("md5", self.md5.lower()) if self.md5 else None


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
        raise cannot_write(path, error) from error


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
    keep_only_own(partial)
    if expected is None:
        # Nothing says that another server's bytes continue these.
        partial.unlink(missing_ok=True)
    failures = []
    for url in file.urls:
        try:
            _from_mirror(url, file, expected, partial, progress)
        except (WrongFile, Interrupted, ChecksumError) as error:
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
    if expected is None and not url.startswith("https:"):
        raise WrongFile("http is only used where a checksum is published")
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
            transfer(
                url,
                partial,
                name=file.name,
                size=file.size,
                stall=STALL_SECONDS,
                plain_http=plain_http,
                progress=progress,
            )
            return
        except Interrupted:
            if attempt == _ATTEMPTS - 1:
                raise


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        # md5 only guards against damage and stale mirrors here, where nothing better is published.
        return hashlib.file_digest(
            file, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()


def _record(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _trusted(path: Path) -> tuple[str, str] | None:
    """What was recorded on trust; a damaged record is none, so that trust can be given again."""
    with suppress(FileNotFoundError):
        words = _record(path).read_bytes()[:200].decode("ascii", "replace").lower().split()
        if words and re.fullmatch("[0-9a-f]{64}", words[0]):
            return "sha256", words[0]
    return None


def _record_trust(path: Path, partial: Path) -> None:
    with replacing(_record(path)) as record:
        record.write_text(f"{_digest(partial, 'sha256')}  {path.name}\n", "utf-8")


def _host(url: str) -> str:
    with suppress(ValueError):
        return urlsplit(url).hostname or url
    return url
