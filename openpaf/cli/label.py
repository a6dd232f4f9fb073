"""`openpaf label`: photographs in, COCO keypoint JSON out, by networks that take their time."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import BUNDLED, Card, Device, Model, read_card
from openpaf.datasets.labels import Teaching
from openpaf.label.given import read_boxes
from openpaf.label.photographs import find_photographs
from openpaf.label.recipe import Networks, Recipe, thorough
from openpaf.label.run import Summary, run
from openpaf.selftest.machine import usable_cores
from openpaf.topdown.refine import find_window_network

_FAILED_SHOWN = 5
_SECONDS_BETWEEN_LINES = 60.0
_TEACHING = Teaching()


class Preset(str, Enum):
    """Who looks where nothing else is said."""

    plain = "plain"
    thorough = "thorough"


class Aspect(str, Enum):
    """What shape photographs are looked at in."""

    keep = "keep"
    auto = "auto"


def command(
    photos: Annotated[
        list[str],
        typer.Argument(help="Photographs, folders, globs, tar files.", show_default=False),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help=".json (COCO keypoints) or .npz (compact). Photographs that it has already keep "
            "their labels, corrected or not, and the others are added.",
        ),
    ] = Path("labels.json"),
    preset: Annotated[
        Preset,
        typer.Option(
            help="plain: --model alone. thorough: a model of fields, two detectors and a window "
            "network, found below --models."
        ),
    ] = Preset.plain,
    models: Annotated[
        Path | None,
        typer.Option(help="Folder of the thorough preset's files.", show_default="pulled models"),
    ] = None,
    model: Model = None,
    card: Card = None,
    looks: Annotated[
        str | None,
        typer.Option(
            help="How often the model looks: accurate, best, or sizes such as 0.5+1+2.",
            show_default="0.5+1+2; with --turns 0.75",
        ),
    ] = None,
    refine: Annotated[
        str | None,
        typer.Option(help="A window network that looks at each person again, mirrored too."),
    ] = None,
    detector: Annotated[
        list[str] | None, typer.Option(help="A person detector; up to two, repeat it.")
    ] = None,
    boxes: Annotated[
        Path | None, typer.Option(help="COCO JSON of boxes that are right, by file_name.")
    ] = None,
    turns: Annotated[
        bool,
        typer.Option("--turns", help="Look in four quarter turns: people lying, on their heads."),
    ] = False,
    aspect: Annotated[
        Aspect,
        typer.Option(
            help="auto: square photographs may have been squashed; look in the shape in which "
            "people are surest."
        ),
    ] = Aspect.keep,
    min_person: Annotated[
        float, typer.Option(min=0, max=1, help="Less sure people are boxes to leave open.")
    ] = _TEACHING.min_person,
    min_part: Annotated[
        float, typer.Option(min=0, max=1, help="Less sure parts stay open: visibility 0.")
    ] = _TEACHING.min_part,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes.", show_default="one a core, one on a GPU"),
    ] = None,
    device: Device = "auto",
) -> None:
    """Label photographs: a first step to a network on pictures of one's own.

    Every person is looked at with as many networks as are named. Parts on which they agree are
    labelled; where they do not, visibility is 0 and the box is kept, so that training leaves the
    place open (`trusted = false` in the recipe). Whoever is seen but not sure is a box with
    `iscrowd` 1. Correct the file by hand, then train.

    Stopped or killed, the same command goes on where it was. Nothing is downloaded. Photographs
    that cannot be read are named, the others are done, and the exit code is 1.

    openpaf label photos/ --out labels.json --workers 4

    openpaf label photos.tar --preset thorough --models networks/ --out labels.json
    """
    photographs = find_photographs(photos)
    networks = thorough(models) if preset is Preset.thorough else Networks()
    if refine == BUNDLED:
        refine = str(find_window_network(True))
    networks = replace(
        networks,
        model=model or networks.model,
        detectors=tuple(detector) if detector else networks.detectors,
        refine=refine or networks.refine,
        card=read_card(card),
        device=device,
    )
    recipe = Recipe(aspect=aspect.value)
    if turns:
        recipe = recipe.turned()
    if looks is not None:
        recipe = replace(recipe, looks=looks)
    started = time.perf_counter()
    with progress_bar() as bar:
        shown = _Progress(bar)
        summary = run(
            photographs,
            out,
            networks,
            recipe,
            teaching=Teaching(min_person=min_person, min_part=min_part),
            boxes=None if boxes is None else read_boxes(boxes),
            workers=workers or (usable_cores() if device in ("auto", "cpu", "openvino") else 1),
            progress=shown,
        )
    _say(summary, out, time.perf_counter() - started)
    if summary.failed:
        raise typer.Exit(1)


class _Progress:
    """A bar on a terminal; in a log a line a minute, with the expected end."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task("labelling", total=None)
        self._first: tuple[int, float] | None = None
        self._said = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        self._bar.update(self._task, completed=done, total=total)
        if self._first is None:
            self._first = done, now
        if sys.stderr.isatty() or now - self._said < _SECONDS_BETWEEN_LINES:
            return
        self._said = now
        each = (now - self._first[1]) / max(done - self._first[0], 1)
        end = time.strftime("%a %H:%M", time.localtime(time.time() + each * (total - done)))
        warn(f"{done:,} of {total:,} photographs, {each:.2f} s each, to end about {end}")


def _say(summary: Summary, out: Path, seconds: float) -> None:
    each = f", {seconds / summary.new:.2f} s each" if summary.new else ""
    warn(f"{summary.new:,} new photographs{each}; {summary.photographs:,} of them all in {out}")
    for one in summary.failed[:_FAILED_SHOWN]:
        warn(one.error)
    if len(summary.failed) > _FAILED_SHOWN:
        warn(f"and {len(summary.failed) - _FAILED_SHOWN:,} more that cannot be labelled")
