"""How long a connection waits for its client, and what a client that is refused is told."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.utils import is_ssl

from openpaf.serve.config import ServeConfig
from openpaf.serve.errors import error_body, error_headers

LINGER = 1.0
"""Seconds in which a client that was refused may read why, while what it sends is thrown away."""

_LEAST_READ = 16 << 10
"""Bytes that a client must take in `write_timeout`, where so many wait for it."""

_LEAST_WAIT = 2.0
"""Seconds that each client is waited for, however many others would like its place."""


def limits(app: Any) -> ServeConfig:
    """What `create_app` was told."""
    return cast(ServeConfig, app.state.config)


def refusal(status: int, message: str) -> bytes:
    """A whole answer, for when there is no request to answer."""
    body = error_body(message)
    headers = [*error_headers(status, body), (b"connection", b"close")]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Impatient(asyncio.Protocol):
    """Hangs up on a client that does not read what it asked for."""

    transport: asyncio.Transport
    loop: asyncio.AbstractEventLoop
    _patience: asyncio.TimerHandle | None = None
    _unread = 0
    _since = math.inf

    @property
    def limits(self) -> ServeConfig:
        return limits(self.config.app)  # type: ignore[attr-defined]

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        # So that `pause_writing` says that anything at all waits, and `resume_writing` that it has
        # gone; TLS takes 0 for always.
        transport.set_write_buffer_limits(high=1 if is_ssl(transport) else 0, low=0)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._since = self.loop.time()
        self._wait_for_reader()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_waiting_for_reader()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting_for_reader()
        super().connection_lost(exc)

    def _wait_for_reader(self) -> None:
        self._unread = self.transport.get_write_buffer_size()
        self._patience = self.loop.call_later(self.limits.write_timeout, self._check_reader)

    def _check_reader(self) -> None:
        if self._unread - self.transport.get_write_buffer_size() < _LEAST_READ:
            self.transport.abort()
        else:
            self._wait_for_reader()

    def _stop_waiting_for_reader(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def waits_since(self) -> float:
        """Loop time since which only the client could go on; infinite while the service works."""
        return math.inf if self._patience is None else self._since


def make_room(connections: Iterable[object]) -> bool:
    """Hang up on the client that has been waited for longest; false where each deserves more."""
    known = [connection for connection in connections if isinstance(connection, Impatient)]
    slowest = min(known, key=lambda one: one.waits_since(), default=None)
    if slowest is None or slowest.loop.time() - slowest.waits_since() < _LEAST_WAIT:
        return False
    slowest.transport.abort()
    return True
