"""Window networks in training: what their windows show, what they lose, and that they learn."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from openpaf.errors import ConfigError
from openpaf.network.checkpoint import load_network, load_weights
from openpaf.network.window import WindowNet, WindowNetConfig
from openpaf.session import open_runtime
from openpaf.skeleton import COCO_17
from openpaf.topdown import WindowNetwork, Windows
from openpaf.train.config import (
    DataSetConfig,
    TrainConfig,
    WindowTrainConfig,
    read_recipe,
    recipe_from,
)
from openpaf.train.data import read_sets
from openpaf.train.fit import Trainer
from openpaf.train.own import start_weights
from openpaf.train.window_loss import cell_loss, coordinate_loss, mean_cell
from openpaf.train.windows import WindowCutter

SET = {"annotations": "people.json", "images": ["images"]}
KINDS: dict[str, dict[str, Any]] = {
    "simple_baseline": {"kind": "simple_baseline", "width": 0.125},
    "mobilenet": {"kind": "mobilenet", "width": 0.125},
    "soft_argmax": {"kind": "simple_baseline", "width": 0.125, "head": "soft_argmax"},
    "cpm": {"kind": "cpm", "width": 0.125},
    "hourglass": {"kind": "hourglass", "width": 0.125, "depth": 3},
    "deeppose": {"kind": "deeppose", "width": 0.125},
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six pictures with a person whose every part is a spot of its own place, and a neighbour."""
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    images, annotations = [], []
    for number in range(6):
        frame = rng.integers(0, 90, (200, 260, 3), np.uint8)
        images.append({"id": number, "file_name": f"{number}.png", "width": 260, "height": 200})
        for left in (20, 140):
            points = np.column_stack(
                [left + 80 * rng.random(17), 20 + 150 * rng.random(17), np.full(17, 2)]
            )
            for x, y, _ in points:
                cv2.circle(frame, (int(x), int(y)), 3, (255, 255, 255), -1)
            low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
            annotations.append(
                {
                    "id": len(annotations), "image_id": number, "category_id": 1, "area": 6000.0,
                    "bbox": [*low.tolist(), *(high - low).tolist()],
                    "keypoints": points.ravel().tolist(),
                }
            )  # fmt: skip
        cv2.imwrite(str(folder / "images" / f"{number}.png"), frame)
    category = {"id": 1, "name": "person", "keypoints": list(COCO_17.parts)}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    (folder / "people.json").write_text(json.dumps(content))
    return folder


def recipe(**changes: Any) -> WindowTrainConfig:
    network = {"size": (96, 128), **changes.pop("network", KINDS["simple_baseline"])}
    values = {"images": 16, "batch": 4, "warm_up": 1, "sets": [SET], "network": network}
    config = recipe_from(values | changes)
    assert isinstance(config, WindowTrainConfig)
    return config


def cutter(drawn: Path, **changes: Any) -> WindowCutter:
    config = recipe(**changes)
    return WindowCutter(*read_sets(drawn, config.sets, COCO_17), config, COCO_17)


def test_parts_are_where_the_window_shows_them(drawn: Path) -> None:
    """Under every augmentation at once, most labelled places inside are bright."""
    windows = cutter(drawn, turned=0.5, cut_body=0.5, occlusion=0.0)
    bright, count = 0, 0
    for number in range(40):
        frame, points, known = windows.window(number)
        inside = known & (points > 1).all(axis=1) & (points < (94, 126)).all(axis=1)
        x, y = np.round(points[inside]).astype(int).T
        bright += int((frame.max(axis=2)[y, x] > 1.2 * np.median(frame)).sum())
        count += int(inside.sum())
    assert count > 200 and bright > 0.97 * count


def test_a_window_is_a_function_of_its_number(drawn: Path) -> None:
    first, again = cutter(drawn), cutter(drawn)
    for a, b in zip(first.window(7), again.window(7), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.window(7)[0], first.window(8)[0])


def test_left_is_right_in_a_mirrored_window(drawn: Path) -> None:
    """The same augmentation mirrored gives the same places under the other side's name."""
    still = {"scale": (1.0, 1.0), "shift": 0.0, "rotation": 0.0, "turned": 0.0, "cut_body": 0.0}
    windows = cutter(drawn, **still)
    plain = {}
    for number in range(60):
        _, points, _ = windows.window(number)
        swapped = points[list(COCO_17.flip)] * (-1, 1) + (95, 0)
        key = tuple(np.round(points[0], 1))
        mirrored_key = tuple(np.round(swapped[0], 1))
        if mirrored_key in plain:
            np.testing.assert_allclose(plain[mirrored_key], swapped, atol=0.1)
            return
        plain[key] = points
    pytest.fail("no picture came both ways")


def test_cross_entropy_is_least_at_the_right_cell() -> None:
    points = torch.tensor([[[41.5, 61.5], [300.0, 10.0], [5.0, 5.0]]])
    known = torch.tensor([[True, True, False]])
    right = torch.full((1, 3, 32, 24), -20.0)
    right[0, 0, 15, 10] = 20.0
    wrong = right.roll(3, dims=3)
    sharp = cell_loss(right, points, known, 4, 0.5)
    assert sharp < 0.01 < cell_loss(wrong, points, known, 4, 0.5)
    outside = right.clone()
    outside[0, 1] += 40
    assert cell_loss(outside, points, known, 4, 0.5) > 5
    untold = right.clone()
    untold[0, 2] += 40
    assert cell_loss(untold, points, known, 4, 0.5) == sharp


def test_coordinates_are_shares_of_the_window() -> None:
    logits = torch.full((1, 1, 32, 24), -50.0)
    logits[0, 0, 16, 12] = 50.0
    shares = mean_cell(logits)
    torch.testing.assert_close(shares, torch.tensor([[[0.5 / 24, 0.5 / 32]]]))
    points = torch.tensor([[[49.5, 65.5]]])
    for squared in (False, True):
        loss = coordinate_loss(shares, points, torch.tensor([[True]]), (96, 128), squared=squared)
        assert float(loss) < 1e-6


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_stops_goes_on_and_is_exported(drawn: Path, tmp_path: Path, kind: str) -> None:
    config = recipe(network=KINDS[kind])
    first = Trainer(config, drawn, tmp_path)
    first.run(lambda _: None, lambda: first.step == 2)
    second = Trainer(config, drawn, tmp_path)
    second.resume(tmp_path / "last.pt")
    assert second.step == 2
    seen = []
    second.run(seen.append, lambda: second.step == 3)
    assert np.isfinite(list(seen[0].losses.values())).all()
    network, state = load_network(tmp_path / "last.pt")
    assert isinstance(network, WindowNet) and recipe_from(state["recipe"]) == config
    look = WindowNetwork(open_runtime(tmp_path / "last.pt", device="cpu"))
    frame = np.zeros((100, 90, 3), np.uint8)
    keypoints, _ = look.look(frame, Windows.around([[0, 0, 60, 80]], look.card.size), mirror=True)
    assert keypoints.shape == (1, 17, 2) and np.isfinite(keypoints).all()


def test_a_backbone_of_the_bundled_network_rests_then_learns(drawn: Path, tmp_path: Path) -> None:
    config = recipe(network=KINDS["mobilenet"], backbone_weights="default", backbone_frozen=0.5)
    trainer = Trainer(config, drawn, tmp_path)
    bundled, _ = load_weights(start_weights(Path("default")))
    theirs = {k: v for k, v in bundled.items() if k.startswith("backbone.")}
    assert len(theirs) == len(trainer.net.backbone.state_dict())

    def moved() -> bool:
        ours = trainer.net.state_dict()
        return not all(torch.equal(ours[name], value) for name, value in theirs.items())

    assert not moved()
    trainer.run(lambda _: None, lambda: trainer.step == 2)
    assert not moved()
    trainer.run(lambda _: None, lambda: trainer.step == 3)
    assert moved()
    with pytest.raises(ConfigError, match="fit the mobilenet backbone only"):
        Trainer(recipe(backbone_weights="default"), drawn, tmp_path)


def test_the_first_layers_of_a_backbone_may_stay_as_they_are(drawn: Path, tmp_path: Path) -> None:
    config = recipe(network=KINDS["mobilenet"], backbone_weights="default", backbone_fixed=2)
    trainer = Trainer(config, drawn, tmp_path)
    layers = trainer.net.backbone.layers()
    before = {name: conv.weight.clone() for name, conv in layers.items()}
    trainer.run(lambda _: None, lambda: trainer.step == 2)
    kept = [name for name, conv in layers.items() if torch.equal(conv.weight, before[name])]
    assert kept == ["conv1", "dw1"]


def test_a_recipe_says_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = '[[sets]]\nannotations = "a.json"\nimages = ["i"]\n'
    path.write_text('kind = "hourglass"\n[network]\nstages = 3\n' + text)
    config = read_recipe(path)
    assert isinstance(config, WindowTrainConfig)
    assert (config.network.kind, config.network.stages) == ("hourglass", 3)
    path.write_text(text)
    assert isinstance(read_recipe(path), TrainConfig)


def test_the_built_in_recipe() -> None:
    path = Path(str(resources.files("openpaf.train") / "recipes" / "window.toml"))
    config = read_recipe(path)
    assert isinstance(config, WindowTrainConfig) and config.network.skeleton == "COCO_17"


def test_a_run_is_validated_on_annotated_boxes(drawn: Path, tmp_path: Path) -> None:
    pytest.importorskip("pycocotools")
    from openpaf.train.validation import Validation

    trainer = Trainer(recipe(images=4), drawn, tmp_path)
    validation = Validation(drawn, every=4)
    trainer.run(lambda _: None, lambda: False)
    assert validation.due(trainer)
    ap = validation.measure(trainer, lambda: False)
    assert ap is not None and 0 <= ap.value <= 1
    assert validation.measure(trainer, lambda: True) is None
    assert (tmp_path / "val.csv").read_text().count("\n") == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "vit"}, "kind must be paf, cpm, hourglass"),
        ({"turned": 2.0}, "turned must lie in"),
        ({"scale": [2.0, 1.0]}, "scale must be"),
        ({"crop": 192}, "unknown key crop"),
        ({"sets": []}, "at least one"),
    ],
)
def test_recipes_that_cannot_work(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        recipe(**{"kind": "simple_baseline", **changes})


def test_labels_of_other_parts_are_matched_by_name(drawn: Path, tmp_path: Path) -> None:
    content = json.loads((drawn / "people.json").read_text())
    content["categories"][0]["keypoints"] = [*COCO_17.parts[:16], "tail"]
    (tmp_path / "people.json").write_text(json.dumps(content))
    (tmp_path / "images").symlink_to(drawn / "images")
    config = recipe()
    pictures, _ = read_sets(tmp_path, config.sets, COCO_17)
    assert not (pictures[0].keypoints[:, 16, 2] > 0).any()
    assert (pictures[0].keypoints[:, 15, 2] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_learns_64_people_by_heart(shared: Path, tmp_path: Path, kind: str) -> None:
    """PCK@0.2 of the torso on them is .95 or more."""
    data = shared / "data"
    content = json.loads((data / "lspet.json").read_text())
    chosen = {image["id"] for image in content["images"][:64]}
    for key, own in (("images", "id"), ("annotations", "image_id")):
        content[key] = [entry for entry in content[key] if entry[own] in chosen]
    (tmp_path / "few.json").write_text(json.dumps(content))
    (tmp_path / "lspet.tar").symlink_to(data / "lspet.tar")
    few = DataSetConfig("few.json", ("lspet.tar",))
    config = WindowTrainConfig(
        sets=(few,), images=SEEN[kind], batch=16, rate=2e-3, warm_up=50, ema=0.98,
        network=WindowNetConfig(size=(96, 128), **KINDS[kind] | {"width": 0.25}),
        scale=(1.0, 1.0), shift=0.0, rotation=0.0, turned=0.0, cut_body=0.0, occlusion=0.0,
    )  # fmt: skip
    trainer = Trainer(config, tmp_path, tmp_path, threads=1)
    trainer.run(lambda _: None, lambda: False)
    look = WindowNetwork(open_runtime(tmp_path / "last.pt", device="cpu"))
    pictures, _ = read_sets(tmp_path, config.sets, COCO_17)
    near = []
    for picture in pictures:
        windows = Windows.around(picture.boxes, look.card.size, factor=config.box_factor)
        keypoints, _ = look.look(picture.decode(), windows)
        truth, known = picture.keypoints[0, :, :2], picture.keypoints[0, :, 2] > 0
        shoulder, hip = COCO_17.index("left_shoulder"), COCO_17.index("right_hip")
        if not (known[shoulder] and known[hip]):
            continue
        torso = np.linalg.norm(truth[shoulder] - truth[hip])
        near += (np.linalg.norm(keypoints[0] - truth, axis=1)[known] <= 0.2 * torso).tolist()
    assert np.mean(near) >= 0.95, f"{kind}: {np.mean(near):.3f}"


SEEN = {kind: 10_000 for kind in KINDS} | {"deeppose": 30_000}
