"""`--hands` and `--face` on every verb that finds people, on networks that see coloured dots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import openpaf
from openpaf import cli
from openpaf.skeleton import FACE_70, HAND_21
from tests.networks import write_window

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from benchmarks.scenes import dots  # needs onnx

_ARM = ("right_shoulder", "right_elbow", "right_wrist")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With arm.onnx, hand.onnx, face.onnx, and photo.png of an arm."""
    dots.save_network(tmp_path / "arm.onnx", _ARM)
    write_window(tmp_path / "hand.onnx", HAND_21)
    write_window(tmp_path / "face.onnx", FACE_70)
    cv2.imwrite(str(tmp_path / "photo.png"), dots.frame(9))
    return tmp_path


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main([str(word) for word in words])
    code = stopped.value.code
    return code if isinstance(code, int) else 0


def networks(folder: Path) -> list[str | Path]:
    models = {"--model": "arm", "--hands": "hand", "--face": "face"}
    return [word for key, name in models.items() for word in (key, folder / f"{name}.onnx")]


def right_hand_of(person: dict[str, Any]) -> np.ndarray:
    return np.array(person["hand_right_keypoints_2d"]).reshape(21, 3)


def test_detect(folder: Path) -> None:
    assert run("detect", folder / "photo.png", "-o", folder / "found", *networks(folder)) == 0
    said = json.loads((folder / "found" / "photo_keypoints.json").read_text())
    (person,) = said["people"]
    x, y = dots.neck(9)
    np.testing.assert_allclose(right_hand_of(person)[:, :2].mean(0), (x + 64, y), atol=1.5)
    # An arm has no face, and no other hand.
    assert not any(person["face_keypoints_2d"]) and not any(person["hand_left_keypoints_2d"])
    (read,) = openpaf.read(folder / "found" / "photo_keypoints.json")
    assert read.hands.presence[0, 1] > 0.9


@pytest.mark.parametrize("others", [[], ["--every", "3"], ["--no-track"], ["--no-smooth"]])
def test_run(folder: Path, others: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "film").mkdir()
    for n in range(12):
        cv2.imwrite(str(folder / "film" / f"{n:02d}.png"), dots.frame(n))
    words = ["run", folder / "film", "--ndjson", folder / "a.ndjson", "--stats", "json"]
    assert run(*words, *others, *networks(folder)) == 0
    stages = json.loads(capfd.readouterr().out)
    assert "hands" in json.dumps(stages) and "face" in json.dumps(stages)
    for n, poses in enumerate(openpaf.read(folder / "a.ndjson")):
        assert poses.hands.presence[0, 1] > 0.9 and len(poses) == 1
        x, y = dots.neck(n)
        middle = poses.hands.keypoints[0, 1].mean(axis=0)
        np.testing.assert_allclose(middle, (x + 64, y), atol=3)


def test_none_bundled(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("openpaf.topdown.kept_network.openpaf_weights.__file__", str(folder / "_"))
    (folder / "hand.onnx").unlink()
    assert run("detect", "--hands", folder / "photo.png", "--model", folder / "arm.onnx") == 2
    assert "name one: hands='hand.onnx', or --hands hand.onnx" in capsys.readouterr().err
