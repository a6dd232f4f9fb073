"""Workers that are processes of this machine: nothing to install, nothing to set up."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import traceback
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from openpaf.batch.job import Job
from openpaf.batch.plan import Shard
from openpaf.batch.work import Report, Tell, Worker
from openpaf.errors import OpenPafError

_MOST_FAILED_STARTS = 3
_log = logging.getLogger(__name__)


@dataclass
class _Process:
    process: BaseProcess
    connection: Connection[Any, Any]
    shard: Shard | None = None
    started: bool = False


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
    # Not forked: the networks' runtimes do not survive that everywhere.
    context = multiprocessing.get_context("spawn")
    todo, running = deque(shards), list[_Process]()
    left, failed_starts = len(shards), 0
    try:
        while left:
            while len(running) < min(workers, left):
                running.append(_start(context, job))
            for connection in wait([one.connection for one in running]):
                one = next(one for one in running if one.connection is connection)
                try:
                    kind, *news = one.connection.recv()
                except (EOFError, OSError):
                    running.remove(one)
                    one.process.join()
                    failed_starts += not one.started
                    if failed_starts >= _MOST_FAILED_STARTS:
                        raise OpenPafError(
                            "worker processes die before they have started, the last with exit "
                            f"code {one.process.exitcode}; try fewer: --workers 1"
                        ) from None
                    if one.shard is not None:
                        todo.appendleft(one.shard)
                    continue
                if kind == "told":
                    tell(*news)
                    continue
                if kind == "bug":
                    _log.debug("in a worker: %s", news[1])
                    raise RuntimeError(news[0])
                if kind == "done":
                    left -= 1
                    yield news[0]
                one.started = True
                one.shard = todo.popleft() if todo else None
                if one.shard is not None:
                    # If it has died, the next word from it is the end of its pipe.
                    with suppress(OSError):
                        one.connection.send(one.shard)
    finally:
        for one in running:
            one.process.terminate()
        for one in running:
            one.process.join()


def _start(context: Any, job: Job) -> _Process:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, job), daemon=True)
    process.start()
    # Else its death would not end the pipe.
    theirs.close()
    return _Process(process, ours)


def _serve(connection: Connection[Any, Any], job: Job) -> None:
    # Ctrl-C reaches the whole group; the one who started this process ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    worker = Worker(job, lambda *news: connection.send(("told", *news)))
    try:
        connection.send(("ready",))
        while True:
            shard = connection.recv()
            connection.send(("done", worker.do(shard)))
    except (EOFError, OSError):
        # The other end is gone, and with it whoever wanted the rest.
        return
    except Exception as error:  # noqa: BLE001  (it is raised again where it is seen)
        connection.send(("bug", f"{type(error).__name__}: {error}", traceback.format_exc()))
