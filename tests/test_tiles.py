"""Tiles: they cover the frame, everyone is found once, and what needs no tiles gets none."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.errors import ConfigError
from openpaf.poses import Poses
from openpaf.preprocess import Placement, place
from openpaf.skeleton import COCO_18
from openpaf.tiles import Tiles, joined
from tests.networks import write_nobody

PARTS = len(COCO_18.parts)


def person(x: float, y: float, size: float = 90.0) -> NDArray[np.float32]:
    """(K, 2) parts on a grid in a square of this size."""
    across, down = np.arange(PARTS) % 3, np.arange(PARTS) // 3
    return np.stack([x + size * across / 2, y + size * down / 5], axis=1).astype(np.float32)


def poses(*people: tuple[NDArray[np.float32], float]) -> Poses:
    """People with a score each, whose parts that are NaN are missing."""
    keypoints = np.array([one for one, _ in people], np.float32).reshape(-1, PARTS, 2)
    found = ~np.isnan(keypoints[..., 0])
    person_scores = np.array([score for _, score in people], np.float32)
    return Poses(keypoints, found * person_scores[:, None], person_scores, COCO_18)


@pytest.mark.parametrize("size", [(3840, 2160), (1313, 737), (5000, 700), (1000, 4000)])
def test_tiles_cover_the_frame_and_overlap(size: tuple[int, int]) -> None:
    tiles = Tiles((1312, 736), 8)
    corners = tiles.corners(size)
    assert len(set(corners)) == len(corners)
    for axis in (0, 1):
        starts = sorted({corner[axis] for corner in corners})
        tile = tiles.size[axis]
        assert starts[0] == 0 and starts[-1] == max(size[axis] - tile, 0)
        assert all(b - a <= 0.75 * tile + 1 for a, b in itertools.pairwise(starts))


def test_a_frame_smaller_than_a_tile_is_one_tile() -> None:
    assert Tiles((1312, 736), 8).corners((640, 480)) == [(0, 0)]
    assert Tiles((1312, 736), 8).corners((1312, 736)) == [(0, 0)]


def test_tiles_are_twice_the_network_input_and_fit_the_stride() -> None:
    assert Tiles.of(368, None, 8).size == (1312, 736)
    assert Tiles.of(368, (656, 368), 8).size == (1312, 736)
    assert Tiles.of(4096, None, 8).size == (4096, 4096)
    assert all(side % 8 == 0 for side in Tiles.of(250, None, 8).size)


def look_at(people: Poses) -> Callable[[NDArray[np.uint8], Callable[[float], Placement]], Poses]:
    """A look at a piece, whose pixels say where they lie in the frame."""

    def look(piece: NDArray[np.uint8], place_at: Callable[[float], Placement]) -> Poses:
        height, width = piece.shape[:2]
        placement = place_at(1.0)
        assert placement.frame_size == (width, height) and max(placement.scale) == 1
        x, y, beyond = piece[0, 0].tolist()
        corner = np.array([x + 256 * (beyond // 16), y + 256 * (beyond % 16)])
        keypoints = people.keypoints - corner.astype(np.float32)
        inside = ((keypoints >= 0) & (keypoints < (width, height))).all(axis=2)
        keypoints[~inside] = np.nan
        seen = inside.any(axis=1)
        share = inside.mean(axis=1)
        return Poses(
            keypoints[seen],
            np.where(inside, people.scores, 0)[seen],
            (people.person_scores * share)[seen],
            COCO_18,
        )

    return look


def test_everyone_is_found_once_wherever_tiles_cut_them() -> None:
    y, x = np.mgrid[:400, :600]
    frame = np.stack([x % 256, y % 256, 16 * (x // 256) + y // 256], axis=2).astype(np.uint8)
    everybody = poses(*((person(x, y, 60), 0.9) for x in range(0, 540, 90) for y in (5, 150, 310)))
    whole = Poses.empty(COCO_18)
    tiles = Tiles((200, 160), 8)
    found = tiles.look(frame, whole, place((600, 400), net_height=80), look_at(everybody))
    assert len(found) == len(everybody)
    assert (found.scores > 0).all()
    order = np.lexsort(found.keypoints[:, 0].T)
    wanted = np.lexsort(everybody.keypoints[:, 0].T)
    np.testing.assert_allclose(found.keypoints[order], everybody.keypoints[wanted], atol=1e-3)


def test_a_look_at_full_resolution_needs_no_tiles() -> None:
    whole = poses((person(10, 10), 0.9))

    def look(*_: object) -> Poses:
        raise AssertionError("a tile was looked at")

    frame = np.zeros((300, 400, 3), np.uint8)
    assert Tiles((200, 160), 8).look(frame, whole, place((400, 300)), look) is whole


def test_of_two_looks_the_surer_is_kept_and_completed() -> None:
    whole, cut = person(0, 0), person(0.5, 0.5)
    whole[:3] = np.nan
    found = joined([poses((whole, 0.8)), poses((cut, 0.5))])
    assert len(found) == 1 and found.person_scores[0] == np.float32(0.8)
    np.testing.assert_array_equal(found.keypoints[0, :3], cut[:3])
    np.testing.assert_array_equal(found.keypoints[0, 3:], whole[3:])
    assert found.scores[0, 0] == np.float32(0.5)


def test_neighbours_of_one_look_are_two_people() -> None:
    near = poses((person(0, 0), 0.8), (person(4, 0), 0.7))
    assert len(joined([near, Poses.empty(COCO_18)])) == 2
    assert len(joined([near, poses((person(1, 0), 0.3))])) == 2
    assert len(joined([near, poses((person(300, 0), 0.9))])) == 3


def test_nobody_anywhere() -> None:
    assert len(joined([Poses.empty(COCO_18), Poses.empty(COCO_18)])) == 0


def test_the_engine_looks_at_tiles(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    path = write_nobody(tmp_path / "nobody.onnx")
    from openpaf import Engine
    from openpaf.stream import Stream

    with Engine(path, tiles=True, net_height=64, threads=1) as engine:
        found = engine.detect(np.zeros((300, 400, 3), np.uint8))
        assert len(found) == 0 and found.frame_size == (400, 300)
        assert set(found.timings) == {"preprocess", "network", "decode", "tiles"}
        assert pickle.loads(pickle.dumps(engine)).tiles == engine.tiles
        import cv2

        cv2.imwrite(str(tmp_path / "one.png"), np.zeros((300, 400, 3), np.uint8))
        (streamed,) = Stream(engine, tmp_path / "one.png")
        assert "tiles" in streamed.timings
    with Engine(path, threads=1) as engine:
        assert engine.prepare(np.zeros((30, 40, 3), np.uint8)).frame is None


@pytest.mark.parametrize("wrong", [2, "yes", None])
def test_tiles_are_asked_for_or_not(wrong: object, tmp_path: Path) -> None:
    from openpaf import Engine

    with pytest.raises(ConfigError, match="tiles must be True or False"):
        Engine(write_nobody(tmp_path / "nobody.onnx"), tiles=wrong)  # type: ignore[arg-type]
