"""HTTP/1.1 held to the limits that uvicorn's own protocol does not have.

Written for the versions of uvicorn and httptools that pyproject.toml names; what it leans on is
listed in tests/serve/test_protocol.py, and why it is done at all in docs/design/0007-server.md.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import math

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from openpaf.serve.patience import LINGER, Impatient, make_room, refusal

_MAX_PIPELINED = 8
# Pieces of a body that may be of any size, and bytes that they must have on average beyond.
_FREE_PIECES, _LEAST_PIECE = 1000, 64


class HttpProtocol(Impatient, HttpToolsProtocol):
    """HTTP/1.1 whose heads are bounded in size and time, and whose upgrades are whole."""

    _deadline: asyncio.TimerHandle | None = None
    # Bytes and lines of the url, headers and trailers of this message; and the bytes that came
    # since the application was last given something, which the parser may be collecting.
    _head = _lines = _pending = 0
    _pieces = _body = 0
    _in_head = True
    _is_handshake = False
    _over = False
    _asked = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._asked = self.loop.time()
        full = len(self.connections) > self.limits.max_connections
        if full and not make_room(self.connections):
            self._over = True
            transport.write(refusal(503, "too many connections; try again in a moment"))
            transport.close()
        else:
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        self._over = True
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        self._pending += len(data)
        super().data_received(data)
        if self._over:
            return
        if self._pending > self.limits.max_head:
            self._refuse_head()
        elif self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            # Neither blank lines nor the rest of an unwanted body keep a connection.
            self._expect_headers()

    def waits_since(self) -> float:
        cycle = self.cycle
        at_work = cycle is not None and not cycle.response_complete and not cycle.more_body
        return min(super().waits_since(), math.inf if at_work else self._asked)

    def handle_websocket_upgrade(self) -> None:
        self._over = True
        self._stop_waiting_for_reader()
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= _MAX_PIPELINED:
            raise ValueError("too many requests ahead of their answers")
        super().on_message_begin()
        self._head = self._lines = self._pieces = self._body = 0
        self._in_head = True
        self._expect_headers()

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._lines += 1
        self._count_head(len(name) + len(value) + len(b": \r\n"))
        # Trailers are no headers: what has been decided by those must not change under way.
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._pending = 0
        self._asked = self.loop.time()
        self._stop_waiting()
        asks = self.parser.should_upgrade()
        self._is_handshake = asks and super()._should_upgrade() and self._handshake_is_whole()
        super().on_headers_complete()
        if asks and not self._is_handshake:
            # The parser takes what follows an upgrade for another protocol's.
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        self._pieces += 1
        self._body += len(body)
        if self._pieces > _FREE_PIECES and self._body < _LEAST_PIECE * self._pieces:
            raise ValueError("chunks too small to be worth a call each")
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        if self._head_is_too_large():
            self._refuse_head()
        else:
            self._refuse(400, "this is not HTTP")

    def _should_upgrade(self) -> bool:
        return self._is_handshake

    def _handshake_is_whole(self) -> bool:
        """Whether this is a WebSocket's handshake; whatever else wants an upgrade is plain HTTP."""
        given = dict(self.headers)
        alone = self.cycle is None or self.cycle.response_complete
        return (
            alone
            and self.parser.get_method() == b"GET"
            and self.parser.get_http_version() == "1.1"
            and not given.keys() & {b"content-length", b"transfer-encoding"}
            and given.get(b"sec-websocket-version") == b"13"
            and _is_key(given.get(b"sec-websocket-key", b""))
        )

    def _count_head(self, size: int) -> None:
        self._head += size
        if self._head_is_too_large():
            raise ValueError("too large a head")  # makes the parser call `send_400_response`

    def _head_is_too_large(self) -> bool:
        return self._head > self.limits.max_head or self._lines > self.limits.max_headers

    def _expect_headers(self) -> None:
        self._stop_waiting()
        seconds = self.limits.header_timeout
        late = f"the headers did not arrive within {seconds:g} s"
        self._deadline = self.loop.call_later(seconds, self._refuse, 408, late)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse_head(self) -> None:
        limits = self.limits
        self._refuse(
            431,
            f"url and headers must be at most {limits.max_head:,} bytes and "
            f"{limits.max_headers} lines",
        )

    def _refuse(self, status: int, message: str) -> None:
        if self._over or self.transport.is_closing():
            return
        self._over = True
        self._stop_waiting()
        # What is wrong with a second request must not be told as the answer to the first.
        first = self.cycle
        at_work = first is not None and not first.response_complete and not first.more_body
        if at_work or (first and first.response_started and not first.response_complete):
            self.transport.close()
            return
        if first is not None:
            first.disconnected = True
            first.message_event.set()
        self.transport.write(refusal(status, message))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._deadline = self.loop.call_later(LINGER, self.transport.abort)


def _is_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
