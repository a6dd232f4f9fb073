"""Sessions on a real NVIDIA GPU; where there is none each test says why."""

from __future__ import annotations

import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

onnxruntime = pytest.importorskip("onnxruntime")

from openpaf import Engine
from openpaf.errors import GpuNotFoundError, OpenPafWarning
from openpaf.models import find_model
from openpaf.session import open_runtime, read_device
from openpaf.session.nvidia import check_tensorrt, find_driver
from openpaf.session.onnxruntime import OnnxRuntime
from openpaf.session.providers import CUDA, TENSORRT, choose, cuda_major
from tests.networks import write_random

pytestmark = pytest.mark.gpu
# Of the largest value; convolutions on tensor cores round their inputs to ten bits.
TOLERANCE = 1e-2


@pytest.fixture(scope="module", autouse=True)
def _needs_gpu() -> None:
    choice = choose(onnxruntime, read_device("cuda"))
    if choice.reason:
        pytest.skip(choice.reason)


@pytest.fixture(autouse=True)
def _nothing_is_warned_of() -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("error", OpenPafWarning)
        yield


def frames(*shape: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (*shape, 3), np.uint8)


def assert_close(
    found: dict[str, NDArray[np.float32]], like: dict[str, NDArray[np.float32]]
) -> None:
    for name, value in like.items():
        np.testing.assert_allclose(found[name], value, atol=TOLERANCE * np.abs(value).max())


@pytest.mark.parametrize("model", ["default", "default-int8"])
def test_the_gpu_gives_what_the_cpu_gives(model: str, capfd: pytest.CaptureFixture[str]) -> None:
    path, batch = find_model(model), frames(2, 184, 328)
    runtime = open_runtime(path, device="cuda")
    assert runtime.provider == CUDA
    if model == "default":
        assert_close(runtime.outputs(batch), open_runtime(path, device="cpu").outputs(batch))
    else:
        # Eight bits round to whole steps, which other arithmetic does not always hit alike.
        runtime.outputs(batch)
    assert capfd.readouterr() == ("", "")


def test_what_is_recorded_gives_what_was_given_before(capfd: pytest.CaptureFixture[str]) -> None:
    runtime = open_runtime(find_model(None), device="cuda")
    runtime.settle()
    assert isinstance(runtime, OnnxRuntime)
    for shape in ((1, 184, 328), (3, 96, 128)):
        batches = [frames(*shape, seed=seed) for seed in range(4)]
        plain = [runtime.outputs(batch) for batch in batches[:2]]
        recorded = [runtime.outputs(batch) for batch in batches]
        for one, other in zip(plain, recorded[:2], strict=True):
            for name, value in one.items():
                np.testing.assert_array_equal(other[name], value)
        cpu = open_runtime(find_model(None), device="cpu")
        assert_close(recorded[3], cpu.outputs(batches[3]))
    assert capfd.readouterr() == ("", "")


def test_threads_share_what_is_recorded() -> None:
    runtime = open_runtime(find_model(None), device="cuda")
    runtime.settle()
    batches = [frames(1, 96, 128, seed=seed) for seed in range(4)]
    expected = [runtime.outputs(batch) for batch in batches]
    wrong: list[int] = []

    def work(number: int) -> None:
        for _ in range(20):
            found = runtime.outputs(batches[number])
            if any(not np.array_equal(found[k], v) for k, v in expected[number].items()):
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_more_sizes_than_are_recorded(tmp_path: Path) -> None:
    runtime = open_runtime(write_random(tmp_path / "net.onnx"), device="cuda")
    cpu = open_runtime(tmp_path / "net.onnx", device="cpu")
    runtime.settle()
    for cells in range(1, 12):
        batch = frames(1, 64, 8 * cells)
        for _ in range(4):
            assert_close(runtime.outputs(batch), cpu.outputs(batch))


def test_engines_find_the_same_people(shared: Path) -> None:
    photo = next(iter(sorted((shared / "media").glob("*.jpg"))))
    with Engine(device="cuda", net_size=(656, 368)) as gpu, Engine(device="cpu") as cpu:
        for _ in range(4):
            found = gpu.detect(str(photo))
        assert abs(len(found) - len(cpu.detect(str(photo)))) <= 1


def test_a_gpu_beyond_the_last(tmp_path: Path) -> None:
    count = len(find_driver().gpus)
    with pytest.warns(OpenPafWarning, match=f"there is no GPU of number {count}"):
        open_runtime(write_random(tmp_path / "net.onnx"), device=f"cuda:{count}")


def test_the_last_gpu(tmp_path: Path) -> None:
    number = len(find_driver().gpus) - 1
    path = write_random(tmp_path / "net.onnx")
    runtime, batch = open_runtime(path, device=f"cuda:{number}"), frames(1, 64, 64)
    runtime.settle()
    for _ in range(4):
        assert_close(runtime.outputs(batch), open_runtime(path, device="cpu").outputs(batch))


def test_tensorrt_keeps_its_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        check_tensorrt(cuda_major(onnxruntime))
    except GpuNotFoundError as error:
        pytest.skip(str(error))
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path))
    path, batch = find_model(None), frames(1, 96, 128)
    runtime = open_runtime(path, device="tensorrt")
    assert runtime.provider == TENSORRT
    found = runtime.outputs(batch)
    engines = [*tmp_path.glob("tensorrt/*/*.engine")]
    assert engines
    stamps = [engine.stat().st_mtime_ns for engine in engines]
    again = open_runtime(path, device="tensorrt").outputs(batch)
    assert [engine.stat().st_mtime_ns for engine in engines] == stamps
    assert_close(again, found)
