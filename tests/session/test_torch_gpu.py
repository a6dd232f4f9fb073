"""PyTorch's GPUs: which one is meant or why there is none; what is recorded, in which order."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from openpaf.errors import ConfigError, GpuNotFoundError
from openpaf.session import read_device

torch = pytest.importorskip("torch")

from openpaf.session import torch_gpu
from openpaf.session.torch_gpu import record, torch_device


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.mark.usefixtures("two_gpus")
def test_a_gpu_by_its_number() -> None:
    assert torch_device(read_device("cuda:1")) == torch.device("cuda", 1)
    assert torch_device(read_device("gpu")) == torch.device("cuda", 0)
    assert torch_device(read_device("auto")) == torch.device("cuda", 0)
    assert torch_device(read_device("cpu")) == torch.device("cpu")
    with pytest.raises(GpuNotFoundError, match="no GPU of number 2; PyTorch sees 2"):
        torch_device(read_device("cuda:2"))
    with pytest.raises(
        ConfigError, match="is trained on auto, cpu or cuda, got device 'tensorrt'$"
    ):
        torch_device(read_device("tensorrt"), what="a network is trained")


def test_why_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert torch_device(read_device("auto")) == torch.device("cpu")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(GpuNotFoundError, match="built without CUDA"):
        torch_device(read_device("cuda"))
    monkeypatch.setattr(torch.version, "cuda", "13.0")

    def no_driver() -> None:
        raise GpuNotFoundError("there is no NVIDIA driver here")

    monkeypatch.setattr(torch_gpu, "find_driver", no_driver)
    with pytest.raises(GpuNotFoundError, match="no NVIDIA driver"):
        torch_device(read_device("cuda"))


def test_a_call_warms_up_before_it_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []

    class Stream:
        def synchronize(self) -> None:
            done.append("wait")

    class Graph:
        replay = "replay"

    @contextmanager
    def capture(graph: Any, stream: Any) -> Any:
        assert isinstance(graph, Graph) and isinstance(stream, Stream)
        done.append("begin")
        yield
        done.append("end")

    def call() -> int:
        assert torch.is_inference_mode_enabled() and torch.backends.cudnn.benchmark
        done.append("call")
        return len(done)

    monkeypatch.setattr(torch.cuda, "CUDAGraph", Graph)
    monkeypatch.setattr(torch.cuda, "graph", capture)
    monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
    assert record(call, Stream()) == ("replay", 6)
    assert done == ["call"] * 3 + ["wait", "begin", "call", "end"]
    assert not torch.backends.cudnn.benchmark
