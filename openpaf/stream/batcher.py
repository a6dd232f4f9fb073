"""Dynamic batching: what arrives together, or while the network is busy, goes through together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)
Item = TypeVar("Item")
Result = TypeVar("Result")


class Answer(NamedTuple, Generic[Item, Result]):
    """An item's result, and the seconds that it waited for its batch and that the batch took."""

    item: Item
    result: Result
    waited: float
    ran: float


@dataclass(eq=False)
class _Waiting(Generic[Key, Item, Result]):
    key: Key
    item: Item
    since: float
    future: asyncio.Future[Answer[Item, Result]]


class Batcher(Generic[Key, Item, Result]):
    """Collect items of the same key into batches and run them, one batch at a time, in a thread.

    Nobody waits for nothing: a batch starts at once when no other item is on its way, when it is
    full, or when its oldest item has waited `max_wait`. While a batch runs the next one fills up.

    Parameters
    ----------
    run : callable
        `run(key, items)` gives one result an item; it is called in a thread of its own.
    room : callable
        `room(key)` is the most items a batch of that key takes.
    max_wait : float
        Seconds.
    """

    def __init__(
        self,
        run: Callable[[Key, Sequence[Item]], Sequence[Result]],
        *,
        room: Callable[[Key], int],
        max_wait: float,
    ) -> None:
        self._run = run
        self._room = room
        self._max_wait = max_wait
        self._waiting: deque[_Waiting[Key, Item, Result]] = deque()
        self._coming = 0
        self._changed = asyncio.Event()
        self._thread = ThreadPoolExecutor(1, "openpaf-network")
        self._started: float | None = None

    async def submit(self, coming: Awaitable[tuple[Key, Item]]) -> Answer[Item, Result]:
        """Wait for an item that is still being made, then for its result.

        Whoever is cancelled while waiting is left out of the batch.
        """
        self._coming += 1
        try:
            key, item = await coming
        finally:
            self._coming -= 1
            self._changed.set()
        loop = asyncio.get_running_loop()
        waiting = _Waiting(key, item, loop.time(), loop.create_future())
        self._waiting.append(waiting)
        return await waiting.future

    async def serve(self) -> None:
        """Run batches until cancelled."""
        try:
            while True:
                batch = await self._next_batch()
                await self._answer(batch)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)
            for waiting in self._waiting:
                waiting.future.cancel()

    @property
    def running_for(self) -> float:
        """Seconds since the batch in the network began; 0 when there is none."""
        if self._started is None:
            return 0.0
        return asyncio.get_running_loop().time() - self._started

    async def _next_batch(self) -> list[_Waiting[Key, Item, Result]]:
        while not (batch := self._collected()) or self._worth_waiting(batch):
            self._changed.clear()
            left = None
            if batch:
                left = batch[0].since + self._max_wait - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(left):
                    await self._changed.wait()
            except TimeoutError:
                continue
        for waiting in batch:
            self._waiting.remove(waiting)
        return batch

    def _collected(self) -> list[_Waiting[Key, Item, Result]]:
        """The oldest item and those that can go with it."""
        while self._waiting and self._waiting[0].future.done():
            self._waiting.popleft()
        if not self._waiting:
            return []
        key = self._waiting[0].key
        same = [w for w in self._waiting if w.key == key and not w.future.done()]
        return same[: self._room(key)]

    def _worth_waiting(self, batch: list[_Waiting[Key, Item, Result]]) -> bool:
        full = len(batch) >= self._room(batch[0].key)
        late = asyncio.get_running_loop().time() >= batch[0].since + self._max_wait
        return bool(self._coming) and not full and not late

    async def _answer(self, batch: list[_Waiting[Key, Item, Result]]) -> None:
        loop = asyncio.get_running_loop()
        self._started = start = loop.time()
        items = [waiting.item for waiting in batch]
        try:
            results = await loop.run_in_executor(self._thread, self._run, batch[0].key, items)
            answered = list(zip(batch, results, strict=True))
        except Exception as error:  # noqa: BLE001 - it belongs to those who wait
            if len(batch) == 1:
                _fail(batch[0].future, error)
                return
            # One item must not spoil the others.
            for waiting in batch:
                await self._answer([waiting])
            return
        finally:
            self._started = None
        ran = loop.time() - start
        for waiting, result in answered:
            if not waiting.future.done():
                waiting.future.set_result(Answer(waiting.item, result, start - waiting.since, ran))


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
