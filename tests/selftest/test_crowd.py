"""Crowds to time the decoder with, of whatever a model finds."""

from __future__ import annotations

import pytest

from openpaf.decoder import decode
from openpaf.selftest.crowd import make_crowd
from openpaf.skeleton import BODY_25, Skeleton

SNAIL = Skeleton("snail", ("shell", "horn", "tail", "shoulder"), ((0, 1), (0, 2), (0, 3)))
HALF = Skeleton("half", ("neck", "shoulder", "elbow"), ((0, 1), (1, 2)))


@pytest.mark.parametrize("skeleton", [BODY_25, SNAIL, HALF], ids=lambda one: one.name)
def test_a_crowd_of_any_skeleton_is_found(skeleton: Skeleton) -> None:
    crowd = make_crowd(3, 0, skeleton=skeleton, occlusion=0.0)
    assert crowd.keypoints.shape == (3, len(skeleton.parts), 2)
    assert len(decode(crowd.fields)) >= 2
