"""Each measure on examples small enough to work out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from openpaf.evaluate import metrics
from openpaf.skeleton import COCO_17

PARTS = ("left_shoulder", "right_hip", "left_elbow", "left_wrist")
# Torso 50 px (3-4-5), upper arm 20 px, forearm 10 px.
TRUTH = np.array([[[10.0, 10.0], [40.0, 50.0], [10.0, 30.0], [20.0, 30.0]]])
LABELLED = np.ones((1, 4), bool)


def moved(*offsets: tuple[float, float]) -> np.ndarray:
    return np.asarray(TRUTH + np.array([offsets]))


def test_torso_is_left_shoulder_to_right_hip() -> None:
    assert metrics.torso_lengths(TRUTH, LABELLED, PARTS).tolist() == [50]


@pytest.mark.parametrize("part", [0, 1])
def test_torso_is_unknown_when_an_end_is_not_labelled(part: int) -> None:
    labelled = LABELLED.copy()
    labelled[0, part] = False
    assert np.isnan(metrics.torso_lengths(TRUTH, labelled, PARTS)).all()


def test_pck_counts_parts_within_a_fifth_of_the_torso() -> None:
    # A fifth of 50 px is 10 px: 0 in, 10 in, 10.1 out, missing out.
    predicted = moved((0, 0), (6, 8), (10.1, 0), (math.nan, math.nan))
    torso = metrics.torso_lengths(TRUTH, LABELLED, PARTS)
    correct, counted = metrics.pck(TRUTH, LABELLED, predicted, torso, 0.2)
    assert correct.tolist() == [[True, True, False, False]]
    assert counted.all()


def test_pck_leaves_out_unlabelled_parts_and_people_of_unknown_size() -> None:
    labelled = np.array([[True, True, False, True], [False, True, True, True]])
    truth = np.concatenate([TRUTH, TRUTH])
    torso = metrics.torso_lengths(truth, labelled, PARTS)
    correct, counted = metrics.pck(truth, labelled, truth, torso, 0.2)
    assert counted.tolist() == [[True, True, False, True], [False] * 4]
    assert (correct == counted).all()


def test_head_length_is_six_tenths_of_the_head_boxs_diagonal() -> None:
    # A 30 x 40 box has a diagonal of 50: the head is 30 px.
    boxes = np.array([[0.0, 0.0, 30.0, 40.0]])
    assert metrics.head_lengths(TRUTH, LABELLED, PARTS, boxes).tolist() == [30]


def test_head_length_falls_back_to_head_top_and_neck() -> None:
    truth = np.array([[[5.0, 0.0], [5.0, 12.0]]])
    head = metrics.head_lengths(
        truth, np.ones((1, 2), bool), ("head_top", "neck"), np.full((1, 4), np.nan)
    )
    assert head.tolist() == [12]


def test_head_length_is_unknown_without_box_or_head_top() -> None:
    assert np.isnan(metrics.head_lengths(TRUTH, LABELLED, PARTS, np.full((1, 4), np.nan))).all()


def test_pckh_counts_parts_within_half_the_head() -> None:
    head = np.array([24.0])
    predicted = moved((12, 0), (0, 12.01), (0, 0), (-11, 0))
    correct, _ = metrics.pck(TRUTH, LABELLED, predicted, head, 0.5)
    assert correct.tolist() == [[True, False, True, True]]


def test_pcp_needs_both_ends_within_half_the_limb() -> None:
    # Upper arm: half of 20 is 10. Forearm: half of 10 is 5.
    limbs = [(0, 2), (2, 3)]
    both_near = moved((10, 0), (0, 0), (0, 4), (0, 5))
    assert metrics.pcp(TRUTH, LABELLED, both_near, limbs)[0].tolist() == [[True, True]]
    elbow_off = moved((0, 0), (0, 0), (6, 0), (0, 0))
    assert metrics.pcp(TRUTH, LABELLED, elbow_off, limbs)[0].tolist() == [[True, False]]
    wrist_gone = moved((0, 0), (0, 0), (0, 0), (math.nan, math.nan))
    assert metrics.pcp(TRUTH, LABELLED, wrist_gone, limbs)[0].tolist() == [[True, False]]


def test_pcp_leaves_out_limbs_that_are_not_labelled_at_both_ends() -> None:
    labelled = np.array([[True, True, True, False]])
    correct, counted = metrics.pcp(TRUTH, labelled, TRUTH, [(0, 2), (2, 3)])
    assert counted.tolist() == correct.tolist() == [[True, False]]


def test_mpjpe_is_the_mean_distance_of_parts_labelled_and_found() -> None:
    # 5, 0 and 13 px; the fourth is missing, so the mean is 6.
    predicted = moved((3, 4), (0, 0), (5, 12), (math.nan, math.nan))
    assert metrics.mpjpe(TRUTH, LABELLED, predicted) == 6
    labelled = np.array([[True, True, False, True]])
    assert metrics.mpjpe(TRUTH, labelled, predicted) == 2.5


def test_mpjpe_of_nothing_is_nan() -> None:
    assert math.isnan(metrics.mpjpe(TRUTH, LABELLED, np.full_like(TRUTH, np.nan)))


def test_oks_by_hand() -> None:
    # With 2 area (2 sigma)^2 = 2 * 100 * 0.25 = 50, a part 5 px off scores exp(-25 / 50).
    truth = np.array([[[0.0, 0.0], [10.0, 0.0]]])
    predicted = np.array([[[3.0, 4.0], [10.0, 0.0]], [[math.nan, math.nan], [10.0, 0.0]]])
    boxes, areas = np.array([[0.0, 0.0, 10.0, 10.0]]), np.array([100.0])
    labelled = np.ones((1, 2), bool)
    oks = metrics.oks(truth, labelled, areas, boxes, predicted, (0.25, 0.25))
    assert oks[:, 0] == pytest.approx([(math.exp(-0.5) + 1) / 2, 0.5])


def test_oks_of_a_region_is_one_in_its_tripled_box() -> None:
    boxes, areas = np.array([[10.0, 10.0, 10.0, 10.0]]), np.array([100.0])
    predicted = np.array([[[0.0, 0.0], [30.0, 30.0]], [[35.0, 30.0], [30.0, 30.0]]])
    oks = metrics.oks(
        np.zeros((1, 2, 2)), np.zeros((1, 2), bool), areas, boxes, predicted, (0.25, 0.25)
    )
    assert oks[:, 0] == pytest.approx([1, (math.exp(-0.5) + 1) / 2])


def test_oks_is_that_of_pycocotools(rng: np.random.Generator) -> None:
    """Random people, some unlabelled (a region), against `COCOeval.computeOks`."""
    pytest.importorskip("pycocotools")
    from pycocotools.cocoeval import COCOeval

    people, found = 7, 9
    truth = rng.uniform(0, 400, (people, 17, 2))
    labelled = rng.random((people, 17)) < 0.7
    labelled[0] = False
    areas = rng.uniform(100, 90_000, people)
    boxes = rng.uniform(10, 200, (people, 4))
    predicted = truth[rng.integers(0, people, found)] + rng.normal(0, 20, (found, 17, 2))

    evaluation = COCOeval(iouType="keypoints")
    evaluation.params.kpt_oks_sigmas = np.array(COCO_17.sigmas)
    evaluation._gts = {
        (1, 1): [
            {
                "keypoints": np.column_stack([truth[p], 2 * labelled[p]]).ravel().tolist(),
                "bbox": boxes[p].tolist(),
                "area": areas[p],
            }
            for p in range(people)
        ]
    }
    evaluation._dts = {
        (1, 1): [
            {"keypoints": np.column_stack([row, np.ones(17)]).ravel().tolist(), "score": -n}
            for n, row in enumerate(predicted)
        ]
    }
    theirs = evaluation.computeOks(1, 1)
    ours = metrics.oks(truth, labelled, areas, boxes, predicted, COCO_17.sigmas)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)
    assert theirs.max() > 0.5
