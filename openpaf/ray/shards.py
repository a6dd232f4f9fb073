"""The shards of a batch run on Ray: a pool of actors, on this machine or on a cluster."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import ray
import ray.data

from openpaf.batch.job import Job
from openpaf.batch.plan import Shard
from openpaf.batch.work import Report, Tell, Worker
from openpaf.errors import ConfigError
from openpaf.session import read_device

_SECONDS_BETWEEN_LOOKS = 0.5


def execute(
    shards: Sequence[Shard],
    job: Job,
    tell: Tell,
    *,
    workers: int | None = None,
    cpus: float = 1,
    gpus: float = 0,
) -> Iterator[Report]:
    """Do shards on the actors of the Ray that this process is connected to.

    An actor that dies is started again, and the shard it was on is given out again.

    Parameters
    ----------
    shards : sequence of Shard
    job : Job
    tell : Tell
    workers : int, optional
        As many as the cluster has room for when None.
    cpus, gpus : float
        What each takes of a machine; parts of one are shared.
    """
    tally = ray.remote(num_cpus=0)(_Tally).remote()
    size = min(workers or room(cpus, gpus), len(shards))
    done = ray.data.from_items(
        [asdict(shard) for shard in shards], override_num_blocks=len(shards)
    ).map_batches(
        _ShardWorker,
        fn_constructor_args=(asdict(job), tally),
        # A shard that waits for an actor would wait as long as the shard before it takes.
        compute=ray.data.ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
        batch_size=1,
        batch_format="pyarrow",
        num_cpus=cpus,
        num_gpus=gpus,
    )
    with _quiet(), _telling(tally, tell):
        for row in done.iter_rows():
            yield Report(**json.loads(row["report"]))


def gpus_for(device: str) -> float:
    """GPUs a worker takes when nobody said: one where the device, or the cluster, has any."""
    if device == "auto":
        return 1 if ray.cluster_resources().get("GPU", 0) else 0
    return 1 if read_device(device).is_nvidia else 0


def room(cpus: float, gpus: float) -> int:
    """How many workers the cluster has room for.

    Raises
    ------
    ConfigError
        When it has none.
    """
    resources = ray.cluster_resources()
    fits = [resources.get("CPU", 0) / cpus] if cpus else []
    fits += [resources.get("GPU", 0) / gpus] if gpus else []
    workers = int(min(fits, default=1))
    if workers < 1:
        raise ConfigError(
            f"a worker takes {cpus:g} CPUs and {gpus:g} GPUs, the cluster has "
            f"{resources.get('CPU', 0):g} and {resources.get('GPU', 0):g}; ask for less"
        )
    return workers


class _Tally:
    """How far each shard is, for whoever looks."""

    def __init__(self) -> None:
        self._news: dict[str, tuple[int, float]] = {}

    def put(self, shard: str, frames: int, done: float) -> None:
        self._news[shard] = (frames, done)

    def take(self) -> dict[str, tuple[int, float]]:
        news, self._news = self._news, {}
        return news


class _ShardWorker:
    """The actor."""

    def __init__(self, job: Mapping[str, Any], tally: Any) -> None:
        self._worker = Worker(Job(**job), tally.put.remote)

    def __call__(self, batch: Any) -> dict[str, list[str]]:
        reports = []
        for record in batch.to_pylist():
            shard = Shard(**{**record, "files": tuple(record["files"])})
            reports.append(json.dumps(asdict(self._worker.do(shard))))
        return {"report": reports}


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave what is to be said to the one who shows the progress and the errors."""
    context, logger = ray.data.DataContext.get_current(), logging.getLogger("ray.data")
    before = context.enable_progress_bars, logger.level
    context.enable_progress_bars = False
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        context.enable_progress_bars = before[0]
        logger.setLevel(before[1])


@contextmanager
def _telling(tally: Any, tell: Tell) -> Iterator[None]:
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(_SECONDS_BETWEEN_LOOKS):
            try:
                news = ray.get(tally.take.remote())
            except ray.exceptions.RayError:
                return
            for shard, (frames, done) in news.items():
                tell(shard, frames, done)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()
