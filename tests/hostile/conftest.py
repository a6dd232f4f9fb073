"""One real service that everything here is tried on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.pictures import legal_picture
from tests.hostile.service import Service, running
from tests.networks import write_nobody


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`openpaf serve` on a loopback port, after it has seen the largest legal picture."""
    pytest.importorskip("fastapi")
    if not Path("/proc/self/fd").is_dir():
        pytest.skip("needs /proc to look at a process")
    folder = tmp_path_factory.mktemp("service")
    with running(folder, write_nobody(folder / "nobody.onnx")) as started:
        legal_picture(started.address)
        yield started
