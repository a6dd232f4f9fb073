"""Pretrained backbones and the teacher that training starts from and learns from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.errors import ConfigError, ModelNotFoundError
from openpaf.fields import Fields
from openpaf.looks import mirrored

torch = pytest.importorskip("torch")

from openpaf.network.pafnet import NetworkConfig, PafNet
from openpaf.train.backbone_weights import read_backbone_weights
from openpaf.train.config import DataSetConfig, TrainConfig
from openpaf.train.fit import Trainer
from openpaf.train.teacher import OpenVinoTeacher

POSE = Path("models/human-pose-estimation-0001/human-pose-estimation-0001.xml")
IMAGENET = Path("models/mobilenet-v1-imagenet/mobilenet_v1_1.0.npz")


def backbone_of(path: Path) -> PafNet:
    net = PafNet(NetworkConfig(backbone="mobilenet", paf_width=8, paf_blocks=1)).eval()
    net.backbone.load_pretrained(read_backbone_weights(path))
    return net


def test_the_front_of_a_pose_network_computes_what_it_did_there(
    shared: Path, rng: np.random.Generator
) -> None:
    pytest.importorskip("openvino")
    frame = np.kron(rng.integers(0, 256, (8, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    theirs = OpenVinoTeacher(shared / POSE, 1, 128, threads=1).fields(frame[None])[2]
    backbone = backbone_of(shared / POSE).backbone
    x = torch.from_numpy(frame[..., ::-1].transpose(2, 0, 1)[None].copy()).float() / 127.5 - 1
    with torch.no_grad():
        ours = backbone(x)
    # Its activations are rounded to eight bits, ours are not.
    assert np.corrcoef(ours.numpy().ravel(), theirs.numpy().ravel())[0, 1] > 0.99
    assert float(ours.square().mean() / theirs.square().mean()) == pytest.approx(1, rel=0.1)


def test_an_imagenet_trunk_fits_too(shared: Path) -> None:
    backbone = backbone_of(shared / IMAGENET).backbone
    assert backbone.blocks[-1].pointwise.weight.std() > 1e-3


@pytest.mark.parametrize("name", ["gone.npz", "gone.xml", "other.npz", "text.npz"])
def test_files_without_a_trunk_are_named(tmp_path: Path, name: str) -> None:
    if name.endswith("xml"):
        pytest.importorskip("openvino")
    np.savez(tmp_path / "other.npz", weights=np.zeros(3))
    (tmp_path / "text.npz").write_text("nothing of use")
    with pytest.raises(ConfigError, match=rf"{name}.*does not hold a MobileNet v1 backbone"):
        read_backbone_weights(tmp_path / name)


def test_the_teachers_fields_lie_on_the_cells_of_the_crop(
    shared: Path, rng: np.random.Generator
) -> None:
    pytest.importorskip("openvino")
    teacher = OpenVinoTeacher(shared / POSE, 2, 64, threads=1)
    maps, pafs, features = teacher.fields(rng.integers(0, 256, (2, 64, 64, 3), np.uint8))
    assert maps.shape == (2, 18, 8, 8)
    assert pafs.shape == (2, 38, 8, 8)
    assert features.shape == (2, 128, 8, 8)


def test_a_second_look_is_the_mirrored_larger_crop_brought_to_the_same_cells(shared: Path) -> None:
    pytest.importorskip("openvino")
    picture = cv2.imread(str(shared / "media/COCO_val2014_000000000241.jpg"))
    frame = cv2.resize(picture, (192, 192))

    def look(frame: NDArray[np.uint8], second: float) -> Fields:
        teacher = OpenVinoTeacher(shared / POSE, 1, 192, threads=1, second_look=second)
        maps, pafs, _ = teacher.fields(frame[None])
        return Fields(maps[0].numpy(), pafs[0].numpy())

    once, mirror = look(frame, 0), mirrored(look(frame[:, ::-1], 0))
    twice, larger = look(frame, 1), look(frame, 2)
    for kind in ("confidence_maps", "pafs"):
        first, other = getattr(once, kind), getattr(mirror, kind)
        assert np.abs(first - other).max() > 0.1  # the looks differ
        np.testing.assert_allclose(getattr(twice, kind), (first + other) / 2, atol=0.02)
        assert np.abs(getattr(larger, kind) - getattr(twice, kind)).max() > 0.02
    # The network sees the larger crop anew, but whoever stands there stands on the same cells.
    sure = once.confidence_maps.max(axis=(1, 2)) > 0.5
    assert sure.sum() >= 5
    here = larger.confidence_maps[sure].reshape(sure.sum(), -1).argmax(axis=1)
    there = once.confidence_maps[sure].reshape(sure.sum(), -1).argmax(axis=1)
    apart = np.abs(np.array(np.divmod(here, 24)) - np.divmod(there, 24)).max(axis=0)
    # Several people stand here, and either look may find another one surest.
    assert np.mean(apart <= 1) > 0.5


def test_a_frozen_front_of_the_teachers_is_not_computed_again(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    config = TrainConfig(
        sets=(DataSetConfig("data/coco_train.json", ("data/coco_train.tar",)),),
        network=NetworkConfig(backbone="mobilenet", paf_width=8, map_width=8),
        crop=64, images=3, batch=1, backbone_frozen=0.5, backbone_weights=str(POSE),
        teacher=str(POSE),
    )  # fmt: skip
    trainer = Trainer(config, shared, tmp_path, threads=1)
    before = trainer.net.backbone.conv1.weight.clone()
    computed = []
    trainer.net.backbone.register_forward_hook(lambda *_: computed.append(trainer.step))
    trainer.run(lambda _: None, lambda: trainer.step == 2)
    assert computed == []
    assert torch.equal(before, trainer.net.backbone.conv1.weight)
    resumed = Trainer(config, shared, tmp_path, threads=1)
    resumed.start_from(trainer.save_average())
    assert not resumed.backbone_is_teachers  # rounded to half precision, for one
    resumed.resume(tmp_path / "last.pt")
    assert resumed.backbone_is_teachers
    trainer.run(lambda _: None, lambda: False)
    assert computed == [2]
    resumed.resume(tmp_path / "last.pt")
    assert not resumed.backbone_is_teachers
    assert not torch.equal(before, trainer.net.backbone.conv1.weight)


def test_a_missing_teacher_is_named(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    with pytest.raises(ModelNotFoundError, match=r"gone\.xml"):
        OpenVinoTeacher(tmp_path / "gone.xml", 1, 64, threads=1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbone_frozen": 1.5}, "backbone_frozen"),
        ({"backbone_fixed": -1}, "backbone_fixed"),
        ({"second_look": 0.1}, "second_look"),
    ],
)
def test_settings_are_checked(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TrainConfig(sets=(DataSetConfig("a", ("b",)),), **changes)
