"""Exported files agree with torch, describe themselves, and appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

from openpaf.errors import ExportError, OutputError
from openpaf.export import agreement
from openpaf.export.agreement import prove
from openpaf.export.onnx import export_onnx
from openpaf.models.card import METADATA_KEY, ModelCard
from openpaf.network.graph import FramesToFields
from openpaf.network.pafnet import NetworkConfig, PafNet

ABOUT = {"name": "tiny", "license": "Apache-2.0", "training_data": "none"}


def tiny_network(backbone: str = "vgg19") -> PafNet:
    torch.manual_seed(3)
    config = NetworkConfig(
        backbone=backbone,
        width=1 / 16,
        paf_stages=2,
        map_stages=1,
        paf_width=4,
        paf_blocks=1,
        map_width=4,
        map_blocks=1,
    )
    network = PafNet(config)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):  # as after training, so that folding shows
                module.running_mean.normal_(0, 0.1)
                module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[PafNet, Path]:
    network = tiny_network()
    path = tmp_path_factory.mktemp("export") / "tiny.onnx"
    difference = export_onnx(network.train(), path, **ABOUT, net_height=256)
    assert 0 < difference <= agreement.TOLERANCE
    assert network.training
    assert all(
        map(torch.equal, network.state_dict().values(), tiny_network().state_dict().values())
    )
    return network.eval(), path


def predict(network: PafNet, frames: np.ndarray) -> list[np.ndarray]:
    with torch.inference_mode():
        return [maps.numpy() for maps in FramesToFields(network)(torch.from_numpy(frames))]


def run_behind_normalisation(path: Path, normalised: np.ndarray) -> list[np.ndarray]:
    """Run an exported file from its first convolution on."""
    graph = onnx.load(path).graph
    entry = next(node for node in graph.node if node.op_type == "Conv").input[0]
    cut = path.with_name("cut.onnx")
    onnx.utils.extract_model(path, cut, [entry], [output.name for output in graph.output])
    return onnxruntime.InferenceSession(cut).run(None, {entry: normalised})


@pytest.mark.parametrize("shape", [(1, 8, 8), (1, 72, 56), (2, 24, 104), (3, 64, 64)])
def test_any_batch_height_and_width(
    exported: tuple[PafNet, Path], shape: tuple[int, int, int], rng: np.random.Generator
) -> None:
    network, path = exported
    frames = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    got = onnxruntime.InferenceSession(path).run(None, {"frames": frames})
    batch, height, width = shape
    assert got[0].shape == (batch, 18, height // 8, width // 8)
    assert got[1].shape == (batch, 38, height // 8, width // 8)
    for expected, output in zip(predict(network, frames), got, strict=True):
        assert np.abs(expected - output).max() <= 1e-4 * np.abs(expected).max()


def test_graph_is_the_network_with_everything_around_it(rng: np.random.Generator) -> None:
    network = tiny_network()
    network.paf_channels = tuple((y, x) for x, y in reversed(network.paf_channels))
    network.color = "rgb"
    network.scale, network.offset = (0.5, 0.25, 0.125), (1.0, 2.0, 3.0)
    frames = rng.integers(0, 256, (1, 16, 24, 3), dtype=np.uint8)
    normalised = frames[..., ::-1] * np.float32(network.scale) + np.float32(network.offset)
    with torch.inference_mode():
        maps, pafs = network.predict(torch.from_numpy(normalised.transpose(0, 3, 1, 2).copy()))
    got_maps, got_pafs = predict(network, frames)
    np.testing.assert_allclose(got_maps, maps[:, :18].numpy(), atol=1e-6)
    np.testing.assert_allclose(got_pafs, pafs.numpy()[:, ::-1], atol=1e-6)


def test_normalising_inside_is_bit_identical_to_normalising_outside(
    exported: tuple[PafNet, Path], rng: np.random.Generator
) -> None:
    network, path = exported
    frames = rng.integers(0, 256, (2, 40, 64, 3), dtype=np.uint8)
    outside = frames * np.float32(network.scale) + np.float32(network.offset)
    inside = onnxruntime.InferenceSession(path).run(None, {"frames": frames})
    behind = run_behind_normalisation(path, np.ascontiguousarray(outside.transpose(0, 3, 1, 2)))
    for one, other in zip(inside, behind, strict=True):
        np.testing.assert_array_equal(one, other)


def test_file_describes_itself(exported: tuple[PafNet, Path]) -> None:
    _, path = exported
    model = onnx.load(path)
    onnx.checker.check_model(model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    card = ModelCard.from_json(metadata[METADATA_KEY])
    assert (card.name, card.license, card.net_height) == ("tiny", "Apache-2.0", 256)
    assert card.skeleton.name == "COCO_18"
    sizes = [size.dim_param for size in model.graph.input[0].type.tensor_type.shape.dim]
    assert sizes == ["batch", "height", "width", ""]
    assert not any(node.op_type == "BatchNormalization" for node in model.graph.node)


def test_mobilenet_front_at_sides_that_are_no_multiple_of_16(tmp_path: Path) -> None:
    assert export_onnx(tiny_network("mobilenet"), tmp_path / "net.onnx", **ABOUT) <= 1e-4


def test_disagreement_is_an_error_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agreement, "TOLERANCE", 1e-12)
    old = tmp_path / "net.onnx"
    old.write_bytes(b"an earlier export")
    with pytest.raises(ExportError, match="differ"):
        export_onnx(tiny_network(), old, **ABOUT)
    assert old.read_bytes() == b"an earlier export"
    assert list(tmp_path.iterdir()) == [old]


def test_nan_never_counts_as_agreement(exported: tuple[PafNet, Path]) -> None:
    network = tiny_network()
    with torch.no_grad():
        network.map_stages[0].head.bias.fill_(torch.nan)
    with pytest.raises(ExportError, match="nan"):
        prove(network, exported[1])


def test_file_that_onnxruntime_cannot_load_fails_the_proof(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no model")
    with pytest.raises(ExportError, match="cannot load"):
        prove(tiny_network(), tmp_path / "net.onnx")


def test_unwritable_place_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(OutputError, match="net.onnx"):
        export_onnx(tiny_network(), tmp_path / "file" / "net.onnx", **ABOUT)
