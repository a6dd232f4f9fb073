"""Hands and faces in training: windows that come with their labels, and windows of nothing."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from openpaf.datasets.window_label_file import WindowLabels, write_window_label_file
from openpaf.errors import DatasetError
from openpaf.skeleton import COCO_17, FACE_70, HAND_21, Skeleton
from openpaf.topdown.windows import Windows
from openpaf.train.config import WindowTrainConfig, read_recipe, recipe_from
from openpaf.train.data import read_sets
from openpaf.train.fit import Trainer
from openpaf.train.windows import WindowCutter

_SIZE = (64, 64)


def labelled(folder: Path, skeleton: Skeleton) -> Path:
    """A photograph of three windows: white spots at parts, something doubtful, nothing."""
    rng = np.random.default_rng(3)
    parts = len(skeleton.parts)
    points = np.zeros((3, parts, 2))
    points[0] = rng.uniform(0.2, 0.8, (parts, 2))
    one = WindowLabels(
        (300, 200),
        centres=np.array([[80.0, 100], [150, 100], [240, 100]]),
        sides=np.array([96.0, 50, 60]),
        angles=np.array([0.5, 0, 0]),
        mirrored=np.array([True, False, False]),
        presence=np.array([0.98, 0.3, 0.02]),
        points=points,
    )
    frame = np.zeros((200, 300, 3), np.uint8)
    windows = Windows.squares(one.centres, one.sides, one.angles, one.mirrored)
    for x, y in windows.to_frame(points, (2, 2))[0]:
        cv2.circle(frame, (round(x), round(y)), 3, (255, 255, 255), -1)
    cv2.imwrite(str(folder / "a.png"), frame)
    write_window_label_file(folder / "parts.npz", {"a.png": one}, skeleton, {})
    return folder


def recipe(skeleton: Skeleton, **changes: Any) -> WindowTrainConfig:
    values = {
        "kind": "mobilenet",
        "batch": 2,
        "images": 8,
        "rotation": 0.0,
        "shift": 0.0,
        "scale": [1.0, 1.0],
        "occlusion": 0.0,
        "network": {
            "blocks": 5, "residual": 1, "width": 0.125, "size": list(_SIZE),
            "skeleton": skeleton.name,
        },
        "sets": [{"annotations": "parts.npz", "images": ["."]}],
    }  # fmt: skip
    config = recipe_from(values | changes)
    assert isinstance(config, WindowTrainConfig)
    return config


def cutter(folder: Path, skeleton: Skeleton, **changes: Any) -> WindowCutter:
    config = recipe(skeleton, **changes)
    return WindowCutter(*read_sets(folder, config.sets, skeleton), config, skeleton)


@pytest.mark.parametrize("changes", [{}, {"rotation": 40.0, "shift": 0.1, "scale": [0.8, 1.3]}])
def test_parts_lie_where_they_are_seen(tmp_path: Path, changes: dict[str, Any]) -> None:
    windows = cutter(labelled(tmp_path, HAND_21), HAND_21, **changes)
    seen = [windows.window(number) for number in range(30)]
    present = [one for one in seen if (one[1] > -100).all()]
    assert 5 < len(present) < 25
    for frame, points, known in present:
        assert known.all()
        inside = ((points > 3) & (points < 60)).all(axis=1)
        x, y = np.rint(points[inside]).astype(int).T
        assert frame[y, x].min(axis=1).mean() > 120
    for _, points, known in seen:
        if not (points > -100).all():
            assert known.all() and (points < 0).any(axis=1).all() | (points > 64).any(axis=1).all()


def test_a_hand_is_never_mirrored_at_will(tmp_path: Path) -> None:
    windows = cutter(labelled(tmp_path, HAND_21), HAND_21)
    places = [windows.window(number)[1] for number in range(30)]
    present = np.array([points for points in places if (points > -100).all()])
    np.testing.assert_allclose(present, present[:1].repeat(len(present), 0))


def test_a_face_is_mirrored_and_its_sides_change_names(tmp_path: Path) -> None:
    windows = cutter(labelled(tmp_path, FACE_70), FACE_70)
    places = [windows.window(number)[1] for number in range(30)]
    present = np.array([points for points in places if (points > -100).all()])
    one = present[0]
    other = one[list(FACE_70.flip)] * (-1, 1) + (63, 0)
    kinds = [min(np.abs(points - kind).max() for kind in (one, other)) for points in present]
    assert max(kinds) < 0.01
    assert len({bool(np.abs(points - one).max() < 0.01) for points in present}) == 2


def test_a_network_of_hands_learns_and_says_where_nothing_is(tmp_path: Path) -> None:
    labelled(tmp_path, HAND_21)
    trainer = Trainer(recipe(HAND_21), tmp_path, tmp_path)
    losses: list[float] = []
    trainer.run(lambda progress: losses.extend(progress.losses.values()), lambda: False)
    assert trainer.step == 4 and np.isfinite(losses).all()


def test_labels_of_other_parts_are_refused(tmp_path: Path) -> None:
    labelled(tmp_path, HAND_21)
    with pytest.raises(DatasetError, match="parts of HAND_21, the network finds those of COCO_17"):
        cutter(tmp_path, COCO_17)


def test_missing_photographs_and_empty_sets_are_named(tmp_path: Path) -> None:
    labelled(tmp_path, HAND_21)
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    with pytest.raises(DatasetError, match=r"names 1 pictures that are not in \., first a\.png"):
        cutter(tmp_path, HAND_21)
    (tmp_path / "none.txt").write_text("a.png\n")
    sets = replace(recipe(HAND_21).sets[0], without="none.txt")
    with pytest.raises(DatasetError, match="labels nothing"):
        read_sets(tmp_path, [sets], HAND_21)


@pytest.mark.parametrize(("name", "skeleton"), [("hands", HAND_21), ("faces", FACE_70)])
def test_the_built_in_recipes(name: str, skeleton: Skeleton) -> None:
    config = read_recipe(Path(str(resources.files("openpaf.train"))) / f"recipes/{name}.toml")
    assert isinstance(config, WindowTrainConfig)
    assert config.network.skeleton == skeleton.name
