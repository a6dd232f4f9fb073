"""Sets of photographs that a model labelled, as training sees them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from openpaf.datasets.label_file import write_label_file
from openpaf.datasets.labels import PhotoLabels, coco_content
from openpaf.errors import DatasetError
from openpaf.skeleton import COCO_18
from openpaf.train.config import DataSetConfig
from openpaf.train.data import read_set


def labels() -> PhotoLabels:
    """A sure person without a face, a doubtful one, and three regions."""
    scores = np.full((2, 17), 0.9)
    scores[0, :5] = 0
    return PhotoLabels(
        (320, 240),
        np.random.default_rng(1).uniform(10, 200, (2, 17, 2)),
        scores,
        np.zeros((2, 17)),
        np.array([[10.0, 10, 200, 200], [50, 10, 90, 80]]),
        np.array([0.8, 0.1]),
        np.full((2, 4), 0.5),
        np.zeros(2, np.int64),
        np.array([[0.0, 0, 20, 20]] * 3),
        np.full(3, 0.3),
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.jpg"), np.zeros((240, 320, 3), np.uint8))
    (tmp_path / "labels.json").write_text(json.dumps(coco_content([("a.jpg", labels())])))
    write_label_file(tmp_path / "labels.npz", {"a.jpg": labels()}, {})
    return tmp_path


@pytest.mark.parametrize(("name", "trusted"), [("labels.json", False), ("labels.npz", True)])
def test_labels_of_a_model_are_a_set(folder: Path, name: str, trusted: bool) -> None:
    config = DataSetConfig(name, ("images",), trusted=trusted)
    (picture,) = read_set(folder, config, COCO_18)
    # The compact file is a model's whatever the recipe says.
    assert not picture.trusted
    # A neck beside the twelve parts that are taught; whoever is not sure is left open.
    assert (picture.keypoints[0, :, 2] > 0).sum() == 13
    assert picture.boxes.shape == (1, 4) and picture.ignored.shape == (4, 4)


def test_photographs_that_vanished_are_named(folder: Path) -> None:
    (folder / "gone").mkdir()
    with pytest.raises(DatasetError, match="names 1 pictures that are not in gone, first a.jpg"):
        read_set(folder, DataSetConfig("labels.npz", ("gone",)), COCO_18)
