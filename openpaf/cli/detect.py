"""`openpaf detect`: pictures in; annotated copies and JSON out."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Annotated

import typer

from openpaf.cli.drawing import (
    BlurFaces,
    Boxes,
    Color,
    Coloring,
    Labels,
    LineWidth,
    OnBlack,
    draw_config,
)
from openpaf.cli.found import Format, Found
from openpaf.cli.messages import count, progress_bar, say, warn
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Complete,
    Csv,
    Device,
    Face,
    Fast,
    Hands,
    Looks,
    MaxPeople,
    MinScore,
    Model,
    NetHeight,
    NetSize,
    Quiet,
    Refine,
    RefineLimit,
    Tiles,
    fast_model,
    look_options,
    read_card,
    read_net_size,
)
from openpaf.cli.outputs import say_replaced
from openpaf.decoder.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.errors import FrameError, MissingExtraError, SourceError
from openpaf.frame import to_frame
from openpaf.result import Result
from openpaf.sources.listing import Picture, find_pictures
from openpaf.writers import Painter


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
            "--output",
            "--out",
            "-o",
            metavar="DIR|PICTURE|-",
            help="Folder for annotated copies and JSON, or the name of one annotated picture; - "
            "writes one JSON line a picture to stdout instead.",
            rich_help_panel="Output",
        ),
    ] = "found",
    csv: Csv = None,
    format: Annotated[
        Format,
        typer.Option(
            help="openpose: NAME_keypoints.json a picture. coco: one coco_results.json for all, "
            "whose image_id is the number in the file's name.",
            rich_help_panel="Output",
        ),
    ] = Format.openpose,
    quiet: Quiet = False,
    color: Coloring = Color.side,
    line_width: LineWidth = None,
    boxes: Boxes = False,
    labels: Labels = False,
    on_black: OnBlack = False,
    blur_faces: BlurFaces = False,
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
    hands: Hands = None,
    face: Face = None,
    min_score: MinScore = None,
    complete: Complete = False,
    max_people: MaxPeople = None,
) -> None:
    """Find the people in pictures.

    Writes NAME_poses.jpg, a copy with skeletons drawn on it, and NAME_keypoints.json for every
    picture. A picture that cannot be read is listed, the others are done, and the exit code is 1.

    Examples:

        openpaf detect photo.jpg -o found

        openpaf detect photo.jpg -o annotated.jpg

        openpaf detect photos/ "more/**/*.png" -o found --csv found/all.csv --net-height 256

        openpaf detect photos/ -o - | jq '.people | length'
    """
    found = Found.of(out, csv, format)
    drawing = draw_config(color, line_width, boxes, labels, on_black, blur_faces)
    pictures = find_pictures(sources)
    files = found.check(pictures, [model, card])
    engine = Engine(
        fast_model(model, card, fast),
        device=device,
        net_height=net_height,
        net_size=read_net_size(net_size),
        looks=looks,
        tiles=tiles,
        card=read_card(card),
        decoder=DecoderConfig(min_score=min_score, max_people=max_people, complete=complete),
        **look_options(refine, refine_limit, hands, face),
    )
    say_replaced(files)  # by now nothing but a picture can be wrong
    started = time.perf_counter()
    with engine:
        people, failed = _detect(engine, pictures, found, Painter(drawing))
    for line in failed:
        warn(line)
    done = len(pictures) - len(failed)
    if done:
        seen = f"{count(people, 'person', 'people')} in {count(done, 'picture', 'pictures')}"
        seconds = time.perf_counter() - started
        say("; ".join(filter(None, (f"{seen}, {seconds:.1f} s", found.told(done)))))
    if failed and len(pictures) > 1:
        warn(f"{len(failed)} of {len(pictures)} pictures could not be read")
    if failed:
        raise typer.Exit(1 if done else 2)


def _detect(
    engine: Engine, pictures: Iterable[Picture], found: Found, paint: Painter
) -> tuple[int, list[str]]:
    """Look at every picture and write what is in it: how many people, and which pictures failed."""
    people = 0
    failed: list[str] = []
    on_stdout = found.folder is None and found.picture is None
    with found.writers(paint) as writers, progress_bar() as bar:
        for index, picture in enumerate(bar.track(pictures, description="detecting")):
            try:
                frame = to_frame(picture.path)
            except (FrameError, MissingExtraError, SourceError) as error:
                failed.append(str(error))
                continue
            poses = replace(engine.detect(frame), source=str(picture.path))
            name = poses.source if on_stdout else str(picture.stem)
            writers.write(Result(poses, frame, index, name=name, image_id=picture.image_id))
            people += len(poses)
    return people, failed
