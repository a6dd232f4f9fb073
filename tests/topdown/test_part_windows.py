"""Windows of hands and faces: where they lie, how they are turned, and whose they are."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.errors import SkeletonError
from openpaf.skeleton import BODY_25, COCO_17, COCO_18, MPI_15, Skeleton
from openpaf.topdown.part_windows import face_windows, hand_windows

SIZE = (65, 65)
UPRIGHT = {
    "nose": (100, 60), "left_eye": (106, 54), "right_eye": (94, 54), "left_ear": (114, 56),
    "right_ear": (86, 56), "left_shoulder": (130, 100), "right_shoulder": (70, 100),
    "left_elbow": (140, 150), "right_elbow": (60, 150), "left_wrist": (140, 200),
    "right_wrist": (20, 150), "left_hip": (120, 200), "right_hip": (80, 200),
}  # fmt: skip
Found = tuple[NDArray[np.float32], NDArray[np.float32]]


def person(skeleton: Skeleton = COCO_17, **moved: tuple[float, float] | None) -> Found:
    places = {**UPRIGHT, **moved}
    keypoints = np.full((1, len(skeleton.parts), 2), np.nan, np.float32)
    scores = np.zeros((1, len(skeleton.parts)), np.float32)
    for part, xy in places.items():
        if xy is not None and part in skeleton.parts:
            keypoints[0, skeleton.index(part)], scores[0, skeleton.index(part)] = xy, 0.9
    return keypoints, scores


def turned(found: Found, angle: float) -> Found:
    keypoints, scores = found
    cos, sin = math.cos(angle), math.sin(angle)
    return (keypoints @ np.array([[cos, sin], [-sin, cos]])).astype(np.float32), scores


def test_a_hand_lies_beyond_its_wrist_and_points_up() -> None:
    windows, people = hand_windows(*person(), COCO_17)
    assert people.tolist() == [0, 0] and windows.mirrored.tolist() == [True, False]
    np.testing.assert_allclose(windows.centres, [(140, 217.5), (6, 150)])
    assert (windows.sides[:, 0] == windows.sides[:, 1]).all()
    wrists = windows.to_window(np.array([[(140.0, 200.0)], [(20.0, 150.0)]]), SIZE)
    assert (wrists[:, 0, 1] > 32).all() and np.allclose(wrists[:, 0, 0], 32)


def test_thumbs_of_both_hands_point_the_same_way() -> None:
    """Of hands that hang with their thumbs forward, or lie mirrored about the body's middle."""
    body = person(left_elbow=(140, 150), left_wrist=(140, 200),
                  right_elbow=(60, 150), right_wrist=(60, 200))  # fmt: skip
    windows, _ = hand_windows(*body, COCO_17)
    thumbs = windows.to_window(np.array([[(125.0, 215.0)], [(75.0, 215.0)]]), SIZE)
    np.testing.assert_allclose(thumbs[0], thumbs[1])


def test_a_forearm_that_points_at_the_camera_has_no_tiny_hand() -> None:
    whole, _ = hand_windows(*person(), COCO_17)
    short, _ = hand_windows(*person(left_wrist=(140, 153)), COCO_17)
    assert short.sides[0, 0] > 0.6 * whole.sides[0, 0]


def test_people_without_forearms_have_no_hands() -> None:
    windows, people = hand_windows(*person(left_elbow=None, right_wrist=None), COCO_17)
    assert len(windows) == len(people) == 0
    nobody, _ = hand_windows(np.empty((0, 17, 2)), np.empty((0, 17)), COCO_17)
    assert len(nobody) == 0


def test_people_count_in_their_order() -> None:
    one, other = person(left_elbow=None), person()
    both = tuple(np.concatenate(pair) for pair in zip(one, other, strict=True))
    windows, people = hand_windows(both[0], both[1], COCO_17)
    assert people.tolist() == [1, 0, 1] and windows.mirrored.tolist() == [True, False, False]


@pytest.mark.parametrize("skeleton", [COCO_17, COCO_18, BODY_25])
def test_a_face_lies_level_about_the_nose(skeleton: Skeleton) -> None:
    windows, people = face_windows(*person(skeleton), skeleton)
    assert people.tolist() == [0] and not windows.mirrored.any()
    np.testing.assert_allclose(windows.angles, 0, atol=1e-6)
    assert windows.centres[0, 0] == 100 and 56 < windows.centres[0, 1] < 70
    assert 38 < windows.sides[0, 0] < 50


@pytest.mark.parametrize("angle", [0.5, math.pi / 2, -2.0, 3.0])
def test_windows_turn_with_the_body(angle: float) -> None:
    for found in (face_windows, hand_windows):
        straight, _ = found(*person(), COCO_17)
        windows, _ = found(*turned(person(), angle), COCO_17)
        np.testing.assert_allclose(windows.sides, straight.sides, rtol=1e-5)
        apart = np.exp(1j * (windows.angles - straight.angles - angle))
        np.testing.assert_allclose(apart, 1, atol=1e-5)


def test_a_head_seen_from_behind_is_not_turned_over() -> None:
    swapped = person(left_eye=(94, 54), right_eye=(106, 54), left_ear=(86, 56), right_ear=(114, 56))
    windows, _ = face_windows(*swapped, COCO_17)
    np.testing.assert_allclose(windows.angles, 0, atol=1e-6)


def test_a_profile_has_a_window_as_large_as_a_face_from_the_front() -> None:
    front, _ = face_windows(*person(), COCO_17)
    profile = person(
        nose=(114, 60), left_eye=(109, 54), right_eye=None, left_ear=(91, 56), right_ear=None,
        left_shoulder=(104, 100), right_shoulder=(96, 100),
    )  # fmt: skip
    side, _ = face_windows(*profile, COCO_17)
    assert 0.8 < side.sides[0, 0] / front.sides[0, 0] < 1.25
    assert abs(side.angles[0]) < 0.2 and 95 < side.centres[0, 0] < 110


def test_ears_alone_are_no_face_and_a_nose_with_shoulders_is() -> None:
    assert not len(face_windows(*person(nose=None, left_eye=None, right_eye=None), COCO_17)[0])
    blind = dict.fromkeys(("left_eye", "right_eye", "left_ear", "right_ear"))
    windows, _ = face_windows(*person(**blind), COCO_17)
    assert windows.centres[0, 0] == 100 and 20 < windows.sides[0, 0] < 60
    bare = dict.fromkeys((*blind, "left_shoulder", "right_shoulder", "left_hip", "right_hip"))
    assert not len(face_windows(*person(**bare), COCO_17)[0])


def test_bodies_without_the_parts_are_named() -> None:
    with pytest.raises(SkeletonError, match="MPI_15 has no nose"):
        face_windows(*person(MPI_15), MPI_15)
    animal = Skeleton("worm", ("head_top", "tail"), ((0, 1),))
    with pytest.raises(SkeletonError, match="worm has no left_elbow"):
        hand_windows(*person(animal), animal)
