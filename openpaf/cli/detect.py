"""`openpaf detect`: pictures in; annotated copies and JSON out."""

from __future__ import annotations

import tempfile
import time
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Device,
    MaxPeople,
    MinScore,
    Model,
    NetHeight,
    NetSize,
    Refine,
    RefineLimit,
    read_card,
    read_net_size,
    refine_options,
)
from openpaf.decoder.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.errors import ConfigError, FrameError, OutputError, SourceError
from openpaf.frame import to_frame
from openpaf.result import Result
from openpaf.sources.listing import find_pictures, refuse_to_overwrite
from openpaf.writers import (
    CocoWriter,
    NdjsonWriter,
    OpenPoseWriter,
    Painter,
    PictureWriter,
    Writers,
)

_DECODER = DecoderConfig()


class Format(str, Enum):
    """Whose JSON to write."""

    openpose = "openpose"
    coco = "coco"


def command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Pictures, folders (searched through) or quoted globs.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder for annotated copies and JSON; - writes one JSON line a picture to "
            "stdout instead.",
        ),
    ] = "found",
    model: Model = None,
    card: Card = None,
    device: Device = "auto",
    net_height: NetHeight = None,
    net_size: NetSize = None,
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    min_score: MinScore = _DECODER.min_score,
    max_people: MaxPeople = _DECODER.max_people,
    format: Annotated[
        Format,
        typer.Option(
            help="openpose: NAME_keypoints.json a picture. coco: one coco_results.json for all, "
            "whose image_id is the number in the file's name."
        ),
    ] = Format.openpose,
) -> None:
    """Find the people in pictures.

    Writes NAME_poses.jpg, a copy with skeletons drawn on it, and NAME_keypoints.json for every
    picture. A picture that cannot be read is listed, the others are done, and the exit code is 1.

    Examples:

        openpaf detect photo.jpg --out found
        openpaf detect photos/ "more/**/*.png" --out found --net-height 256
        openpaf detect photos/ --out - | jq '.people | length'
    """
    if not out:
        raise ConfigError("--out is an empty name; name a folder, or - for stdout")
    pictures = find_pictures(sources)
    folder = None if out == "-" else Path(out)
    if folder is not None:
        copies = [folder / f"{picture.stem}_poses.jpg" for picture in pictures]
        refuse_to_overwrite(pictures, copies)
        _make_writable(folder)
    engine = Engine(
        model,
        device=device,
        net_height=net_height,
        net_size=read_net_size(net_size),
        card=read_card(card),
        decoder=DecoderConfig(min_score=min_score, max_people=max_people),
        **refine_options(refine, refine_limit),
    )
    started, people, failed = time.perf_counter(), 0, 0
    with engine, _writers(folder, format) as writers, progress_bar() as bar:
        for index, picture in enumerate(bar.track(pictures, description="detecting")):
            try:
                frame = to_frame(picture.path)
            except (FrameError, SourceError) as error:
                warn(str(error))
                failed += 1
                continue
            poses = engine.detect(frame)
            name = str(picture.path if folder is None else picture.stem)
            writers.write(Result(poses, frame, index, name=name, image_id=picture.image_id))
            people += len(poses)
    done = len(pictures) - failed
    if done:
        found = f"{_count(people, 'person', 'people')} in {_count(done, 'picture', 'pictures')}"
        where = "" if folder is None else f"; see {folder}"
        warn(f"{found}, {time.perf_counter() - started:.1f} s{where}")
    if failed and len(pictures) > 1:
        warn(f"{failed} of {len(pictures)} pictures could not be read")
    if failed:
        raise typer.Exit(1 if done else 2)


def _writers(folder: Path | None, format: Format) -> Writers:
    writers = Writers()
    if folder is None:
        if format is not Format.openpose:
            raise ConfigError(f"stdout takes OpenPose's JSON only; {format.value} needs a folder")
        writers.add(NdjsonWriter(None))
        return writers
    writers.add(PictureWriter(folder, "", Painter()))
    if format is Format.coco:
        writers.add(CocoWriter(folder / "coco_results.json"))
    else:
        writers.add(OpenPoseWriter(folder, ""))
    return writers


def _make_writable(folder: Path) -> None:
    """Find out before the work rather than after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write into {folder}: {reason}; pass another --out") from error


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
