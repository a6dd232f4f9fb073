"""Which photographs somebody means: files, folders, globs, and tar files full of them."""

from __future__ import annotations

import glob
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import SourceError
from openpaf.frame import decode_picture, to_frame
from openpaf.sources.listing import SUFFIXES, find_pictures


@dataclass(frozen=True)
class Photograph:
    """A photograph that is yet to be read.

    Attributes
    ----------
    name : str
        What labels call it: its path below the folder, or in the tar file, that was named.
    path : Path
        Of its file, or of the tar file.
    offset, bytes : int
        Where it lies in a tar file; 0 bytes for a file of its own.
    """

    name: str
    path: Path
    offset: int = 0
    bytes: int = 0

    def read(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR.

        Raises
        ------
        FrameError
            When it is no picture, or damaged.
        SourceError
            When its file has vanished or cannot be read.
        """
        if not self.bytes:
            return to_frame(self.path)
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                data = file.read(self.bytes)
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror or error}") from error
        return decode_picture(data, f"{self.path}: {self.name}")


def find_photographs(sources: Sequence[str]) -> list[Photograph]:
    """List the photographs in files, folders (searched through), globs and tar files, in order.

    Raises
    ------
    SourceError
        When there are none, a tar file cannot be read, or two would be called the same.
    """
    tars = [path for source in sources for path in _tars(source)]
    others = [source for source in sources if not _tars(source)]
    found = [photograph for path in tars for photograph in _members(path)]
    if others:
        found += [
            Photograph(picture.stem.with_name(picture.path.name).as_posix(), picture.path)
            for picture in find_pictures(others)
        ]
    if not found:
        raise SourceError(f"no photographs in {', '.join(sources)} ({' '.join(SUFFIXES)})")
    named: dict[str, Photograph] = {}
    for photograph in found:
        before = named.setdefault(photograph.name, photograph)
        if before is not photograph:
            raise SourceError(
                f"two photographs would be called {photograph.name}, in {before.path} and "
                f"{photograph.path}; name the folder above both"
            )
    return found


def _tars(source: str) -> list[Path]:
    paths = sorted(glob.glob(source, recursive=True)) if glob.has_magic(source) else [source]
    return [Path(path) for path in paths if path.lower().endswith(".tar")]


def _members(path: Path) -> list[Photograph]:
    try:
        with tarfile.open(path, "r:") as archive:
            return [
                Photograph(member.name.removeprefix("./"), path, member.offset_data, member.size)
                for member in archive
                if member.isfile() and member.name.lower().endswith(SUFFIXES)
            ]
    except (OSError, tarfile.TarError) as error:
        raise SourceError(f"{path} is not a tar file that can be read: {error}") from error
