"""A skeleton of one's own from the recipe to the pictures, on drawn scarecrows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from benchmarks.scenes import scarecrows
from openpaf import Engine, cli
from openpaf.errors import CheckpointError, ConfigError, DatasetError
from openpaf.network import checkpoint
from openpaf.session import open_runtime
from openpaf.skeleton import COCO_18, Skeleton
from openpaf.skeleton_table import read_skeleton, skeleton_from, table_of
from openpaf.topdown import WindowNetwork
from openpaf.train.config import read_recipe, recipe_from, with_skeleton
from openpaf.train.fit import Trainer
from openpaf.train.own import recipe_for

TINY = """
crop = 64
images = 4
batch = 2
[network]
skeleton = "scarecrow.toml"
backbone = "vgg19"
width = 0.0625
paf_width = 8
paf_blocks = 1
map_width = 8
map_blocks = 1
hidden = 16
[[sets]]
annotations = "train/figures.json"
images = ["train/images"]
"""


@pytest.fixture
def drawn(tmp_path: Path) -> Path:
    """A few pictures, the skeleton and a recipe of a tiny network."""
    scarecrows.main(tmp_path, pictures=3, held_out=2)
    (tmp_path / "tiny.toml").write_text(TINY)
    return tmp_path


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main([*map(str, words)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def change(folder: Path, **category: Any) -> None:
    """Rewrite what the labels say of their parts."""
    path = folder / "train" / "figures.json"
    content = json.loads(path.read_text())
    content["categories"][0].update(category)
    path.write_text(json.dumps(content))


def test_every_stage_knows_the_skeleton(
    drawn: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(drawn)
    skeleton = read_skeleton(Path("scarecrow.toml"))
    words = ("tiny.toml", "--out", "run", "--threads", "1", "--val", "held-out")
    assert run("train", *words) == 0
    assert Path("run/val.csv").is_file()
    said = capfd.readouterr().err.replace("\n", " ")
    assert "left and right: left_glove and right_glove, left_boot and right_boot" in said
    assert Path("run/scarecrow.toml").read_text() == Path("scarecrow.toml").read_text()
    assert read_recipe(Path("run/recipe.toml")) == read_recipe(Path("tiny.toml"))
    Path("scarecrow.toml").unlink()  # from here on it travels with the network
    assert run("export", "run/last.pt", "-o", "net.onnx") == 0
    for model in ("run/last.pt", "net.onnx"):
        with Engine(model) as engine:
            assert engine.card.skeleton == skeleton
            assert engine.detect("held-out/images/0000.png").skeleton == skeleton
    assert run("detect", "held-out/images", "--model", "net.onnx", "--out", "found") == 0
    assert len(list(Path("found").glob("*_keypoints.json"))) == 2
    assert run("val", "held-out", "--model", "net.onnx", "--json", "report.json") == 0
    report = json.loads(Path("report.json").read_text())
    assert report["data"]["parts"] == list(scarecrows.PARTS) and not report["data"]["left_out"]
    assert "PCK@0.2 box" in report["figures"]


def test_a_run_goes_on_with_the_skeleton_it_began_with(drawn: Path) -> None:
    config = read_recipe(drawn / "tiny.toml")
    trainer = Trainer(config, drawn, drawn, threads=1)
    trainer.run(lambda _: None, lambda: True)
    state = checkpoint.load(drawn / "last.pt")
    assert state["recipe"]["network"]["skeleton"]["sigmas"] == {"hat": 0.05}
    assert recipe_from(state["recipe"]) == config
    again = Trainer(config, drawn, drawn, threads=1)
    again.resume(drawn / "last.pt")
    assert again.step == 1
    other = Skeleton("sower", scarecrows.PARTS, scarecrows.LIMBS)
    for_others = Trainer(with_skeleton(config, other), drawn, drawn / "other", threads=1)
    with pytest.raises(
        CheckpointError, match="begun with the skeleton scarecrow, .* recipe's sower"
    ):
        for_others.resume(drawn / "last.pt")


def test_a_network_of_other_parts_gives_what_does_not_depend_on_them(drawn: Path) -> None:
    config = read_recipe(drawn / "tiny.toml")
    first = Trainer(config, drawn, drawn, threads=1)
    first.save()
    for skeleton in (
        Skeleton("arms", scarecrows.PARTS[:4], scarecrows.LIMBS[:3]),
        Skeleton("sower", scarecrows.PARTS, scarecrows.LIMBS),
    ):
        trainer = Trainer(with_skeleton(config, skeleton), drawn, drawn / "other", threads=1)
        fresh = {name: value.clone() for name, value in trainer.net.state_dict().items()}
        trainer.start_from(drawn / "last.pt")
        mine, theirs = trainer.net.state_dict(), first.net.state_dict()
        seen = theirs["map_stages.0.body.0.0.weight"].shape[1] - 12
        for name, value in mine.items():
            if ".head." in name:
                assert torch.equal(value, fresh[name])
            elif name == "map_stages.0.body.0.0.weight":
                assert torch.equal(value[:, :seen], theirs[name][:, :seen])
                assert torch.equal(value[:, seen:], fresh[name][:, seen:])
            else:
                assert torch.equal(value, theirs[name]), name
    with pytest.raises(CheckpointError, match="of another layout: size mismatch"):
        trainer = Trainer(with_skeleton(config, COCO_18), drawn, drawn, threads=1)
        trainer.go_on(drawn / "average.safetensors")


def test_a_folder_of_other_things_describes_itself(
    drawn: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(drawn)
    assert run("train", "train", "--images", "1", "--threads", "1") == 0
    assert "skeleton scarecrow: 7 parts, 6 limbs" in capfd.readouterr().err.replace("\n", " ")
    with Engine("runs/train/model.onnx") as engine:
        assert engine.card.skeleton == Skeleton("scarecrow", scarecrows.PARTS, scarecrows.LIMBS)
        assert not engine.card.calibration.person
    ours = ("--skeleton", "scarecrow.toml", "--out", "ours")
    assert run("train", "train", "--images", "1", "--threads", "1", *ours) == 0
    with Engine("ours/model.onnx") as engine:
        assert engine.card.skeleton.sigmas[0] == 0.05


def test_what_a_folder_says_of_its_parts(drawn: Path) -> None:
    folder = drawn / "train"
    assert recipe_for(folder).images == 3000
    change(drawn, skeleton=[[1, 2], [2, 1], [2, 3], [2, 4], [2, 5], [5, 6], [5, 7]])
    described = skeleton_from(recipe_for(folder).network.skeleton)
    assert described.limbs == ((0, 1), (1, 2), (1, 3), (1, 4), (4, 5), (4, 6))
    for skeleton, message in (
        ([[0, 1]], r"pairs of parts counted from 1 to 7, got \[0, 1\]"),
        ([1, 2], "pairs of parts counted from 1 to 7, got 1"),
        ({"a": 1}, "pairs of parts counted from 1 to 7, got {'a': 1}"),
        (
            [[1, 2]],
            "limbs do not lead from hat to left_glove.*; or .* --skeleton, COCO_18 for",
        ),
        ([], "hat, neck, left_glove"),
    ):
        change(drawn, skeleton=skeleton)
        if not skeleton:
            change(drawn, keypoints=["hat", "n", *scarecrows.PARTS[2:]])
            message = r"other parts than a person's \(hat, n, left_glove\.\.\.\) and says nothing"
        with pytest.raises(DatasetError, match=message):
            recipe_for(folder)
    mine = read_skeleton(drawn / "scarecrow.toml")
    assert recipe_for(folder, 9, mine).network.skeleton == table_of(mine)


def test_labels_of_people_still_go_to_the_bundled_network(drawn: Path) -> None:
    names = ["nose", "neck", "left_wrist", "right_wrist", "left_hip", "left_ankle", "right_ankle"]
    change(drawn, keypoints=names)
    assert recipe_for(drawn / "train").network.skeleton == "COCO_18"
    # A racket without limbs is what a person's network leaves out, as ever.
    change(drawn, keypoints=[*names[:6], "racket"], skeleton=[])
    assert recipe_for(drawn / "train").network.skeleton == "COCO_18"


def test_only_annotations_of_the_first_category_are_learnt(drawn: Path) -> None:
    path = drawn / "train" / "figures.json"
    content = json.loads(path.read_text())
    content["annotations"].append({"id": 99, "image_id": 0, "category_id": 2, "bbox": [0, 0, 9, 9]})
    path.write_text(json.dumps(content))
    Trainer(read_recipe(drawn / "tiny.toml"), drawn, drawn, threads=1)


def test_a_teacher_knows_people_only(drawn: Path) -> None:
    (drawn / "tiny.toml").write_text('teacher = "some.xml"\n' + TINY)
    with pytest.raises(ConfigError, match="a teacher knows the parts of COCO_18 only"):
        read_recipe(drawn / "tiny.toml")


def test_a_recipe_whose_skeleton_cannot_be(drawn: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = drawn / "scarecrow.toml"
    path.write_text(path.read_text().replace('["neck", "hat"]', '["neck", "hatt"]'))
    with pytest.raises(ConfigError, match=r"scarecrow\.toml: limbs, entry 1 names 'hatt'"):
        read_recipe(drawn / "tiny.toml")
    assert run("train", drawn / "tiny.toml", "--skeleton", "COCO_19", "--out", drawn / "x") == 2
    assert "--skeleton must be one of COCO_17" in capfd.readouterr().err.replace("\n", " ")


def test_a_window_network_of_ones_own_parts(
    drawn: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(drawn)
    sets = TINY[TINY.index("[[sets]]") :]
    Path("window.toml").write_text(
        'kind = "simple_baseline"\nimages = 2\nbatch = 2\n[network]\nwidth = 0.0625\n'
        'size = [64, 64]\nlayers = 10\nskeleton = "scarecrow.toml"\n' + sets
    )
    assert run("train", "window.toml", "--out", "run", "--threads", "1") == 0
    assert run("export", "run/last.pt", "-o", "window.onnx") == 0
    network = WindowNetwork(open_runtime(Path("window.onnx"), device="cpu"))
    assert network.skeleton == read_skeleton(Path("scarecrow.toml"))
    assert run("val", "held-out", "--boxes", "--model", "window.onnx") == 0
    assert "PCK@0.2 box" in capfd.readouterr().out


@pytest.mark.slow
def test_a_small_network_learns_scarecrows(tmp_path: Path) -> None:
    """PCK@0.2 of the box is .9 or more, and AP .8, on pictures it never saw."""
    scarecrows.main(tmp_path, pictures=300, held_out=60)
    words = ["--data", tmp_path, "--out", tmp_path / "run", "--threads", "1"]
    assert run("train", tmp_path / "small.toml", *words) == 0
    model, report = tmp_path / "scarecrows.onnx", tmp_path / "report.json"
    assert run("export", tmp_path / "run" / "last.pt", "-o", model, "--net-height", "192") == 0
    assert run("val", tmp_path / "held-out", "--model", model, "--json", report) == 0
    figures = json.loads(report.read_text())["figures"]
    assert figures["PCK@0.2 box"]["value"] >= 0.9
    assert figures["AP"]["value"] >= 0.8
