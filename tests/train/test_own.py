"""Own photographs: a folder in, a model that every `--model` takes out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from openpaf import Engine, cli
from openpaf.errors import CheckpointError, ConfigError, DatasetError
from openpaf.skeleton import COCO_17
from openpaf.train.own import recipe_for, start_weights


def test_data_is_not_for_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", str(tmp_path), "--data", "x", "--out", str(tmp_path / "out")])
    assert stopped.value.code == 2 and "--data is for recipes" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_folder_does_not_hide_a_built_in_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(path: Path, _changed: object) -> None:
        raise ConfigError(f"read {path.name}")

    monkeypatch.setattr("openpaf.train.config.read_recipe", read)
    monkeypatch.chdir(tmp_path)
    write_folder(Path("default"))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", "default", "--out", "out"])
    assert stopped.value.code == 2 and "read default.toml" in capsys.readouterr().err


def write_folder(folder: Path, photographs: int = 2, images: str = "images") -> Path:
    place = folder / images
    place.mkdir(parents=True, exist_ok=True)
    parts = np.random.default_rng(0).uniform(20, 180, (17, 2))
    triples = np.column_stack([parts, np.full(17, 2)]).round(1).ravel().tolist()
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.parts)}],
    }
    for n in range(photographs):
        cv2.imwrite(str(place / f"{n}.png"), np.full((200, 200, 3), 90, np.uint8))
        content["images"].append({"id": n, "file_name": f"{n}.png", "width": 200, "height": 200})
        content["annotations"].append(
            {
                "id": n, "image_id": n, "category_id": 1, "keypoints": triples,
                "num_keypoints": 17, "bbox": [20, 20, 160, 160], "area": 20000, "iscrowd": 0,
            }
        )  # fmt: skip
    (folder / "mine.json").write_text(json.dumps(content))
    return folder


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["train", *map(str, words)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_from_photographs_to_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "photos")
    monkeypatch.chdir(tmp_path)
    assert run("photos", "--images", "1", "--threads", "1") == 0
    said = capfd.readouterr().err
    assert "use it with --model runs/photos/model.onnx" in said.replace("\n", " ")
    with Engine(tmp_path / "runs/photos/model.onnx") as engine, Engine() as bundled:
        assert engine.card.name == "photos"
        assert engine.card.calibration == bundled.card.calibration


def test_how_much_is_seen_follows_from_how_much_there_is(tmp_path: Path) -> None:
    assert recipe_for(write_folder(tmp_path / "few")).images == 400
    assert recipe_for(write_folder(tmp_path / "more", 12)).images == 480
    assert recipe_for(tmp_path / "more", 7).images == 7
    assert recipe_for(tmp_path / "few").sets[0].images == ("images",)
    assert recipe_for(write_folder(tmp_path / "flat", images=".")).sets[0].images == (".",)


def test_folders_and_weights_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="must hold person_keypoints.json or exactly one other"):
        recipe_for(tmp_path)
    write_folder(tmp_path, 0)
    with pytest.raises(DatasetError, match="lists no photographs"):
        recipe_for(tmp_path)
    with pytest.raises(CheckpointError, match="start from a .pt or .safetensors of a run, or"):
        start_weights(tmp_path / "none.pt")
    assert start_weights(Path("default")).is_file()


def test_a_folder_that_was_forgotten_or_mistyped_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for words, said in (([], "name a folder of annotated"), (["photos"], "there is no folder 'ph")):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["train", *words])
        assert stopped.value.code == 2 and said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
