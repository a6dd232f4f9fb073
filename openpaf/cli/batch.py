"""`openpaf batch`: an archive of pictures and videos in, a table of poses out."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from openpaf.address import refuse_url
from openpaf.batch import Job, Plan, Summary, processes, run
from openpaf.batch.run import Execute
from openpaf.cli.kernels import kernels_compiled_beside
from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import (
    REFINE_LIMIT,
    Card,
    Complete,
    Device,
    End,
    Face,
    Hands,
    Looks,
    MinScore,
    Model,
    NetHeight,
    Refine,
    RefineLimit,
    Start,
    Step,
    Tiles,
    look_options,
)
from openpaf.errors import ConfigError
from openpaf.motion.archive import write_archive_angles
from openpaf.selftest.machine import usable_cores

_FAILED_SHOWN = 5


class Format(str, Enum):
    """What to write."""

    parquet = "parquet"
    ndjson = "ndjson"


def command(
    input: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="Folder of pictures and videos, searched through; or one of them."
        ),
    ],
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT", help="Folder of the results: new, or that of a run to go on with."
        ),
    ],
    format: Annotated[
        Format, typer.Option(help="parquet (needs pyarrow) or ndjson: a JSON line a frame.")
    ] = Format.parquet,
    address: Annotated[
        str | None,
        typer.Option(
            help="Work on Ray (extra ray): HOST:PORT of a cluster, auto for the one this machine "
            "belongs to, local to start one here. Else on processes of this machine."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1, help="How many; else one for every --cpus cores, one for all on a local GPU."
        ),
    ] = None,
    cpus: Annotated[
        int, typer.Option(min=1, help="Cores a worker, and threads of its network.")
    ] = 1,
    gpus: Annotated[
        float | None,
        typer.Option(
            min=0, help="GPUs a worker on Ray; 0.25 lets four share one. Else 1 with a GPU device."
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Frames a run of the network; 8 or more suits GPUs.")
    ] = 1,
    angles: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write joint and segment angles as CSV too, a row a person."
        ),
    ] = None,
    model: Model = None,
    card: Card = None,
    device: Device = "auto",
    net_height: NetHeight = None,
    looks: Looks = "one",
    tiles: Tiles = False,
    refine: Refine = None,
    refine_limit: RefineLimit = REFINE_LIMIT,
    hands: Hands = None,
    face: Face = None,
    min_score: MinScore = None,
    complete: Complete = False,
    start: Start = None,
    end: End = None,
    step: Step = 1,
) -> None:
    """Find the people in an archive of pictures and videos.

    One row a frame, in OUTPUT/poses: source, frame, time, width, height and people, each a score
    and x, y, score of every part. Typed again, the same command goes on where it was stopped and
    adds what is new. Files that cannot be read are listed in OUTPUT/failed.ndjson, the others are
    done, and the exit code is 1; typed again, it tries those once more.

    openpaf batch recordings/ poses/

    openpaf batch recordings/ poses/ --address 10.0.0.5:6379 --gpus 0.25 --batch-size 8
    """
    refuse_url(input, "download what is to be read first, or use `openpaf run` for a stream")
    job = Job(
        input=str(input.absolute()),
        output=str(output.absolute()),
        format=format.value,
        model=_where_workers_find_it(model),
        card=None if card is None else str(card.absolute()),
        device=device,
        net_height=net_height,
        looks=looks,
        tiles=tiles,
        **look_options(
            _where_workers_find_it(refine),
            refine_limit,
            _where_workers_find_it(hands),
            _where_workers_find_it(face),
        ),
        min_score=min_score,
        complete=complete,
        threads=cpus,
        batch_size=batch_size,
        start=start,
        end=end,
        step=step,
    )
    if address is None and gpus is not None:
        raise ConfigError(
            "--gpus shares out GPUs through Ray; add --address local, or leave it out"
        )
    # Workers on other machines have their own kernels to compile.
    with nullcontext() if address else kernels_compiled_beside(), job.engine() as engine:
        network, provider = engine.card, engine.provider
    with _ray(address) if address else nullcontext(), progress_bar() as bar:
        display = _Display(bar)
        execute: Execute
        if address:
            execute = _actors(job, workers, cpus, gpus)
        else:
            all_cores = max(1, usable_cores() // cpus)
            count = workers or (all_cores if "CPU" in provider else 1)
            execute = partial(processes.execute, workers=count)
        summary = run(job, network, execute, planned=display.planned, tell=display.tell)
    _say(summary, output)
    if angles is not None:
        write_archive_angles(output / "poses", angles)
    if summary.failed:
        raise typer.Exit(1)


def _ray(address: str) -> AbstractContextManager[None]:
    from openpaf.ray.cluster import connected

    return connected(address)


def _actors(job: Job, workers: int | None, cpus: int, gpus: float | None) -> Execute:
    from openpaf.ray.shards import execute, gpus_for

    gpus = gpus_for(job.device) if gpus is None else gpus
    return partial(execute, workers=workers, cpus=cpus, gpus=gpus)


def _where_workers_find_it(model: str | None) -> str | None:
    return str(Path(model).absolute()) if model is not None and Path(model).exists() else model


class _Display:
    """The progress bar: a hundredth of the input's bytes a step."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar
        self._task = bar.add_task("planning", total=None)
        self._bytes: dict[str, int] = {}
        self._frames: dict[str, int] = {}
        self._done: dict[str, float] = {}

    def planned(self, plan: Plan) -> None:
        self._bytes = {shard.name: shard.bytes for shard in plan.todo}
        self._bar.update(self._task, description="starting", total=100)

    def tell(self, shard: str, frames: int, done: float) -> None:
        # News may come late, and a shard that lost its worker begins anew.
        self._frames[shard] = max(frames, self._frames.get(shard, 0))
        self._done[shard] = max(done, self._done.get(shard, 0.0))
        seen = sum(self._bytes[name] * part for name, part in self._done.items())
        self._bar.update(
            self._task,
            description=f"{sum(self._frames.values()):,} frames",
            completed=100 * seen / max(1, sum(self._bytes.values())),
        )


def _say(summary: Summary, output: Path) -> None:
    rate = summary.new_frames / summary.seconds if summary.seconds else 0.0
    speed = f" at {rate:,.1f} frames/s" if summary.new_frames else ""
    warn(
        f"{summary.new_frames:,} new frames in {summary.seconds:,.1f} s{speed}; "
        f"{summary.frames:,} frames of {summary.files:,} files in {output / 'poses'}"
    )
    if summary.deaths:
        warn(f"{summary.deaths} worker deaths, made good")
    for one in summary.failed[:_FAILED_SHOWN]:
        warn(f"{one['source']}: {one['error']}")
    if summary.failed:
        warn(f"{len(summary.failed):,} files failed, listed in {output / 'failed.ndjson'}")
