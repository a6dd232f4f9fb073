"""Through the network: the frames of a stream alone, or together with those of other streams."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol

from openpaf.fields import Fields
from openpaf.sources import Shot
from openpaf.stream.batcher import Answer, Batcher

if TYPE_CHECKING:
    from openpaf.engine import Engine, NetFrame

_NetSize = tuple[int, int]
# Seconds that a frame waits for those of other cameras: what cameras that are started together are
# apart, and little beside what a frame takes.
_LONGEST_WAIT = 0.004


class Prepared(NamedTuple):
    """A shot with what the network is shown of it."""

    shot: Shot
    net_frame: NetFrame


class Network(Protocol):
    """What a stream sends its frames through."""

    def through(self, coming: Callable[[], Prepared]) -> tuple[Prepared, Fields, float]:
        """Wait for a frame and give it with its fields, and the ms that the run took.

        Raises
        ------
        Stopped
            When `coming` says that there are no more.
        """


class OwnNetwork:
    """An engine's network for one stream alone."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def through(self, coming: Callable[[], Prepared]) -> tuple[Prepared, Fields, float]:
        """Run it as soon as the frame is there."""
        prepared = coming()
        started = time.perf_counter()
        fields = self._engine.predict([prepared.net_frame])[0]
        return prepared, fields, 1000 * (time.perf_counter() - started)


class SharedNetwork:
    """An engine's network for several streams: frames of one size go through it together.

    A frame goes at once where no other stream waits for one; else within some milliseconds, with
    whatever has come until then or while the network was busy.

    Parameters
    ----------
    engine : Engine
    streams : int
        How many there are, which is the largest batch.
    """

    def __init__(self, engine: Engine, streams: int) -> None:
        self._engine = engine
        largest = min(streams, engine.session.max_batch or streams)
        self._batcher: Batcher[_NetSize, Prepared, Fields] = Batcher(
            self._run, room=lambda _: largest, max_wait=_LONGEST_WAIT
        )
        self.batches = self.frames = 0
        self._loop = asyncio.new_event_loop()
        self._serving = self._loop.create_task(self._batcher.serve())
        self._thread = threading.Thread(target=self._serve, name="openpaf-batches", daemon=True)
        self._thread.start()

    def through(self, coming: Callable[[], Prepared]) -> tuple[Prepared, Fields, float]:
        """Tell the others that a frame is coming, and send it when it is there."""
        arriving: Future[tuple[_NetSize, Prepared]] = Future()
        answer = asyncio.run_coroutine_threadsafe(self._submitted(arriving), self._loop)
        try:
            prepared = coming()
        except BaseException:
            answer.cancel()
            raise
        arriving.set_result((prepared.net_frame.placement.net_size, prepared))
        done = answer.result()
        return done.item, done.result, 1000 * done.ran

    def close(self) -> None:
        """End its threads; the streams have to be closed before."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._serving.cancel)
        self._thread.join()

    async def _submitted(
        self, arriving: Future[tuple[_NetSize, Prepared]]
    ) -> Answer[Prepared, Fields]:
        return await self._batcher.submit(asyncio.wrap_future(arriving))

    def _run(self, _: _NetSize, batch: Sequence[Prepared]) -> list[Fields]:
        self.batches += 1
        self.frames += len(batch)
        return self._engine.predict([prepared.net_frame for prepared in batch])

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)
        self._loop.close()
