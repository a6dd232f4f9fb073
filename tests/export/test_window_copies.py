"""Copies of window networks in half precision and eight bits: they run, or are at fault."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from openpaf.evaluate.window_fidelity import compare_window_networks, people_windows
from openpaf.export.quantize import to_fp16, to_int8
from openpaf.export.window import export_window_onnx
from openpaf.models import WindowCard
from openpaf.network.window import WindowNetConfig, build_window_net
from openpaf.skeleton import COCO_17, FACE_70, HAND_21, Skeleton
from openpaf.topdown import WindowNetwork, open_window_network


def test_copies_describe_themselves_and_run(tmp_path: Path, rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    net = build_window_net(WindowNetConfig(width=0.125, size=(64, 64), layers=10)).eval()
    path = tmp_path / "net.onnx"
    export_window_onnx(net, path, name="net", license="none", training_data="none")
    original = open_window_network(path, device="cpu", threads=1)
    windows = list(rng.integers(0, 256, (4, 64, 64, 3), np.uint8))
    half, eight = tmp_path / "half.onnx", tmp_path / "eight.onnx"
    to_fp16(path, half, original.card)
    to_int8(path, eight, original.card, windows)
    for copy in (half, eight):
        assert copy.stat().st_size < 0.7 * path.stat().st_size
        other = open_window_network(copy, device="cpu", threads=1)
        assert other.card.size == (64, 64) and other.card.name.startswith("net-")
        fidelity = compare_window_networks(original, other, windows)
        assert fidelity.windows == 4 and fidelity.fault is None


class Peaks:
    """Every part is seen at one cell."""

    provider, net_size, max_batch = "test", None, None
    card = WindowCard(name="peaks", skeleton=COCO_17, size=(64, 64))

    def __init__(self, cell: int) -> None:
        self.cell = cell

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        maps = np.zeros((len(net_frames), 17, 16, 16), np.float32)
        maps[:, :, 8, self.cell] = 1
        return {"maps": maps}


def test_a_copy_that_sees_other_places_is_at_fault() -> None:
    windows = [np.zeros((64, 64, 3), np.uint8)] * 2
    same = compare_window_networks(WindowNetwork(Peaks(8)), WindowNetwork(Peaks(8)), windows)
    other = compare_window_networks(WindowNetwork(Peaks(8)), WindowNetwork(Peaks(10)), windows)
    assert same.parts == 34 and same.fault is None
    assert other.fault is not None and "0% of the parts" in other.fault


@pytest.mark.parametrize("skeleton", [COCO_17, HAND_21, FACE_70])
def test_copies_are_compared_on_what_they_look_at(shared: Path, skeleton: Skeleton) -> None:
    peaks = Peaks(8)
    peaks.card = replace(Peaks.card, skeleton=skeleton)
    network = WindowNetwork(peaks)
    frames = [shared / "media/COCO_val2014_000000000241.jpg", np.zeros((90, 120, 3), np.uint8)]
    seen, nobody = ([*people_windows(network, [frame])] for frame in frames)
    assert len(nobody) == 1
    most = 8 if skeleton is HAND_21 else 4
    assert 1 < len(seen) <= most
    assert {pixels.shape for pixels in seen} == {(64, 64, 3)}
