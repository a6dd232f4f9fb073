"""Closer looks at hands and faces: whose they are, which side, and what none is made of."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import openpaf
from openpaf import Engine, default_engine
from openpaf.errors import ConfigError, ModelError, ModelNotFoundError
from openpaf.models import WindowCard
from openpaf.poses import Poses
from openpaf.skeleton import BODY_25, COCO_17, FACE_70, HAND_21, MPI_15, Skeleton
from openpaf.topdown import WindowNetwork, kept_network
from openpaf.topdown.closer import LEAST_PRESENCE, CloserLook, CloserNetworks, find_closer_network
from tests.networks import write_nobody, write_window

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from benchmarks.scenes import dots  # needs onnx

ARM = ("right_shoulder", "right_elbow", "right_wrist")
HEAD = ("nose", "right_eye", "right_ear")


class Corner:
    """Every part is a quarter of the way across and down each window, as sure as it is bright."""

    provider, net_size, max_batch = "test", None, None

    def __init__(self, skeleton: Skeleton = HAND_21) -> None:
        self.card = WindowCard(
            name="corner", skeleton=skeleton, size=(64, 64), reading="coordinates", box_factor=1.0
        )
        self.batches: list[int] = []

    def outputs(self, windows: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        self.batches.append(len(windows))
        parts = len(self.card.skeleton.parts)
        sure = windows.mean(axis=(1, 2, 3)) / 255
        one = np.full((len(windows), parts, 3), 15.75)
        one[..., 2] = sure[:, None]
        return {"maps": one}


def look_of(runtime: Any, monkeypatch: pytest.MonkeyPatch, name: str = "hands") -> CloserLook:
    opened = WindowNetwork(runtime)
    monkeypatch.setattr(kept_network, "open_window_network", lambda *_, **__: opened)
    return CloserLook(name, Path("net.onnx"), 20, {})


def bodies(*places: tuple[float, float], size: float = 40.0) -> Poses:
    """People who hold both forearms straight up; hands are above the wrists."""
    keypoints = np.full((len(places), 25, 2), np.nan)
    for n, (x, y) in enumerate(places):
        for side, to in (("right", -1), ("left", 1)):
            keypoints[n, BODY_25.index(f"{side}_elbow")] = (x + to * size, y)
            keypoints[n, BODY_25.index(f"{side}_wrist")] = (x + to * size, y - size)
    scores = np.isfinite(keypoints[..., 0]).astype(np.float32)
    return Poses(keypoints, scores, np.ones(len(places)), BODY_25, frame_size=(400, 300))


def bright(*boxes: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    frame = np.zeros((300, 400, 3), np.uint8)
    for x0, y0, x1, y1 in boxes:
        frame[y0:y1, x0:x1] = 255
    return frame


def test_left_and_right_keep_their_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Corner()
    poses = look_of(runtime, monkeypatch).look(bodies((200, 200)), bright((0, 0, 400, 300)))
    assert runtime.batches == [2]
    left, right = poses.hands.keypoints[0, :, 7]
    # A window is 52 px wide, 14 px beyond the wrist. The left one is shown mirrored, so that what
    # lies left in it lies right of its middle in the frame.
    np.testing.assert_allclose(left, (240 + 13, 200 - 40 - 14 - 13), atol=0.01)
    np.testing.assert_allclose(right, (160 - 13, 200 - 40 - 14 - 13), atol=0.01)
    np.testing.assert_allclose(poses.hands.presence, [[1, 1]])
    assert poses.timings["hands"] > 0


def test_what_is_not_there_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    right_only = bright((0, 0, 200, 300))
    poses = look_of(Corner(), monkeypatch).look(bodies((200, 200)), right_only)
    np.testing.assert_array_equal(poses.hands.presence, [[0, 1]])
    assert np.isnan(poses.hands.keypoints[0, 0]).all() and not poses.hands.scores[0, 0].any()
    dim = (right_only * (LEAST_PRESENCE - 0.02)).astype(np.uint8)
    assert not look_of(Corner(), monkeypatch).look(bodies((200, 200)), dim).hands.presence.any()


def test_nobody_and_people_without_forearms(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Corner()
    look = look_of(runtime, monkeypatch)
    frame = bright((0, 0, 400, 300))
    nobody = look.look(Poses.empty(BODY_25), frame)
    assert nobody.hands.keypoints.shape == (0, 2, 21, 2) and "hands" in nobody.part_sets
    body = bodies((200, 200), (100, 200))
    keypoints, scores = body.keypoints.copy(), body.scores.copy()
    for part in ("left_elbow", "right_wrist"):
        keypoints[0, BODY_25.index(part)], scores[0, BODY_25.index(part)] = np.nan, 0
    poses = look.look(replace(body, keypoints=keypoints, scores=scores), frame)
    np.testing.assert_array_equal(poses.hands.presence, [[0, 0], [1, 1]])
    assert runtime.batches == [2]


def test_windows_off_the_frame_and_tiny_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Corner()
    look = look_of(runtime, monkeypatch)
    frame = bright((0, 0, 400, 300))
    poses = look.look(bodies((390, 200), (-500, 0), (1e7, 1e7), (200, 20)), frame)
    np.testing.assert_array_equal(poses.hands.presence > 0, [[0, 1], [0, 0], [0, 0], [0, 0]])
    assert not look.look(bodies((200, 200), size=5), frame).hands.presence.any()


def test_a_hundred_hands_go_through_together(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Corner()
    crowd = bodies(*[(20 + 35 * (n % 10), 60 + 20 * (n // 10)) for n in range(50)], size=15)
    monkeypatch.setattr("openpaf.topdown.network._MOST", 200)
    look = look_of(runtime, monkeypatch)
    look.limit = 50
    poses = look.look(crowd, bright((0, 0, 400, 300)))
    assert (poses.hands.presence > 0).sum() == 100 == sum(runtime.batches)
    look.limit = 3
    assert (look.look(crowd, bright((0, 0, 400, 300))).hands.presence > 0).any(axis=1).sum() == 3


def test_networks_of_other_parts(tmp_path: Path) -> None:
    hand = write_window(tmp_path / "hand.onnx", HAND_21)
    face = write_window(tmp_path / "face.onnx", FACE_70)
    body = write_window(tmp_path / "body.onnx", COCO_17)
    assert CloserLook("hands", hand, 20, {}).network.skeleton == HAND_21
    with pytest.raises(ConfigError, match="parts of FACE_70, hands needs .* those of HAND_21"):
        CloserLook("hands", face, 20, {})
    with pytest.raises(ConfigError, match="parts of COCO_17, face needs .* those of FACE_70"):
        CloserLook("face", body, 20, {})
    with pytest.raises(ModelError, match="gives fields of whole frames"):
        CloserLook("face", write_nobody(tmp_path / "fields.onnx"), 20, {})
    with pytest.raises(ConfigError, match="refine_limit must be"):
        CloserLook("face", face, 0, {})


def test_bodies_that_do_not_say_where_faces_are(tmp_path: Path) -> None:
    face = write_window(tmp_path / "face.onnx", FACE_70)
    networks = CloserNetworks(Path("first.onnx"), MPI_15, 20, {})
    for asked in (True, face):
        with pytest.raises(ConfigError, match="^face cannot be looked for: MPI_15 has no nose.*$"):
            networks.looks({"hands": False, "face": asked})
    hand = write_window(tmp_path / "hand.onnx", HAND_21)
    assert len(networks.looks({"hands": hand, "face": False})) == 1
    legs = Skeleton("LEGS", ("left_knee", "left_ankle"), ((0, 1),))
    with pytest.raises(ConfigError, match="hands cannot be looked for: LEGS has no left_elbow"):
        CloserNetworks(Path("first.onnx"), legs, 20, {}).looks({"hands": hand})


@pytest.mark.parametrize("name", ["hands", "face"])
def test_what_names_no_network(name: str) -> None:
    for asked in (3, None, ["hand.onnx"]):
        with pytest.raises(ConfigError, match=f"{name} must be True, False or a window network"):
            find_closer_network(name, asked)  # type: ignore[arg-type]
    with pytest.raises(ModelNotFoundError, match=r"nowhere\.onnx"):
        CloserNetworks(Path("first.onnx"), BODY_25, 20, {}).looks({name: "nowhere.onnx"})


def test_none_bundled_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openpaf_weights.__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(ConfigError, match="hands='hand.onnx', or --hands hand.onnx$"):
        find_closer_network("hands", True)
    (tmp_path / "face.onnx").touch()
    assert find_closer_network("face", True) == tmp_path / "face.onnx"


@pytest.fixture
def arm(tmp_path: Path) -> Path:
    return dots.save_network(tmp_path / "arm.onnx", ARM)


@pytest.fixture
def hand(tmp_path: Path) -> Path:
    return write_window(tmp_path / "hand.onnx", HAND_21)


def wrist(index: int) -> tuple[int, int]:
    """Where a frame of `dots` is reddest, which is all parts of the hand."""
    x, y = dots.neck(index)
    return x + 64, y


def test_the_engine_finds_hands(arm: Path, hand: Path) -> None:
    with Engine(arm, hands=hand, threads=1) as engine:
        poses = engine.detect(dots.frame(9))
        assert list(poses.timings)[-1] == "hands"
        assert "face" not in poses.part_sets and np.isnan(poses.face.keypoints).all()
        middle = poses[0].hands.keypoints[1].mean(axis=0)
        np.testing.assert_allclose(middle, wrist(9), atol=1.5)
        assert poses[0].hands.presence[1] > 0.9 and poses[0].hands.presence[0] == 0
        (again,) = engine.detect([dots.frame(9)])
        assert again == poses
        bare = engine.detect(dots.frame(9), hands=False)
        assert not bare.part_sets and "hands" not in bare.timings
        copy = pickle.loads(pickle.dumps(engine))
        assert copy.detect(dots.frame(9)) == poses
        copy.close()


def test_the_engine_finds_faces(tmp_path: Path) -> None:
    face = write_window(tmp_path / "face.onnx", FACE_70, channel=0)
    with Engine(dots.save_network(tmp_path / "head.onnx", HEAD), threads=1) as engine:
        assert engine.prepare(dots.frame(9)).frame is None
        poses = engine.detect(dots.frame(9), face=face)
        assert engine.closer_looks() == () and "hands" not in poses.timings
        nose = poses[0].face.keypoints.mean(axis=0)
        np.testing.assert_allclose(nose, dots.neck(9), atol=3)
        assert poses.face.presence[0] > 0.9


def test_detect_takes_them(arm: Path, hand: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Engine(arm, threads=1) as engine:
        monkeypatch.setattr(default_engine, "_default", engine)
        poses = openpaf.detect(dots.frame(3), hands=hand)
        np.testing.assert_allclose(poses.hands.keypoints[0, 1].mean(axis=0), wrist(3), atol=1.5)
        assert openpaf.detect(dots.frame(3)).part_sets == {}
        with pytest.raises(ConfigError, match="face must be True, False or a window network"):
            openpaf.detect(dots.frame(3), face=1)  # type: ignore[call-overload]
