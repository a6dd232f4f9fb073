"""A window network between frame and keypoints, on a runtime that sees bright spots."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.errors import ModelError
from openpaf.frame import to_frame
from openpaf.models import ModelCard, WindowCard
from openpaf.skeleton import COCO_17, COCO_18
from openpaf.topdown import WindowNetwork, Windows, open_window_network

CARD = WindowCard(name="spots", skeleton=COCO_17, size=(96, 128), box_factor=1.0)
STRIDE = 4


class Spots:
    """Every part is where the window is brightest, in blocks of 4 px; one eye is half as sure."""

    provider, net_size = "test", None

    def __init__(self, card: Any = CARD, max_batch: int | None = None) -> None:
        self.card, self.max_batch = card, max_batch
        self.batches: list[int] = []

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        self.batches.append(len(net_frames))
        n, height, width, _ = net_frames.shape
        blocks = net_frames[..., 0].reshape(n, height // STRIDE, STRIDE, width // STRIDE, STRIDE)
        maps = np.repeat(blocks.mean(axis=(2, 4), dtype=np.float32)[:, None] / 255, 17, axis=1)
        maps[:, 2] /= 2
        return {"maps": maps}


def frame_with_spots(places: list[tuple[float, float]]) -> NDArray[np.uint8]:
    y, x = np.mgrid[:300, :400]
    light = sum(255 * np.exp(-((x - a) ** 2 + (y - b) ** 2) / 288) for a, b in places)
    return np.repeat(np.clip(light, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("angle", [0.0, 0.4, math.pi / 2, math.pi])
@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("mirror", [False, True])
def test_keypoints_come_back_in_frame_px(angle: float, mirrored: bool, mirror: bool) -> None:
    places = [(100.3, 140.6), (290.0, 110.2)]
    windows = Windows.around(
        [[70, 90, 140, 190], [250, 60, 330, 170]], CARD.size, angles=angle, mirrored=mirrored
    )
    runtime = Spots()
    keypoints, scores = WindowNetwork(runtime).look(
        frame_with_spots(places), windows, mirror=mirror
    )
    for person, place in zip(keypoints, places, strict=True):
        np.testing.assert_allclose(person, np.broadcast_to(place, (17, 2)), atol=0.5)
    # Mirrored, the left eye is looked for where the right one would be.
    expected = 0.75 if mirror else 0.5
    np.testing.assert_allclose(scores[:, 2] / scores[:, 0], expected, atol=0.01)
    assert runtime.batches == [2] * (1 + mirror)


def test_only_promising_windows_are_looked_at_mirrored() -> None:
    frame = frame_with_spots([(100, 140)])
    windows = Windows.around([[70, 90, 140, 190], [250, 60, 330, 170]], CARD.size)
    runtime = Spots()
    network = WindowNetwork(runtime)
    every, sure = network.look(frame, windows, mirror=True)
    some, same = network.look(frame, windows, mirror=True, mirror_from=0.5)
    assert runtime.batches == [2, 2, 2, 1]
    np.testing.assert_allclose(some[0], every[0])
    np.testing.assert_allclose(same, sure)
    network.look(frame, windows, mirror=True, mirror_from=2.0)
    assert runtime.batches[4:] == [2]


def test_a_crowd_goes_through_in_batches() -> None:
    runtime = Spots(max_batch=None)
    windows = Windows.around(np.tile([10.0, 10, 60, 80], (1000, 1)), CARD.size)
    keypoints, _ = WindowNetwork(runtime).look(frame_with_spots([(30, 40)]), windows)
    assert keypoints.shape == (1000, 17, 2) and max(runtime.batches) == 32
    runtime = Spots(max_batch=1)
    WindowNetwork(runtime).look(frame_with_spots([(30, 40)]), windows[:3])
    assert runtime.batches == [1, 1, 1]


def test_cells_lie_where_the_card_says() -> None:
    frame, windows = frame_with_spots([(60, 50)]), Windows.around([[40, 20, 160, 180]], (96, 128))
    blocks, _ = WindowNetwork(Spots()).look(frame, windows)
    corners, _ = WindowNetwork(Spots(replace(CARD, cells="corners"))).look(frame, windows)
    assert 0.05 < np.abs(blocks - corners).max() < 2


class Coordinates(Spots):
    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        one = np.array([10.0, 20.0, 0.5], np.float32)
        return {"maps": np.tile(one, (len(net_frames), 17, 1))}


def test_coordinates_are_window_px() -> None:
    network = WindowNetwork(Coordinates(replace(CARD, reading="coordinates")))
    windows = Windows.around([[100, 100, 195, 227]], CARD.size)
    frame = np.zeros((300, 400, 3), np.uint8)
    keypoints, scores = network.look(frame, windows)
    np.testing.assert_allclose(keypoints[0, 3], (110, 120), atol=0.2)
    assert (scores == 0.5).all()
    mirrored, _ = network.look(frame, windows, mirror=True)
    np.testing.assert_allclose(mirrored[0, 3], (147.5, 120), atol=0.2)


def test_what_is_no_window_network_is_refused_in_one_line() -> None:
    with pytest.raises(ModelError, match="gives fields of whole frames") as error:
        WindowNetwork(Spots(ModelCard(name="whole", skeleton=COCO_18)))
    assert "\n" not in str(error.value)
    windows, frame = Windows.around([[0, 0, 9, 9]], CARD.size), np.zeros((20, 20, 3), np.uint8)
    for card in (replace(CARD, skeleton=COCO_18), replace(CARD, reading="coordinates")):
        with pytest.raises(ModelError, match="must give"):
            WindowNetwork(Spots(card)).look(frame, windows)


def test_pp_tinypose_by_its_built_in_card(shared: Path) -> None:
    """Its parts of one person of coco_val, upright and mirrored, lie where people marked them."""
    pytest.importorskip("openvino")
    folder = shared / "data" / "coco_val"
    from openpaf.evaluate import oks, read_folder

    network = open_window_network(
        shared / "models" / "pp-tinypose" / "pp-tinypose-256x192.xml", threads=1
    )
    assert network.card.name == "pp-tinypose"
    image = next(image for image in read_folder(folder).images if len(image.boxes) == 1)
    boxes = image.boxes.copy()
    boxes[:, 2:] += boxes[:, :2]
    keypoints, _ = network.look(to_frame(image.path), network.around(boxes), mirror=True)
    found = oks(
        image.keypoints, image.labelled, image.areas, image.boxes, keypoints, COCO_17.sigmas
    )
    assert found.max() > 0.85
