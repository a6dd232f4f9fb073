"""Tracking: identities, re-entry, smoothing in time, left and right, prediction."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.errors import ConfigError, PosesError, SkeletonError
from openpaf.poses import Poses
from openpaf.skeleton import BODY_25, COCO_17, COCO_18, MPI_15, Skeleton
from openpaf.track import TrackConfig, Tracker, interpolate
from tests.small_parts import with_small_parts

Points = NDArray[np.floating]

# A standing person of 340 px, COCO_18, around (0, 0).
BODY = np.array(
    [
        (0, -150), (0, -120), (-35, -118), (-45, -65), (-48, -15), (35, -118), (45, -65),
        (48, -15), (-20, 0), (-22, 85), (-22, 165), (20, 0), (22, 85), (22, 165), (-6, -157),
        (6, -157), (-15, -152), (15, -152),
    ],
    float,
)  # fmt: skip
SCALE = 0.5 * float(np.linalg.norm(np.ptp(BODY, axis=0)))
ARMS, LEGS = ([2, 3, 4], [5, 6, 7]), ([8, 9, 10], [11, 12, 13])


def people(*bodies: Points, skeleton: Skeleton = COCO_18) -> Poses:
    keypoints = np.array(bodies, np.float32).reshape(len(bodies), len(skeleton.parts), 2)
    found = np.isfinite(keypoints[..., 0])
    return Poses(
        keypoints,
        np.where(found, np.float32(0.9), np.float32(0)),
        np.ones(len(bodies), np.float32),
        skeleton,
        frame_size=(1280, 720),
    )


def at(x: float, y: float = 400) -> Points:
    return BODY + (x, y)


def ids(poses: Poses) -> list[int]:
    assert poses.ids is not None
    numbers: list[int] = poses.ids.tolist()
    return numbers


def exchanged(body: Points, *groups: tuple[list[int], list[int]]) -> Points:
    body = body.copy()
    for right, left in groups:
        body[right], body[left] = body[left].copy(), body[right].copy()
    return body


@pytest.mark.parametrize("skeleton", [COCO_17, COCO_18, BODY_25, MPI_15])
def test_everyone_in_the_first_frame_gets_an_id(
    skeleton: Skeleton, rng: np.random.Generator
) -> None:
    bodies = rng.uniform(0, 300, (3, len(skeleton.parts), 2)) + [[[0]], [[400]], [[800]]]
    tracker = Tracker()
    assert ids(tracker.update(people(*bodies, skeleton=skeleton), 0)) == [1, 2, 3]
    order = [2, 0, 1]
    again = people(*bodies[order], skeleton=skeleton)
    assert ids(tracker.update(again, 0.04)) == [3, 1, 2]


def test_nobody_is_fine_at_any_time() -> None:
    tracker = Tracker()
    assert ids(tracker.update(people(), 0)) == []
    for frame in range(1, 4):
        assert len(tracker.update(people(at(300)), frame / 25)) == 1
    nobody = tracker.update(people(), 4 / 25)
    assert ids(nobody) == [] and nobody.keypoints.shape == (0, 18, 2)
    assert ids(tracker.update(people(at(300)), 5 / 25)) == [1]


def test_newcomer_is_tentative_until_confirmed() -> None:
    tracker = Tracker(TrackConfig(confirm_hits=3))
    tracker.update(people(at(200)), 0)
    seen = [ids(tracker.update(people(at(200), at(800)), t / 25)) for t in range(1, 5)]
    assert seen == [[1, -1], [1, -1], [1, 2], [1, 2]]


def test_false_detection_of_one_frame_never_takes_an_id() -> None:
    tracker = Tracker()
    tracker.update(people(at(200)), 0)
    assert ids(tracker.update(people(at(200), at(900)), 0.04)) == [1, -1]
    for frame in range(2, 20):
        tracker.update(people(at(200)), frame / 25)
    for frame in range(20, 23):
        last = tracker.update(people(at(200), at(600)), frame / 25)
    assert ids(last) == [1, 2]


@pytest.mark.parametrize(("away", "expected"), [(0.5, 1), (2.5, 1), (3.5, 2)])
def test_comes_back_within_a_time_with_the_same_id(away: float, expected: int) -> None:
    tracker = Tracker(TrackConfig(reentry=3.0))
    for frame in range(10):
        tracker.update(people(at(400)), frame / 25)
    time = 9 / 25
    while time < 9 / 25 + away - 0.04:
        time += 0.04
        tracker.update(people(), time)
    for frame in range(1, 4):
        back = tracker.update(people(at(405)), 9 / 25 + away + frame / 25 - 0.04)
    assert ids(back) == [expected]


def test_walks_out_of_the_frame_and_comes_back_at_that_side() -> None:
    tracker = Tracker()
    time, step = 0.0, 0.04
    for x in range(200, 20, -8):
        first = tracker.update(people(np.where(at(x)[:, :1] >= 0, at(x), np.nan)), time)
        time += step
    time += 1.2
    for x in range(20, 120, 8):
        back = tracker.update(people(np.where(at(x)[:, :1] >= 0, at(x), np.nan)), time)
        time += step
    assert ids(back) == ids(first) == [1]


def test_identities_survive_a_crossing_behind_somebody() -> None:
    tracker = Tracker()
    for frame in range(100):
        right, left = 200 + 8 * frame, 1000 - 8 * frame
        hidden = abs(right - left) < 120
        seen = people(at(right)) if hidden else people(at(right), at(left))
        found = tracker.update(seen, frame / 25)
    assert ids(found) == [1, 2]


def test_slow_source_keeps_identities() -> None:
    tracker = Tracker()
    tracker.update(people(at(300)), 0)
    for second in range(1, 20):
        found = tracker.update(people(at(300 + 10 * second), at(900)), 5.0 * second)
    assert ids(found) == [1, 2]


def test_ids_are_never_given_twice() -> None:
    tracker = Tracker(TrackConfig(reentry=0.1, confirm_hits=1))
    given = [
        ids(tracker.update(people(at(200 + 300 * (t % 3))), 10.0 * t))
        if t % 2
        else ids(tracker.update(people(), 10.0 * t))
        for t in range(20)
    ]
    flat = [number for row in given for number in row]
    assert len(flat) == len(set(flat)) == 10


def test_missing_parts_stay_missing() -> None:
    tracker = Tracker()
    body = at(400)
    tracker.update(people(body), 0)
    body[4] = np.nan
    found = tracker.update(people(body), 0.04)
    assert np.isnan(found.keypoints[0, 4]).all() and found.scores[0, 4] == 0
    assert np.isfinite(np.delete(found.keypoints[0], 4, axis=0)).all()


def test_half_a_body_is_the_same_person() -> None:
    tracker = Tracker()
    tracker.update(people(at(400), at(800)), 0)
    upper = at(400)
    upper[8:14] = np.nan
    assert ids(tracker.update(people(at(800), upper), 0.04)) == [2, 1]


@pytest.mark.parametrize("rate", [25.0, 30.0, 60.0])
def test_still_person_is_four_times_calmer(rate: float, rng: np.random.Generator) -> None:
    tracker, noise = Tracker(), 0.006 * SCALE
    raw, smooth = [], []
    for frame in range(400):
        raw.append(at(400) + rng.normal(0, noise, BODY.shape))
        smooth.append(tracker.update(people(raw[-1]), frame / rate).keypoints[0])
    assert np.var(raw[50:], axis=0).mean() > 4 * np.var(smooth[50:], axis=0).mean()


@pytest.mark.parametrize("speed", [0.3, 1.0, 3.0])
def test_walking_person_lags_less_than_a_frame(speed: float, rng: np.random.Generator) -> None:
    tracker, rate, lags = Tracker(), 30.0, []
    step = speed * SCALE / rate
    for frame in range(90):
        body = at(100 + step * frame)
        seen = body + rng.normal(0, 0.006 * SCALE, BODY.shape)
        out = tracker.update(people(seen), frame / rate).keypoints[0]
        lags.append((body - out)[:, 0].mean() / step)
    assert abs(np.mean(lags[30:])) < 1


def test_smoothing_works_in_time_not_frames() -> None:
    """After a step, twice the frame rate is as far along at the same moment."""

    def after_step(rate: float) -> float:
        tracker = Tracker(TrackConfig(moving_cutoff=0))
        tracker.update(people(at(400)), 0)
        for frame in range(1, round(0.2 * rate) + 1):
            out = tracker.update(people(at(410)), frame / rate)
        return float((out.keypoints[0] - at(400))[:, 0].mean())

    assert after_step(60) == pytest.approx(after_step(120), rel=0.05)
    assert 2 < after_step(60) < 9


def test_without_smoothing_keypoints_are_untouched(rng: np.random.Generator) -> None:
    tracker = Tracker(TrackConfig(smooth=False, swap_guard=False))
    for frame in range(5):
        seen = people(at(400) + rng.normal(0, 3, BODY.shape))
        np.testing.assert_array_equal(tracker.update(seen, frame / 25).keypoints, seen.keypoints)


@pytest.mark.parametrize("groups", [(ARMS,), (LEGS,), (ARMS, LEGS)])
def test_flicker_of_left_and_right_is_undone(groups: tuple[tuple[list[int], list[int]]]) -> None:
    tracker = Tracker()
    for frame in range(30):
        seen = at(400) if frame % 10 < 7 else exchanged(at(400), *groups)
        found = tracker.update(people(seen), frame / 25)
        np.testing.assert_allclose(found.keypoints[0], at(400), atol=1)
    assert ids(found) == [1]


def test_lasting_exchange_is_believed() -> None:
    tracker = Tracker(TrackConfig(swap_patience=0.4))
    turned = exchanged(at(400), ARMS, LEGS)
    for frame in range(10):
        tracker.update(people(at(400)), frame / 25)
    for frame in range(10, 40):
        found = tracker.update(people(turned), frame / 25)
        if frame < 19:
            np.testing.assert_allclose(found.keypoints[0], at(400), atol=1)
    np.testing.assert_allclose(found.keypoints[0], turned, atol=1)


def test_exchange_carries_scores_along() -> None:
    tracker = Tracker()
    straight = people(at(400))
    scores = straight.scores.copy()
    scores[0, 4], scores[0, 7] = 0.3, 0.7
    tracker.update(Poses(straight.keypoints, scores, [1], COCO_18), 0)  # type: ignore[arg-type]
    swapped = exchanged(at(400), ARMS)
    scores[0, 4], scores[0, 7] = 0.7, 0.3
    found = tracker.update(Poses(swapped[None], scores, [1], COCO_18), 0.04)  # type: ignore[arg-type]
    assert found.scores[0, [4, 7]].tolist() == pytest.approx([0.3, 0.7])


def test_predicts_where_people_go() -> None:
    tracker = Tracker()
    assert tracker.predict(0) is None
    for frame in range(30):
        tracker.update(people(at(200 + 8 * frame)), frame / 25)
    ahead = tracker.predict(32 / 25, (1280, 720))
    assert ahead is not None and ids(ahead) == [1]
    np.testing.assert_allclose(ahead.keypoints[0], at(200 + 8 * 32), atol=5)


def test_interpolates_between_frames() -> None:
    tracker = Tracker(TrackConfig(smooth=False, confirm_hits=1))
    before = tracker.update(people(at(200), at(900)), 0)
    body = at(210)
    body[3] = np.nan
    after = tracker.update(people(at(600), body), 0.1)
    assert (ids(before), ids(after)) == ([1, 2], [3, 1])
    early, late = interpolate(before, after, 0.25), interpolate(before, after, 0.75)
    assert (ids(early), ids(late)) == ([1, 2], [1, 3])
    np.testing.assert_allclose(early.keypoints[0, 0], at(202.5)[0], atol=1e-3)
    assert np.isnan(early.keypoints[0, 3]).all() and early.scores[0, 3] == 0
    np.testing.assert_array_equal(early.keypoints[1], before.keypoints[1])
    with pytest.raises(PosesError, match="ids"):
        interpolate(people(at(3)), after, 0.5)


def test_hands_and_faces_are_interpolated_too() -> None:
    tracker = Tracker(TrackConfig(smooth=False, confirm_hits=1))
    before = with_small_parts(tracker.update(people(at(200), at(900)), 0), seed=1)
    after = with_small_parts(tracker.update(people(at(600), at(210)), 0.1), seed=2)
    # Whoever is the first before is the second after, without a left hand and a face there.
    early, late = interpolate(before, after, 0.25), interpolate(before, after, 0.75)
    right = 0.75 * before.hands.keypoints[0, 1] + 0.25 * after.hands.keypoints[1, 1]
    np.testing.assert_allclose(early.hands.keypoints[0, 1], right, rtol=1e-4)
    assert early.hands.presence[0, 0] == 0 == early.face.presence[0]
    np.testing.assert_array_equal(early.hands.keypoints[1], before.hands.keypoints[1])
    np.testing.assert_array_equal(late.face.keypoints[1], after.face.keypoints[0])
    assert dict(interpolate(before, replace(after, part_sets={}), 0.5).part_sets) == {}


def test_time_that_stands_still_does_no_harm() -> None:
    tracker = Tracker()
    for time in (1.0, 1.0, 0.5, 1.0):
        found = tracker.update(people(at(300)), time)
        np.testing.assert_allclose(found.keypoints[0], at(300), atol=1e-2)
    assert ids(found) == [1]


def test_refuses_what_cannot_be_followed() -> None:
    tracker = Tracker()
    tracker.update(people(at(300)), 0)
    with pytest.raises(SkeletonError, match="one skeleton"):
        tracker.update(Poses.empty(BODY_25), 1)
    with pytest.raises(ConfigError, match="time"):
        tracker.update(people(), float("nan"))


@pytest.mark.parametrize(
    "bad",
    [
        {"min_oks": 0}, {"min_oks": 1.5}, {"confirm_hits": 0}, {"reentry": -1},
        {"still_cutoff": 0}, {"moving_cutoff": float("inf")}, {"swap_patience": float("nan")},
    ],
)  # fmt: skip
def test_settings_out_of_range(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        TrackConfig(**bad)  # type: ignore[arg-type]


def test_beats_its_rivals_in_a_crowd() -> None:
    pytest.importorskip("motmetrics")
    from benchmarks import bench_track
    from benchmarks.scenes.walkers import Scene

    scene = Scene("test", 6, seconds=12)
    ours, nearest, none = (
        bench_track.score(scene, make, range(1))
        for make in (bench_track.ours, bench_track.nearest_neighbour, bench_track.no_tracking)
    )
    assert ours["IDF1"] > 0.7 > max(nearest["IDF1"], none["IDF1"])
    assert 4 * ours["switches"] < min(nearest["switches"], none["switches"])


def test_same_input_same_output(rng: np.random.Generator) -> None:
    frames = [people(*(at(x) + rng.normal(0, 2, BODY.shape) for x in (300, 700))) for _ in "abcde"]
    one, two = (
        [tracker.update(frame, t / 25).keypoints for t, frame in enumerate(frames)]
        for tracker in (Tracker(), Tracker())
    )
    for a, b in pairwise([one, two]):
        np.testing.assert_array_equal(a, b)
