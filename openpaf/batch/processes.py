"""Workers that are processes of this machine: nothing to install, nothing to set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from openpaf.batch.job import Job
from openpaf.batch.plan import Shard
from openpaf.batch.work import Report, Tell, Worker
from openpaf.processes import spread


def execute(shards: Sequence[Shard], job: Job, tell: Tell, *, workers: int) -> Iterator[Report]:
    """Do shards on processes of this machine; their reports come in the order they are done.

    A process that dies is replaced, and the shard it was on is given out again.

    Parameters
    ----------
    shards : sequence of Shard
    job : Job
    tell : Tell
    workers : int

    Raises
    ------
    OpenPafError
        When processes die before they have started.
    """
    return spread(shards, partial(_start, job), workers=workers, tell=tell)


def _start(job: Job, tell: Tell) -> Callable[[Shard], Report]:
    return Worker(job, tell).do
