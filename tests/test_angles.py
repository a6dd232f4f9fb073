"""Angles of drawn-out bodies: every definition, its sign and its range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openpaf.angles import ANGLES, angle, angle_names, facing
from openpaf.errors import PosesError, SkeletonError
from openpaf.poses import Poses
from openpaf.skeleton import BODY_25, COCO_17, COCO_18, MPI_15


def standing() -> np.ndarray:
    """(25, 2) px of somebody who stands straight and faces the frame's right."""
    places = {
        "nose": (10, -20), "neck": (0, 0), "shoulder": (0, 0), "elbow": (0, 30), "wrist": (0, 60),
        "mid_hip": (0, 50), "hip": (0, 50), "knee": (0, 100), "ankle": (0, 150), "eye": (8, -24),
        "ear": (0, -22), "big_toe": (20, 155), "small_toe": (17, 155), "heel": (-5, 155),
    }  # fmt: skip
    return np.array(
        [places[part.removeprefix("left_").removeprefix("right_")] for part in BODY_25.parts], float
    )


def moved(body: np.ndarray, **parts: tuple[float, float]) -> np.ndarray:
    body = body.copy()
    for part, place in parts.items():
        body[BODY_25.index(part)] = place
    return body


def mirrored(body: np.ndarray) -> np.ndarray:
    return body * [-1, 1]


BENT = {
    "left_knee": moved(standing(), left_ankle=(-50, 100)),
    "left_hip": moved(standing(), left_knee=(50, 50)),
    "left_shoulder": moved(standing(), left_elbow=(30, 0)),
    "left_elbow": moved(standing(), left_wrist=(30, 30)),
    "left_ankle": moved(standing(), left_heel=(-10, 160), left_big_toe=(10, 140)),
}


@pytest.mark.parametrize(("name", "expected"), [(n, 45 if "ankle" in n else 90) for n in BENT])
def test_joints_bend_in_their_positive_sense(name: str, expected: float) -> None:
    for body, side in ((BENT[name], 1), (mirrored(BENT[name]), -1)):
        assert angle(body, BODY_25, name, side) == pytest.approx(expected)
        assert angle(body, BODY_25, name) == pytest.approx(expected)


def test_standing_straight_is_zero_and_segments_are_upright() -> None:
    body = standing()
    for name in ("knee", "hip", "shoulder", "elbow"):
        for side in ("left", "right"):
            assert angle(body, BODY_25, f"{side}_{name}", 1) == pytest.approx(0)
    assert angle(body, BODY_25, "left_ankle", 1) == pytest.approx(0)
    for name in ("left_shank", "right_thigh", "left_upper_arm", "right_forearm", "trunk"):
        assert angle(body, BODY_25, name) == pytest.approx(90)
    assert angle(body, BODY_25, "right_foot") == pytest.approx(0)
    front = moved(body, left_hip=(20, 45), right_hip=(-20, 50))
    assert angle(front, BODY_25, "pelvis") == pytest.approx(np.degrees(np.arctan2(5, 40)))


@given(st.floats(-179, 179), st.floats(-170, 170))
def test_knee_of_any_leg_to_a_hundredth_of_a_degree(thigh: float, knee: float) -> None:
    turn, on = np.radians(thigh), np.radians(thigh - knee)
    at_knee = 80 * np.array([np.sin(turn), np.cos(turn)])
    body = np.full((25, 2), np.nan, np.float32)
    for part, place in (
        ("right_hip", (0, 0)),
        ("right_knee", at_knee),
        ("right_ankle", at_knee + 75 * np.array([np.sin(on), np.cos(on)])),
    ):
        body[BODY_25.index(part)] = place
    assert float(angle(body, BODY_25, "right_knee", 1)) == pytest.approx(knee, abs=0.01)
    assert float(angle(body, BODY_25, "right_knee")) == pytest.approx(abs(knee), abs=0.01)
    assert np.isnan(angle(body, BODY_25, "left_knee"))


def test_shapes_and_missing_parts() -> None:
    bodies = np.stack([standing()] * 6).reshape(2, 3, 25, 2)
    bodies[1, 2, BODY_25.index("left_knee")] = np.nan
    knees = angle(bodies, BODY_25, "left_knee", np.ones((2, 3)))
    assert knees.shape == (2, 3) and np.isnan(knees[1, 2]) and np.isfinite(knees).sum() == 5
    assert np.isnan(angle(moved(standing(), left_knee=(0, 50)), BODY_25, "left_thigh"))


def test_middles_stand_for_parts_a_skeleton_lacks() -> None:
    keypoints = standing()[None].astype(np.float32)
    scores = np.ones((1, 25), np.float32)
    for skeleton in (COCO_17, COCO_18):
        fewer, _ = BODY_25.convert(keypoints, scores, skeleton)
        assert angle(fewer[0], skeleton, "trunk") == pytest.approx(90)
    assert "left_ankle" not in angle_names(COCO_17) and "left_knee" in angle_names(COCO_17)
    assert set(angle_names(BODY_25)) == set(ANGLES)
    lost = moved(standing(), neck=(np.nan, np.nan))
    assert angle(lost, BODY_25, "trunk") == pytest.approx(90)


def test_facing() -> None:
    assert facing(standing(), BODY_25) > 0.1 > -0.1 > facing(mirrored(standing()), BODY_25)
    assert np.isnan(facing(np.full((25, 2), np.nan), BODY_25))
    assert np.isnan(facing(np.zeros((15, 2)), MPI_15))


def test_of_a_person() -> None:
    ones = np.ones((1, 25), np.float32)
    person = Poses(BENT["left_knee"][None].astype(np.float32), ones, ones[:, 0], BODY_25)[0]
    assert person.angle("left_knee") == pytest.approx(90)
    assert person.angle("left_knee", "left") == pytest.approx(-90)
    with pytest.raises(SkeletonError, match="there are left_ankle"):
        person.angle("left_nose")
    with pytest.raises(PosesError, match="facing must be"):
        person.angle("left_knee", "up")  # type: ignore[arg-type]
    with pytest.raises(SkeletonError, match="COCO_17 has no"):
        angle(np.zeros((17, 2)), COCO_17, "left_ankle")
