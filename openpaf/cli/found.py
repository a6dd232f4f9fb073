"""What `openpaf detect` writes: which files, whether they may be, and their writers."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from openpaf.cli.messages import warn
from openpaf.cli.outputs import path_or_stdout
from openpaf.errors import ConfigError, OutputError
from openpaf.files import check_file, refuse_to_replace
from openpaf.sources.listing import ENDINGS, SUFFIXES, Picture, about_ids
from openpaf.writers import (
    CocoWriter,
    CsvWriter,
    NdjsonWriter,
    OnePictureWriter,
    OpenPoseWriter,
    Painter,
    PictureWriter,
    Writers,
    check_picture,
)

_COCO_RESULTS = "coco_results.json"
# Nobody names a folder so; what they mean is to be had otherwise.
_NO_FOLDERS = {
    ".csv": "--csv FILE writes keypoints as CSV",
    ".json": "name a folder for its JSON, or - for lines on standard output",
    ".jsonl": "- writes lines to standard output",
    ".ndjson": "- writes lines to standard output",
    ".mp4": "openpaf run makes videos",
}


class Format(str, Enum):
    """Whose JSON to write."""

    openpose = "openpose"
    coco = "coco"


@dataclass(frozen=True)
class Found:
    """Places for what is found.

    Attributes
    ----------
    folder, picture : Path or None
        A folder for everything, or the name of one annotated picture; neither is standard output.
    csv : Path or None
    format : Format
    """

    folder: Path | None
    picture: Path | None
    csv: Path | None
    format: Format

    @classmethod
    def of(cls, out: str, csv: Path | None, format: Format) -> Found:
        """Read what a user typed.

        Raises
        ------
        ConfigError
            When places are missing, or exclude one another.
        OutputError
            When a name is that of a file which is not written.
        """
        if not out:
            raise ConfigError("--output is an empty name; name a folder, a picture, or - for lines")
        path = Path(out)
        is_picture = path.suffix.lower() in SUFFIXES and not path.is_dir()
        if is_picture:
            check_picture(path)
        elif path.suffix.lower() in _NO_FOLDERS and not path.is_dir():
            raise OutputError(
                f"--output takes a folder or a picture, got {out}; "
                f"{_NO_FOLDERS[path.suffix.lower()]}"
            )
        if out == "-" and str(csv) == "-":
            raise ConfigError("--output - and --csv - cannot share standard output; name a file")
        if format is Format.coco and (out == "-" or is_picture):
            raise ConfigError(f"--format coco needs a folder to write into, got --output {out}")
        folder = None if is_picture or out == "-" else path
        return cls(folder, path if is_picture else None, csv, format)

    def check(self, pictures: Sequence[Picture], others: Sequence[str | Path | None]) -> list[Path]:
        """Refuse results that cannot be written, or would replace something that is read.

        Nothing is made or changed but the folder.

        Returns
        -------
        list of Path
            Files that will be written, the ones that are replaced among them.

        Raises
        ------
        OutputError
            When there are such.
        """
        if self.picture is not None and len(pictures) > 1:
            raise OutputError(
                f"--output {self.picture} is one picture, and {len(pictures)} are looked at; "
                "name a folder"
            )
        files = self._files(pictures)
        csv = path_or_stdout(self.csv)
        if csv is not None:
            if csv.resolve() in {file.resolve() for file in files}:
                raise OutputError(f"--csv {csv} would replace another result; pass another place")
            check_file(csv)
            files.append(csv)
        inputs = [*(picture.path for picture in pictures), *(Path(path) for path in others if path)]
        refuse_to_replace(inputs, files)
        if self.picture is not None:
            check_file(self.picture)
        if self.format is Format.coco and (about := about_ids(pictures)):
            warn(about)
        if self.folder is not None:
            _make_writable(self.folder)
        return files

    def writers(self, paint: Painter) -> Writers:
        """Open them.

        Raises
        ------
        OutputError
            When one cannot be written.
        """
        writers = Writers()
        if self.csv:
            writers.add(CsvWriter(path_or_stdout(self.csv), sources=True))
        if self.picture is not None:
            writers.add(OnePictureWriter(self.picture, paint))
        elif self.folder is None:
            writers.add(NdjsonWriter(None))
        else:
            writers.add(PictureWriter(self.folder, "", paint))
            if self.format is Format.coco:
                writers.add(CocoWriter(self.folder / _COCO_RESULTS))
            else:
                writers.add(OpenPoseWriter(self.folder, ""))
        return writers

    def told(self, pictures: int) -> str:
        """Say how many files were written of so many pictures, and where."""
        places = []
        if self.picture is not None:
            places.append(str(self.picture))
        if self.folder is not None:
            files = pictures + 1 if self.format is Format.coco else 2 * pictures
            places.append(f"{files} files in {self.folder}")
        if path_or_stdout(self.csv) is not None:
            places.append(str(self.csv))
        return f"wrote {' and '.join(places)}" if places else ""

    def _files(self, pictures: Sequence[Picture]) -> list[Path]:
        files = [] if self.picture is None else [self.picture]
        if self.folder is not None:
            endings = ENDINGS[:2] if self.format is Format.coco else ENDINGS
            files += [self.folder / f"{one.stem}{ending}" for one in pictures for ending in endings]
            if self.format is Format.coco:
                files.append(self.folder / _COCO_RESULTS)
        return files


def _make_writable(folder: Path) -> None:
    """Find out before the work rather than after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write into {folder}: {reason}; pass another --output") from error
