"""What somebody with a socket and no token can try against the service, each by a name."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.hostile.pictures import complaints, polyglots, segments
from tests.hostile.service import Address
from tests.hostile.wire import (
    HOST,
    answer,
    at_once,
    connections,
    flood,
    frame,
    request,
    still_open,
    upgrade,
)

Run = Callable[[Address, float], str]


class Attack(NamedTuple):
    """Something to try.

    run : takes where the service is and how long to go on, s; gives what came back
    right : pattern of what may come back
    fills : whether it takes every place there is, so that others have to wait for one at first
    """

    run: Run
    right: str
    fills: bool = False


_TEXT, _BINARY, _PING, _MORE = 1, 2, 9, 0
_CHUNKED = request("POST", "/detect", b"transfer-encoding: chunked")
_STATIC = "/static-offline-docs/swagger-ui-bundle.js"


def _flooding(first: bytes, block: bytes, count: int = 1) -> Run:
    def attack(address: Address, seconds: float) -> str:
        return at_once(count, lambda: answer(flood(address, first, block, seconds)[1]))

    return attack


def _holding(data: bytes, count: int, drip: bytes = b"") -> Run:
    """Clients who send `data`, perhaps a little more now and then, and never read."""

    def attack(address: Address, seconds: float) -> str:
        until = time.monotonic() + seconds
        with connections(address, count, data) as clients:
            while (left := until - time.monotonic()) > 0:
                time.sleep(min(0.5, left))
                for client in clients if drip else ():
                    with contextlib.suppress(OSError):
                        client.sendall(drip)
            return f"{still_open(clients)} of {count} still open"

    return attack


def _form(content_type: str, name: bytes, data: bytes) -> bytes:
    body = b'--b\r\nContent-Disposition: form-data; name="images"; filename="' + name
    body += b'"\r\nContent-Type: image/png\r\n\r\n' + data + b"\r\n--b--\r\n"
    length = f"content-length: {len(body)}".encode()
    return request("POST", "/detect/batch", content_type.encode(), length, body=body)


def _codecs(address: Address, seconds: float) -> str:
    names = ("unicode_escape", "raw_unicode_escape", "utf-7", "utf-16", "idna", "punycode", "hex")
    seen = set()
    for codec in names:
        form = _form(
            f"content-type: multipart/form-data; boundary=b; charset={codec}", b"\\udcff", b""
        )
        seen.add(answer(_first(address, form)))
    return ", ".join(sorted(seen))


def _first(address: Address, data: bytes) -> bytes:
    with contextlib.closing(socket.create_connection(address, timeout=30)) as client:
        client.sendall(data)
        return client.recv(4096)


def _hosts(address: Address, seconds: float) -> str:
    """Names that a page of somebody else may have had rebound to this machine."""
    names = (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io:8000",
        "localhost@evil",
        "",
    )
    data = [f"GET /models HTTP/1.1\r\nhost: {name}\r\n\r\n".encode() for name in names]
    data.append(b"GET /models HTTP/1.1\r\n\r\n")
    data.append(b"GET /models HTTP/1.1\r\nhost: localhost\r\nhost: evil.example\r\n\r\n")
    data.append(upgrade(b"origin: http://evil.example").replace(HOST, b"host: evil.example\r\n"))
    return ", ".join(sorted({answer(_first(address, one)) for one in data}))


def _noise(address: Address, seconds: float) -> str:
    """Random bytes, some of them after a start that is right."""
    noise = random.Random(20170725)
    starts = (b"", b"GET ", b"GET / HTTP/1.1\r\n", upgrade(), _CHUNKED)
    seen: set[str] = set()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = noise.choice(starts) + noise.randbytes(noise.randrange(1, 3000)) + b"\r\n\r\n"
        with (
            contextlib.suppress(OSError),
            socket.create_connection(address, timeout=0.3) as client,
        ):
            client.sendall(data)
            seen.add(answer(client.recv(4096))[:3])
    return ", ".join(sorted(seen))


def _settings(texts: list[str]) -> Run:
    def attack(address: Address, seconds: float) -> str:
        frames = b"".join(frame(_TEXT, text.encode()[:125]) for text in texts)
        return answer(flood(address, upgrade(), frames, 0.2)[1])

    return attack


_HEAD, _MISUSE = r"431", r"101, (closed 1008|dropped)(, .*)?"
_HOLD = r"\d+ of \d+ still open"

ATTACKS: dict[str, Attack] = {
    "headers without end": Attack(
        _flooding(b"GET /models HTTP/1.1\r\n" + HOST, b"a:b\r\n" * 4096), _HEAD
    ),
    "a header without end": Attack(_flooding(b"GET /models HTTP/1.1\r\na: ", b"a" * 65536), _HEAD),
    "a url without end": Attack(_flooding(b"GET /", b"a" * 65536), _HEAD),
    "blank lines without end": Attack(_flooding(b"", b"\r\n" * 8192), _HEAD),
    "trailers without end": Attack(_flooding(_CHUNKED + b"0\r\n", b"a:b\r\n" * 4096), _HEAD),
    "a chunk's extension without end": Attack(_flooding(_CHUNKED + b"1;", b"a" * 65536), _HEAD),
    "chunks of one byte": Attack(_flooding(_CHUNKED, b"1\r\na\r\n" * 8192), r"400"),
    "a query of 10,000 parameters": Attack(
        _flooding(b"", request("POST", "/detect?" + "a&" * 10_000, b"content-length: 0")),
        r"422|hung up",
    ),
    "pipelined requests": Attack(
        _flooding(b"", request("GET", "/healthz") * 1000), r"200|400|hung up"
    ),
    "one live client, {} without end": Attack(
        _flooding(upgrade(), frame(_TEXT, b"{}") * 2048), _MISUSE
    ),
    "eight live clients, {} without end": Attack(
        _flooding(upgrade(), frame(_TEXT, b"{}") * 2048, 8), _MISUSE
    ),
    "eight live clients, pings without end": Attack(
        _flooding(upgrade(), frame(_PING) * 2048, 8), _MISUSE
    ),
    "eight live clients, empty pieces of a frame": Attack(
        _flooding(
            upgrade(),
            frame(_BINARY, last=False) + frame(_MORE, last=False) * 4096,
            8,
        ),
        _MISUSE,
    ),
    "eight live clients, frames of one byte": Attack(
        _flooding(upgrade(), frame(_BINARY, b"a") * 2048, 8), _MISUSE
    ),
    "settings that are no settings": Attack(
        _settings(['{"\\ud800": 1}', "[" * 99, '{"model": "\\udfff"}']), _MISUSE
    ),
    "a live text that is not UTF-8": Attack(
        _flooding(upgrade(), frame(_TEXT, b"\xff\xfe") * 9), r"101, (closed 1007|dropped)"
    ),
    "POST with an upgrade, then silence": Attack(
        _holding(upgrade(b"content-length: 9", method="POST"), 512), _HOLD, fills=True
    ),
    "GET with an upgrade and a body": Attack(
        _holding(upgrade(b"content-length: 9"), 512), _HOLD, fills=True
    ),
    "an upgrade with 200 headers": Attack(
        _holding(upgrade(*[b"a: b"] * 200), 512), _HOLD, fills=True
    ),
    "an upgrade by HTTP/1.0": Attack(
        _holding(upgrade().replace(b"HTTP/1.1", b"HTTP/1.0"), 512), _HOLD, fills=True
    ),
    "silence": Attack(_holding(b"", 900), _HOLD, fills=True),
    "bodies that stop": Attack(
        _holding(request("POST", "/detect", b"content-length: 99999"), 600, b"a"), _HOLD, fills=True
    ),
    "a blank line now and then": Attack(
        _holding(request("GET", "/healthz"), 400, b"\r\n"), _HOLD, fills=True
    ),
    "a body nobody asked for, by drops": Attack(
        _holding(request("GET", "/healthz", b"content-length: 99999"), 400, b"a"),
        _HOLD,
        fills=True,
    ),
    "files that are never read": Attack(_holding(request("GET", _STATIC), 512), _HOLD, fills=True),
    "answers that are never read": Attack(
        _holding(request("GET", "/openapi.json") * 60, 300), _HOLD, fills=True
    ),
    "hosts of others": Attack(_hosts, r"400, 421"),
    "form names by odd codecs": Attack(_codecs, r"200"),
    "polyglots": Attack(polyglots, r"415"),
    "JPEGs of a million segments": Attack(segments, r"422"),
    "pictures that libraries complain of": Attack(complaints, r"(200, )?422"),
    "noise": Attack(_noise, r"[1-4]\d\d(, [1-4]\d\d)*"),
}
