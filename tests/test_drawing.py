"""Drawing: right places, right colours, a copy, nothing to trip over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from openpaf.drawing import DrawConfig, draw
from openpaf.drawing.colors import limb_colors
from openpaf.errors import ConfigError, FrameError
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18
from openpaf.style import STYLE, hsl


def person(ids: list[int] | None = None, score: float = 0.9, scale: float = 1.0) -> Poses:
    keypoints = np.full((1, 18, 2), np.nan, np.float32)
    scores = np.zeros((1, 18), np.float32)
    for part, place in {
        "neck": (100, 40),
        "right_shoulder": (60, 40),
        "right_elbow": (60, 140),
    }.items():
        keypoints[0, COCO_18.index(part)] = place
        scores[0, COCO_18.index(part)] = score
    return Poses(
        keypoints * scale,
        scores,
        np.ones(1, np.float32),
        COCO_18,
        None if ids is None else np.array(ids),
    )


@pytest.fixture
def frame() -> np.ndarray:
    return np.full((200, 240, 3), 90, np.uint8)


def test_limbs_have_their_colours_and_the_frame_stays_as_it_was(frame: np.ndarray) -> None:
    before = frame.copy()
    drawn = draw(frame, person())
    assert np.array_equal(frame, before)
    upper_arm = COCO_18.limbs.index((COCO_18.index("right_shoulder"), COCO_18.index("right_elbow")))
    assert tuple(int(v) for v in drawn[90, 60]) == COCO_18.colors[upper_arm]
    assert np.array_equal(drawn[180:, 120:], before[180:, 120:])


def test_unsure_people_are_fainter(frame: np.ndarray) -> None:
    sure, unsure = (draw(frame, person(score=s))[90, 60].astype(int) for s in (0.9, 0.1))
    assert np.abs(unsure - 90).sum() < np.abs(sure - 90).sum()


def test_without_the_image_only_skeletons_remain(frame: np.ndarray) -> None:
    drawn = draw(frame, person(), on_black=True)
    assert drawn.shape == frame.shape and not drawn[180:, 120:].any() and drawn.any()


def test_ids_and_frame_rate_are_written(frame: np.ndarray) -> None:
    plain = draw(frame, person(ids=[7]), ids=False)
    assert not np.array_equal(draw(frame, person(ids=[7])), plain)
    assert np.array_equal(draw(frame, person(ids=[-1])), plain)
    assert not np.array_equal(draw(frame, person(), fps=30.0)[:30], plain[:30])


def width_of_upper_arm(scale: float, **options: Any) -> int:
    canvas = np.zeros((round(200 * scale), round(240 * scale), 3), np.uint8)
    row = draw(canvas, person(scale=scale), **options)[round(90 * scale), : round(80 * scale)]
    return int((row.max(axis=1) > 200).sum())


def test_it_looks_alike_at_every_size() -> None:
    # A sixtieth of the person, and a smoothed edge of up to a px on each side.
    for scale in (3, 6, 20):
        assert width_of_upper_arm(scale) == pytest.approx(100 / 60 * scale, abs=2.01)
    assert 1 <= width_of_upper_arm(0.2) <= 2
    for scale in (3, 20):
        assert width_of_upper_arm(scale, line_width=9) == pytest.approx(9, abs=2.01)


@pytest.mark.parametrize("height", [150, 480, 3000])
def test_dots_leave_a_face_to_be_seen(height: int) -> None:
    # Of somebody who stands, an eye is a thirtieth of the body from the nose.
    nose, eye = np.float32((0.5, 0.1)) * height, np.float32((0.5 + 1 / 40, 0.08)) * height
    keypoints = np.full((1, 18, 2), np.nan, np.float32)
    ankle = np.float32((0.5, 0.95)) * height
    for part, place in (("nose", nose), ("left_eye", eye), ("right_ankle", ankle)):
        keypoints[0, COCO_18.index(part)] = place
    scores = (~np.isnan(keypoints[..., 0])).astype(np.float32)
    poses = Poses(keypoints, scores, np.ones(1, np.float32), COCO_18)
    drawn = draw(np.zeros((height, height, 3), np.uint8), poses)
    half = (nose + eye) / 2
    spot = drawn[round(float(half[1])), round(float(half[0]))]
    assert spot.max() - spot.min() > 30 and (drawn == STYLE.part).all(axis=2).any()


def crowd(ids: list[int] | None) -> Poses:
    one, other = person(), person()
    return Poses(
        np.concatenate([one.keypoints, other.keypoints + np.float32((70, 0))]),
        np.concatenate([one.scores, other.scores]),
        np.float32([0.83, 0.5]),
        COCO_18,
        None if ids is None else np.array(ids),
    )


@pytest.mark.parametrize("ids", [None, [7, 8]])
def test_people_have_colours_of_their_own(ids: list[int] | None, frame: np.ndarray) -> None:
    drawn = draw(frame, crowd(ids), color="person", ids=False)
    colors = [tuple(drawn[90, x].tolist()) for x in (60, 130)]
    assert colors[0] != colors[1]
    assert tuple(drawn[40, 80].tolist()) == colors[0]
    if ids is not None:
        again = draw(frame, crowd(ids[::-1]), color="person", ids=False)
        assert [tuple(again[90, x].tolist()) for x in (130, 60)] == colors
        nobody_yet = draw(frame, crowd([-1, 8]), color="person", ids=False)
        assert tuple(nobody_yet[90, 60].tolist()) == STYLE.others


def test_limbs_have_colours_of_their_own(frame: np.ndarray) -> None:
    drawn = draw(frame, person(), color="limb")
    assert tuple(drawn[90, 60].tolist()) != tuple(drawn[40, 80].tolist())
    limbs = [limb_colors(COCO_18, "limb")[limb] for limb in COCO_18.drawn_limbs]
    assert len(set(limbs)) == len(limbs)


def test_boxes(frame: np.ndarray) -> None:
    drawn = draw(frame, person(), boxes=True)
    # Away from limbs: the box is around (60, 40) and (100, 140).
    for x, y in ((100, 120), (80, 140)):
        assert not np.array_equal(drawn[y, x], frame[y, x])


def test_ids_are_the_badges_of_the_page(frame: np.ndarray) -> None:
    changed = (draw(frame, person(ids=[7])) != draw(frame, person())).any(axis=2)
    rows, columns = np.nonzero(changed)
    # Above the topmost part, which neck and shoulder both are.
    assert rows.max() < 40 and 50 < columns.mean() < 110
    # hsl(7 * 137 % 360 75% 40%)
    blue, green, red = hsl(239, 0.75, 0.4)
    badge = draw(frame, person(ids=[7]))[rows.min() + 2, round(columns.mean())]
    assert tuple(badge.tolist()) == (blue, green, red)


def test_labels_are_scores(frame: np.ndarray) -> None:
    plain = draw(frame, crowd(None))
    assert not np.array_equal(draw(frame, crowd(None), labels=True), plain)
    with_ids = draw(frame, crowd([1, 2]), labels=True)
    assert not np.array_equal(with_ids, draw(frame, crowd([1, 2])))


def test_badges_at_the_border_stay_inside() -> None:
    for size in ((12, 9), (3000, 40)):
        small = person(ids=[123456])
        keypoints = np.clip(small.keypoints - 60, -5, 5)
        poses = replace(small, keypoints=keypoints)
        canvas = np.zeros((*size, 3), np.uint8)
        assert draw(canvas, poses, labels=True).shape == canvas.shape


def with_head(*parts: str) -> Poses:
    places = {
        "nose": (100, 60), "left_eye": (106, 52), "right_eye": (94, 52), "left_ear": (114, 55),
        "right_ear": (86, 55), "neck": (100, 90), "left_shoulder": (130, 92),
        "right_shoulder": (70, 92), "left_hip": (118, 180), "right_hip": (82, 180),
    }  # fmt: skip
    keypoints = np.full((1, 18, 2), np.nan, np.float32)
    for part in parts:
        keypoints[0, COCO_18.index(part)] = places[part]
    scores = (~np.isnan(keypoints[..., 0])).astype(np.float32)
    return Poses(keypoints, scores, np.ones(1, np.float32), COCO_18)


_BODY = ("neck", "left_shoulder", "right_shoulder", "left_hip", "right_hip")


@pytest.mark.parametrize(
    "parts",
    [
        ("nose", "left_eye", "right_eye", "left_ear", "right_ear"),
        ("left_eye", "right_eye"),
        ("left_ear", "right_ear"),
        ("nose", "left_ear"),
        ("nose", *_BODY),
        _BODY,
        ("neck", "left_hip"),
    ],
)
def test_heads_are_blurred(parts: tuple[str, ...], rng: np.random.Generator) -> None:
    noise = rng.integers(0, 256, (240, 200, 3), np.uint8)
    drawn = draw(noise, with_head(*parts), blur_faces=True)
    sharp = draw(noise, with_head(*parts))
    # From the brow to the mouth and from eye to eye, but not where limbs and dots are.
    untouched = (sharp[46:70, 90:111] == noise[46:70, 90:111]).all(axis=2)
    assert untouched.sum() > 100
    assert drawn[46:70, 90:111][untouched].std() < 30 < noise.std() / 2
    assert np.array_equal(drawn[190:], sharp[190:])


def test_nothing_is_blurred_where_nothing_says_where_a_head_is(rng: np.random.Generator) -> None:
    noise = rng.integers(0, 256, (240, 200, 3), np.uint8)
    hips = with_head("left_hip", "right_hip")
    assert np.array_equal(draw(noise, hips, blur_faces=True), draw(noise, hips))
    far = replace(hips, keypoints=with_head("left_eye", "right_eye").keypoints + 1e6,
                  scores=with_head("left_eye", "right_eye").scores)  # fmt: skip
    assert np.array_equal(draw(noise, far, blur_faces=True), noise)
    assert not draw(noise, with_head("nose"), blur_faces=True, on_black=True)[:40].any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"color": "rainbow"}, "side, limb, person"),
        ({"line_width": 0}, "line_width"),
        ({"line_width": float("nan")}, "line_width"),
        ({"line_width": True}, "line_width"),
        ({"boxes": 1}, "boxes must be True or False"),
        ({"color": ["side"]}, "side, limb, person"),
    ],
)
def test_what_cannot_be_drawn_is_refused(
    options: dict[str, Any], said: str, frame: np.ndarray
) -> None:
    with pytest.raises(ConfigError, match=said):
        draw(frame, person(), **options)


def test_options_take_the_place_of_those_of_a_config(frame: np.ndarray) -> None:
    config = DrawConfig(on_black=True, boxes=True)
    expected = draw(frame, person(), on_black=True)
    assert np.array_equal(person().draw(frame, config=config, boxes=False), expected)


def test_nobody_and_people_far_outside_draw_nothing(frame: np.ndarray) -> None:
    assert np.array_equal(draw(frame, Poses.empty(COCO_18)), frame)
    far = person(scale=1e6)
    assert np.array_equal(draw(frame, far)[100:, 100:], frame[100:, 100:])


def test_draws_on_whatever_is_detected_in(frame: np.ndarray) -> None:
    expected = draw(frame, person())
    for source in (frame[..., 0], np.dstack([frame, frame[..., :1]]), frame / 255):
        np.testing.assert_array_equal(draw(source, person()), expected)
    frame.flags.writeable = False
    np.testing.assert_array_equal(person().draw(frame), expected)


@pytest.mark.parametrize("shape", [(4, 4, 2), (4, 4, 3, 1)])
def test_other_arrays_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(FrameError, match="uint8"):
        draw(np.zeros(shape, np.uint8), person())
