"""`openpaf webcam`: the people in front of a camera, in a window."""

from __future__ import annotations

from typing import Annotated

import typer

from openpaf.cli import run
from openpaf.cli.drawing import (
    BlurFaces,
    Boxes,
    Color,
    Coloring,
    Ids,
    Labels,
    LineWidth,
    OnBlack,
)
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Device,
    Every,
    Face,
    FastOrNot,
    Hands,
    Model,
    NetHeight,
    NetSize,
    Refine,
    RefineLimit,
    Threads,
    Video,
)


def command(
    camera: Annotated[int, typer.Argument(help="Which camera.", min=0)] = 0,
    video: Video = None,
    color: Coloring = Color.side,
    line_width: LineWidth = None,
    boxes: Boxes = False,
    ids: Ids = True,
    labels: Labels = False,
    on_black: OnBlack = False,
    blur_faces: BlurFaces = False,
    model: Model = None,
    card: Card = None,
    fast: FastOrNot = None,
    device: Device = "auto",
    net_height: NetHeight = None,
    net_size: NetSize = None,
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    hands: Hands = None,
    face: Face = None,
    threads: Threads = None,
    every: Every = 1,
) -> None:
    """Follow people in front of a camera, in a window; q or Esc ends.

    The same as `openpaf run 0 --show`, which has more options.
    """
    run.command(
        [str(camera)],
        show=True,
        video=video,
        color=color,
        line_width=line_width,
        boxes=boxes,
        ids=ids,
        labels=labels,
        on_black=on_black,
        blur_faces=blur_faces,
        model=model,
        card=card,
        fast=fast,
        device=device,
        net_height=net_height,
        net_size=net_size,
        refine=refine,
        refine_limit=refine_limit,
        hands=hands,
        face=face,
        threads=threads,
        every=every,
    )
