"""Requests that h11 made and hypothesis has spoilt: an answer that h11 reads, or none."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

h11 = pytest.importorskip("h11")

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from tests.hostile.service import Address, Service, ask

_NAMES = st.sampled_from(
    ["accept", "connection", "content-type", "cookie", "expect", "origin", "range", "te", "upgrade"]
    + ["authorization", "sec-websocket-key", "sec-websocket-version", "x-forwarded-for"]
)
_VALUES = st.sampled_from(
    ["", "*/*", "close", "upgrade", "websocket", "h2c", "100-continue", "13", "bytes=0-0,-1"]
    + ["multipart/form-data; boundary=b", "multipart/form-data", "image/png; charset=hex"]
) | st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]), max_size=40)
_TARGETS = st.sampled_from(
    ["/", "/detect", "/detect/batch", "/detect?min_score=nan", "/detect?model=%ff&image_id=-1"]
    + ["/live", "/models", "/page/../../etc/passwd", "/page/%2e%2e/app.py", "//", "*", "/%00"]
)


@st.composite
def requests(draw: Callable[..., Any]) -> bytes:
    """Bytes of a request that is right."""
    names_and_values = draw(st.lists(st.tuples(_NAMES, _VALUES), max_size=6))
    body = draw(st.binary(max_size=200))
    length = draw(
        st.sampled_from([("content-length", str(len(body))), ("transfer-encoding", "chunked")])
    )  # type: ignore[arg-type]
    head = h11.Request(
        method=draw(st.sampled_from(["GET", "POST", "HEAD", "OPTIONS", "DELETE", "BREW"])),
        target=draw(_TARGETS),
        headers=[
            ("host", "localhost"),
            *[(n, v.encode("latin-1").strip()) for n, v in names_and_values],
            length,
        ],
    )
    connection = h11.Connection(h11.CLIENT)
    events = [head, h11.Data(body), h11.EndOfMessage()]
    return b"".join(connection.send(event) for event in events)


@st.composite
def spoilt(draw: Callable[..., Any]) -> bytes:
    """The same, with some bytes put in, left out, doubled or changed."""
    data = draw(requests())
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 30)))
        new = draw(
            st.binary(max_size=20)
            | st.sampled_from([b"\r\n", b"\0", b":", b" ", data[start:end] * 2])
        )
        data = data[:start] + new + data[end:]
    return data


def _exchange(address: Address, data: bytes) -> bytes:
    received = b""
    with socket.create_connection(address, timeout=20) as client, contextlib.suppress(OSError):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        while more := client.recv(65536):
            received += more
    return received


def _check(received: bytes) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "localhost")]))
    client.send(h11.EndOfMessage())
    client.receive_data(received)
    status, body = 0, b""
    while (event := client.next_event()) is not h11.NEED_DATA and event is not h11.PAUSED:
        if isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            break
    assert status < 500
    if status >= 400 and body:
        assert body.count(b"\n") == 1
        assert list(json.loads(body)) == ["error"]


@seed(20170725)
@settings(max_examples=150, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=spoilt())
def test_every_answer_is_one(service: Service, data: bytes) -> None:
    if received := _exchange(service.address, data):
        _check(received)


def test_it_still_serves(service: Service) -> None:
    assert ask(service.address)[0] == 200
