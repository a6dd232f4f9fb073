"""`openpaf webcam`: the people in front of a camera, in a window."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openpaf.cli import run
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Device,
    FastOrNot,
    Model,
    NetHeight,
    NetSize,
    Refine,
    RefineLimit,
    Threads,
)


def command(
    camera: Annotated[int, typer.Argument(help="Which camera.", min=0)] = 0,
    video: Annotated[
        Path | None, typer.Option(help="Also write an annotated .mp4, .mkv or .mov.")
    ] = None,
    no_image: Annotated[
        bool, typer.Option("--no-image", help="Draw skeletons on black, not on the frame.")
    ] = False,
    model: Model = None,
    card: Card = None,
    fast: FastOrNot = None,
    device: Device = "auto",
    net_height: NetHeight = None,
    net_size: NetSize = None,
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    threads: Threads = None,
    every: Annotated[
        int,
        typer.Option(
            metavar="N", help="Send every N-th frame through the network, track between them."
        ),
    ] = 1,
) -> None:
    """Follow people in front of a camera, in a window; q or Esc ends.

    The same as `openpaf run 0 --show`, which has more options.
    """
    run.command(
        str(camera),
        show=True,
        video=video,
        no_image=no_image,
        model=model,
        card=card,
        fast=fast,
        device=device,
        net_height=net_height,
        net_size=net_size,
        refine=refine,
        refine_limit=refine_limit,
        threads=threads,
        every=every,
    )
