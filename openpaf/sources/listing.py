"""Which picture files somebody means by files, folders and globs, and what to call the results."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from openpaf.errors import OutputError, SourceError

SUFFIXES = (
    ".bmp", ".gif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".ppm", ".tif", ".tiff",
    ".webp",
)  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A picture file, and where its results go below the output folder.

    Attributes
    ----------
    path : Path
    stem : Path
        Relative and without a suffix; no two pictures of a run share it.
    image_id : int
        For COCO: the number its name ends in where all have one and they differ, else its place.
    """

    path: Path
    stem: Path
    image_id: int


def find_pictures(sources: Sequence[str]) -> list[Picture]:
    """List the pictures in files, folders (searched through) and globs, each once, in order.

    A file named outright is listed whatever its suffix, and even if it does not exist, so that it
    fails on its own and the others are done.

    Raises
    ------
    SourceError
        When there are none, or a source is an empty name.
    """
    found: dict[Path, Path] = {}
    for source in sources:
        for path, stem in _expand(source):
            found.setdefault(path, stem)
    if not found:
        raise SourceError(f"no pictures in {', '.join(sources)} ({' '.join(SUFFIXES)})")
    stems: dict[str, int] = {}
    pictures = []
    for place, (path, stem) in enumerate(found.items(), 1):
        # Compared without case: some file systems do.
        key = str(stem).lower()
        while key in stems:
            stems[key] += 1
            stem = stem.with_name(f"{stem.name}-{stems[key]}")
            key = str(stem).lower()
        stems[key] = 1
        pictures.append(Picture(path, stem, place))
    return _with_numbers_of_names(pictures)


def refuse_to_overwrite(pictures: Sequence[Picture], outputs: Sequence[Path]) -> None:
    """Make sure that no output is one of the pictures.

    Raises
    ------
    OutputError
        When one is.
    """
    inputs = {picture.path.resolve() for picture in pictures}
    for output in outputs:
        if output.resolve() in inputs:
            raise OutputError(f"{output} would replace an input; pass another --out")


def _expand(source: str) -> list[tuple[Path, Path]]:
    if not source:
        # As a path it would be the current folder, which nobody means by "$UNSET".
        raise SourceError("a source is an empty name; name a picture, a folder or a glob")
    path = Path(source)
    if path.is_dir():
        files = [
            file
            for file in sorted(path.rglob("*"))
            if _is_picture(file) and not _hidden(file.relative_to(path))
        ]
        return [(file, file.relative_to(path).with_suffix("")) for file in files]
    if path.exists() or not glob.has_magic(source):
        return [(path, Path(path.stem))]
    matches = (Path(match) for match in sorted(glob.glob(source, recursive=True)))
    return [(match, Path(match.stem)) for match in matches if _is_picture(match)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file()


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _with_numbers_of_names(pictures: list[Picture]) -> list[Picture]:
    ends = [re.search(r"\d+$", picture.path.stem) for picture in pictures]
    numbers = {int(end.group()) for end in ends if end is not None}
    if len(numbers) != len(pictures):
        return pictures
    return [
        Picture(picture.path, picture.stem, int(end.group()))
        for picture, end in zip(pictures, ends, strict=True)
        if end is not None
    ]
