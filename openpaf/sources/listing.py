"""Which picture files somebody means by files, folders and globs, and what to call the results."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openpaf.address import refuse_url
from openpaf.errors import SourceError
from openpaf.files import fitting_name

SUFFIXES = (
    ".apng", ".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".hif", ".j2k", ".jfif", ".jp2",
    ".jpe", ".jpeg", ".jpg", ".jpx", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff",
    ".webp",
)  # fmt: skip
# Pictures too, but of kinds that are not read: somebody should be told.
_OTHERS = (
    ".arw", ".cr2", ".cr3", ".dng", ".exr", ".hdr", ".ico", ".jxl", ".nef", ".orf", ".pcx", ".psd",
    ".raf", ".raw", ".rw2", ".svg", ".tga",
)  # fmt: skip
# How the names of results end, and the longest of these.
ENDINGS = ("_poses.jpg", "_poses.png", "_keypoints.json")
_ROOM = max(map(len, ENDINGS)) + len("-9999")
_NUMBERED = re.compile(r"%0?(\d*)d")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A picture file, and where its results go below the output folder.

    Attributes
    ----------
    path : Path
    stem : Path
        Relative and without a suffix; no two pictures of a run share it. Where those in different
        folders would, all are called by their place below the folder that they have in common.
    image_id : int
        For COCO: the number its name ends in where all have one and they differ, else its place.
    """

    path: Path
    stem: Path
    image_id: int


def find_pictures(sources: Sequence[str]) -> list[Picture]:
    """List the pictures in files, folders (searched through) and globs, each once, in order.

    A file named outright is listed whatever its suffix, and even if it does not exist, so that it
    fails on its own and the others are done; so is a folder that may not be read. What openpaf has
    drawn itself is left out of folders and globs. `shot%05d.png` stands for numbered pictures.

    Raises
    ------
    SourceError
        When there are none, or a source is an empty name or a url.
    """
    found: dict[Path, Path] = {}
    others: Counter[str] = Counter()
    for source in sources:
        for path, stem in _expand(source, others):
            found.setdefault(path, stem)
    if others:
        kinds = ", ".join(f"{count} {suffix}" for suffix, count in sorted(others.items()))
        _log.warning("left out, because such pictures are not read: %s", kinds)
    if not found:
        raise SourceError(f"no pictures in {', '.join(sources)} ({' '.join(SUFFIXES)})")
    stems: dict[str, int] = {}
    pictures = []
    for place, (path, stem) in enumerate(_apart(found).items(), 1):
        stem = stem.with_name(fitting_name(stem.name, _ROOM))
        # Compared without case: some file systems do.
        key = str(stem).lower()
        while key in stems:
            stems[key] += 1
            stem = stem.with_name(f"{stem.name}-{stems[key]}")
            key = str(stem).lower()
        stems[key] = 1
        pictures.append(Picture(path, stem, place))
    return _with_numbers_of_names(pictures)


def _apart(found: Mapping[Path, Path]) -> Mapping[Path, Path]:
    """Stems of results by pictures, with their folders where pictures of one name need them."""
    folders = {path: Path(os.path.abspath(path)).parent for path in found}
    sharing: dict[str, set[Path]] = defaultdict(set)
    for path, stem in found.items():
        sharing[str(stem).lower()].add(folders[path])
    if max(map(len, sharing.values())) == 1:
        return found
    try:
        common = os.path.commonpath(folders.values())
    except ValueError:  # on two drives of Windows
        return found
    return {path: folders[path].relative_to(common) / stem.name for path, stem in found.items()}


def about_ids(pictures: Sequence[Picture]) -> str | None:
    """Say why image ids are not the numbers in names, where some names have one; else None."""
    numbers: set[int] = set()
    odd = None
    for picture in pictures:
        number = _number(picture.path)
        if number is None or number in numbers:
            odd = odd or picture
        else:
            numbers.add(number)
    if odd is None or not numbers:
        return None
    return (
        f"image_id counts the pictures from 1, because {odd.path.name} has no number of its own at "
        "the end of its name"
    )


def _expand(source: str, others: Counter[str]) -> list[tuple[Path, Path]]:
    if not source:
        # As a path it would be the current folder, which nobody means by "$UNSET".
        raise SourceError("a source is an empty name; name a picture, a folder or a glob")
    refuse_url(source, "download the picture first, or use `openpaf run` for a stream")
    path = Path(source)
    # These ask and do not mind where they may not look; the picture then fails on its own.
    is_there = os.path.exists(path)
    if os.path.isdir(path):
        files = _in_folder(path, others)
        return [(file, _below(path, file)) for file in files]
    if not is_there and _NUMBERED.search(path.name):
        return [(file, Path(file.stem)) for file in _numbered(path)]
    if is_there or not glob.has_magic(source):
        return [(path, Path(path.stem or "picture"))]
    return [(file, Path(file.stem)) for file in _matching(path)]


def _below(folder: Path, path: Path) -> Path:
    """Where a picture is below a folder, without its suffix; the folder itself has its own name."""
    return (
        Path(folder.name or "folder")
        if path == folder
        else path.relative_to(folder).with_suffix("")
    )


def _in_folder(folder: Path, others: Counter[str]) -> list[Path]:
    """Pictures in a folder and those below it, and folders below it that may not be read."""
    files = []
    shut: list[Path] = []
    walk = os.walk(folder, onerror=lambda error: shut.append(Path(error.filename)))
    for here, below, names in walk:
        below[:] = [name for name in below if not name.startswith(".")]
        paths = [Path(here, name) for name in names if not name.startswith(".")]
        others.update(path.suffix.lower() for path in paths if path.suffix.lower() in _OTHERS)
        files += [path for path in paths if _is_picture(path)]
    return sorted(files + shut)


def _matching(pattern: Path) -> list[Path]:
    """Pictures that a glob stands for; ** does not follow links, which may lead back."""
    first = next(place for place, part in enumerate(pattern.parts) if glob.has_magic(part))
    root, rest = Path(*pattern.parts[:first]), pattern.parts[first:]
    hidden_too = any(part.startswith(".") for part in rest)
    try:
        matches = sorted(set(root.glob(str(Path(*rest)))))
    except (NotImplementedError, ValueError) as error:
        raise SourceError(f"{pattern} is not a glob that can be used: {error}") from error
    return [
        match
        for match in matches
        if _is_picture(match) and (hidden_too or not _hidden(match.relative_to(root)))
    ]


def _numbered(pattern: Path) -> list[Path]:
    """Pictures whose names are printf's of a number, by that number."""
    before, digits, after = _NUMBERED.split(pattern.name, maxsplit=1)
    name = re.compile(rf"{re.escape(before)}(\d{{{int(digits or 1)},}}){re.escape(after)}")
    found = {}
    if pattern.parent.is_dir():
        for file in pattern.parent.iterdir():
            match = name.fullmatch(file.name)
            if match is not None:
                found[int(match.group(1))] = file
    return [found[number] for number in sorted(found)]


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and path.is_file() and not is_drawn(path)


def is_drawn(path: Path) -> bool:
    """Whether a picture is an annotated copy that openpaf has made: by its name and its results."""
    for ending in ENDINGS[:2]:
        if path.name.endswith(ending):
            stem = path.name.removesuffix(ending)
            results = (f"{stem}{ENDINGS[2]}", "coco_results.json")
            return any(path.with_name(name).exists() for name in results)
    return False


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _number(path: Path) -> int | None:
    end = re.search(r"\d{1,18}$", path.stem, re.ASCII)
    return None if end is None else int(end.group())


def _with_numbers_of_names(pictures: list[Picture]) -> list[Picture]:
    numbers = [_number(picture.path) for picture in pictures]
    if None in numbers or len(set(numbers)) != len(pictures):
        return pictures
    return [
        Picture(picture.path, picture.stem, number)
        for picture, number in zip(pictures, numbers, strict=True)
        if number is not None
    ]


def files_read(folder: Path) -> Iterator[Path]:
    """Pictures and annotations in a folder of data and below it, for who must not replace them."""
    for path in folder.rglob("*"):
        if path.suffix.lower() in (*SUFFIXES, ".json"):
            yield path
