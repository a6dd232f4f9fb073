"""Drawn hands and faces: where they are, a colour a finger, as large as each of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from openpaf.drawing import draw
from openpaf.drawing.colors import limb_colors
from openpaf.part_set import PartSet
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18, FACE_70, HAND_21

BLACK = np.zeros((400, 400, 3), np.uint8)


def hand(side: int, scale: float = 1.0, score: float = 0.9) -> Poses:
    """One person without a body, whose hand is a fan of straight fingers."""
    keypoints = np.full((1, 2, 21, 2), np.nan)
    scores, presence = np.zeros((1, 2, 21)), np.zeros((1, 2))
    angles = np.radians(np.linspace(30, 150, 5))
    steps = np.arange(1, 5)[None, :, None] * 25 * scale
    ways = np.stack([np.cos(angles), -np.sin(angles)], axis=1)[:, None]
    keypoints[0, side, 0] = (200, 300)
    keypoints[0, side, 1:] = ((200, 300) + ways * steps).reshape(20, 2)
    scores[0, side], presence[0, side] = score, score
    sets = {"hands": PartSet(keypoints, scores, presence, HAND_21)}
    nobody = np.full((1, 18, 2), np.nan), np.zeros((1, 18)), np.ones(1), COCO_18
    return Poses(*nobody, part_sets=sets)


def test_a_colour_a_finger() -> None:
    colors = limb_colors(HAND_21, "side")
    assert len(set(colors)) == 5
    assert all(len(set(colors[n : n + 4])) == 1 for n in range(0, 20, 4))
    drawn = draw(BLACK, hand(0))
    middle = hand(0).hands.keypoints[0, 0, 10:12].mean(axis=0).round().astype(int)
    assert drawn[middle[1], middle[0]].tolist() == list(colors[9])


@pytest.mark.parametrize("side", [0, 1])
def test_lines_follow_the_size_of_the_hand(side: int) -> None:
    small, large = (np.count_nonzero(draw(BLACK, hand(side, scale))) for scale in (0.3, 2))
    assert large > 20 * small > 0
    thin = draw(BLACK, hand(side, 2), line_width=1)
    assert 0 < np.count_nonzero(thin) < large / 2


def test_a_face_is_outlined() -> None:
    angles = np.linspace(0, 2 * np.pi, 70)
    keypoints = 200 + 80 * np.stack([np.cos(angles), np.sin(angles)], axis=1)[None]
    face = PartSet(keypoints, np.full((1, 70), 0.9), np.full(1, 0.9), FACE_70)
    poses = replace(hand(0), part_sets={"face": face})
    drawn = draw(BLACK, poses)
    assert (drawn[282:, :].any(), drawn[280, 190:210].any()) == (True, True)
    assert not drawn[180:220, 180:220].any()
    assert not np.array_equal(draw(BLACK, poses, color="person"), drawn)


def test_none_found_and_far_away_draw_nothing() -> None:
    nothing = replace(hand(0), part_sets={"hands": PartSet.missing(HAND_21, 1, 2)})
    assert not draw(BLACK, nothing).any()
    moved = hand(1).hands
    far = replace(moved, keypoints=moved.keypoints * 1e6)
    assert not draw(BLACK, replace(nothing, part_sets={"hands": far}))[:300, :200].any()
