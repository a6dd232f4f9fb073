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

LIVE = "/live"
"""Where the WebSocket is."""

# The page and the documentation hold nothing of anybody's; everything else needs the token.
_OPEN = re.compile(r"/|/healthz|/openapi\.json|/docs(/.*)?|/(page|static-offline-docs)/.*")
_COUNTED = ("/detect", "/detect/batch", "/models", "/metrics")
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+))(?::\d{1,5})?", re.IGNORECASE | re.ASCII)
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
        if scope["type"] == "websocket":
            await self._admit_live(scope, receive, send)
            return
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
        except asyncio.CancelledError:
            # Nobody but a server that stops cancels a request.
            if status == _CLIENT_GONE:
                for message in error_messages(503, "the service stops; try again later"):
                    await answer(message)
        finally:
            route = getattr(scope.get("route"), "path", None)
            path = route or (scope["path"] if scope["path"] in _COUNTED else "other")
            self._metrics.count_request(path, status, time.perf_counter() - started)

    async def _admit_live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a WebSocket in, which is told by itself what else is wrong with it."""
        try:
            if scope["path"] != LIVE:
                raise RequestError(404, f"there is no WebSocket here; there is one at {LIVE}")
            self._check_host(scope)
        except RequestError as error:
            await receive()
            if "websocket.http.response" not in scope.get("extensions", {}):
                await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:100]})
                return
            for message in error_messages(error.status, str(error)):
                await send(message | {"type": f"websocket.{message['type']}"})
            return
        await self._app(scope, receive, send)

    def _check_host(self, scope: Scope) -> None:
        config = self._config
        given = [value for name, value in scope["headers"] if name.lower() == b"host"]
        if len(given) > 1:
            raise RequestError(400, "a request must have one Host header")
        if config.hosts is None or config.token is not None:
            return
        host = host_name(given[0].decode("latin-1") if given else "")
        # Where the client has connected to: an address, which no name can be rebound from.
        address = (scope.get("server") or ("",))[0]
        origins = [origin.partition("://")[2] for origin in config.cors_origins]
        known = (*config.hosts, *map(host_name, origins), address)
        if not host or host not in known:
            raise RequestError(
                421,
                "this service is not known by that Host: it answers to "
                f"{', '.join(config.hosts)}; start it with --cors-origin https://HOST, or a token",
            )

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._check_host(scope)
        # Nothing here is worth a part of, and asking for thousands of parts is an attack.
        scope["headers"] = [pair for pair in scope["headers"] if pair[0].lower() != b"range"]
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
        # Python does not turn any number of digits into an int.
        if length.isdigit() and (len(length) > 18 or int(length) > config.max_body):
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


def host_name(host: str) -> str:
    """The name in a `Host` header, without port and brackets; empty where it is none."""
    found = _HOST.fullmatch(host)
    return (found[1] or found[2]).lower() if found else ""


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
