"""Our counting is pycocotools' to the last bit, and weighing images is repeating them."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pycocotools")
from pycocotools.cocoeval import COCOeval

from openpaf.evaluate import average_precision
from openpaf.evaluate.average_precision import FoundPeople, Matches, PrecisionCounter, match_people
from openpaf.evaluate.bootstrap import bootstrap, image_weights, paired_bootstrap
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.skeleton import COCO_17

SIGMAS = COCO_17.sigmas


def scene(rng: np.random.Generator, images: int) -> tuple[list[AnnotatedImage], list[FoundPeople]]:
    """Random people of all sizes, crowds and keypointless ones; predictions near and far."""
    annotated, found = [], []
    for place in range(images):
        people = int(rng.integers(0, 5))
        sizes = rng.uniform(20, 300, people)
        keypoints = rng.uniform(100, 300, (people, 1, 2)) + rng.uniform(-0.5, 0.5, (people, 17, 2))
        keypoints += (sizes[:, None, None] - 1) * rng.uniform(0, 1, (people, 17, 2))
        labelled = rng.random((people, 17)) < 0.8
        crowd = rng.random(people) < 0.1
        labelled[rng.random(people) < 0.1] = False
        annotated.append(
            AnnotatedImage(
                10 + place,
                Path("none.jpg"),
                (600, 600),
                keypoints,
                labelled,
                0.5 * sizes**2,
                np.column_stack([keypoints.min(axis=1), sizes, sizes]).reshape(-1, 4),
                np.full(people, np.nan),
                np.full(people, np.nan),
                crowd,
                crowd | ~labelled.any(axis=1),
            )
        )
        copies = np.repeat(np.arange(people), rng.integers(0, 3, people))
        noise = sizes[copies, None, None] * rng.uniform(0, 0.08, (len(copies), 1, 1))
        points = keypoints[copies] + noise * rng.normal(0, 1, (len(copies), 17, 2))
        points[rng.random(points.shape[:2]) < 0.1] = np.nan
        points = np.concatenate([points, rng.uniform(0, 600, (int(rng.integers(0, 2)), 17, 2))])
        scores = np.isfinite(points[..., 0]).astype(float)
        found.append(FoundPeople(points, scores, rng.random(len(points))))
    return annotated, found


def pycocotools_figures(images: list[AnnotatedImage], found: list[FoundPeople]) -> list[float]:
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(*average_precision._coco_objects(images, found), "keypoints")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float("nan") if stat == -1 else float(stat) for stat in evaluation.stats]


@pytest.mark.parametrize("images", [1, 3, 40])
def test_figures_are_those_of_pycocotools(rng: np.random.Generator, images: int) -> None:
    annotated, found = scene(rng, images)
    ours = PrecisionCounter(match_people(annotated, found, SIGMAS)).summarize()
    assert list(ours)[:3] == ["AP", "AP50", "AP75"]
    np.testing.assert_array_equal(list(ours.values()), pycocotools_figures(annotated, found))
    assert images < 40 or 0.05 < ours["AP"] < 0.95


def test_nobody_predicted_and_a_perfect_prediction(rng: np.random.Generator) -> None:
    annotated, _ = scene(rng, 10)
    nobody = FoundPeople(np.empty((0, 17, 2)), np.empty((0, 17)), np.empty(0))
    figures = PrecisionCounter(match_people(annotated, [nobody] * 10, SIGMAS)).summarize()
    assert set(figures.values()) == {0.0}
    perfect = [
        FoundPeople(image.keypoints, image.labelled.astype(np.float64), np.ones(len(image.areas)))
        for image in annotated
    ]
    figures = PrecisionCounter(match_people(annotated, perfect, SIGMAS)).summarize()
    assert list(figures.values()) == pytest.approx([1] * 10)


def test_first_annotation_can_be_matched() -> None:
    """pycocotools takes an annotation whose id is 0 for no match at all."""
    image = AnnotatedImage(
        0,
        Path("none.jpg"),
        (100, 100),
        np.full((1, 17, 2), 50.0),
        np.ones((1, 17), bool),
        np.array([5000.0]),
        np.array([[0.0, 0.0, 100.0, 100.0]]),
        np.full(1, np.nan),
        np.full(1, np.nan),
        np.zeros(1, bool),
        np.zeros(1, bool),
    )
    found = FoundPeople(image.keypoints, np.ones((1, 17)), np.ones(1))
    figures = PrecisionCounter(match_people([image], [found], SIGMAS)).summarize()
    assert figures["AP"] == pytest.approx(1)
    assert np.isnan(figures["APL"]) and figures["APM"] == pytest.approx(1)


def test_weighing_images_is_repeating_them(rng: np.random.Generator) -> None:
    annotated, found = scene(rng, 20)
    counter = PrecisionCounter(match_people(annotated, found, SIGMAS))
    weights = image_weights(20, 1, seed=3)[0]
    drawn = np.repeat(np.arange(20), weights.astype(int))
    repeated = [
        dataclasses.replace(annotated[place], image_id=number) for number, place in enumerate(drawn)
    ]
    expected = pycocotools_figures(repeated, [found[place] for place in drawn])
    np.testing.assert_allclose(list(counter.summarize(weights).values()), expected, atol=1e-12)


def coin_matches(rng: np.random.Generator, images: int, chance: float) -> Matches:
    """One person and one prediction an image, right with a given chance."""
    matched = np.broadcast_to(rng.random(images) < chance, (3, 10, images))
    return Matches(
        np.arange(images),
        np.linspace(1, 0, images),
        matched,
        np.zeros_like(matched),
        np.ones((3, images), np.int64),
    )


def test_intervals_are_as_wide_as_theory_says(rng: np.random.Generator) -> None:
    """AR of coin flips is a mean of a binomial: its 95 % interval is +-1.96 standard errors."""
    counter = PrecisionCounter(coin_matches(rng, 400, 0.7))
    estimate = bootstrap(counter.summarize, 400, resamples=600)["AR"]
    error = np.sqrt(estimate.value * (1 - estimate.value) / 400)
    assert (estimate.high - estimate.low) / 2 == pytest.approx(1.96 * error, rel=0.12)
    assert estimate.low < estimate.value < estimate.high


def test_same_seed_same_interval(rng: np.random.Generator) -> None:
    counter = PrecisionCounter(coin_matches(rng, 30, 0.5))
    first, again, other = (
        bootstrap(counter.summarize, 30, resamples=50, seed=seed)["AP"] for seed in (1, 1, 2)
    )
    assert first == again != other


def test_pairing_sees_what_intervals_apart_do_not(rng: np.random.Generator) -> None:
    """B is A with a few more people right: far less than the noise of 200 pictures, yet sure."""
    a = coin_matches(rng, 200, 0.5)
    better = np.array(a.matched)
    better[..., np.flatnonzero(~better[0, 0])[:8]] = True
    b = dataclasses.replace(a, matched=better)
    counters = PrecisionCounter(a), PrecisionCounter(b)
    apart = [bootstrap(c.summarize, 200, resamples=300)["AR"] for c in counters]
    assert apart[0].high > apart[1].low
    paired = paired_bootstrap(counters[0].summarize, counters[1].summarize, 200, resamples=300)[
        "AR"
    ]
    assert paired.difference.value == pytest.approx(8 / 200)
    assert paired.difference.low > 0 and paired.p < 0.02
    same = paired_bootstrap(counters[0].summarize, counters[0].summarize, 200, resamples=50)["AR"]
    assert same.difference.value == same.difference.high == 0 and same.p == 1
