"""A WebSocket held to the limits that uvicorn's own protocol does not have; see `protocol`."""

from __future__ import annotations

import math
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request
from websockets.protocol import State

from openpaf.serve.patience import LINGER, Impatient, refusal

_SLICE = 1024
"""Bytes that are parsed before the frames in them are counted."""

_TOO_MANY, _NOT_TEXT = 1008, 1007


class LiveProtocol(Impatient, WebSocketsSansIOProtocol):
    """A WebSocket whose frames are counted, so that parsing them holds nobody else up."""

    _second = _frames = 0
    _over = False

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), _SLICE):
            if self._over:
                return
            super().data_received(data[start : start + _SLICE])
        if not self.handshake_initiated and not self.transport.is_closing():
            # The library falls silent where there are more or longer headers than it takes.
            self._over = True
            self.transport.write(refusal(400, "this is not the handshake of a WebSocket"))
            self.transport.close()

    def handle_connect(self, event: Request) -> None:
        if self.conn.accept(event).status_code == 101:
            super().handle_connect(event)

    def handle_events(self) -> None:
        second = int(self.loop.time())
        if second != self._second:
            self._second, self._frames = second, 0
        self._frames += len(self.conn.events)
        super().handle_events()
        most = self.limits.max_messages
        if self._frames > most:
            self._hang_up(_TOO_MANY, f"more than {most} messages a second")

    def send_receive_event_to_app(self) -> None:
        if self.curr_msg_data_type == "text" and not _is_text(b"".join(self.frames)):
            self._hang_up(_NOT_TEXT, "a text message must be UTF-8")
        else:
            super().send_receive_event_to_app()

    def waits_since(self) -> float:
        # One that is live does not wait; one whose close was sent does, for the client's.
        return min(super().waits_since(), -math.inf if self.close_sent else math.inf)

    async def send(self, message: Any) -> None:
        await self.writable.wait()
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # Refused before it was accepted: no less complete, though the library forgets it.
            self.handshake_complete = True

    def _hang_up(self, code: int, reason: str) -> None:
        if self._over:
            return
        self._over = True
        self.frames = []
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        if self.conn.state is State.OPEN:
            self.conn.send_close(code, reason)
            self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.close_timer is None:
            self.close_timer = self.loop.call_later(LINGER, self.transport.abort)


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
