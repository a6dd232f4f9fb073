"""Run the application on uvicorn, which by itself would wait for a request's headers for ever."""

from __future__ import annotations

import asyncio
import logging
import socket
from http import HTTPStatus
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openpaf.errors import ConfigError
from openpaf.serve.errors import error_body, error_headers
from openpaf.serve.live import MAX_FRAME

HEADER_TIMEOUT = 10.0
"""Seconds in which the headers of a request must have arrived."""

MAX_CONNECTIONS = 512
"""Connections at once, idle ones included; well below what a process may open."""

_GRACE = 10


class _Protocol(HttpToolsProtocol):
    """HTTP/1.1 that hangs up on clients who never finish their headers, and on too many clients."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            self._refuse(503, "too many connections; try again in a moment")
        else:
            self._expect_headers()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._expect_headers()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "this is not HTTP")

    def _expect_headers(self) -> None:
        self._stop_waiting()
        late = f"the headers did not arrive within {HEADER_TIMEOUT:g} s"
        self._deadline = self.loop.call_later(HEADER_TIMEOUT, self._refuse, 408, late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self, status: int, message: str) -> None:
        if self.transport.is_closing():
            return
        # What is wrong with a second request must not be told as the answer to the first.
        first = self.cycle
        at_work = first is not None and not first.response_complete and not first.more_body
        if not at_work and (first is None or first.response_complete or not first.response_started):
            self.transport.write(_response(status, message))
        self.transport.close()


def listen(host: str, port: int) -> socket.socket:
    """Open the socket to serve on; port 0 takes a free one.

    Raises
    ------
    ConfigError
        When the address is not this machine's, or the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=MAX_CONNECTIONS)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"cannot listen on {host} port {port}: {reason}; pass another --host or --port"
        ) from error


def make_server(
    app: FastAPI, *, cert: Path | None = None, key: Path | None = None
) -> uvicorn.Server:
    """Make the server of an application; its `run(sockets=[listener])` serves until Ctrl-C.

    On Ctrl-C or SIGTERM it takes no more requests and lets those at work finish.

    Parameters
    ----------
    app : FastAPI
    cert, key : Path, optional
        PEM files for HTTPS.

    Raises
    ------
    ConfigError
        When the certificate or its key cannot be used.
    """
    config = uvicorn.Config(
        app,
        http=_Protocol,
        lifespan="on",
        ws_max_size=MAX_FRAME,
        # Pictures are compressed already, and a small message must not unfold into a large one.
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        headers=[("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer")],
        timeout_graceful_shutdown=_GRACE,
        ssl_certfile=cert,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as error:
        raise ConfigError(
            f"cannot use the certificate {cert} and its key {key}: {error}"
        ) from error
    # It reports every malformed request; that would let any client fill the log.
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)
    return uvicorn.Server(config)


def _response(status: int, message: str) -> bytes:
    """A whole answer, for when there is no request to answer."""
    body = error_body(message)
    headers = [*error_headers(status, body), (b"connection", b"close")]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body
