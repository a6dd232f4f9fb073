"""Who and what gets in: token, size, number and time of requests, before anything looks at them."""

from __future__ import annotations

import asyncio
import hmac
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from openpaf.serve.config import ServeConfig
from openpaf.serve.errors import RequestError, error_messages
from openpaf.serve.metrics import Metrics

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# The page and the documentation hold nothing of anybody's; everything else needs the token.
_OPEN = re.compile(r"/|/healthz|/openapi\.json|/docs(/.*)?|/(page|static-offline-docs)/.*")
_COUNTED = ("/detect", "/detect/batch", "/models", "/metrics")
_CLIENT_GONE = 499
# Bodies of the largest size that may be in memory together, of clients fast and slow.
_LARGE_BODIES = 16


class Guard:
    """ASGI middleware that holds a service to its `ServeConfig`.

    The body of a request is read here, whole, so that nothing behind this waits for a client; a
    request whose client has gone is given up wherever it is.
    """

    def __init__(self, app: App, config: ServeConfig, metrics: Metrics) -> None:
        self._app = app
        self._config = config
        self._metrics = metrics
        self._working = 0
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, or answer it with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = _CLIENT_GONE

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._admit(scope, receive, answer)
        except RequestError as error:
            for message in error_messages(error.status, str(error)):
                await answer(message)
        finally:
            route = getattr(scope.get("route"), "path", None)
            path = route or (scope["path"] if scope["path"] in _COUNTED else "other")
            self._metrics.count_request(path, status, time.perf_counter() - started)

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.lower(): value for name, value in scope["headers"]}
        if self._config.token is not None and not _OPEN.fullmatch(scope["path"]):
            check_token(self._config.token, headers.get(b"authorization", b""))
        if scope["method"] not in ("POST", "PUT", "PATCH"):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        try:
            self._check_load()
            if await self._read(receive, headers.get(b"content-length", b""), body):
                self._check_load()
                await self._work(scope, receive, send, bytes(body))
        finally:
            self._held -= len(body)

    def _check_load(self) -> None:
        if self._working >= self._config.max_requests:
            raise RequestError(503, "too busy; try again in a moment")

    async def _read(self, receive: Receive, length: bytes, body: bytearray) -> bool:
        """Fill `body`; false when the client went away before it was whole."""
        config = self._config
        too_large = RequestError(413, f"the body must be at most {config.max_body:,} bytes")
        if length.isdigit() and int(length) > config.max_body:
            raise too_large
        try:
            async with asyncio.timeout(config.body_timeout):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        return False
                    chunk = message.get("body", b"")
                    body += chunk
                    self._held += len(chunk)
                    if len(body) > config.max_body:
                        raise too_large
                    if self._held > _LARGE_BODIES * config.max_body:
                        raise RequestError(503, "too busy; try again in a moment")
                    if not message.get("more_body", False):
                        return True
        except TimeoutError:
            raise RequestError(
                408, f"the body did not arrive within {config.body_timeout:g} s"
            ) from None

    async def _work(self, scope: Scope, receive: Receive, send: Send, body: bytes) -> None:
        """Have the application answer, in time and only while the client is there."""
        gone = asyncio.create_task(_gone(receive))
        bodies = iter([{"type": "http.request", "body": body, "more_body": False}])
        started = False

        async def replay() -> Message:
            message = next(bodies, None)
            if message is None:
                await asyncio.shield(gone)
                return {"type": "http.disconnect"}
            return message

        async def answer(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        async def run() -> None:
            await self._app(scope, replay, answer)

        work = asyncio.create_task(run())
        self._working += 1
        try:
            done, _ = await asyncio.wait(
                (work, gone), timeout=self._config.timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if work in done:
                await work
            elif gone not in done and not started:
                raise RequestError(
                    503, f"it took longer than {self._config.timeout:g} s; try again in a moment"
                )
        finally:
            self._working -= 1
            work.cancel()
            gone.cancel()


def check_token(token: str, authorization: bytes) -> None:
    """Refuse a request that does not carry the token.

    Raises
    ------
    RequestError
        401.
    """
    scheme, _, given = authorization.partition(b" ")
    if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), token.encode()):
        raise RequestError(401, "send the token in a header: Authorization: Bearer <token>")


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
