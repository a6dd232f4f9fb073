"""What `openpaf run` writes: which files, whether they may be, and their writers."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

from openpaf.cli.messages import count, say, warn
from openpaf.errors import ConfigError, OutputError
from openpaf.files import check_file, check_folder, refuse_to_replace
from openpaf.sources import Source
from openpaf.sources.listing import SUFFIXES as PICTURES
from openpaf.sources.listing import about_ids
from openpaf.writers import (
    AngleWriter,
    CocoWriter,
    CsvWriter,
    NdjsonWriter,
    OpenPoseWriter,
    Painter,
    PictureWriter,
    VideoWriter,
    Writer,
    check_video,
)
from openpaf.writers.video import SUFFIXES

# Options that take a folder, and how the names of the files in it end.
_FOLDERS = {"images": "_poses.jpg", "openpose_json": "_keypoints.json"}
# What --output writes into a folder: the ending behind the name of the source.
_IN_FOLDER = {"video": "_poses.mp4", "ndjson": "_keypoints.ndjson"}
# Nobody names a folder so.
_NUMBERS = (".csv", ".json", ".jsonl", ".ndjson")


@dataclass(frozen=True)
class Outputs:
    """A place an option, None where it was not given, "-" for standard output."""

    video: Path | None = None
    images: Path | None = None
    ndjson: Path | None = None
    csv: Path | None = None
    coco_json: Path | None = None
    openpose_json: Path | None = None
    angles: Path | None = None

    def __bool__(self) -> bool:
        return any(True for _ in self._given())

    @property
    def pictures(self) -> Outputs:
        """Those that show frames."""
        return Outputs(video=self.video, images=self.images)

    @property
    def numbers(self) -> Outputs:
        """Those that hold keypoints."""
        return replace(self, video=None, images=None)

    def with_output(self, out: str | None, name: str) -> Outputs:
        """Add what `--output` means for a source: a video of this name, or a folder for all.

        Raises
        ------
        ConfigError
            When it is no place for either.
        """
        if out is None:
            return self
        path = Path(out)
        suffix = path.suffix.lower()
        if suffix in SUFFIXES:
            if self.video is not None:
                raise ConfigError(f"--output {out} and --video are two videos; name one of them")
            return replace(self, video=path)
        if out in ("", "-") or (suffix in _NUMBERS and not path.is_dir()):
            raise ConfigError(
                f"--output takes a folder or a video, got {out!r}; --ndjson, --csv and --coco-json "
                "write keypoints, to a FILE or the first two to -"
            )
        if suffix in PICTURES and not path.is_dir():
            raise ConfigError(
                f"--output takes a folder or a video, got {out!r}; --images DIR writes pictures, "
                "and openpaf detect one by its name"
            )
        added = {
            option: path / f"{name}{ending}"
            for option, ending in _IN_FOLDER.items()
            if getattr(self, option) is None
        }
        return replace(self, **added)

    def of_one(self, name: str) -> Outputs:
        """The outputs of one of several sources: a folder of its name in each place.

        OpenPose's JSON goes to `NAME_json`, where Pose2Sim looks for it.
        """
        own: dict[str, Path] = {}
        for option, path in self._given():
            if str(path) == "-":
                own[option] = path
            elif option == "openpose_json":
                own[option] = path / f"{name}_json"
            elif option in _FOLDERS:
                own[option] = path / name
            else:
                own[option] = path.parent / name / path.name
        return Outputs(**own)

    def check(self, *, stats_on_stdout: bool, several: bool) -> None:
        """Refuse outputs that would destroy one another.

        Raises
        ------
        ConfigError, OutputError
            When two go to one place, or several sources to one standard output that does not tell
            them apart.
        """
        to_stdout = [_option(name) for name, path in self._given() if str(path) == "-"]
        if stats_on_stdout:
            to_stdout.append("--stats json")
        if len(to_stdout) > 1:
            raise ConfigError(
                f"{' and '.join(to_stdout)} cannot share standard output; name a file"
            )
        if several and to_stdout and to_stdout[0] not in ("--ndjson", "--stats json"):
            raise ConfigError(
                f"{to_stdout[0]} of several sources cannot share standard output; name a file, or "
                "use --ndjson -, whose lines name their source"
            )
        taken: dict[Path, str] = {}
        for name, path in self._given():
            if str(path) == "-":
                continue
            place = path.resolve()
            if place in taken:
                raise OutputError(
                    f"{_option(name)} {path} would replace {taken[place]}; pass another place"
                )
            taken[place] = _option(name)

    def check_places(self, reader: Source, others: Sequence[str | Path | None]) -> None:
        """Refuse what cannot be written, or would destroy something that is read.

        Raises
        ------
        OutputError
            When one does.
        """
        inputs = [*getattr(reader, "files", ()), *(Path(path) for path in others if path)]
        for option, path in self._given():
            if str(path) == "-":
                continue
            if option in _FOLDERS:
                check_folder(path)
                names = getattr(reader, "names", ())
                outputs = [path / f"{name}{_FOLDERS[option]}" for name in names]
            else:
                check_file(path)
                outputs = [path]
            refuse_to_replace(inputs, outputs)
            if option == "video":
                check_video(path)
            if option == "coco_json" and (about := about_ids(getattr(reader, "pictures", ()))):
                warn(about)

    def existing(self, name: str, reader: Source) -> list[Path]:
        """Files that will be replaced."""
        files: list[Path] = []
        for option, path in self._given():
            if option in _FOLDERS:
                stems = getattr(reader, "names", None)
                places = (
                    path.glob(f"{glob.escape(name)}_*{_FOLDERS[option]}")
                    if stems is None
                    else (path / f"{stem}{_FOLDERS[option]}" for stem in stems)
                )
                files += [place for place in places if place.is_file()]
            elif path.is_file():
                files.append(path)
        return files

    def told(self, frames: int) -> str:
        """Say how many files were written of so many frames, and where; nothing if none were."""
        files, places = 0, []
        for option, path in self._given():
            if path_or_stdout(path) is not None:
                files += frames if option in _FOLDERS else 1
                places.append(str(path))
        return f"wrote {count(files, 'file', 'files')}: {', '.join(places)}" if places else ""

    def writers(
        self, name: str, paint: Painter, source: str | None = None, *, numbered: bool = False
    ) -> Iterator[Writer]:
        """Open them one after the other.

        Parameters
        ----------
        name : str
            What files of a frame each begin with.
        paint : Painter
        source : str, optional
            What lines on standard output call their source.
        numbered : bool
            See `OpenPoseWriter`.

        Raises
        ------
        OutputError
            When one cannot be written.
        """
        if self.ndjson:
            yield NdjsonWriter(path_or_stdout(self.ndjson), source)
        if self.csv:
            yield CsvWriter(path_or_stdout(self.csv))
        if self.coco_json:
            yield CocoWriter(self.coco_json)
        if self.openpose_json:
            yield OpenPoseWriter(self.openpose_json, name, numbered=numbered)
        if self.angles:
            yield AngleWriter(path_or_stdout(self.angles))
        if self.images:
            yield PictureWriter(self.images, name, paint)
        if self.video:
            yield VideoWriter(self.video, paint)

    def _given(self) -> Iterator[tuple[str, Path]]:
        for field in fields(self):
            path = getattr(self, field.name)
            if path is not None:
                yield field.name, path


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def path_or_stdout(path: Path | None) -> Path | None:
    """The file that an option names; None where it is standard output, or nothing was named."""
    return None if str(path) == "-" else path


def say_replaced(files: Iterable[Path]) -> None:
    """Say which files are there already and will be replaced."""
    there = [path for path in files if path.is_file()]
    if there:
        more = f" and {count(len(there) - 1, 'more file', 'more files')}" if there[1:] else ""
        say(f"replacing {there[0]}{more}")
