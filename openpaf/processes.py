"""Work spread over processes of this machine: nothing to install, nothing to set up."""

from __future__ import annotations

import logging
import multiprocessing
import signal
import traceback
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from openpaf.errors import OpenPafError, OpenPafWarning

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

Tell = Callable[..., None]

_MOST_FAILED_STARTS = 3
_log = logging.getLogger(__name__)


@dataclass
class _Process(Generic[_Item]):
    process: BaseProcess
    connection: Connection[Any, Any]
    item: _Item | None = None
    started: bool = False


def spread(
    items: Sequence[_Item],
    start: Callable[[Tell], Callable[[_Item], _Result]],
    *,
    workers: int,
    tell: Tell = lambda *news: None,
    lost: Callable[[_Item], _Result | None] = lambda item: None,
) -> Iterator[_Result]:
    """Do items on processes of this machine; results come in the order they are done.

    Parameters
    ----------
    items : sequence
    start : callable
        Called once in each process with a `tell` of its own; gives what does an item. It and the
        items can be pickled.
    workers : int
        Processes.
    tell : callable
        Is given here what processes tell.
    lost : callable
        Says what an item gives whose process died on it; None for doing it again on another.

    Raises
    ------
    OpenPafError
        When one is raised in a process, or processes die before they have started.
    """
    # Not forked: the networks' runtimes do not survive that everywhere.
    context = multiprocessing.get_context("spawn")
    todo, running = deque(items), list[_Process[_Item]]()
    left, failed_starts = len(todo), 0
    try:
        while left:
            while len(running) < min(workers, left):
                running.append(_start(context, start))
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
                    if one.item is not None:
                        made = lost(one.item)
                        if made is None:
                            todo.appendleft(one.item)
                        else:
                            left -= 1
                            yield made
                    continue
                if kind == "told":
                    tell(*news)
                    continue
                if kind == "warned":
                    warnings.warn(news[0], OpenPafWarning, stacklevel=2)
                    continue
                if kind == "error":
                    raise OpenPafError(news[0])
                if kind == "bug":
                    _log.debug("in a worker: %s", news[1])
                    raise RuntimeError(news[0])
                if kind == "done":
                    left -= 1
                    yield news[0]
                one.started = True
                one.item = todo.popleft() if todo else None
                if one.item is not None:
                    # If it has died, the next word from it is the end of its pipe.
                    with suppress(OSError):
                        one.connection.send(one.item)
    finally:
        for one in running:
            one.process.terminate()
        for one in running:
            one.process.join()


def _start(context: Any, start: Callable[[Tell], Callable[[Any], Any]]) -> _Process[Any]:
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, start), daemon=True)
    process.start()
    # Else its death would not end the pipe.
    theirs.close()
    return _Process(process, ours)


def _serve(connection: Connection[Any, Any], start: Callable[[Tell], Callable[[Any], Any]]) -> None:
    # Ctrl-C reaches the whole group; the one who started this process ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # What each of them has to say is said once, where it is known how.
    warnings.showwarning = partial(_pass_on, connection, warnings.showwarning)
    try:
        work = start(lambda *news: connection.send(("told", *news)))
        connection.send(("ready",))
        while True:
            item = connection.recv()
            connection.send(("done", work(item)))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        # The other end is gone, and with it whoever wanted the rest.
        return
    except OpenPafError as error:
        connection.send(("error", str(error)))
    except Exception as error:  # noqa: BLE001  (it is raised again where it is seen)
        connection.send(("bug", f"{type(error).__name__}: {error}", traceback.format_exc()))


def _pass_on(
    connection: Connection[Any, Any],
    show: Callable[..., None],
    message: Warning | str,
    category: type[Warning],
    *where: Any,
    **more: Any,
) -> None:
    if not issubclass(category, OpenPafWarning):
        show(message, category, *where, **more)
        return
    with suppress(OSError):
        connection.send(("warned", str(message)))
