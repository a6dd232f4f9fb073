"""Published checkpoints through the converter, to the golden outputs in ONNX Runtime."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxruntime")
safetensors_torch = pytest.importorskip("safetensors.torch")
pytest.importorskip("google.protobuf")

from openpaf.convert import convert
from openpaf.convert.convert import _READERS
from openpaf.convert.layouts import LAYOUTS, build_network, match_layout, plain_names
from openpaf.convert.torch_files import safetensors_tensors, torch_tensors
from openpaf.errors import CheckpointError, ConfigError, MissingExtraError
from openpaf.network.mobilenet_openpose import MobileNetOpenPose
from openpaf.network.published import published_network
from tests.convert.test_caffe import packed_net
from tests.export.test_onnx import run_behind_normalisation
from tests.network.test_published import GOLDEN, seed_network


def write_caffemodel(network: Any, path: Path, generation: str) -> None:
    """Write every layer of a network as Caffe does: bias after weight, one slope a PReLU."""
    net = packed_net(raw=True)
    for name, module in network.named_children():
        layer = getattr(net, generation).add(name=name)
        for parameter in module.parameters():
            blob = layer.blobs.add()
            blob.shape.dim.extend(parameter.shape)
            blob.data = parameter.detach().numpy().tobytes()
    path.write_bytes(net.SerializeToString())


@pytest.mark.parametrize(
    ("layout", "generation"), list(zip(GOLDEN, ["layer", "layers", "layer", "layers"], strict=True))
)
def test_caffemodel_to_golden_outputs_in_onnxruntime(
    layout: str, generation: str, shared: Path, tmp_path: Path
) -> None:
    network = published_network(layout)
    seed_network(network)
    write_caffemodel(network, tmp_path / "net.caffemodel", generation)
    conversion = convert(tmp_path / "net.caffemodel", tmp_path / "net.onnx")
    assert (conversion.layout, conversion.parameters) == (layout, GOLDEN[layout][1])
    assert conversion.unused == ()

    golden = np.load(shared / "golden" / "networks" / f"{GOLDEN[layout][0]}.npz")
    # The golden input is a normalised float picture, which uint8 frames cannot express; so the
    # graph is fed behind its normalisation.
    outputs = run_behind_normalisation(tmp_path / "net.onnx", golden["input"])
    skeleton = network.skeleton
    maps = golden["output"][:, : len(skeleton.parts)]
    order = [channel for pair in skeleton.paf_channels for channel in pair]
    pafs = golden["output"][:, len(skeleton.parts) + 1 :][:, order]
    largest = np.abs(golden["output"]).max()
    assert np.abs(outputs[0] - maps).max() <= 1e-4 * largest
    assert np.abs(outputs[1] - pafs).max() <= 1e-4 * largest


@pytest.fixture(scope="module")
def lightweight() -> MobileNetOpenPose:
    torch.manual_seed(5)
    network = MobileNetOpenPose()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1)
    return network.eval()


def test_lightweight_checkpoint(lightweight: MobileNetOpenPose, tmp_path: Path) -> None:
    state = {f"module.{name}": value for name, value in lightweight.state_dict().items()}
    # Trained with three refinement stages, published to be run with one.
    state |= {
        name.replace("stages.0", "stages.2"): value
        for name, value in state.items()
        if "refinement_stages" in name
    }
    optimizer = {"state": {0: {"step": 3}}, "param_groups": []}
    path = tmp_path / "checkpoint_iter_370000.pth"
    torch.save(
        {"state_dict": state, "optimizer": optimizer, "iter": 370000},
        path,
        _use_new_zipfile_serialization=False,
    )
    conversion = convert(path, tmp_path / "net.onnx", license="Apache-2.0")
    assert conversion.layout == "mobilenet-openpose"
    assert all("stages.2" in name for name in conversion.unused)
    assert conversion.difference <= 1e-4
    # Exactly Open Model Zoo's 4,098,678 numbers less the one 128 x 128 layer it adds (and its 516).
    trained = sum(parameter.numel() for parameter in lightweight.parameters())
    norms = [m for m in lightweight.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert conversion.parameters == trained + 2 * sum(norm.num_features for norm in norms)


def test_lightweight_stages_and_view(lightweight: MobileNetOpenPose) -> None:
    with torch.inference_mode():
        outputs = lightweight(torch.zeros(1, 3, 24, 40))
    assert [kind for kind, _ in outputs] == ["confidence_maps", "pafs"] * 2
    assert [tuple(maps.shape) for _, maps in outputs[2:]] == [(1, 19, 3, 5), (1, 38, 3, 5)]


@pytest.mark.parametrize("prefix", ["", "model0.", "module.model2_2."])
def test_ports_prefix_the_layer_names(prefix: str) -> None:
    network = published_network("vgg19-mpi-4")
    tensors = {f"{prefix}{name}": value.numpy() for name, value in network.state_dict().items()}
    plain = plain_names(tensors)
    assert match_layout(plain) == ("vgg19-mpi-4", ())
    rebuilt = build_network(plain, "vgg19-mpi-4")
    for name, value in network.state_dict().items():
        assert torch.equal(rebuilt.state_dict()[name], value)


def empty_tensors(layout: str) -> dict[str, np.ndarray]:
    """Tensors of a layout's shapes that take no memory."""
    with torch.device("meta"):
        state = LAYOUTS[layout]().state_dict()
    zero = np.zeros((), np.float32)
    return {
        name: np.broadcast_to(zero, tuple(value.shape))
        for name, value in state.items()
        if value.is_floating_point()
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_is_told_from_the_others(layout: str) -> None:
    assert match_layout(empty_tensors(layout)) == (layout, ())


def test_unknown_layout_names_the_nearest_layer_that_differs() -> None:
    tensors = empty_tensors("vgg19-coco")
    tensors["Mconv7_stage6_L2.weight"] = np.zeros((20, 128, 1, 1), np.float32)
    with pytest.raises(CheckpointError, match="vgg19-coco.*Mconv7_stage6_L2.weight.*20, 128"):
        match_layout(tensors)
    tensors = empty_tensors("vgg19-body25")
    del tensors["Mprelu3_stage2_L2_1.weight"]
    with pytest.raises(CheckpointError, match=r"vgg19-body25, 1 .*Mprelu3_stage2_L2_1.*lacks"):
        match_layout(tensors)
    tensors = empty_tensors("vgg19-coco") | {"Mconv1_stage7_L1.weight": np.zeros(3, np.float32)}
    with pytest.raises(CheckpointError, match="Mconv1_stage7_L1.weight: only the file has it"):
        match_layout(tensors)


def test_asked_for_layout_takes_its_part_of_a_file() -> None:
    tensors = empty_tensors("vgg19-mpi")
    layout, unused = match_layout(tensors, "vgg19-mpi-4")
    assert layout == "vgg19-mpi-4"
    assert {name.split("_")[1] for name in unused} == {"stage5", "stage6"}
    with pytest.raises(CheckpointError, match="not this layout"):
        match_layout(tensors, "vgg19-coco")
    with pytest.raises(ConfigError, match="vgg19-coco"):
        match_layout(tensors, "vgg16")


class Harmful:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.trace,)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickle_that_wants_to_run_code_is_refused(zipped: bool, tmp_path: Path) -> None:
    path, trace = tmp_path / "net.pth", tmp_path / "trace"
    content = {"state_dict": {"conv1_1.weight": torch.zeros(1)}, "extra": Harmful(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="run code"):
        convert(path, tmp_path / "net.onnx")
    assert not trace.exists()
    assert not (tmp_path / "net.onnx").exists()


@pytest.mark.parametrize(
    "content", [[torch.zeros(3)], {"iter": 3}, {"names": ["a"]}, torch.zeros(3)]
)
def test_torch_file_without_a_state_dict(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="expected a state dict"):
        torch_tensors(tmp_path / "net.pth")


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".caffemodel"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html>404</html>", b"\x80\x02}"])
def test_damaged_file(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="net"):
        convert(path, tmp_path / "net.onnx")
    with pytest.raises(CheckpointError, match="cannot be read"):
        convert(tmp_path / f"missing{suffix}", tmp_path / "net.onnx")


def test_truncated_torch_file(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"conv1_1.weight": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(CheckpointError, match="damaged|cannot be read"):
        torch_tensors(path)


def test_reduced_precision_is_read_as_float32(tmp_path: Path) -> None:
    state = {"a": torch.ones(2, dtype=torch.float16), "b": torch.ones(2, dtype=torch.bfloat16)}
    torch.save(state | {"count": torch.tensor(3)}, tmp_path / "net.pt")
    safetensors_torch.save_file(state, tmp_path / "net.safetensors")
    for tensors in (
        torch_tensors(tmp_path / "net.pt"),
        safetensors_tensors(tmp_path / "net.safetensors"),
    ):
        assert set(tensors) == {"a", "b"}
        assert all(value.dtype == np.float32 and value.all() for value in tensors.values())


def test_nan_weights_are_named() -> None:
    tensors = empty_tensors("mobilenet-openpose")
    tensors["cpm.conv.0.bias"] = np.full(128, np.nan, np.float32)
    with pytest.raises(CheckpointError, match=r"cpm\.conv\.0\.bias"):
        build_network(tensors, "mobilenet-openpose")


def test_same_layer_twice_is_refused() -> None:
    with pytest.raises(CheckpointError, match="twice"):
        plain_names({"a.conv1_1.bias": np.zeros(1), "b.conv1_1.bias": np.zeros(1)})


def test_file_of_no_kind_that_is_known(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"\.caffemodel"):
        convert(tmp_path / "net.npy", tmp_path / "net.onnx")
    assert ".pth" in _READERS


def tf_pose_graph(tensorflow: Any, path: Path) -> None:
    """Write a frozen graph with tf-pose-estimation's input and output names."""
    v1 = tensorflow.compat.v1
    rng = np.random.default_rng(0)
    with v1.Graph().as_default() as graph:
        x = v1.placeholder(tensorflow.float32, (None, None, None, 3), name="image") / 128.0 - 1.0
        for inputs, outputs in ((3, 8), (8, 8), (8, 57)):
            weight = rng.standard_normal((3, 3, inputs, outputs), dtype=np.float32) / 5
            x = tensorflow.nn.conv2d(x, tensorflow.constant(weight), strides=2, padding="SAME")
        tensorflow.identity(x, name="Openpose/concat_stage7")
    path.write_bytes(graph.as_graph_def().SerializeToString())


def test_tf_pose_graph(tmp_path: Path) -> None:
    tensorflow = pytest.importorskip("tensorflow")
    pytest.importorskip("tf2onnx")
    from openpaf.convert.tensorflow import convert_tf_pose, tf_pose_card
    from openpaf.session import open_session

    source, path = tmp_path / "graph_opt.pb", tmp_path / "net.onnx"
    tf_pose_graph(tensorflow, source)
    assert convert_tf_pose(source, path, tf_pose_card("tf", "Apache-2.0", "COCO")) <= 1e-4
    (fields,) = open_session(path).run(np.zeros((1, 64, 96, 3), np.uint8))
    assert fields.pafs.shape == (38, 8, 12)
    source.write_bytes(source.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="cut short"):
        convert_tf_pose(source, path, tf_pose_card("tf", "Apache-2.0", "COCO"))


def test_tf_pose_graph_without_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from openpaf.convert.tensorflow import convert_tf_pose, tf_pose_card

    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(MissingExtraError, match="tf2onnx"):
        convert_tf_pose(tmp_path / "net.pb", tmp_path / "net.onnx", tf_pose_card("tf", "?", "?"))
