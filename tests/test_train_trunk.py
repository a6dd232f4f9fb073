"""Pretrained trunks and the teacher that training starts from and learns from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openpaf.errors import ConfigError, ModelNotFoundError

torch = pytest.importorskip("torch")

from openpaf.network.pafnet import NetworkConfig, PafNet
from openpaf.train.config import DataSetConfig, TrainConfig
from openpaf.train.teacher import OpenVinoTeacher
from openpaf.train.trunk import read_trunk

POSE = Path("models/human-pose-estimation-0001/human-pose-estimation-0001.xml")
IMAGENET = Path("models/mobilenet-v1-imagenet/mobilenet_v1_1.0.npz")


def trunk_of(path: Path) -> PafNet:
    net = PafNet(NetworkConfig(front="mobilenet", stage_width=8, stage_blocks=1)).eval()
    net.front.load_trunk(read_trunk(path))
    return net


def test_the_trunk_of_a_pose_network_computes_what_it_did_there(
    shared: Path, rng: np.random.Generator
) -> None:
    openvino = pytest.importorskip("openvino")
    frame = np.kron(rng.integers(0, 256, (4, 5, 3)), np.ones((16, 16, 1))).astype(np.float32)
    model = openvino.Core().read_model(shared / POSE)
    last = next(op for op in model.get_ops() if op.get_friendly_name() == "relu5_5/sep")
    model.add_outputs([last.output(0)])
    model.reshape({0: [1, 3, 64, 80]})
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(model, "CPU", exact)
    theirs = compiled(frame.transpose(2, 0, 1)[None])[2]
    front = trunk_of(shared / POSE).front
    x = torch.from_numpy(frame[..., ::-1].transpose(2, 0, 1)[None].copy()) / 127.5 - 1
    with torch.no_grad():
        for layer in front.trunk():
            x = torch.relu(layer(x))
    # Its activations are rounded to eight bits, ours are not.
    assert np.corrcoef(x.numpy().ravel(), theirs.ravel())[0, 1] > 0.99


def test_an_imagenet_trunk_fits_too(shared: Path) -> None:
    front = trunk_of(shared / IMAGENET).front
    assert front.trunk()[-1].pointwise.weight.std() > 1e-3


@pytest.mark.parametrize("name", ["gone.npz", "gone.xml", "other.npz", "text.npz"])
def test_files_without_a_trunk_are_named(tmp_path: Path, name: str) -> None:
    if name.endswith("xml"):
        pytest.importorskip("openvino")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    (tmp_path / "text.npz").write_text("nothing of use")
    with pytest.raises(ConfigError, match=rf"{name}.*does not hold a MobileNet v1 trunk"):
        read_trunk(tmp_path / name)


def test_the_teacher_looks_at_several_sizes(shared: Path, rng: np.random.Generator) -> None:
    pytest.importorskip("openvino")
    teacher = OpenVinoTeacher(shared / POSE, 2, 64, (1.0, 1.5), threads=1)
    frames = rng.integers(0, 256, (2, 64, 64, 3), np.uint8)
    for scale in (1.0, 1.5):
        maps, pafs, features = teacher.fields(frames, scale)
        assert maps.shape == (2, 19, 8, 8)
        assert pafs.shape == (2, 38, 8, 8)
        assert (features is None) == (scale != 1)


def test_a_missing_teacher_is_named(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(ModelNotFoundError, match=r"gone\.xml"):
        OpenVinoTeacher(tmp_path / "gone.xml", 1, 64, (1.0,), threads=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"teacher_scales": (1.3,)}, "a multiple of 8"),
        ({"teacher_scales": ()}, "at least one"),
        ({"trunk_frozen": 1.5}, "trunk_frozen"),
    ],
)
def test_settings_are_checked(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(sets=(DataSetConfig("a", ("b",)),), **changes)
