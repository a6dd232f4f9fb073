"""One scene a kind of failure: it is found, alone, and mending it is worth what it should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.evaluate.failures import KINDS, Failure, cost_in_ap, find_failures, mended
from openpaf.evaluate.metrics import torso_lengths
from openpaf.evaluate.pairing import (
    assign,
    measure_parts,
    measure_people,
    pair_people,
)
from openpaf.skeleton import COCO_17

SIGMAS, FLIP = COCO_17.sigmas, COCO_17.flip
# Somebody standing, 100 px tall and 40 wide, in the unit of COCO_17's parts.
STANDING = np.array(
    [
        [20, 5], [23, 3], [17, 3], [26, 5], [14, 5], [32, 20], [8, 20], [36, 35], [4, 35],
        [38, 50], [2, 50], [28, 52], [12, 52], [28, 75], [12, 75], [28, 97], [12, 97],
    ],
    float,
)  # fmt: skip


def image_of(*people: np.ndarray, ignored: tuple[bool, ...] | None = None) -> AnnotatedImage:
    keypoints = np.array(people).reshape(-1, 17, 2)
    count = len(keypoints)
    return AnnotatedImage(
        1,
        Path("none.jpg"),
        (640, 480),
        keypoints,
        np.ones((count, 17), bool),
        np.full(count, 2000.0),
        np.column_stack([keypoints.min(axis=1), np.tile([40.0, 100.0], (count, 1))]),
        torso_lengths(keypoints, np.ones((count, 17), bool), COCO_17.parts),
        np.full(count, np.nan),
        np.zeros(count, bool),
        np.array(ignored or [False] * count),
    )


def found_of(*people: np.ndarray) -> FoundPeople:
    keypoints = np.array(people).reshape(-1, 17, 2)
    scores = np.isfinite(keypoints[..., 0]).astype(float)
    return FoundPeople(keypoints, scores, np.linspace(0.9, 0.5, len(keypoints)))


def failures_of(image: AnnotatedImage, found: FoundPeople) -> list[Failure]:
    return find_failures([image], [found], SIGMAS, FLIP)


def test_a_perfect_prediction_has_no_failures() -> None:
    a, b = STANDING + 100, STANDING + 300
    assert failures_of(image_of(a, b), found_of(b, a)) == []


def test_somebody_where_nobody_is() -> None:
    (failure,) = failures_of(image_of(STANDING), found_of(STANDING, STANDING + 300))
    assert (failure.kind, failure.predicted, failure.truth) == ("false person", 1, None)
    assert failure.note == "score 0.50, on nobody annotated"


def test_somebody_found_twice() -> None:
    (failure,) = failures_of(image_of(STANDING), found_of(STANDING, STANDING + 2))
    assert failure.kind == "false person" and "found twice" in failure.note


def test_somebody_in_a_crowd_region_is_no_failure() -> None:
    image = image_of(STANDING, STANDING + 200, ignored=(False, True))
    assert failures_of(image, found_of(STANDING, STANDING + 200)) == []


def test_somebody_missed() -> None:
    (failure,) = failures_of(image_of(STANDING, STANDING + 300), found_of(STANDING + 300))
    assert (failure.kind, failure.predicted, failure.truth) == ("missed person", None, 0)


def test_half_found() -> None:
    half = STANDING.copy()
    half[5:] = np.nan
    (failure,) = failures_of(image_of(STANDING), found_of(half))
    assert failure.kind == "half found" and "12 of 17 labelled parts missing" in failure.note


def test_missed_parts() -> None:
    some = STANDING.copy()
    some[[9, 15]] = np.nan
    (failure,) = failures_of(image_of(STANDING), found_of(some))
    assert (failure.kind, failure.parts) == ("missed parts", (9, 15))


def test_left_and_right_swapped() -> None:
    swapped = STANDING.copy()
    swapped[[13, 14, 15, 16]] = swapped[[14, 13, 16, 15]]
    (failure,) = failures_of(image_of(STANDING), found_of(swapped))
    assert (failure.kind, failure.parts) == ("left-right swap", (13, 14, 15, 16))


def test_two_people_merged() -> None:
    a, b = STANDING + 100, STANDING + (160, 100)
    merged = a.copy()
    merged[[11, 13, 15]] = b[[11, 13, 15]]
    found = failures_of(image_of(a, b), found_of(merged, b))
    assert [(f.kind, f.truth, f.parts) for f in found] == [("merged people", 0, (11, 13, 15))]


def test_mending_everything_gives_the_truth() -> None:
    half = STANDING + 300
    half[5:] = np.nan
    image = image_of(STANDING, STANDING + 150, STANDING + 300)
    found = found_of(STANDING, half, STANDING + (0, 300))
    failures = failures_of(image, found)
    assert {f.kind for f in failures} == {"missed person", "half found", "false person"}
    (result,) = mended([image], [found], failures)
    order = [0, 2, 1]
    np.testing.assert_array_equal(result.keypoints, image.keypoints[order])
    assert (result.scores > 0).all()
    costs = cost_in_ap([image], [found], SIGMAS, failures)
    assert list(costs) == list(KINDS)
    assert costs["missed person"] > 0.2 and costs["half found"] > 0.2
    assert costs["left-right swap"] == costs["merged people"] == 0


def test_assignment_maximises_the_sum() -> None:
    """Greedy would take 0.9 and be left with nothing."""
    assert assign(np.array([[0.9, 0.8], [0.7, 0.0]])) == [(0, 1), (1, 0)]
    assert assign(np.array([[0.05]])) == []
    assert assign(np.empty((0, 3))) == []


def test_people_and_part_tables() -> None:
    """One of two people found, 3 px low, without its left wrist."""
    image = image_of(STANDING, STANDING + 300)
    seen = STANDING + (0, 3)
    seen[9] = np.nan
    paired = pair_people([image], [found_of(seen)], SIGMAS)
    figures = measure_people(paired, COCO_17.parts, 1).summarize()
    assert figures["parts found"] == 16 / 34
    assert figures["PCK@0.2 torso"] == 16 / 34
    assert figures["PCP@0.5"] == 7 / 16
    assert figures["MPJPE px"] == pytest.approx(3)
    assert np.isnan(figures["PCKh@0.5"])

    rows = {row.part: row for row in measure_parts(paired, COCO_17.parts, SIGMAS)}
    assert rows["left_wrist"].found == rows["left_wrist"].similarity == 0
    assert np.isnan(rows["left_wrist"].error_px)
    nose = rows["nose"]
    assert (nose.labelled, nose.found, nose.pck, nose.error_px) == (2, 0.5, 0.5, 3)
    spread = 2 * 2000 * (2 * 0.026) ** 2
    assert nose.similarity == pytest.approx(np.exp(-9 / spread) / 2)
