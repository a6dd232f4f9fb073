"""One engine for many threads, and for processes forked from its own."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import openpaf
import openpaf.default_engine
from openpaf import Engine

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from benchmarks.scenes import dots  # needs onnx

RUNTIMES = pytest.mark.parametrize("device", ["cpu", "openvino"])


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dots.save_network(tmp_path_factory.mktemp("threads") / "dots.onnx")


def _engine(network: Path, device: str) -> Engine:
    if device == "openvino":
        pytest.importorskip("openvino")
    return Engine(network, device=device, threads=2)


@RUNTIMES
def test_many_threads_get_what_one_gets(network: Path, device: str) -> None:
    engine = _engine(network, device)
    frames = [dots.frame(index, size) for index in range(12) for size in ((160, 120), (120, 160))]
    alone = [engine.detect(frame) for frame in frames]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(4):
            for together, expected in zip(pool.map(engine.detect, frames), alone, strict=True):
                np.testing.assert_array_equal(together.keypoints, expected.keypoints)
                np.testing.assert_array_equal(together.scores, expected.scores)


@pytest.fixture
def bundled(network: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Have the dots network for the bundled default model."""
    from openpaf.models import registry

    monkeypatch.setattr(registry, "find", lambda: network)
    monkeypatch.setattr(openpaf.default_engine, "_default", None)
    yield network


@pytest.mark.usefixtures("bundled")
def test_the_default_engine_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Engine] = []
    start = threading.Barrier(6)

    class Counted(Engine):
        def __init__(self) -> None:
            super().__init__(threads=1)
            made.append(self)

    monkeypatch.setattr(openpaf.default_engine, "Engine", Counted)

    def find(_: int) -> int:
        start.wait()
        return len(openpaf.detect(dots.frame(7)))

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(find, range(6))) == [1] * 6
    assert len(made) == 1


def _detect(engine: Engine, frame: np.ndarray, answers: object) -> None:
    answers.put(engine.detect(frame).keypoints)  # type: ignore[attr-defined]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@RUNTIMES
def test_a_forked_child_finds_the_same(network: Path, device: str) -> None:
    engine = _engine(network, device)
    frame = np.kron(dots.frame(7), np.ones((9, 9, 1), np.uint8))  # OpenCV's threads take part
    expected = engine.detect(frame).keypoints
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    children = [context.Process(target=_detect, args=(engine, frame, answers)) for _ in range(2)]
    for child in children:
        child.start()
    try:
        for _ in children:
            np.testing.assert_array_equal(answers.get(timeout=60), expected)
    finally:
        for child in children:
            child.join(timeout=30)
            child.kill()
    assert [child.exitcode for child in children] == [0, 0]
    np.testing.assert_array_equal(engine.detect(frame).keypoints, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.usefixtures("bundled")
def test_a_fork_while_a_lock_is_held_does_not_hang() -> None:
    with openpaf.default_engine._default_lock:
        context = multiprocessing.get_context("fork")
        child = context.Process(target=openpaf.detect, args=(dots.frame(7),))
        child.start()
    child.join(timeout=60)
    child.kill()
    assert child.exitcode == 0


def test_ctrl_c_after_openvino_networks_were_freed_in_the_order_they_were_made(
    network: Path,
) -> None:
    pytest.importorskip("openvino")
    script = (
        "import faulthandler, signal, sys\n"
        "from openpaf import Engine\n"
        "faulthandler.enable()\n"
        "engines = [Engine(sys.argv[1], device='openvino') for _ in range(3)]\n"
        "for engine in engines:\n"
        "    engine.close()\n"
        "del engine, engines\n"
        "try:\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(network)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr
