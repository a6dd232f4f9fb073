"""A whole run: plan, do every shard on workers, count what came out."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from openpaf.batch.job import Job, opened
from openpaf.batch.plan import Plan, Shard, make_plan
from openpaf.batch.work import Report, Tell
from openpaf.errors import OpenPafError, OutputError
from openpaf.files import replacing
from openpaf.models.card import ModelCard
from openpaf.writers.rows import arrow

Execute = Callable[[Sequence[Shard], Job, Tell], Iterator[Report]]
"""Does shards on workers, and gives their reports as they are done."""


@dataclass(frozen=True)
class Summary:
    """How a run went.

    Attributes
    ----------
    files : int
        In the plan, done before included.
    frames : int
        Rows there are now, those written before included.
    new_frames : int
        Rows written now.
    seconds : float
        From the first worker's start to the last one's end.
    deaths : int
        Workers that died and whose shard was done by another.
    failed : list of dict
        Files that could not be done in full, as in `failed.ndjson`.
    """

    files: int
    frames: int
    new_frames: int
    seconds: float
    deaths: int
    failed: list[dict[str, Any]]


def run(
    job: Job,
    card: ModelCard,
    execute: Execute,
    *,
    planned: Callable[[Plan], None] = lambda plan: None,
    tell: Tell = lambda shard, frames, done: None,
) -> Summary:
    """Do everything in the input folder that has not been done.

    Parameters
    ----------
    job : Job
    card : ModelCard
        Of the job's network, as `job.engine().card` gives it.
    execute : callable
        `openpaf.batch.processes.execute` or `openpaf.ray.shards.execute`, its options bound.
    planned, tell : callable
        For a progress bar: called once with the plan, and now and then with a shard's progress.

    Raises
    ------
    OpenPafError
        When nothing can be done, or no more: the input is empty, the output cannot be written or
        was made in another way, the network fails, a library is missing.
    """
    if job.format == "parquet":
        arrow()
    with opened(job, card):
        _forget_broken_off_work(job)
        plan = make_plan(job)
        planned(plan)
        started, new_frames, deaths = time.perf_counter(), 0, 0
        if plan.todo:
            with closing(execute(plan.todo, job, tell)) as reports:  # type: ignore[type-var]
                for report in reports:
                    if report.fatal is not None:
                        raise OpenPafError(report.fatal)
                    tell(report.shard, report.frames, 1.0)
                    new_frames += report.frames
                    deaths += report.deaths
        seconds = time.perf_counter() - started
        frames, failed = _reports(job, plan)
        return Summary(plan.files, frames, new_frames, seconds, deaths, failed)


def _forget_broken_off_work(job: Job) -> None:
    """What workers died on in an earlier run, and the files they were writing."""
    for diary in (job.progress / "doing").iterdir():
        diary.unlink()
    for partial in job.poses.glob(".*"):
        partial.unlink()


def _reports(job: Job, plan: Plan) -> tuple[int, list[dict[str, Any]]]:
    """Read every shard's report, and list the files that failed."""
    frames, failed = 0, list[dict[str, Any]]()
    for shard in plan.shards:
        path = job.progress / "done" / f"{shard.name}.json"
        try:
            report = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise OutputError(
                f"shard {shard.name} has no report ({error}); run the same command again"
            ) from error
        frames += report["frames"]
        failed += report["failed"]
    listed = job.progress.parent / "failed.ndjson"
    if failed:
        with replacing(listed) as partial:
            partial.write_text("".join(json.dumps(one) + "\n" for one in failed), "utf-8")
    else:
        listed.unlink(missing_ok=True)
    return frames, failed
