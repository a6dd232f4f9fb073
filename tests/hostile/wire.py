"""Bytes on a socket, sent and received with patience that ends."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from tests.hostile.service import Address

HOST = b"host: localhost\r\n"


def request(method: str, path: str, *headers: bytes, body: bytes = b"") -> bytes:
    """The bytes of a request."""
    lines = b"".join(header + b"\r\n" for header in headers)
    return f"{method} {path} HTTP/1.1\r\n".encode() + HOST + lines + b"\r\n" + body


def upgrade(*headers: bytes, method: str = "GET", path: str = "/live") -> bytes:
    """The bytes of a WebSocket's handshake."""
    return request(
        method,
        path,
        b"upgrade: websocket",
        b"connection: upgrade",
        b"sec-websocket-version: 13",
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    )


def frame(opcode: int, payload: bytes = b"", *, last: bool = True) -> bytes:
    """A masked WebSocket frame of less than 126 bytes, its mask zeros."""
    return bytes([opcode | (128 if last else 0), 128 | len(payload), 0, 0, 0, 0]) + payload


def flood(address: Address, first: bytes, block: bytes, seconds: float) -> tuple[int, bytes]:
    """Send `first`, then `block` over and over for so long; bytes sent, and what came back."""
    with contextlib.closing(socket.create_connection(address, timeout=10)) as client:
        received = _Received(client)
        sent = 0
        until = time.monotonic() + seconds
        with contextlib.suppress(OSError):
            client.sendall(first)
            if b"sec-websocket" in first:
                received.wait_for_some(5)
            while time.monotonic() < until and not received.ended.is_set():
                client.sendall(block)
                sent += len(block)
        came_back = received.wait(2)
        with contextlib.suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)  # a socket that a thread still reads is not closed
        return sent, came_back


class _Received:
    """Read in a thread of its own, so that nothing is lost when the other end hangs up."""

    def __init__(self, client: socket.socket) -> None:
        self.data = b""
        self.ended = threading.Event()
        self._client = client
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._client.recv(65536):
                self.data = (self.data + data)[:4096]
        self.ended.set()

    def wait_for_some(self, seconds: float) -> None:
        """Wait for the first answer."""
        until = time.monotonic() + seconds
        while not self.data and not self.ended.is_set() and time.monotonic() < until:
            time.sleep(0.005)

    def wait(self, seconds: float) -> bytes:
        self.ended.wait(seconds)
        return self.data if self.ended.is_set() or self.data else b"(nothing)"


def answer(received: bytes) -> str:
    """The status of what came back, or its close code, or that nothing did."""
    head = received.split(b"\r\n", 1)[0]
    if not head.startswith(b"HTTP/1.1"):
        return head.decode("latin-1")[:40] or "hung up"
    status = head.split()[1].decode()
    rest = received.partition(b"\r\n\r\n")[2]
    if status == "101":
        code = [int.from_bytes(rest[n + 2 : n + 4]) for n in _closes(rest)]
        return f"101, closed {code[-1]}" if code else "101, dropped"
    return status


def _closes(data: bytes) -> list[int]:
    return [n for n in range(len(data) - 3) if data[n] == 0x88 and data[n + 1] < 126]


@contextlib.contextmanager
def connections(address: Address, count: int, data: bytes) -> Iterator[list[socket.socket]]:
    """Many clients who have sent `data` and read nothing."""
    clients = []
    try:
        for _ in range(count):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.settimeout(10)
            clients.append(client)
            with contextlib.suppress(OSError):
                client.connect(address)
                client.sendall(data)
        yield clients
    finally:
        for client in clients:
            client.close()


def still_open(clients: list[socket.socket]) -> int:
    """How many the other end has not hung up on."""
    count = 0
    for client in clients:
        client.setblocking(False)
        try:
            while client.recv(65536):
                pass
        except BlockingIOError:
            count += 1
        except OSError:
            pass
    return count


def at_once(count: int, attack: Callable[[], str]) -> str:
    """Run an attack several times at the same time; each different outcome once."""
    with ThreadPoolExecutor(count) as threads:
        runs = [threads.submit(attack) for _ in range(count)]
        return ", ".join(sorted({run.result() for run in runs}))
