"""Checkpoints run by PyTorch give what their ONNX export gives."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from openpaf.engine import Engine
from openpaf.errors import CheckpointError, ConfigError, OpenPafWarning
from openpaf.session import open_runtime, open_session

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from openpaf.export.onnx import export_onnx
from openpaf.network import checkpoint
from tests.export.test_onnx import ABOUT, tiny_network

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch finds no CUDA GPU")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A checkpoint with an untrained network, and its export beside it."""
    network = tiny_network("mobilenet").eval()
    recipe = {"network": asdict(network.config)}
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"step": 0, "recipe": recipe, "average": network.state_dict()})
    export_onnx(network, tmp_path / "net.onnx", **ABOUT)
    return path


@pytest.fixture
def net_frames(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (2, 64, 88, 3), np.uint8)


def differences(saved: Path, net_frames: np.ndarray, device: str) -> list[float]:
    """Largest difference in any field, in units of the largest value."""
    with_onnx = open_session(saved.with_name("net.onnx"), device="cpu").run(net_frames)
    ours = open_session(saved, device=device).run(net_frames)
    assert [fields.skeleton for fields in ours] == [fields.skeleton for fields in with_onnx]
    return [
        float(np.abs(one - other).max() / np.abs(other).max())
        for a, b in zip(ours, with_onnx, strict=True)
        for one, other in ((a.confidence_maps, b.confidence_maps), (a.pafs, b.pafs))
    ]


def test_a_checkpoint_gives_what_its_export_gives(saved: Path, net_frames: np.ndarray) -> None:
    assert max(differences(saved, net_frames, "cpu")) < 1e-4


@pytest.mark.gpu
@needs_gpu
def test_half_precision_on_a_gpu_is_close(saved: Path, net_frames: np.ndarray) -> None:
    assert max(differences(saved, net_frames, "cuda")) < 2e-2
    session = open_session(saved, device="cuda")
    plain = session.run(net_frames)[0]
    for _ in range(3):
        # From the third time on it is recorded.
        recorded = session.run(net_frames)[0]
    np.testing.assert_allclose(recorded.pafs, plain.pafs, atol=2e-2 * np.abs(plain.pafs).max())
    first, other = session.run(net_frames)[0], session.run(net_frames[:, ::-1].copy())[0]
    again = session.run(net_frames)[0]
    np.testing.assert_array_equal(first.pafs, again.pafs)
    assert not np.array_equal(first.pafs, other.pafs)


def test_the_engine_takes_checkpoints(saved: Path) -> None:
    with Engine(saved, device="cpu", net_size=(88, 64)) as engine:
        assert engine.provider == "PyTorch CPU"
        assert engine.detect(np.zeros((100, 120, 3), np.uint8)).keypoints.shape[1:] == (18, 2)


def test_other_devices_are_refused_or_replaced(saved: Path) -> None:
    with pytest.raises(ConfigError, match="export it to ONNX"):
        open_session(saved, device="tensorrt")
    if not torch.cuda.is_available():
        with pytest.warns(OpenPafWarning, match="'cuda' is not to be had"):
            assert open_session(saved, device="cuda").provider == "PyTorch CPU"


def test_a_size_that_cannot_be_recorded_runs_plainly(
    saved: Path, net_frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openpaf.session import torch as session

    tried: list[tuple[int, ...]] = []

    def refuse(network: object, shape: tuple[int, ...], device: object) -> None:
        tried.append(shape)
        raise RuntimeError("operation not permitted when stream is capturing\nmore")

    monkeypatch.setattr(session, "_Recorded", refuse)
    runtime = open_runtime(saved, device="cpu")
    expected = runtime.outputs(net_frames)
    # Recording is for a GPU; its network stays where it is.
    monkeypatch.setattr(runtime, "_device", SimpleNamespace(type="cuda"))
    monkeypatch.setattr(runtime, "_run", lambda frames: list(expected.values()))
    with pytest.warns(OpenPafWarning, match="without a CUDA graph, .* is capturing$") as warned:
        found = [runtime.outputs(batch) for batch in [net_frames, net_frames[:1]] * 5]
    assert all(list(one) == list(expected) for one in found)
    assert len(warned) == 1
    assert tried == [net_frames.shape, net_frames[:1].shape]


@pytest.mark.parametrize("content", [b"", b"nothing of use"])
def test_damaged_checkpoints_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"bad\.pt cannot be read"):
        open_session(tmp_path / "bad.pt")


def test_checkpoints_of_something_else_are_named(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "other.pt", {"step": 0, "recipe": {"network": {"backbone": "x"}}})
    with pytest.raises((CheckpointError, ConfigError), match=r"backbone must be|holds no network"):
        open_session(tmp_path / "other.pt")
