"""A detector between frame and boxes, on runtimes whose boxes are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.engine import Engine
from openpaf.errors import ModelError
from openpaf.frame import to_frame
from openpaf.models import DetectorCard, ModelCard
from openpaf.skeleton import COCO_18
from openpaf.topdown import Detector, WindowNetwork, open_detector
from openpaf.topdown import boxes as box

ROWS = DetectorCard(name="rows", size=(100, 50), boxes="boxes", scores="scores")
GRIDS = DetectorCard(
    name="grids", size=(64, 64), fit="pad", padding=7, grids=("a", "b"), strides=(8, 16)
)


class Fixed:
    """Gives the same arrays whatever it sees, and keeps what it saw."""

    provider, net_size, max_batch = "test", None, 1

    def __init__(self, card: Any, **outputs: NDArray[Any]) -> None:
        self.card, self._outputs = card, outputs
        self.seen: list[NDArray[np.uint8]] = []

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        self.seen.append(net_frames[0])
        return self._outputs


def test_boxes_of_a_stretched_frame_come_back_in_frame_px() -> None:
    boxes = np.array([[[0, 0, 50, 50], [1, 1, 50, 50], [60, 10, 90, 30], [0, 0, 9, 9]]], np.float32)
    runtime = Fixed(ROWS, boxes=boxes, scores=np.array([[[0.4, 0.9, 0.5, 0.05]]], np.float32))
    found, scores = Detector(runtime).find(np.zeros((100, 400, 3), np.uint8))
    # The first is the second once more, the last too weak.
    np.testing.assert_allclose(scores, [0.9, 0.5], rtol=1e-6)
    np.testing.assert_allclose(found, [[3.5, 1.5, 199.5, 99.5], [239.5, 19.5, 359.5, 59.5]])
    assert runtime.seen[0].shape == (50, 100, 3)


def test_grids_of_a_padded_frame_come_back_in_frame_px() -> None:
    fine, coarse = (np.full((1, n, n, 5), -9, np.float32) for n in (8, 4))
    fine[0, 2, 3] = 2, 4, 6, 8, 10
    runtime = Fixed(GRIDS, a=fine, b=coarse)
    frame = np.full((64, 128, 3), 200, np.uint8)
    found, scores = Detector(runtime).find(frame)
    np.testing.assert_allclose(scores, [1 / (1 + np.exp(-2))])
    # The cell lies at net px (24, 16); the frame is halved.
    np.testing.assert_allclose(found, [[39.5, 19.5, 63.5, 51.5]])
    assert (runtime.seen[0][:32] == 200).all() and (runtime.seen[0][32:] == 7).all()


@pytest.mark.parametrize(
    ("card", "outputs", "message"),
    [
        (ROWS, {"boxes": np.zeros((1, 4, 5)), "scores": np.zeros((1, 1, 4))}, "must give"),
        (ROWS, {"boxes": np.full((1, 1, 4), np.nan), "scores": np.ones((1, 1, 1))}, "NaN"),
        (GRIDS, {"a": np.zeros((1, 8, 8, 4)), "b": np.zeros((1, 4, 4, 5))}, "must give"),
    ],
)
def test_a_network_that_gives_something_else_is_named(
    card: DetectorCard, outputs: dict[str, NDArray[Any]], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        Detector(Fixed(card, **outputs)).find(np.zeros((20, 20, 3), np.uint8))


def test_each_kind_is_refused_in_place_of_another() -> None:
    with pytest.raises(ModelError, match="gives no boxes around people"):
        Detector(Fixed(ModelCard(name="whole", skeleton=COCO_18)))
    with pytest.raises(ModelError, match="gives boxes around people"):
        WindowNetwork(Fixed(ROWS))


NAMES = ("picodet-s-pedestrian/picodet-s-320-pedestrian.xml",)
NAMES += ("rtmdet-nano-person/rtmdet-nano-person-320.onnx",)


@pytest.mark.parametrize("name", NAMES)
def test_well_known_detectors_by_their_built_in_cards(shared: Path, name: str) -> None:
    """The best box of a picture of one person lies about the one that people drew."""
    pytest.importorskip("openvino")
    from openpaf.evaluate import read_folder

    path = shared / "models" / name
    detector = open_detector(path, threads=1)
    assert detector.card.name == path.stem
    images = [
        one for one in read_folder(shared / "data" / "coco_val").images if len(one.boxes) == 1
    ]
    for image in images[:2]:
        boxes, scores = detector.find(to_frame(image.path))
        drawn = image.boxes.copy()
        drawn[:, 2:] += drawn[:, :2]
        assert scores[0] > 0.5 and box.iou(boxes[:1], drawn)[0, 0] > 0.6
    with pytest.raises(ModelError, match="it is for --detector"):
        Engine(path)


def test_weak_and_overlapping_boxes_are_the_cards_business() -> None:
    boxes = np.array([[[0, 0, 50, 50], [10, 0, 60, 50]]], np.float32)
    scores = np.array([[[0.4, 0.3]]], np.float32)
    frame = np.zeros((50, 100, 3), np.uint8)
    for card, count in (
        (ROWS, 1),
        (replace(ROWS, overlap=0.7), 2),
        (replace(ROWS, min_score=0.5), 0),
    ):
        found, _ = Detector(Fixed(card, boxes=boxes, scores=scores)).find(frame)
        assert len(found) == count
