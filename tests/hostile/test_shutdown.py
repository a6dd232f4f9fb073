"""The end of the service, whoever still holds on to it."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

import pytest

from tests.hostile.service import running
from tests.hostile.wire import connections, request, upgrade
from tests.networks import write_nobody

_HELD = [
    b"",
    b"GET / HTTP/1.1\r\nhost",
    upgrade(b"content-length: 9", method="POST"),
    upgrade(b"content-length: 1", method="POST") + b"a",
    upgrade(b"content-length: 9"),
    upgrade(*[b"a: b"] * 200),
    upgrade(),
    upgrade(path="/nowhere"),
    request("GET", "/static-offline-docs/swagger-ui-bundle.js"),
    request("GET", "/openapi.json") * 60,
]


def test_it_ends_when_it_is_told_to(tmp_path: Path) -> None:
    pytest.importorskip("fastapi")
    if not hasattr(signal, "SIGTERM") or not Path("/proc/self/fd").is_dir():
        pytest.skip("needs signals")
    model = write_nobody(tmp_path / "nobody.onnx")
    with running(tmp_path, model) as service, contextlib.ExitStack() as clients:
        for data in _HELD:
            clients.enter_context(connections(service.address, 2, data))
        time.sleep(1)  # until all of it has been read
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(60) == -signal.SIGTERM
        said = service.log.read_text()
        assert "Traceback" not in said and "bug" not in said
