"""The whole service on a loopback socket, and clients that mean it no good."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.networks import write_nobody

from .conftest import StandIn, expected_nose, nose

pytest.importorskip("fastapi")


Picture = Callable[..., bytes]
Address = tuple[str, int]
StandIns = dict[str, StandIn]


def ask(address: Address, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of an ordinary request."""
    with contextlib.closing(HTTPConnection(*address, timeout=20)) as connection:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()


def read_all(client: socket.socket) -> bytes:
    """Everything that comes until the server hangs up."""
    client.settimeout(20)
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(65536):
            received += data
    return received


def status_and_error(raw: bytes) -> tuple[int, str]:
    """Of an answer that must be one JSON line."""
    head, _, body = raw.partition(b"\r\n\r\n")
    assert b"application/json" in head
    assert body.count(b"\n") == 1
    return int(head.split()[1]), json.loads(body)["error"]


def test_pictures_sent_over_one_connection(listening: Any, picture: Picture) -> None:
    with contextlib.closing(HTTPConnection(*listening(), timeout=20)) as connection:
        for value in (0, 100, 200):
            connection.request("POST", "/detect", picture(value))
            answer = connection.getresponse()
            assert nose(json.load(answer)) == pytest.approx(expected_nose(value), abs=0.1)


def test_headers_that_never_end(listening: Any, picture: Picture) -> None:
    address = listening(header_timeout=0.6)
    slow = [socket.create_connection(address) for _ in range(20)]
    for client in slow[1:]:
        client.sendall(b"POST /detect HTTP/1.1\r\nhost: x\r\nx-slow: ")
    assert ask(address, "POST", "/detect", picture(0))[0] == 200
    for _ in range(5):
        time.sleep(0.2)
        for client in slow[1:]:
            with contextlib.suppress(OSError):
                client.sendall(b"a")
    for client in slow:
        with client:
            assert status_and_error(read_all(client))[0] == 408
    assert ask(address, "GET", "/healthz")[0] == 200


def test_a_second_request_that_never_ends_does_not_disturb_the_first(
    listening: Any, picture: Picture, stand_ins: StandIns
) -> None:
    address = listening(header_timeout=0.3)
    with socket.create_connection(address) as client:
        client.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost")
        received = read_all(client)
    assert received.startswith(b"HTTP/1.1 200")
    assert received.count(b"HTTP/1.1 408") <= 1


def test_a_body_that_never_ends(listening: Any) -> None:
    address = listening(body_timeout=0.5)
    with socket.create_connection(address) as client:
        client.sendall(b"POST /detect HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        for _ in range(4):
            client.sendall(b"\xff")
            time.sleep(0.05)
        status, message = status_and_error(read_all(client))
    assert (status, "0.5 s" in message) == (408, True)


@pytest.mark.parametrize("length", [b"content-length: 1073741824", b"transfer-encoding: chunked"])
def test_a_gigabyte_is_not_read(listening: Any, length: bytes) -> None:
    address = listening(max_body=1 << 20)
    sent = 0
    block = (b"10000\r\n" if b"chunked" in length else b"") + bytes(1 << 16)
    block += b"\r\n" if b"chunked" in length else b""
    with socket.create_connection(address) as client:
        client.sendall(b"POST /detect HTTP/1.1\r\nhost: x\r\n" + length + b"\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while sent < 1 << 30:
                client.sendall(block)
                sent += 1 << 16
        # What the two ends buffer, and no more.
        assert sent < 64 << 20
    assert ask(address, "GET", "/healthz")[0] == 200


def test_a_body_that_is_too_large_is_told_so(listening: Any) -> None:
    address = listening(max_body=1000)
    with socket.create_connection(address) as client:
        client.sendall(b"POST /detect HTTP/1.1\r\nhost: x\r\ncontent-length: 1073741824\r\n\r\n")
        assert status_and_error(read_all(client))[0] == 413


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"POST /detect HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
        b"POST /detect HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"POST /detect HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%00%ff HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET " + b"/" * 100_000 + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
    ],
)
def test_what_is_hardly_http_gets_a_4xx(listening: Any, data: bytes) -> None:
    address = listening()
    with socket.create_connection(address) as client:
        client.sendall(data)
        received = read_all(client)
    assert 400 <= int(received.split()[1]) < 500, received
    assert ask(address, "GET", "/healthz")[0] == 200


def test_connections_beyond_the_limit_are_refused(listening: Any) -> None:
    address = listening(max_connections=3)
    idle = [socket.create_connection(address) for _ in range(3)]
    time.sleep(0.2)
    with socket.create_connection(address) as client:
        assert status_and_error(read_all(client))[0] == 503
    for client in idle:
        client.close()
    time.sleep(0.2)
    assert ask(address, "GET", "/healthz")[0] == 200


def test_a_client_that_goes_away_is_not_worked_for(
    listening: Any, picture: Picture, stand_ins: StandIns
) -> None:
    address = listening(max_requests=4)
    one = stand_ins["one"]
    one.batches.clear()
    one.may_run.clear()
    body = picture(0)
    head = f"POST /detect HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
    for _ in range(12):  # three times what may be at work at once
        with socket.create_connection(address) as client:
            client.sendall(head + body)
            time.sleep(0.1)
    with socket.create_connection(address) as client:
        client.sendall(head + body[:20])
    time.sleep(0.3)
    one.may_run.set()
    assert ask(address, "POST", "/detect", body)[0] == 200
    # The one that was in the network already, and the one that stayed.
    assert one.batches == [1, 1]
    assert b'path="/detect",status="499"} 13.0' in ask(address, "GET", "/metrics")[1]


def test_a_live_client_that_reads_nothing_cannot_pile_answers_up(
    listening: Any, picture: Picture
) -> None:
    sync = pytest.importorskip("websockets.sync.client")
    host, port = listening()
    with sync.connect(f"ws://{host}:{port}/live", max_size=None) as live:
        for _ in range(100):
            live.send(picture(0))
        assert json.loads(live.recv())["frame"] >= 1
    assert ask((host, port), "GET", "/healthz")[0] == 200


def test_nothing_is_left_of_hostile_clients(listening: Any, picture: Picture) -> None:
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to count open files")
    address = listening(header_timeout=0.5, body_timeout=0.5)
    body = picture(0, ".jpg")
    upgrade = (
        b"GET /live HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n\x82"
    )
    rounds = [
        b"hello\r\n\r\n",
        b"POST /detect HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\nab",
        b"POST /detect HTTP/1.1\r\nhost: x\r\nx-slow",
        b"POST /detect HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body),
        upgrade,
    ]
    ask(address, "POST", "/detect", body)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(10):
        for data in rounds:
            with socket.create_connection(address) as client:
                client.sendall(data)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        left = len(os.listdir("/proc/self/fd")) - before
        none_live = b"openpaf_live_connections 0.0" in ask(address, "GET", "/metrics")[1]
        if left <= 0 and none_live:
            break
        time.sleep(0.1)
    assert (left <= 0, none_live) == (True, True)
    assert ask(address, "POST", "/detect", body)[0] == 200


@pytest.fixture
def nobody(tmp_path: Path) -> Path:
    """A real network file that never finds anybody."""
    return write_nobody(tmp_path / "nobody.onnx")


def test_the_command_serves_until_ctrl_c(nobody: Path, picture: Picture) -> None:
    command = [sys.executable, "-m", "openpaf", "serve", "--port", "0", "--model", str(nobody)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            lines = [process.stderr.readline(), process.stderr.readline()]
            assert "nobody runs on" in lines[0]
            address = ("127.0.0.1", int(lines[1].split()[2].rpartition(":")[2]))
            status, body = ask(address, "POST", "/detect", picture(0))
            assert (status, json.loads(body)) == (200, {"version": 1.3, "people": []})
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 130
            assert process.stderr.read() == ""
        finally:
            process.kill()


def test_a_photograph_gives_what_the_engine_gives(shared: Path) -> None:
    path = shared / "models" / "human-pose-estimation-0001" / "human-pose-estimation-0001.xml"
    photographs = sorted((shared / "media").glob("*.jpg"))[:3]
    if not path.is_file() or not photographs:
        pytest.skip("needs the Open Model Zoo's network and photographs")
    pytest.importorskip("openvino")
    testclient = pytest.importorskip("fastapi.testclient")
    from openpaf.engine import Engine
    from openpaf.frame import to_frame
    from openpaf.serve import create_app, open_models

    models = open_models([path], net_height=256)
    (model,) = models.values()
    with testclient.TestClient(create_app(models)) as client:
        for photograph in photographs:
            answer = client.post("/detect", content=photograph.read_bytes())
            height, width = to_frame(photograph).shape[:2]
            net_size = model.placement(width, height, None).net_size
            with Engine(path, net_size=net_size) as engine:
                poses = engine.detect(photograph)
            assert len(poses) > 0
            assert answer.json() == poses.to_openpose()
