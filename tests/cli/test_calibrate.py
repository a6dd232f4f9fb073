"""`openpaf calibrate` refuses in one line what could not be written after minutes of work."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpaf import cli
from openpaf.models import WindowCard
from openpaf.skeleton import COCO_17

pytest.importorskip("onnxruntime")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images/1.png"), np.zeros((20, 20, 3), np.uint8))
    (tmp_path / "person_keypoints.json").write_text(
        json.dumps(
            {
                "images": [{"id": 1, "file_name": "1.png", "width": 20, "height": 20}],
                "annotations": [
                    {
                        "id": 1,
                        "image_id": 1,
                        "category_id": 1,
                        "keypoints": [5, 5, 2] * 17,
                        "num_keypoints": 17,
                        "bbox": [0, 0, 9, 9],
                        "area": 81,
                        "iscrowd": 0,
                    }
                ],
                "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.parts)}],
            }
        )
    )
    return tmp_path


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--card", "window.toml"], "the card of a window network lies beside it: net.toml"),
        (["--out", "other.onnx"], "other.onnx cannot be made of net.xml"),
        (["--out", "other.pt"], "must be an .onnx network or a .toml card"),
    ],
)
def test_refused_before_anything_is_looked_at(
    words: list[str],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    for name in ("net.xml", "net.bin"):
        Path(name).write_bytes(b"")
    Path("window.toml").write_text(WindowCard(name="one", skeleton=COCO_17).to_toml())
    with pytest.raises(SystemExit) as stopped:
        cli.main(["calibrate", "net.xml", ".", *words])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
