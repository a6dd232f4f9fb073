"""`openpaf bench`: how fast this machine is, stage by stage."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from openpaf.cli.kernels import compile_kernels
from openpaf.cli.messages import plain, progress_bar
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Device,
    Face,
    Hands,
    Looks,
    Model,
    NetHeight,
    NetSize,
    Refine,
    RefineLimit,
    Threads,
    look_options,
    read_card,
    read_net_size,
)
from openpaf.cli.tables import figures, show
from openpaf.engine import Engine
from openpaf.errors import ConfigError, MissingExtraError, OpenPafError
from openpaf.frame import to_frame
from openpaf.models import find_model
from openpaf.models.registry import registry
from openpaf.selftest import doctor
from openpaf.selftest.stopwatch import FRAME_SIZE, Run, made_up_frame, time_engine
from openpaf.selftest.timing import Timing

# Fewer give no quartiles to speak of.
_FEWEST_REPEATS = 30


@dataclass(frozen=True)
class NotRun:
    """A network that could not be run on a device, and why."""

    model: str
    device: str
    error: str
    is_not_installed: bool


def command(
    picture: Annotated[
        Path | None,
        typer.Argument(
            metavar="PICTURE",
            help="A picture of the size you care about.",
            show_default=f"a made-up one of {FRAME_SIZE[0]}x{FRAME_SIZE[1]}",
        ),
    ] = None,
    model: Model = None,
    card: Card = None,
    device: Device = "auto",
    every: Annotated[
        bool,
        typer.Option(
            "--all", help="Try every runtime that is installed, and both bundled networks."
        ),
    ] = False,
    net_height: NetHeight = None,
    net_size: NetSize = None,
    looks: Looks = "one",
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    hands: Hands = None,
    face: Face = None,
    threads: Threads = None,
    people: Annotated[
        int, typer.Option(min=1, help="People in the made-up crowd that the decoder gets.")
    ] = 10,
    repeats: Annotated[
        int, typer.Option(min=_FEWEST_REPEATS, help="Frames that are timed.")
    ] = _FEWEST_REPEATS,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print it as JSON instead, versions included.")
    ] = False,
) -> None:
    """Measure how fast this machine is.

    Takes a frame through preprocessing, network and decoder again and again, and prints the median
    milliseconds of each stage, below it the distance between the quartiles, and frames a second.
    The first frame, on which everything is loaded, stands apart. The decoder's people are made up,
    ten by default, because its time depends on how many there are; the network's does not.

    Close other programs first. A stream, whose stages overlap, reaches more frames a second.

    Examples:

        openpaf bench
        openpaf bench --all
        openpaf bench photo.jpg --net-height 256 --threads 1
        openpaf bench --refine --people 3
        openpaf bench --hands --face --people 3
        openpaf bench --device cuda --people 50 --json > this-machine.json
    """
    if every and device != "auto":
        raise ConfigError(f"--all tries every device; leave out --device {device}")
    frame = made_up_frame() if picture is None else to_frame(picture)
    options: dict[str, Any] = {
        "net_height": net_height,
        "net_size": read_net_size(net_size),
        "looks": looks,
        "threads": threads,
        "card": read_card(card),
        **look_options(refine, refine_limit, hands, face),
    }
    compile_kernels()
    runs: list[Run] = []
    not_run: list[NotRun] = []
    with progress_bar() as bar:
        for name, place in _cases(model) if every else [(model, device)]:
            open_engine = partial(Engine, name, device=place, **options)
            task = bar.add_task(f"{name or 'default'} on {place}", total=repeats)
            advance = partial(bar.advance, task)
            try:
                runs.append(time_engine(open_engine, frame, people, repeats, advance))
            except OpenPafError as error:
                if not every:
                    raise
                missing = isinstance(error, MissingExtraError)
                not_run.append(NotRun(str(name), place, str(error), missing))
    if not runs:
        raise OpenPafError(f"nothing could be run: {not_run[0].error}")
    circumstances = {
        "picture": None if picture is None else str(picture),
        "frame_size": (frame.shape[1], frame.shape[0]),
        "people": people,
        "repeats": repeats,
    }
    if as_json:
        _print_json(circumstances, runs, not_run)
    else:
        _print(circumstances, runs, not_run)
    if not all(one.is_not_installed for one in not_run):
        raise typer.Exit(1)


def _cases(model: str | None) -> list[tuple[str, str]]:
    """(model, device) of all that is worth trying; a GPU only where one really runs."""
    bundled = [name for name, record in registry().items() if record.bundled]
    providers = doctor.devices(find_model(model))
    devices = [
        device
        for device, provider in providers.items()
        if device in ("cpu", "openvino") or (device != "auto" and not provider.startswith("no: "))
    ]
    return [(name, device) for name in ([model] if model else bundled) for device in devices]


def _print_json(
    circumstances: dict[str, Any], runs: Sequence[Run], not_run: Sequence[NotRun]
) -> None:
    report = {
        "machine": doctor.machine(),
        "libraries": doctor.libraries([]),
        **circumstances,
        "runs": [{**asdict(run), "frames_per_second": run.frames_per_second} for run in runs],
        "not_run": [asdict(one) for one in not_run],
    }
    print(json.dumps(report, indent=2))


def _print(circumstances: dict[str, Any], runs: Sequence[Run], not_run: Sequence[NotRun]) -> None:
    machine = doctor.machine()
    net_sizes = dict.fromkeys(_size(run.net_size) for run in runs)
    show(
        f"{machine['processor']}, {machine['cores']} cores, openpaf {machine['openpaf']}",
        ", ".join(f"{name} {version}" for name, version in doctor.libraries([]).items()),
        f"{_size(circumstances['frame_size'])} frames as {' or '.join(net_sizes)}, "
        f"{circumstances['people']} people",
        f"median ms of {circumstances['repeats']} frames (distance between the quartiles)",
        "",
    )
    looks = [name for name in ("second_look", "hands", "face") if getattr(runs[0], name)]
    words = (name.replace("_", " ") for name in looks)
    table = figures("", "preprocess", "network", "decoder", *words, "all", "frames/s", "first")
    for run in runs:
        looked = (getattr(run, name) for name in looks)
        stages = (run.preprocess, run.network, run.decoder, *looked, run.frame)
        table.add_row(
            f"{plain(run.model)}\n  {run.provider}",
            *(_cell(stage) for stage in stages),
            f"{run.frames_per_second:.1f}",
            f"{run.first_frame_ms:.0f}",
        )
    for one in not_run:
        table.add_row(f"{plain(one.model)}\n  {one.device}", "not run")
    show(table, *([""] if not_run else []))
    for one in not_run:
        show(plain(f"{one.model} on {one.device}: {one.error}"))


def _size(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _cell(stage: Timing) -> str:
    # The decoder's hundredths of a millisecond matter, the network's do not.
    decimals = 1 if stage.median_ms >= 10 else 2
    return f"{stage.median_ms:.{decimals}f}\n({stage.iqr_ms:.{decimals}f})"
