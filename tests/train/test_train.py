"""The trainer on a data set of drawn people: learns, resumes exactly, refuses clearly."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from openpaf.errors import CheckpointError, ConfigError, DatasetError, OpenPafWarning, OutputError
from openpaf.skeleton import COCO_17, COCO_18

torch = pytest.importorskip("torch")

from openpaf.network import checkpoint
from openpaf.network.checkpoint import load_network
from openpaf.train.config import DataSetConfig, TrainConfig, read_recipe, recipe_from
from openpaf.train.crop import Cropper
from openpaf.train.data import read_set
from openpaf.train.fit import Trainer

NETWORK = {
    "backbone": "vgg19",
    "width": 0.0625,
    "paf_stages": 1,
    "map_stages": 1,
    "paf_width": 8,
    "paf_blocks": 1,
    "map_width": 8,
    "map_blocks": 1,
    "hidden": 16,
}


def recipe(**changes: Any) -> TrainConfig:
    values = {
        "network": NETWORK,
        "sets": [{"annotations": "people.json", "images": ["images"]}],
        "crop": 64,
        "images": 24,
        "batch": 4,
        "warm_up": 2,
    }
    return recipe_from(values | changes)


@pytest.fixture
def drawn(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder with six pictures of one person each, parts as coloured dots."""
    (tmp_path / "images").mkdir()
    images, annotations = [], []
    for number in range(6):
        frame = rng.integers(0, 90, (120, 100, 3), np.uint8)
        points = np.column_stack([rng.uniform(20, 80, 17), rng.uniform(20, 100, 17), [2] * 17])
        for part, (x, y, _) in enumerate(points):
            cv2.circle(frame, (int(x), int(y)), 3, (255, 10 * part, 200 - 10 * part), -1)
        name = f"{number}.png"
        cv2.imwrite(str(tmp_path / "images" / name), frame)
        images.append({"id": number, "file_name": name, "width": 100, "height": 120})
        annotations.append(
            {
                "id": number,
                "image_id": number,
                "iscrowd": 0,
                "bbox": [15, 15, 70, 90],
                "area": 0.53 * 70 * 90,
                "num_keypoints": 17,
                "keypoints": points.reshape(-1).tolist(),
            }
        )
    save(tmp_path, images, annotations)
    return tmp_path


def save(folder: Path, images: list[Any], annotations: list[Any]) -> None:
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "keypoints": list(COCO_17.parts)}],
    }
    (folder / "people.json").write_text(json.dumps(content))


def change(folder: Path, edit: Any) -> None:
    content = json.loads((folder / "people.json").read_text())
    edit(content)
    (folder / "people.json").write_text(json.dumps(content))


SET = DataSetConfig("people.json", ("images",))


def test_reading_matches_parts_by_name_and_adds_the_neck(drawn: Path) -> None:
    picture = read_set(drawn, SET, COCO_18)[0]
    left, right = (COCO_18.index(part) for part in ("left_shoulder", "right_shoulder"))
    points = picture.keypoints[0]
    np.testing.assert_allclose(points[1, :2], (points[left, :2] + points[right, :2]) / 2)
    first = json.loads((drawn / "people.json").read_text())["annotations"][0]["keypoints"]
    assert points[COCO_18.index("nose"), 0] == pytest.approx(first[0])
    assert picture.labelled.all()


def test_joints_outside_the_frame_are_unlabelled(drawn: Path) -> None:
    def move(content: Any) -> None:
        content["annotations"][0]["keypoints"][0] = 1e6

    change(drawn, move)
    assert read_set(drawn, SET, COCO_18)[0].keypoints[0, 0, 2] == 0


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda c: c["images"][2].update(file_name="gone.png"), "gone.png"),
        (lambda c: c.update(annotations=[]), "nobody"),
        (lambda c: c.pop("categories"), "not COCO keypoint JSON"),
        (lambda c: c["annotations"][0].update(keypoints=[1, 2]), "51 keypoint numbers.* got 2"),
        (
            lambda c: c["categories"][0].update(keypoints=[f"tail_{n}" for n in range(17)]),
            "none of the parts",
        ),
        (lambda c: c["annotations"][0]["keypoints"].__setitem__(0, float("nan")), "must be finite"),
        (lambda c: c["annotations"][0].pop("bbox"), "bbox of annotation .* must be x, y, width"),
        (lambda c: c["annotations"][0].pop("image_id"), "image_id of entry .* whole number"),
        (lambda c: c["images"][1].update(file_name="../x.png"), "must be a path inside"),
        (lambda c: c["images"][0].pop("width"), "width of entry .* whole number"),
    ],
)
def test_bad_annotations_are_named(drawn: Path, edit: Any, message: str) -> None:
    change(drawn, edit)
    with pytest.raises(DatasetError, match=message):
        read_set(drawn, SET, COCO_18)


def test_missing_annotations_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"people\.json"):
        read_set(tmp_path, SET, COCO_18)


def cropper(folder: Path, **changes: Any) -> Cropper:
    pictures = read_set(folder, SET, COCO_18)
    return Cropper(pictures, np.full(len(pictures), 1.0), recipe(**changes), COCO_18)


def test_crops_depend_on_the_seed_and_their_number_only(drawn: Path) -> None:
    first, again = cropper(drawn).crop(5), cropper(drawn).crop(5)
    np.testing.assert_array_equal(first.frame, again.frame)
    np.testing.assert_array_equal(first.points, again.points)
    assert not np.array_equal(first.frame, cropper(drawn).crop(6).frame)


def test_what_models_labelled_is_taught_where_a_recipe_says_so(drawn: Path) -> None:
    by_a_model = read_set(drawn, replace(SET, trusted=False), COCO_18)

    def taught(**changes: Any) -> tuple[bool, bool]:
        crop = Cropper(by_a_model, np.ones(len(by_a_model)), recipe(**changes), COCO_18).crop(3)
        return bool(crop.points.any()), bool(crop.known.any())

    assert taught() == (True, True)
    assert taught(teacher="teacher.xml") == (False, False)
    assert taught(teacher="teacher.xml", labels_of_models=True) == (True, True)


def test_crops_move_labels_with_the_picture(tmp_path: Path) -> None:
    """A white dot on black is where its label says, whatever the augmentation."""
    (tmp_path / "images").mkdir()
    frame = np.zeros((120, 100, 3), np.uint8)
    keypoints = np.zeros((17, 3))
    left, right = COCO_17.index("left_wrist"), COCO_17.index("right_wrist")
    keypoints[left], keypoints[right] = (40, 50, 2), (64, 80, 2)
    cv2.circle(frame, (40, 50), 4, (255, 255, 255), -1)
    cv2.imwrite(str(tmp_path / "images" / "0.png"), frame)
    person = {"id": 1, "image_id": 0, "bbox": [20, 20, 60, 80], "num_keypoints": 2}
    save(
        tmp_path,
        [{"id": 0, "file_name": "0.png", "width": 100, "height": 120}],
        [person | {"keypoints": keypoints.reshape(-1).tolist()}],
    )
    crops = cropper(tmp_path, mosaic=0.0, occlusion=0.0, cut_paste=0.0, person_size=[0.4, 0.9])
    sides = set()
    for number in range(20):
        crop = crops.crop(number)
        bright = crop.frame.astype(int).sum(axis=2)
        rows, columns = np.nonzero(bright > 0.75 * bright.max())
        ends = {side: crop.points[0, COCO_18.index(f"{side}_wrist")] for side in ("left", "right")}
        seen = {side: end for side, end in ends.items() if end[2] > 0}
        spot = np.array([columns.mean(), rows.mean()])
        near = [side for side, end in seen.items() if np.hypot(*(end[:2] - spot)) < 2.5]
        if near and np.ptp(bright) > 200:
            sides.add(near[0])
    assert sides == {"left", "right"}, "both as drawn and mirrored must occur"


def run(trainer: Trainer, steps: int | None = None) -> list[float]:
    losses: list[float] = []

    def report(progress: Any) -> None:
        losses.append(sum(progress.losses.values()))

    trainer.run(report, lambda: steps is not None and trainer.step >= steps)
    return losses


def test_a_run_learns_and_resumes_exactly(drawn: Path, tmp_path: Path) -> None:
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    whole.mkdir()
    halves.mkdir()
    losses = run(Trainer(recipe(), drawn, whole))
    assert losses[-1] < losses[0]
    run(Trainer(recipe(), drawn, halves), steps=3)
    second = Trainer(recipe(), drawn, halves)
    second.resume(halves / "last.pt")
    assert second.step == 3
    run(second)
    one, other = (checkpoint.load(folder / "last.pt") for folder in (whole, halves))
    assert one["step"] == other["step"] == 6
    for name, value in one["average"].items():
        torch.testing.assert_close(value, other["average"][name], rtol=0, atol=0, msg=name)


def test_folding_batch_norm_changes_nothing(drawn: Path, tmp_path: Path) -> None:
    trainer = Trainer(recipe(), drawn, tmp_path)
    run(trainer, steps=2)
    net, _ = load_network(tmp_path / "last.pt")
    x = torch.randn(1, 3, 64, 48)
    for plain, folded in zip(net.predict(x), net.folded().predict(x), strict=True):
        torch.testing.assert_close(plain, folded, rtol=1e-4, atol=1e-5)


def test_a_checkpoint_of_another_layout_is_refused(drawn: Path, tmp_path: Path) -> None:
    run(Trainer(recipe(), drawn, tmp_path), steps=1)
    wider = Trainer(recipe(network=NETWORK | {"paf_width": 16}), drawn, tmp_path)
    with pytest.raises(CheckpointError, match="paf_width=16"):
        wider.resume(tmp_path / "last.pt")


def test_a_checkpoint_of_another_optimiser_is_refused(drawn: Path, tmp_path: Path) -> None:
    run(Trainer(recipe(), drawn, tmp_path), steps=1)
    state = checkpoint.load(tmp_path / "last.pt")
    checkpoint.save(tmp_path / "last.pt", state | {"optimizer": {"state": {}, "param_groups": []}})
    with pytest.raises(CheckpointError, match="--start"):
        Trainer(recipe(), drawn, tmp_path).resume(tmp_path / "last.pt")


def test_a_run_can_start_from_weights_alone(drawn: Path, tmp_path: Path) -> None:
    first = Trainer(recipe(), drawn, tmp_path)
    run(first, steps=2)
    second = Trainer(recipe(), drawn, tmp_path)
    second.start_from(first.save_average())
    assert second.step == 0
    for name, value in first.average.state_dict().items():
        torch.testing.assert_close(
            second.net.state_dict()[name], value, rtol=1e-3, atol=1e-6, msg=name
        )
    wider = Trainer(recipe(network=NETWORK | {"paf_width": 16}), drawn, tmp_path)
    with pytest.raises(CheckpointError, match="another layout"):
        wider.start_from(tmp_path / "average.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"nothing of use")
    with pytest.raises(CheckpointError, match="cannot be read"):
        second.start_from(tmp_path / "bad.safetensors")


def test_a_run_goes_on_from_its_small_file_alone(drawn: Path, tmp_path: Path) -> None:
    first = Trainer(recipe(), drawn, tmp_path)
    run(first, steps=2)
    (tmp_path / "last.pt").unlink()
    second = Trainer(recipe(), drawn, tmp_path)
    second.go_on(tmp_path / "average.safetensors")
    assert second.step == 2
    run(second, steps=3)
    assert checkpoint.load(tmp_path / "last.pt")["step"] == 3


def test_processes_make_the_batches_that_a_thread_makes(drawn: Path, tmp_path: Path) -> None:
    trainer = Trainer(recipe(), drawn, tmp_path)
    for ours, theirs in zip(
        trainer.task.batches(1, 4), trainer.task.batches(1, 4, workers=2), strict=True
    ):
        torch.testing.assert_close(ours.frames, theirs.frames, rtol=0, atol=0)
        for name, value in vars(ours.labels).items():
            torch.testing.assert_close(vars(theirs.labels)[name], value, rtol=0, atol=0)
    assert list(trainer.task.batches(3, 3, workers=2)) == []


def test_a_full_disk_keeps_the_last_checkpoint(drawn: Path, tmp_path: Path) -> None:
    trainer = Trainer(recipe(), drawn, tmp_path)
    run(trainer, steps=1)
    before = (tmp_path / "last.pt").read_bytes()
    resource = pytest.importorskip("resource")  # a file size limit stands for the full disk
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(OutputError, match="cannot write"):
            trainer.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert (tmp_path / "last.pt").read_bytes() == before
    assert [path.name for path in tmp_path.glob("*last*")] == ["last.pt"]
    assert [path.name for path in tmp_path.glob("*average*")] == ["average.safetensors"]


def test_foreign_files_are_no_checkpoints(tmp_path: Path) -> None:
    for content in (b"", b"not a checkpoint", b"\x80\x04cos\nsystem\n."):
        (tmp_path / "bad.pt").write_bytes(content)
        with pytest.raises(CheckpointError):
            checkpoint.load(tmp_path / "bad.pt")
    torch.save({"weights": 1}, tmp_path / "other.pt")
    with pytest.raises(CheckpointError, match="not an openpaf training checkpoint"):
        checkpoint.load(tmp_path / "other.pt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("crop = 100", "sets"),
        ("speed = 1", "speed"),
        ("[[sets]]\nannotations = 'a'\nimages = ['b']\n[network]\nfront = 'resnet'", "resnet"),
        ("[[sets]]\nannotations = 'a'", "lacks images"),
        ("[[sets]]\nannotations = 'a'\nimages = 50_000", "images must be a list"),
        ("[[sets]]\nannotations = 3\nimages = ['b']", "annotations must be a file"),
        ("batch = 'many'", "batch must be int"),
        ("= 3", "cannot be read"),
    ],
)
def test_recipes_are_checked(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_recipe(path)


@pytest.mark.parametrize("name", ["default", "permissive", "accurate"])
def test_built_in_recipes_are_valid(name: str) -> None:
    path = Path(str(resources.files("openpaf.train") / "recipes" / f"{name}.toml"))
    config = read_recipe(path)
    assert config.network.skeleton == "COCO_18"
    assert config.sets


def test_a_set_can_be_narrowed_to_some_of_its_sources(drawn: Path) -> None:
    def label(content: Any) -> None:
        for image in content["images"]:
            image["set"] = "free" if image["id"] < 2 else "research"

    change(drawn, label)
    assert (
        len(read_set(drawn, DataSetConfig("people.json", ("images",), only=("free",)), COCO_18))
        == 2
    )


def test_listed_pictures_are_kept_out(drawn: Path) -> None:
    names = [
        image["file_name"] for image in json.loads((drawn / "people.json").read_text())["images"]
    ]
    (drawn / "kept_out.txt").write_text(f"{names[0]}\nno body.jpg\n\n{names[1]}\n")
    kept = DataSetConfig("people.json", ("images",), without="kept_out.txt")
    everything = DataSetConfig("people.json", ("images",))
    assert len(read_set(drawn, kept, COCO_18)) == len(read_set(drawn, everything, COCO_18)) - 2
    packaged = replace(kept, without="coco_held_out.txt")
    assert len(read_set(drawn, packaged, COCO_18)) == len(read_set(drawn, everything, COCO_18))
    with pytest.raises(DatasetError, match="no list .*nothing.txt, and none of that name comes"):
        read_set(drawn, replace(kept, without="nothing.txt"), COCO_18)
    with pytest.raises(ConfigError, match="without must be a file name"):
        replace(kept, without=3)


RECIPE = """
crop = 64
images = 24
batch = 4
warm_up = 2
[network]
width = 0.0625
paf_width = 8
paf_blocks = 1
map_width = 8
map_blocks = 1
hidden = 16
[[sets]]
annotations = "people.json"
images = ["images"]
"""


def train(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "recipe.toml").write_text(RECIPE)
    line = ["train", str(folder / "recipe.toml"), "--data", str(folder), "-o", str(folder / "run")]
    return subprocess.run(
        [sys.executable, "-m", "openpaf", *line, *words],
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_is_validated_on_the_way_and_at_its_end(drawn: Path) -> None:
    pytest.importorskip("pycocotools")
    done = train(drawn, "--val", str(drawn), "--val-every", "9")
    assert done.returncode == 0, done.stderr
    with (drawn / "run" / "val.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["images"] for row in rows] == ["12", "20", "24"]
    assert all(0 <= float(row["low"]) <= float(row["AP"]) <= float(row["high"]) for row in rows)
    assert "after 24 pictures" in done.stderr


def test_weights_to_start_from_are_validated_first(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    before = Trainer(recipe(), drawn, tmp_path).save_average()
    done = train(drawn, "--val", str(drawn), "--start", str(before))
    assert done.returncode == 0, done.stderr
    assert done.stderr.index("after 0 pictures") < done.stderr.index("after 24 pictures")


def test_a_folder_to_validate_on_is_checked_before_anything_is_trained(drawn: Path) -> None:
    pytest.importorskip("pycocotools")
    done = train(drawn, "--val", str(drawn / "elsewhere"))
    assert done.returncode != 0
    assert "elsewhere" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (drawn / "run").exists()


def test_a_stop_while_validating_logs_nothing(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    from openpaf.train.validation import Validation

    trainer = Trainer(recipe(), drawn, tmp_path / "run")
    trainer.folder.mkdir()
    assert Validation(drawn, 8).measure(trainer, lambda: True) is None
    assert (tmp_path / "run" / "last.pt").exists()
    assert not (tmp_path / "run" / "val.csv").exists()


def test_the_curve_shows_losses_and_accuracy(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from openpaf.train.log import log_accuracy, plot

    assert plot(tmp_path) is None
    header = "images,rate,images_per_second,pafs 1,confidence_maps 1\n"
    rows = "300,0.001,9.5,0.2,0.1\n600,0.001,9.5,0.1,0.05\n"
    (tmp_path / "log.csv").write_text(header + rows)
    curve = plot(tmp_path)
    assert curve is not None
    alone = cv2.imread(str(curve))
    for images in (300, 600):
        log_accuracy(tmp_path, images, 0.1, 0.05, 0.15)
    plot(tmp_path)
    assert cv2.imread(str(curve)).shape[0] > alone.shape[0]


def test_names_of_version_0_1_are_read_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(
        "trunk_rate = 0.1\n[[sets]]\nannotations = 'a'\nimages = ['b']\n"
        "[network]\nfront = 'mobilenet'\n"
    )
    with pytest.warns(OpenPafWarning, match="is called backbone"):
        config = read_recipe(path)
    assert (config.network.backbone, config.backbone_rate) == ("mobilenet", 0.1)


def test_weights_of_version_0_1_are_read(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    checkpoint.save_weights(path, {"front.conv1.weight": torch.ones(2)})
    assert list(checkpoint.load_weights(path)[0]) == ["backbone.conv1.weight"]
