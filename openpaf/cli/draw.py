"""`openpaf draw`: results on their video or pictures, without a network."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Self

import typer

from openpaf.cli.drawing import (
    BlurFaces,
    Boxes,
    Color,
    Coloring,
    Ids,
    Labels,
    LineWidth,
    OnBlack,
    draw_config,
)
from openpaf.cli.follow import Seen, quieten_opencv
from openpaf.cli.known import Known
from openpaf.cli.messages import count, progress_bar, say, warn
from openpaf.cli.options import Quiet
from openpaf.cli.outputs import Outputs, say_replaced
from openpaf.cli.sources import names_of
from openpaf.errors import ConfigError, RecordingError
from openpaf.files import check_file, refuse_to_replace
from openpaf.motion import read
from openpaf.motion.readers import SUFFIXES as RESULTS
from openpaf.result import Result
from openpaf.sources import Source, open_source
from openpaf.sources.listing import SUFFIXES
from openpaf.writers import OnePictureWriter, Painter, Writers, check_picture
from openpaf.writers.video import SUFFIXES as VIDEO_SUFFIXES


def command(
    results: Annotated[
        str,
        typer.Argument(
            metavar="RESULTS",
            help="What openpaf wrote: .json, .ndjson, .csv, .parquet, or a folder of them; or a "
            "folder of OpenPose's JSON.",
            show_default=False,
        ),
    ],
    frames: Annotated[
        str,
        typer.Argument(
            metavar="VIDEO_OR_PHOTO",
            help="What it was made from: a video, a picture, a folder or a quoted glob.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "--output",
            "--out",
            "-o",
            metavar="DIR|FILE",
            help="A video, a picture, or a folder for either.",
            rich_help_panel="Output",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which one, where the results are of several."),
    ] = None,
    quiet: Quiet = False,
    color: Coloring = Color.side,
    line_width: LineWidth = None,
    boxes: Boxes = False,
    ids: Ids = True,
    labels: Labels = False,
    on_black: OnBlack = False,
    blur_faces: BlurFaces = False,
) -> None:
    """Draw results on their video or pictures, without looking for anybody again.

    Frames of a video are found by their numbers and pictures by their names. Frames before the
    first and after the last result are left out, and pictures that no result is about.

    Examples:

        openpaf draw found/street_keypoints.ndjson street.mp4 -o people.mp4 --color person

        openpaf draw clean.ndjson street.mp4 -o clean.mp4 --blur-faces

        openpaf draw all.csv photos/ -o drawn --boxes

        openpaf draw found/photo_keypoints.json photo.jpg -o photo.png --on-black
    """
    quieten_opencv()
    paint = Painter(draw_config(color, line_width, boxes, labels, on_black, blur_faces, ids=ids))
    if out in (None, "", "-"):
        raise ConfigError("nothing would be drawn; add -o out.mp4, -o out.jpg or -o FOLDER")
    if results.lower().endswith((*SUFFIXES, *VIDEO_SUFFIXES)) and frames.lower().endswith(RESULTS):
        raise ConfigError(f"results come first: openpaf draw {frames} {results} -o {out}")
    with closing(open_source(frames, live=False)) as reader:
        place = _Place.of(Path(out), frames, reader)
        place.check(reader, results)
        known = Known(results, read(results, source=source), frames, reader)
        say_replaced(place.existing(reader))
        with place.writers(paint) as writers:
            seen, drawn, missing = _draw(reader, known, writers)
    if not drawn:
        raise RecordingError(f"no frame of {frames} is in {results}; name what it was made from")
    say(f"{count(drawn, 'frame', 'frames')}; {seen}; {place.told(drawn)}")
    if missing:
        pictures = count(len(missing), "picture", "pictures")
        warn(f"{results} says nothing about {pictures}, such as {missing[0]}; left out")


def _draw(reader: Source, known: Known, writers: Writers) -> tuple[Seen, int, list[str]]:
    """Draw every frame that was looked at: who was seen, in how many, which pictures were not."""
    seen, drawn = Seen(), 0
    missing: list[str] = []
    with progress_bar() as bar:
        task = bar.add_task("drawing", total=known.count)
        while (shot := reader.read()) is not None and shot.index <= known.last:
            if not known.wanted(shot):
                continue
            bar.advance(task)
            poses = known.of(shot)
            if poses is None:
                missing.append(str(shot.name))
                continue
            result = Result(poses, shot.frame, shot.index, shot.time, shot.name, shot.image_id)
            writers.write(replace(result, pixel_aspect=shot.pixel_aspect))
            seen.add(poses)
            drawn += 1
    return seen, drawn, missing


@dataclass(frozen=True)
class _Place:
    """Where to draw: what `openpaf run` writes too, or one picture by its name."""

    name: str
    outputs: Outputs
    picture: Path | None = None

    @classmethod
    def of(cls, out: Path, frames: str, reader: Source) -> Self:
        """Read what a user typed.

        Raises
        ------
        ConfigError
            When one picture is no place for all.
        OutputError
            When such a picture cannot be written.
        """
        (name,) = names_of([frames])
        pictures = getattr(reader, "pictures", ())
        suffix = out.suffix.lower()
        if suffix in VIDEO_SUFFIXES:
            return cls(name, Outputs(video=out))
        if suffix in SUFFIXES and not out.is_dir():
            check_picture(out)
            if len(pictures) != 1:
                raise ConfigError(f"--output {out} is one picture, and {frames} is several")
            return cls(name, Outputs(), out)
        return cls(
            name, Outputs(images=out) if pictures else Outputs(video=out / f"{name}_poses.mp4")
        )

    def check(self, reader: Source, results: str) -> None:
        """Refuse what cannot be written, or would replace something that is read."""
        self.outputs.check_places(reader, [results])
        if self.picture is not None:
            check_file(self.picture)
            refuse_to_replace([*getattr(reader, "files", ()), Path(results)], [self.picture])

    def existing(self, reader: Source) -> list[Path]:
        """Files that will be replaced."""
        there = [] if self.picture is None else [self.picture]
        return there + self.outputs.existing(self.name, reader)

    def writers(self, paint: Painter) -> Writers:
        """Open them."""
        writers = Writers()
        if self.picture is not None:
            writers.add(OnePictureWriter(self.picture, paint))
        for writer in self.outputs.writers(self.name, paint):
            writers.add(writer)
        return writers

    def told(self, frames: int) -> str:
        """Say how many files were written, and where."""
        return f"wrote {self.picture}" if self.picture is not None else self.outputs.told(frames)
