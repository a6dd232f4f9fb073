"""What the scores of a second look mean, on people who are known to be right or wrong."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from openpaf.errors import ConfigError, DatasetError
from openpaf.evaluate.dataset import AnnotatedImage, KeypointFolder
from openpaf.evaluate.second_look import calibrate_second_look
from openpaf.models import Calibration
from openpaf.poses import Poses
from openpaf.skeleton import COCO_17
from openpaf.topdown.agreement import People
from openpaf.topdown.refine import Refiner

PARTS = np.random.default_rng(1).uniform(50, 150, (17, 2))
PERSON = (-3.0, 4.0, 2.0, 0.1, -1.5)


def dataset(tmp_path: Path, pictures: int) -> KeypointFolder:
    path = tmp_path / "grey.png"
    cv2.imwrite(str(path), np.full((200, 200, 3), 128, np.uint8))
    nobody = np.zeros(1)
    image = AnnotatedImage(
        1, path, (200, 200), PARTS[None], np.ones((1, 17), bool), np.full(1, 5000.0),
        np.array([[50.0, 50, 100, 100]]), nobody, nobody, np.zeros(1, bool), np.zeros(1, bool),
    )  # fmt: skip
    return KeypointFolder(
        tmp_path, tmp_path / "labels.json", "", COCO_17.parts, (image,) * pictures
    )


class Looker:
    """Finds the person and somebody beside; the second look sees the person in either window."""

    skeleton = COCO_17
    card = SimpleNamespace(calibration=Calibration(person=PERSON))
    look_again = Refiner.look_again

    def __init__(self, refiner: Any = None) -> None:
        self.refiner = refiner

    def prepare(self, frame: Any) -> Any:
        return SimpleNamespace(placement=None)

    def predict(self, net_frames: Any) -> list[None]:
        return [None]

    def decode(self, fields: None, placement: None) -> Poses:
        both = np.stack([PARTS, PARTS + 60]).astype(np.float32)
        return Poses(both, np.full((2, 17), 0.6, np.float32), np.full(2, 0.6, np.float32), COCO_17)

    def look(self, frame: Any, boxes: Any, skeleton: Any) -> People:
        return People(np.stack([PARTS, PARTS]), np.full((2, 17), 0.9), np.ones(2))


def test_people_and_parts_are_as_sure_as_they_are_right(tmp_path: Path) -> None:
    engine: Any = Looker(Looker())
    fit = calibrate_second_look(engine, dataset(tmp_path, 60))
    assert fit.images == 60 and fit.found == 120
    odds = float(np.log(0.6 / 0.4))

    def probability(weights: tuple[float, ...], *features: float) -> float:
        return float(1 / (1 + np.exp(-np.dot(weights, (1, *features)))))

    assert probability(fit.person, odds, 1.0, 0.9) > 0.95
    assert probability(fit.person, odds, 0.0, 0.0) < 0.05
    assert probability(fit.part, 0.9, 1.0, 3.0) > 0.95
    assert probability(fit.part, 0.6, 0.0, -3.0) < 0.05


def test_what_cannot_be_learnt(tmp_path: Path) -> None:
    engine: Any = Looker(Looker())
    with pytest.raises(DatasetError, match="10 people who are labelled were found; at least 50"):
        calibrate_second_look(engine, dataset(tmp_path, 10))
    once: Any = Looker()
    with pytest.raises(ConfigError, match="on top of a first one that is calibrated"):
        calibrate_second_look(once, dataset(tmp_path, 60))
    raw: Any = Looker(Looker())
    raw.card = SimpleNamespace(calibration=replace(Looker.card.calibration, person=(), part=()))
    with pytest.raises(ConfigError, match="on top of a first one that is calibrated"):
        calibrate_second_look(raw, dataset(tmp_path, 60))
