"""Which bundled network streams take: measured, remembered, and never in the way of a start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openpaf.cli.options import fast_model, model_for_streams, models_to_serve
from openpaf.errors import ConfigError, ModelNotFoundError
from openpaf.selftest import fastest
from openpaf.selftest.fastest import EIGHT_BITS, choose


class Clock:
    """A clock that networks move on."""

    now = 0.0

    @classmethod
    def perf_counter(cls) -> float:
        return cls.now


class Network:
    """Stands for a session that takes so many seconds a frame."""

    def __init__(self, seconds: float, provider: str) -> None:
        self.seconds, self.provider = seconds, provider

    def run(self, net_frames: np.ndarray) -> None:
        Clock.now += self.seconds


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """A machine that can be set: seconds of both networks, what runs them; and what was opened."""
    state: dict[str, Any] = {"default": 0.02, "default-int8": 0.001, "provider": "CPU", "opened": 0}

    def open_session(path: Path, **options: Any) -> Network:
        state["opened"] += 1
        return Network(state[path.stem], state["provider"])

    monkeypatch.setattr(fastest, "open_session", open_session)
    monkeypatch.setattr(fastest, "time", Clock)
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path / "cache"))
    state["file"] = tmp_path / "cache" / "fastest.json"
    return state


def test_eight_bits_are_taken_where_they_are_faster_and_measured_once(
    machine: dict[str, Any],
) -> None:
    choice = choose()
    assert choice.model == EIGHT_BITS and "in eight bits" in choice.reason
    assert machine["opened"] == 2
    assert choose() == choice and machine["opened"] == 2
    choose(threads=1)
    assert machine["opened"] == 4
    choose(anew=True)
    assert machine["opened"] == 6


def test_no_gpu_is_looked_for_where_the_cpu_was_asked_for(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    monkeypatch.setattr(fastest, "gpu_here", lambda: looked.append("GPU") or "none")
    choose("cpu")
    choose("openvino")
    assert looked == [] and machine["opened"] == 4
    choose("auto")
    assert looked == ["GPU"]


def test_eight_bits_are_left_where_they_gain_nothing(machine: dict[str, Any]) -> None:
    machine["default-int8"] = machine["default"] = 0.01
    assert choose().model is None
    assert models_to_serve(None, None, "auto", None) == [None, EIGHT_BITS]


def test_a_gpu_runs_the_default(machine: dict[str, Any]) -> None:
    machine["provider"] = "CUDAExecutionProvider"
    choice = choose()
    assert choice.model is None and "CUDA" in choice.reason and machine["opened"] == 1
    assert models_to_serve(None, None, "auto", None) == [None]
    assert choose("cuda").model is None
    assert models_to_serve(None, False, "cuda", None) == [None]


@pytest.mark.parametrize(
    "damage",
    ["", "[", "[]", '{"KEY": {"fp32_ms": 1}}', '{"KEY": {"fp32_ms": 0.0, "int8_ms": NaN}}'],
)
def test_a_damaged_memory_is_measured_again(machine: dict[str, Any], damage: str) -> None:
    choose()
    (key,) = json.loads(machine["file"].read_text())
    machine["file"].write_text(damage.replace("KEY", key.replace('"', "")))
    assert choose().model == EIGHT_BITS and machine["opened"] == 4
    assert list(json.loads(machine["file"].read_text())[key]) == ["fp32_ms", "int8_ms"]


def test_a_cache_that_cannot_be_written_costs_a_measurement(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path / "file" / "cache"))
    assert choose().model == choose().model == EIGHT_BITS
    assert machine["opened"] == 4


def test_an_installation_without_eight_bits_runs_the_default(
    machine: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> Path:
        raise ModelNotFoundError(f"this installation has no {name}")

    monkeypatch.setattr(fastest, "find", find)
    choice = choose()
    assert choice.model is None and "has no default" in choice.reason


def test_what_is_typed_wins(machine: dict[str, Any]) -> None:
    assert fast_model(None, None, True) == EIGHT_BITS
    assert model_for_streams(None, None, False, "auto", None).model is None
    assert model_for_streams("mine.onnx", None, None, "auto", None).model == "mine.onnx"
    assert models_to_serve(["mine.onnx"], None, "auto", None) == ["mine.onnx"]
    assert models_to_serve(None, True, "auto", None) == [EIGHT_BITS, None]
    assert machine["opened"] == 0


def test_fast_beside_another_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="leave it out beside --model"):
        fast_model("mine.onnx", None, True)
    with pytest.raises(ConfigError, match="--card"):
        model_for_streams(None, Path("mine.toml"), True, "auto", None)
    with pytest.raises(ConfigError, match="eight bits"):
        models_to_serve(["mine.onnx"], True, "auto", None)


def test_a_driver_that_is_there_later_is_measured_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = (fastest.find(fastest.DEFAULT),)
    keys = set()
    for here in ("CPUExecutionProvider there is no NVIDIA driver here", "CUDAExecutionProvider"):
        monkeypatch.setattr(fastest, "gpu_here", lambda here=here: here)
        keys.add(fastest._key(paths, "auto", None))
    assert len(keys) == 2
