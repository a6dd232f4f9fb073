"""`openpaf detect`: pictures in; annotated copies and JSON out."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Complete,
    Device,
    Fast,
    Looks,
    MaxPeople,
    MinScore,
    Model,
    NetHeight,
    NetSize,
    Refine,
    RefineLimit,
    Tiles,
    fast_model,
    read_card,
    read_net_size,
    refine_options,
)
from openpaf.decoder.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.errors import (
    ConfigError,
    FrameError,
    MissingExtraError,
    OutputError,
    SourceError,
)
from openpaf.files import refuse_to_replace
from openpaf.frame import to_frame
from openpaf.result import Result
from openpaf.sources.listing import ENDINGS, Picture, about_ids, find_pictures
from openpaf.writers import (
    CocoWriter,
    NdjsonWriter,
    OpenPoseWriter,
    Painter,
    PictureWriter,
    Writers,
)

_COCO_RESULTS = "coco_results.json"


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
    fast: Fast = False,
    device: Device = "auto",
    net_height: NetHeight = None,
    net_size: NetSize = None,
    looks: Looks = "one",
    tiles: Tiles = False,
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    min_score: MinScore = None,
    complete: Complete = False,
    max_people: MaxPeople = None,
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
        _check_outputs(folder, format, pictures, [model, card])
        _make_writable(folder)
    engine = Engine(
        fast_model(model, card, fast),
        device=device,
        net_height=net_height,
        net_size=read_net_size(net_size),
        looks=looks,
        tiles=tiles,
        card=read_card(card),
        decoder=DecoderConfig(min_score=min_score, max_people=max_people, complete=complete),
        **refine_options(refine, refine_limit),
    )
    started, people = time.perf_counter(), 0
    failed: list[str] = []
    with engine, _writers(folder, format) as writers, progress_bar() as bar:
        for index, picture in enumerate(bar.track(pictures, description="detecting")):
            try:
                frame = to_frame(picture.path)
            except (FrameError, MissingExtraError, SourceError) as error:
                failed.append(str(error))
                continue
            poses = engine.detect(frame)
            name = str(picture.path if folder is None else picture.stem)
            writers.write(Result(poses, frame, index, name=name, image_id=picture.image_id))
            people += len(poses)
    for line in failed:
        warn(line)
    done = len(pictures) - len(failed)
    if done:
        found = f"{_count(people, 'person', 'people')} in {_count(done, 'picture', 'pictures')}"
        where = "" if folder is None else f"; see {folder}"
        warn(f"{found}, {time.perf_counter() - started:.1f} s{where}")
    if failed and len(pictures) > 1:
        warn(f"{len(failed)} of {len(pictures)} pictures could not be read")
    if failed:
        raise typer.Exit(1 if done else 2)


def _check_outputs(
    folder: Path, format: Format, pictures: Sequence[Picture], others: Sequence[str | Path | None]
) -> None:
    """Refuse results that would replace something that is read, before anything is made."""
    outputs = [folder / f"{picture.stem}{ending}" for picture in pictures for ending in ENDINGS]
    if format is Format.coco:
        outputs.append(folder / _COCO_RESULTS)
        about = about_ids(pictures)
        if about is not None:
            warn(about)
    inputs = [*(picture.path for picture in pictures), *(Path(path) for path in others if path)]
    refuse_to_replace(inputs, outputs)


def _writers(folder: Path | None, format: Format) -> Writers:
    writers = Writers()
    if folder is None:
        if format is not Format.openpose:
            raise ConfigError(f"stdout takes OpenPose's JSON only; {format.value} needs a folder")
        writers.add(NdjsonWriter(None))
        return writers
    writers.add(PictureWriter(folder, "", Painter()))
    if format is Format.coco:
        writers.add(CocoWriter(folder / _COCO_RESULTS))
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
