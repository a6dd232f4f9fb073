"""One picture's way through the service: unpack, wait for a batch, network, decode."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder.decoder import decoder_of
from openpaf.engine import NetFrame, ms_since
from openpaf.fields import Fields
from openpaf.poses import Poses
from openpaf.selftest.machine import usable_cores
from openpaf.serve.config import ServeConfig
from openpaf.serve.errors import RequestError
from openpaf.serve.metrics import Metrics
from openpaf.serve.models import Model, default_model
from openpaf.serve.options import Options
from openpaf.serve.unpack import unpack
from openpaf.stream.batcher import Batcher
from openpaf.topdown.closer import CloserLook, closer
from openpaf.topdown.refine import refined
from openpaf.track import warm_up

Result = TypeVar("Result")
Closely = Callable[[Sequence[CloserLook], Poses, NDArray[np.uint8] | None], Poses]
_Key = tuple[str, tuple[int, int]]


class Pipeline:
    """Find people in pictures of many clients at once.

    Parameters
    ----------
    models : mapping of str to Model
        The first is the default.
    config : ServeConfig
    metrics : Metrics
    """

    def __init__(self, models: Mapping[str, Model], config: ServeConfig, metrics: Metrics) -> None:
        self.models = models
        self.config = config
        self.metrics = metrics
        self._threads = ThreadPoolExecutor(usable_cores(), "openpaf-picture")
        self._batcher: Batcher[_Key, NetFrame, Fields]
        self._serving: asyncio.Task[None]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve while this lasts."""
        self._batcher = Batcher(self._predict, room=self._room, max_wait=self.config.batch_wait)
        serving = self._serving = asyncio.create_task(self._batcher.serve())
        # Compile what follows people, so that no live frame has to wait for it.
        await self.in_thread(partial(warm_up, default_model(self.models).engine.skeleton))
        try:
            yield
        finally:
            serving.cancel()
            self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def stalled(self) -> bool:
        """Whether the network has been silent for longer than any request may take."""
        return self._serving.done() or self._batcher.running_for > self.config.timeout

    def model(self, options: Options) -> Model:
        """The model that a request asks for.

        Raises
        ------
        RequestError
            422 when there is none of that name, or the size asked for is not to be had.
        """
        if options.model is None:
            model = default_model(self.models)
        elif options.model in self.models:
            model = self.models[options.model]
        else:
            raise RequestError(422, f"there is no such model; there are {', '.join(self.models)}")
        if options.net_height is not None and options.net_height > self.config.max_net_height:
            raise RequestError(422, f"net_height must be at most {self.config.max_net_height} here")
        return model

    async def detect(
        self,
        data: bytes,
        options: Options,
        name: str = "the picture",
        closely: Closely = closer,
    ) -> Poses:
        """Find everyone in a picture; `timings` has what each stage took, waiting included.

        `closely` does the last of it, in a thread: given the looks at hands and faces that are
        asked for, the people, and the frame where there are any such looks.

        Raises
        ------
        RequestError
            When the picture or the options cannot be served.
        """
        model = self.model(options)
        looks = model.closer_looks(hands=options.hands, face=options.face)
        answer = await self._batcher.submit(self._prepared(data, model, options, name))
        net_frame = answer.item
        timings = net_frame.timings(wait=1000 * answer.waited, network=1000 * answer.ran)
        decoder = decoder_of(options.decoder_config(), model.engine.card.calibration)

        def people() -> Poses:
            engine = model.engine
            found = engine.decode(answer.result, net_frame.placement, timings, decoder=decoder)
            if engine.refiner is None and not looks:
                return closely((), found, None)
            # Unpacked once more, rather than kept while it waited.
            frame = unpack(data, self.config.max_pixels, name)
            found = refined(engine.refiner, found, frame, decoder.min_score)
            return closely(looks, found, frame)

        poses = await self.in_thread(people)
        self.metrics.count_frame(poses)
        return poses

    async def in_thread(self, work: Callable[[], Result]) -> Result:
        """Run short work that needs a core beside the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def _prepared(
        self, data: bytes, model: Model, options: Options, name: str
    ) -> tuple[_Key, NetFrame]:
        def prepare() -> NetFrame:
            started = time.perf_counter()
            frame = unpack(data, self.config.max_pixels, name)
            height, width = frame.shape[:2]
            place = partial(model.placement, width, height, options.net_height)
            # Only the small net frame waits for its turn, so that large pictures cannot pile up.
            looks = model.looks(options.looks)
            net_frame = model.engine.prepare(frame, place, looks)
            return net_frame._replace(preprocess_ms=ms_since(started), frame=None)

        net_frame = await self.in_thread(prepare)
        return (model.name, net_frame.placement.net_size), net_frame

    def _room(self, key: _Key) -> int:
        name, _ = key
        return min(
            self.config.max_batch,
            self.models[name].engine.session.max_batch or self.config.max_batch,
        )

    def _predict(self, key: _Key, net_frames: Sequence[NetFrame]) -> list[Fields]:
        name, _ = key
        self.metrics.count_batch(len(net_frames))
        return self.models[name].engine.predict(net_frames)
