"""Hands and faces that go with people: shapes, sides, and that nothing loses them."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from openpaf.decoder.config import DecoderConfig
from openpaf.decoder.keep import kept
from openpaf.errors import PosesError
from openpaf.part_set import KINDS, LEFT, RIGHT, PartSet
from openpaf.poses import Poses
from openpaf.skeleton import BODY_25, FACE_70, HAND_21
from tests.small_parts import part_set, with_small_parts


def people(count: int = 3) -> Poses:
    rng = np.random.default_rng(1)
    keypoints = rng.uniform(0, 480, (count, 25, 2))
    scores = np.linspace(0.9, 0.3, count)
    return with_small_parts(
        Poses(keypoints, np.ones((count, 25)), scores, BODY_25, frame_size=(480, 480))
    )


def test_who_was_not_looked_at_has_none() -> None:
    poses = Poses.empty(BODY_25)
    assert poses.hands.keypoints.shape == (0, 2, 21, 2) and poses.face.scores.shape == (0, 70)
    assert dict(poses.part_sets) == {}
    person = replace(people(1), part_sets={})[0]
    assert np.isnan(person.hands.keypoints).all() and person.hands.keypoints.shape == (2, 21, 2)
    assert np.isnan(person.face.keypoints).all() and person.face.presence == 0


def test_a_person_has_their_own() -> None:
    poses = people()
    for n, person in enumerate(poses):
        np.testing.assert_array_equal(person.hands.keypoints, poses.hands.keypoints[n])
        np.testing.assert_array_equal(person.face.scores, poses.face.scores[n])
    assert poses[2].hands.presence[LEFT] == 0 < poses[2].hands.presence[RIGHT]


@pytest.mark.parametrize("which", [slice(1, 3), [2, 0], np.array([True, False, True])])
def test_some_people_keep_theirs(which: Any) -> None:
    poses = people()
    for name in KINDS:
        some = poses[which].part_sets[name]
        np.testing.assert_array_equal(some.keypoints, poses.part_sets[name].keypoints[which])
        np.testing.assert_array_equal(some.presence, poses.part_sets[name].presence[which])
    fewer = kept(poses, DecoderConfig(max_people=2), (480, 480))
    assert fewer.hands == poses.hands[:2] and fewer.face == poses.face[:2]


def test_equality_and_copies() -> None:
    poses = people()
    assert poses == people() and poses == pickle.loads(pickle.dumps(poses))
    assert poses != replace(poses, part_sets={})
    assert poses[0] != replace(poses[0], part_sets={})
    other = replace(poses, part_sets={"hands": part_set("hands", 3, seed=9)})
    assert poses.hands != other.hands
    with pytest.raises(TypeError):
        poses.part_sets["hands"] = other.hands  # type: ignore[index]
    with pytest.raises(ValueError, match="read-only"):
        poses.hands.keypoints[0] = 0
    assert repr(poses.hands) == "<PartSet 5 of 6 found, HAND_21>"


@pytest.mark.parametrize(
    "sets, problem",
    [
        ({"hands": PartSet.missing(HAND_21, 2, 2)}, r"must be of \(3, 2\), got \(2, 2\)"),
        ({"hands": PartSet.missing(HAND_21, 3)}, r"must be of \(3, 2\), got \(3,\)"),
        ({"hands": PartSet.missing(FACE_70, 3, 2)}, "must be of HAND_21, got FACE_70"),
        ({"feet": PartSet.missing(HAND_21, 3)}, "has the keys hands, face, got 'feet'"),
        ({"face": None}, "must be a PartSet, got NoneType"),
    ],
)
def test_sets_that_do_not_fit(sets: dict[str, Any], problem: str) -> None:
    with pytest.raises(PosesError, match=problem):
        replace(people(), part_sets=sets)


def test_numbers_that_cannot_be() -> None:
    good = PartSet.missing(HAND_21, 1, 2)
    for changes in (
        {"scores": np.ones((1, 2, 21))},
        {"keypoints": np.zeros((1, 2, 21, 2))},
        {"presence": np.full((1, 2), np.nan)},
        {"keypoints": np.full((1, 2, 21, 2), np.inf), "scores": np.ones((1, 2, 21))},
        {"keypoints": np.zeros((1, 2, 20, 2))},
    ):
        with pytest.raises(PosesError):
            replace(good, **changes)
