"""Live frames over a WebSocket: the newest one wins, people keep their ids.

A client sends frames as binary messages (JPEG, PNG or WebP) and, whenever it likes, settings as a
text message (the JSON of `Options`). Frames are counted from 1 in the order they are sent. Each
frame that is looked at is answered with a text message, JSON: OpenPose's form of the frame, its
number `frame`, its `size` and the `timings` in ms. Frames that are overtaken by a newer one while
they wait are left out. What goes wrong is answered with `{"error": ...}`.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import anyio
import numpy as np
from fastapi import WebSocket, WebSocketDisconnect
from numpy.typing import NDArray
from pydantic import ValidationError

from openpaf.poses import Poses
from openpaf.serve.config import ServeConfig
from openpaf.serve.errors import RequestError, validation_message
from openpaf.serve.guard import check_token
from openpaf.serve.options import Options
from openpaf.serve.pipeline import Pipeline
from openpaf.topdown.closer import CloserLook
from openpaf.topdown.follower import Follower
from openpaf.track import Tracker

# A browser's WebSocket cannot set headers, but it can offer protocols: this one, then the token.
PROTOCOL = "openpaf"
_MAX_SETTINGS = 4096
# Between messages, s: those of a hasty client wait where they cost nothing, in its own socket.
_PAUSE = 0.002
_POLICY, _TRY_LATER, _AWAY = 1008, 1013, 1001
MAX_FRAME = 8 << 20
"""Bytes of a live frame."""


class LiveConnections:
    """Every live connection of a service."""

    def __init__(self, pipeline: Pipeline, config: ServeConfig) -> None:
        self._pipeline = pipeline
        self._config = config
        self._open = 0

    async def serve(self, websocket: WebSocket) -> None:
        """Answer one client until it goes."""
        offered = websocket.scope.get("subprotocols", [])
        try:
            self._admit(websocket, offered)
        except RequestError as error:
            # Accepted first, because browsers hide from a page why they were not.
            await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
            await websocket.send_json({"error": str(error)})
            await websocket.close(_TRY_LATER if error.status == 503 else _POLICY, "refused")
            return
        self._open += 1
        self._pipeline.metrics.live.inc()
        try:
            await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
            await _Live(websocket, self._pipeline, self._config).run()
        finally:
            self._open -= 1
            self._pipeline.metrics.live.dec()

    def _admit(self, websocket: WebSocket, offered: list[str]) -> None:
        """Refuse pages of other sites, clients without the token, and one too many."""
        origin = websocket.headers.get("origin", "")
        own = origin.partition("://")[2] == websocket.headers.get("host")
        # Unlike other requests, WebSockets of foreign pages are not stopped by browsers.
        if origin and not own and origin not in self._config.cors_origins:
            raise RequestError(403, "pages of other sites may not connect")
        if self._config.token is not None:
            given = websocket.headers.get("authorization") or " ".join(
                ["Bearer", *[name for name in offered if name != PROTOCOL]]
            )
            check_token(self._config.token, given.encode())
        if self._open >= self._config.max_live:
            raise RequestError(503, "too many live connections; try again in a moment")


class _Live:
    """One client's frames, settings and tracks."""

    def __init__(self, websocket: WebSocket, pipeline: Pipeline, config: ServeConfig) -> None:
        self._websocket = websocket
        self._pipeline = pipeline
        self._config = config
        self._second = self._settings = 0
        self._options = Options()
        self._tracker = Tracker()
        self._follower = Follower(())
        self._count = 0
        self._newest: tuple[int, float, bytes] | None = None
        self._arrived = asyncio.Event()

    async def run(self) -> None:
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._receive)
                tasks.start_soon(self._answer)
        except* WebSocketDisconnect:
            pass

    async def _receive(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._config.idle_timeout):
                    message = await self._websocket.receive()
            except TimeoutError:
                await self._websocket.close(_AWAY, "nothing came for a while")
                raise WebSocketDisconnect(_AWAY) from None
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", _AWAY))
            if message.get("bytes") is not None:
                self._take(message["bytes"])
            elif message.get("text") is not None:
                await self._count_settings()
                await self._set(message["text"])
            # A queue that is never empty would otherwise be read without a pause.
            await asyncio.sleep(_PAUSE)

    async def _count_settings(self) -> None:
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._settings = second, 0
        self._settings += 1
        if self._settings > self._config.max_settings:
            reason = f"more than {self._config.max_settings} settings a second"
            await self._websocket.close(_POLICY, reason)
            raise WebSocketDisconnect(_POLICY)

    def _take(self, data: bytes) -> None:
        if self._newest is not None:
            self._pipeline.metrics.dropped.inc()
        self._count += 1
        self._newest = (self._count, time.monotonic(), data)
        self._arrived.set()

    async def _set(self, text: str) -> None:
        try:
            if len(text) > _MAX_SETTINGS:
                raise RequestError(413, f"settings must be at most {_MAX_SETTINGS} characters")
            options = Options.model_validate_json(text)
            model = self._pipeline.model(options)
            model.closer_looks(hands=options.hands, face=options.face)
        except ValidationError as error:
            message = validation_message(error.errors(), [*Options.model_fields])
            await self._websocket.send_json({"error": message})
            return
        except RequestError as error:
            await self._websocket.send_json({"error": str(error)})
            return
        if options.model != self._options.model:
            self._tracker, self._follower = Tracker(), Follower(())
        self._options = options

    async def _answer(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            assert self._newest is not None
            number, taken, data = self._newest
            self._newest = None
            await self._websocket.send_text(json.dumps(await self._look(number, taken, data)))

    async def _look(self, number: int, taken: float, data: bytes) -> dict[str, Any]:
        # Both as they are now: settings may change while the frame is on its way.
        options, tracker = self._options, self._tracker
        waited = time.monotonic() - taken

        def follow(
            looks: Sequence[CloserLook], poses: Poses, frame: NDArray[np.uint8] | None
        ) -> Poses:
            poses = tracker.update(poses, taken)
            if self._follower.looks != tuple(looks):
                self._follower = Follower(looks)
            return poses if frame is None else self._follower.look(poses, frame, taken)

        try:
            poses = await self._pipeline.detect(data, options, "the frame", follow)
        except RequestError as error:
            return {"frame": number, "error": str(error)}
        found = await self._pipeline.in_thread(poses.to_openpose)
        timings = {stage: round(ms, 1) for stage, ms in poses.timings.items()}
        timings["wait"] = round(timings["wait"] + 1000 * waited, 1)
        return found | {"frame": number, "size": poses.frame_size, "timings": timings}
