"""Drawing: right places, right colours, a copy, nothing to trip over."""

from __future__ import annotations

import numpy as np
import pytest

from openpaf.drawing import draw
from openpaf.errors import FrameError
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18


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
    drawn = draw(frame, person(), image=False)
    assert drawn.shape == frame.shape and not drawn[180:, 120:].any() and drawn.any()


def test_ids_and_frame_rate_are_written(frame: np.ndarray) -> None:
    plain = draw(frame, person(ids=[7]), ids=False)
    assert not np.array_equal(draw(frame, person(ids=[7])), plain)
    assert np.array_equal(draw(frame, person(ids=[-1])), plain)
    assert not np.array_equal(draw(frame, person(), fps=30.0)[:30], plain[:30])


def test_larger_people_have_thicker_limbs() -> None:
    canvas = np.zeros((2000, 2000, 3), np.uint8)
    widths = [
        int((draw(canvas, person(scale=scale))[round(90 * scale)].sum(axis=1) > 0).sum())
        for scale in (1.0, 6.0)
    ]
    assert widths[1] > widths[0]


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
