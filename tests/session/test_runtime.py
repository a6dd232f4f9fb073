"""Runtimes give named arrays, of networks with either head; sessions take those with fields."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openpaf import Engine
from openpaf.errors import ConfigError, ModelError
from openpaf.models import ModelCard, WindowCard
from openpaf.session import open_runtime, open_session
from tests.networks import write_nobody


@pytest.fixture
def window_network(tmp_path: Path) -> Path:
    """A network whose card beside it says that it looks at windows of 96 x 128 px."""
    path = write_nobody(tmp_path / "window.onnx")
    path.with_suffix(".toml").write_text(
        'head = "window"\nname = "window"\nskeleton = "COCO_18"\nsize = [96, 128]\n'
        'output = "confidence_maps"\n'
    )
    return path


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_outputs_by_name(tmp_path: Path, window_network: Path, device: str) -> None:
    if device == "openvino":
        pytest.importorskip("openvino")
    frames = np.zeros((3, 128, 96, 3), np.uint8)
    runtime = open_runtime(window_network, device=device)
    assert isinstance(runtime.card, WindowCard)
    outputs = runtime.outputs(frames)
    assert {name: value.shape for name, value in outputs.items()} == {
        "confidence_maps": (3, 18, 16, 12)
    }
    whole = open_runtime(write_nobody(tmp_path / "whole.onnx"), device=device)
    assert isinstance(whole.card, ModelCard)
    assert set(whole.outputs(frames)) == {"confidence_maps", "pafs"}


def test_a_window_network_cannot_find_people(window_network: Path) -> None:
    for use in (open_session, Engine):
        with pytest.raises(ModelError, match=r"looks at one person at a time .* --refine") as error:
            use(window_network)
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="is needed; one that looks at windows refines people"):
        ModelCard.from_toml(window_network.with_suffix(".toml"))
