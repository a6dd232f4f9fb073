"""Hands and faces in streams: windows follow their points, which are calmer than each frame's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.poses import Poses
from openpaf.skeleton import BODY_25, FACE_70, HAND_21
from openpaf.topdown.closer import CloserLook, Places
from openpaf.topdown.follower import Follower
from openpaf.track import TrackConfig
from tests.topdown.test_closer import Corner, bodies, bright, look_of

FRAME = bright((0, 0, 400, 300))


class Fan(Corner):
    """An open hand, upright, of half the window's height, wherever it looks."""

    def outputs(self, windows: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        answer = super().outputs(windows)["maps"]
        for finger in range(5):
            for joint in range(4):
                place = 1 + 4 * finger + joint
                answer[:, place, :2] = (24 + 4 * finger, 30 - 6 * joint)
        answer[:, 0, :2] = (32, 50)
        return {"maps": answer}


def tracked(poses: Poses, *ids: int) -> Poses:
    return replace(poses, ids=np.array(ids))


class Recorded(CloserLook):
    """Remembers where it was told to look."""

    seen: list[Places]

    def look(self, poses: Poses, frame: NDArray[np.uint8], places: Places | None = None) -> Poses:
        assert places is not None
        self.seen = [*getattr(self, "seen", []), places]
        return super().look(poses, frame, places)


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    found = look_of(Fan(), monkeypatch)
    found.__class__ = Recorded
    assert isinstance(found, Recorded)
    return found


def place_of(places: Places, person: int, side: int) -> NDArray[np.float64]:
    (row,) = np.flatnonzero((places.people == person) & (places.sides == side))
    centre: NDArray[np.float64] = places.windows.centres[row]
    return centre


def test_the_window_goes_where_the_hand_was_and_with_the_wrist(look: Recorded) -> None:
    follower = Follower([look])
    first = follower.look(tracked(bodies((200, 200)), 4), FRAME, 0.0)
    follower.look(tracked(bodies((206, 203)), 4), FRAME, 0.04)
    by_body, followed = look.seen
    assert len(by_body.people) == len(followed.people) == 2
    palm = first.hands.keypoints[0, 1, [0, 5, 9, 13, 17]].mean(axis=0)
    expected = palm + (6, 3) - (0, 0.042 * 52)
    np.testing.assert_allclose(place_of(followed, 0, 1), expected, atol=1.5)
    (mirrored,) = followed.windows.mirrored[followed.sides == 0]
    assert mirrored and not followed.windows.mirrored[followed.sides == 1].any()


def test_a_hand_stays_in_sight_when_its_wrist_does_not(look: Recorded) -> None:
    follower = Follower([look])
    body = tracked(bodies((200, 200)), 4)
    follower.look(body, FRAME, 0.0)
    keypoints, scores = body.keypoints.copy(), body.scores.copy()
    wrist = BODY_25.index("right_wrist")
    keypoints[0, wrist], scores[0, wrist] = np.nan, 0
    without = replace(body, keypoints=keypoints, scores=scores)
    assert (follower.look(without, FRAME, 0.04).hands.presence > 0).all()
    # Not for ever: after a while of not being looked at the body has to say where it is.
    late = follower.look(without, FRAME, 1.0)
    assert late.hands.presence[0, 1] == 0 < late.hands.presence[0, 0]


def test_a_window_that_went_astray_is_placed_by_the_body(look: Recorded) -> None:
    follower = Follower([look])
    follower.look(tracked(bodies((100, 200)), 4), FRAME, 0.0)
    body = tracked(bodies((100, 200)), 4)
    keypoints = body.keypoints.copy()
    # The elbow turns the forearm around, the wrist stays.
    keypoints[0, BODY_25.index("right_elbow"), 1] -= 80
    follower.look(replace(body, keypoints=keypoints), FRAME, 0.04)
    expected = look.by_body(replace(body, keypoints=keypoints))
    np.testing.assert_allclose(place_of(look.seen[1], 0, 1), place_of(expected, 0, 1))


def test_who_has_no_id_or_a_new_one_is_looked_at_by_the_body(look: Recorded) -> None:
    follower = Follower([look])
    for n, ids in enumerate(((-1,), (-1,), (3,), (5,))):
        poses = tracked(bodies((200, 200)), *ids)
        follower.look(poses, FRAME, n / 25)
        np.testing.assert_allclose(
            look.seen[-1].windows.centres, look.by_body(poses).windows.centres
        )
    assert follower.look(bodies((200, 200)), FRAME, 1.0).hands.presence.all()
    assert len(follower.look(Poses.empty(BODY_25), FRAME, 1.1)) == 0


def test_points_are_smoothed_and_sides_stay(look: Recorded) -> None:
    rng = np.random.default_rng(2)
    calm, raw = (Follower([look], TrackConfig(smooth=smooth)) for smooth in (True, False))
    found: dict[str, list[NDArray[np.float32]]] = {"calm": [], "raw": []}
    for n in range(60):
        x, y = 200 + rng.normal(0, 1.5, 2)
        poses = tracked(bodies((x, y), (60, 200)), 1, 2)
        found["calm"].append(calm.look(poses, FRAME, n / 30).hands.keypoints[0])
        found["raw"].append(raw.look(poses, FRAME, n / 30).hands.keypoints[0])
    jitter = {key: np.abs(np.diff(np.array(all_), axis=0)).mean() for key, all_ in found.items()}
    assert jitter["calm"] < 0.6 * jitter["raw"]
    # The network sees a hand wherever it looks, so it may wander; sides are 80 px apart.
    middle = np.array(found["calm"])[..., 0].mean(axis=(0, 2))
    np.testing.assert_allclose(middle, (240, 160), atol=20)


def test_a_hand_that_goes_is_gone_at_once(look: Recorded) -> None:
    follower = Follower([look])
    body = tracked(bodies((200, 200)), 1)
    follower.look(body, FRAME, 0.0)
    gone = follower.look(body, bright((0, 0, 200, 300)), 0.04)
    np.testing.assert_array_equal(gone.hands.presence[0] > 0, [False, True])
    assert np.isnan(gone.hands.keypoints[0, 0]).all()
    back = follower.look(body, FRAME, 3.0)
    assert back.hands.presence.all() and np.isfinite(back.hands.keypoints).all()


def test_foretold_hands_go_with_the_wrists(look: Recorded) -> None:
    follower = Follower([look])
    body = bodies((200, 200))
    assert follower.foretold(body) is body
    now = follower.look(tracked(body, 1), FRAME, 0.0)
    soon = follower.foretold(tracked(bodies((210, 195)), 1))
    np.testing.assert_allclose(
        soon.hands.keypoints - now.hands.keypoints, np.full((1, 2, 21, 2), (10, -5)), atol=1e-3
    )


def test_faces_follow_too(monkeypatch: pytest.MonkeyPatch) -> None:
    look = look_of(Corner(FACE_70), monkeypatch, "face")
    keypoints = np.full((1, 25, 2), np.nan)
    for part, place in {"nose": (200, 100), "left_ear": (225, 95), "right_ear": (175, 95)}.items():
        keypoints[0, BODY_25.index(part)] = place
    scores = np.isfinite(keypoints[..., 0]).astype(np.float32)
    poses = Poses(keypoints, scores, np.ones(1), BODY_25, np.array([1]))
    follower = Follower([look])
    for n in range(3):
        found = follower.look(poses, FRAME, n / 25)
        assert found.face.presence[0] == 1 and found.timings["face"] > 0
    assert HAND_21.name not in [one.skeleton.name for one in found.part_sets.values()]
