"""Connections held to their limits, and the inside of other libraries that this leans on."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
import tomllib
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
requirements = pytest.importorskip("packaging.requirements")

from openpaf.serve import server
from openpaf.serve.live_protocol import LiveProtocol
from openpaf.serve.protocol import HttpProtocol

from .conftest import StandIn
from .test_server import ask, read_all, status_and_error

_PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
_LEANT_ON = {
    HttpProtocol: (
        ["send_400_response", "_should_upgrade", "handle_websocket_upgrade", "pause_writing"]
        + ["resume_writing", "on_message_begin", "on_url", "on_header", "on_headers_complete"]
        + ["on_body", "on_message_complete", "data_received", "connection_made", "connection_lost"]
    ),
    LiveProtocol: (
        ["handle_connect", "handle_events", "send_receive_event_to_app", "send", "data_received"]
        + ["pause_writing", "resume_writing", "connection_made", "connection_lost"]
    ),
}
_STATE = {
    HttpProtocol: ["cycle", "pipeline", "parser", "headers", "connections", "loop", "transport"],
    LiveProtocol: ["conn", "queue", "frames", "close_sent", "close_timer", "handshake_initiated"]
    + ["handshake_complete", "initial_response", "writable", "curr_msg_data_type", "loop"],
}


@pytest.mark.parametrize("library", ["uvicorn", "httptools", "websockets"])
def test_a_library_whose_inside_is_leant_on_is_one_that_was_read(library: str) -> None:
    extras = tomllib.loads(_PROJECT.read_text())["project"]["optional-dependencies"]
    wanted = {r.name: r.specifier for r in map(requirements.Requirement, extras["serve"])}
    assert wanted[library].contains(version(library)), (
        f"openpaf/serve/protocol.py and live_protocol.py override the inside of {library} "
        f"{wanted[library]}, and this is {version(library)}; read what has changed in it, run "
        "python -m tests.hostile, then move the range in pyproject.toml"
    )
    assert "<" in str(wanted[library])


@pytest.mark.parametrize("protocol", _LEANT_ON, ids=lambda protocol: protocol.__name__)
def test_what_is_overridden_is_still_there(protocol: Any) -> None:
    (theirs,) = [base for base in protocol.__bases__ if base.__module__.startswith("uvicorn")]
    assert [name for name in _LEANT_ON[protocol] if not hasattr(theirs, name)] == []
    source = inspect.getsource(theirs.__init__)
    assert [name for name in _STATE[protocol] if f"self.{name}" not in source] == []


def drip(client: socket.socket, data: bytes, seconds: float) -> float:
    """Send a little now and then; seconds until the other end hung up."""
    began = time.monotonic()
    client.settimeout(0.1)
    while time.monotonic() - began < seconds:
        try:
            client.sendall(data)
            if not client.recv(65536):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n"),
        (b"GET /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 9999\r\n\r\n", b"a"),
        (b"", b"\r\n"),
        (
            b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ),
    ],
)
def test_no_drops_keep_a_connection(listening: Any, first: bytes, later: bytes) -> None:
    with socket.create_connection(listening(header_timeout=0.5)) as client:
        client.sendall(first)
        assert drip(client, later, 20) < 15


def unread(address: tuple[str, int], data: bytes) -> socket.socket:
    """A client with as little room for answers as there can be, who has asked for some."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    client.connect(address)
    with contextlib.suppress(OSError):
        client.settimeout(1)
        client.sendall(data)
    return client


_FILE = b"GET /static-offline-docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: x\r\n"


@pytest.mark.parametrize("line", [b"", b"connection: close\r\n"])
def test_a_client_that_never_reads_is_hung_up_on(listening: Any, line: bytes) -> None:
    address = listening(write_timeout=0.5)
    with contextlib.closing(unread(address, _FILE + line + b"\r\n")) as client:
        time.sleep(2)
        # What the two ends' systems hold of it, and no more.
        assert 0 < len(read_all(client)) < 1 << 19


def test_a_slow_reader_gets_all_of_it(listening: Any) -> None:
    address = listening(write_timeout=1.0)
    with socket.create_connection(address) as client:
        client.sendall(_FILE + b"connection: close\r\n\r\n")
        client.settimeout(10)
        received = b""
        while data := client.recv(1 << 16):
            received += data
            time.sleep(0.1)
    head, _, body = received.partition(b"\r\n\r\n")
    assert f"content-length: {len(body)}".encode() in head


@pytest.fixture
def over_tls(make_app: Callable[..., Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Serve with a certificate of our own; gives a function that connects."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, and it makes the certificate")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-keyout", key, "-out", cert],
        check=True, capture_output=True,
    )  # fmt: skip
    listener = server.listen("127.0.0.1", 0)
    address = listener.getsockname()
    service = server.make_server(make_app(write_timeout=0.5), cert=cert, key=key)
    thread = threading.Thread(target=service.run, kwargs={"sockets": [listener]})
    thread.start()
    context = ssl.create_default_context(cafile=cert)

    def connect() -> ssl.SSLSocket:
        while not service.started:
            time.sleep(0.01)
        client = socket.create_connection(address, timeout=20)
        return context.wrap_socket(client, server_hostname="localhost")

    yield connect
    service.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def test_tls_is_held_to_the_same(over_tls: Callable[..., Any]) -> None:
    with over_tls() as client:
        client.sendall(_FILE + b"connection: close\r\n\r\n")
        assert len(read_all(client)) > 1 << 20
    with over_tls() as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: x\r\n" + b"a: b\r\n" * 101)
        assert status_and_error(read_all(client))[0] == 431
    with over_tls() as client:
        client.sendall(_FILE + b"connection: close\r\n\r\n")
        time.sleep(2.5)
        with contextlib.suppress(ssl.SSLError):
            assert len(read_all(client)) < 1 << 20


def test_no_part_of_a_file_is_given(listening: Any) -> None:
    address = listening()
    for wanted in (b"bytes=0-0", b"bytes=" + b"9" * 5000 + b"-", b"bytes=" + b"0-0," * 900 + b"1-"):
        with socket.create_connection(address) as client:
            client.sendall(_FILE + b"connection: close\r\nrange: " + wanted + b"\r\n\r\n")
            assert read_all(client).startswith(b"HTTP/1.1 200")


def test_a_newcomer_gets_the_place_of_the_one_waited_for_longest(listening: Any) -> None:
    address = listening(max_connections=3)
    idle = [socket.create_connection(address) for _ in range(3)]
    time.sleep(2.5)
    assert ask(address, "GET", "/healthz")[0] == 200
    # The first to come was the first to go.
    assert read_all(idle[0]) == b""
    for client in idle:
        client.close()


def test_a_picture_in_chunks_of_any_sensible_size(
    listening: Any, picture: Callable[..., bytes]
) -> None:
    body = picture(0)
    head = b"POST /detect HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    address = listening()
    for size in (1, 100, 1 << 16):
        pieces = [body[start : start + size] for start in range(0, len(body), size)]
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        with socket.create_connection(address) as client:
            client.sendall(head + chunks + b"0\r\n\r\n")
            client.settimeout(20)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")


def test_trailers_are_no_headers(listening: Any, picture: Callable[..., bytes]) -> None:
    body = picture(0)
    head = b"POST /detect HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"%x\r\n%b\r\n0\r\n" % (len(body), body)
    with socket.create_connection(listening()) as client:
        client.sendall(head + chunk + b"content-type: multipart/form-data\r\n\r\n")
        client.settimeout(20)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "line",
    [
        b"GET /live HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n",
        b"POST /live HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n",
        b"GET /live HTTP/1.0\r\nhost: x\r\n",
        b"GET /live HTTP/1.1\r\nhost: x\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
        b"GET /nowhere HTTP/1.1\r\nhost: x\r\n",
        b"GET /live HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 20_000 + b"\r\n",
    ],
)
def test_half_a_handshake_is_answered_at_once(listening: Any, line: bytes) -> None:
    handshake = (
        b"connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with socket.create_connection(listening(body_timeout=0.5)) as client:
        client.sendall(line + handshake)
        status, _ = status_and_error(read_all(client))
    assert 400 <= status < 500


def test_requests_cut_off_at_the_end_are_told_so(
    listening: Any,
    picture: Callable[..., bytes],
    stand_ins: dict[str, StandIn],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(server, "_GRACE", 0.3)
    services = []
    make = server.make_server
    monkeypatch.setattr(
        server, "make_server", lambda app: services.append(make(app)) or services[0]
    )
    address = listening()
    stand_ins["one"].may_run.clear()
    body = picture(0)
    head = b"POST /detect HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    clients = [socket.create_connection(address) for _ in range(2)]
    clients[0].sendall(head + body)
    clients[1].sendall(head + body[:9])
    time.sleep(0.5)
    services[0].should_exit = True
    for client in clients:
        with client:
            status, message = status_and_error(read_all(client))
        assert (status, "stops" in message) == (503, True)
    stand_ins["one"].may_run.set()
    assert "Traceback" not in caplog.text


def test_a_waiting_task_is_not_left(make_app: Callable[..., Any]) -> None:
    """A request that is cancelled ends, whoever serves."""

    async def cancel() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            await asyncio.Event().wait()
            raise AssertionError

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/detect", "headers": []}
        request = asyncio.create_task(make_app()(scope, receive, send))
        await asyncio.sleep(0.1)
        request.cancel()
        await asyncio.wait_for(request, 5)
        return sent

    start, body = asyncio.run(cancel())
    assert start["status"] == 503
    assert list(json.loads(body["body"])) == ["error"]
