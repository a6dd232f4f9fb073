"""Calibration on people who are drawn where they are known to be, and on scores made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from openpaf.decoder import Decoder, DecoderConfig
from openpaf.errors import ConfigError
from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.calibration import best_f1, fit_logistic, person_features
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.evaluate.judging import judge
from openpaf.evaluate.reliability import Reliability, measure_shift
from openpaf.models import Calibration, ModelCard
from openpaf.selftest.crowd import make_crowd
from openpaf.skeleton import COCO_17, COCO_18

PERSON = (-3.0, 4.0, 2.0, 0.1, -1.5)
PART = (-2.0, 4.0, 0.3)


def sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))


@pytest.mark.parametrize("count", [1, 3, 20])
def test_the_kernel_computes_what_the_reference_says(count: int) -> None:
    fields = make_crowd(count, 3, grid=(80, 60)).fields
    raw = Decoder(DecoderConfig(min_score=0.1)).people(fields)
    calibration = Calibration(weakest=0.1, min_score=0.0, person=PERSON, part=PART)
    got = Decoder(None, calibration).people(fields)
    probabilities = sigmoid(person_features(raw) @ PERSON)
    order = np.argsort(-probabilities, kind="stable")
    np.testing.assert_allclose(got.person_scores, probabilities[order], rtol=1e-4)
    np.testing.assert_allclose(got.keypoints, raw.keypoints[order], atol=1e-3)
    odds = np.log(probabilities / (1 - probabilities))[order, None]
    parts = sigmoid(PART[0] + PART[1] * raw.scores[order] + PART[2] * odds)
    found = raw.scores[order] > 0
    np.testing.assert_allclose(got.scores, np.where(found, parts, 0), rtol=1e-3)


def test_min_score_is_a_probability_where_scores_are_and_the_users_wins() -> None:
    fields = make_crowd(10, 5, grid=(80, 60)).fields
    calibration = Calibration(weakest=0.1, min_score=0.9, person=PERSON)
    usual = Decoder(None, calibration).people(fields).person_scores
    asked = Decoder(DecoderConfig(min_score=0.3), calibration).people(fields).person_scores
    assert len(asked) > len(usual)
    assert (usual >= 0.9).all() and (asked >= 0.3).all()
    assert (np.diff(asked) <= 0).all()


def test_openpose_rules_know_no_calibration() -> None:
    fields = make_crowd(5, 1, grid=(60, 50)).fields
    plain = Decoder(DecoderConfig.openpose()).people(fields)
    calibration = Calibration(person=PERSON, part=PART, offset=(2.0, 2.0))
    for a, b in zip(plain, Decoder(DecoderConfig.openpose(), calibration).people(fields)):
        np.testing.assert_array_equal(a, b)


def test_a_logistic_is_found_again(rng: np.random.Generator) -> None:
    features = np.stack([np.ones(20_000), rng.normal(size=20_000)], axis=1)
    right = rng.random(20_000) < sigmoid(features @ [-1.0, 2.0])
    np.testing.assert_allclose(fit_logistic(features, right), [-1, 2], atol=0.1)
    reliability = Reliability.of(sigmoid(features @ [-1.0, 2.0]), right)
    assert sum(reliability.counts) == 20_000 and reliability.error < 0.02
    assert Reliability.of(np.full(100, 0.9), np.zeros(100, bool)).error == pytest.approx(0.9)


def test_f1_is_best_where_the_wrong_ones_begin() -> None:
    probabilities = np.array([0.9, 0.8, 0.7, 0.2, 0.1])
    right = np.array([True, True, True, False, False])
    assert 0.2 < best_f1(probabilities, right, 3) <= 0.7


def one_person(shift: tuple[float, float]) -> tuple[AnnotatedImage, FoundPeople]:
    points = np.random.default_rng(1).uniform(50, 150, (1, 17, 2))
    nobody = np.zeros(1)
    image = AnnotatedImage(
        1, Path("a.jpg"), (200, 200), points, np.ones((1, 17), bool), np.full(1, 5000.0),
        np.array([[50.0, 50, 100, 100]]), nobody, nobody, np.zeros(1, bool), np.zeros(1, bool),
    )  # fmt: skip
    both = np.concatenate([points + shift, points + 500])
    return image, FoundPeople(both, np.ones((2, 17)), np.array([0.9, 0.4]))


def test_everybody_found_is_right_wrong_or_does_not_count() -> None:
    image, people = one_person((0.5, -1.0))
    judged = judge(image, people, COCO_17.sigmas)
    assert judged.right.tolist() == [True, False]
    assert judged.truth.tolist() == [0, -1]
    assert judged.part_counts.all() and judged.part_right[1].sum() == 0
    crowd = replace(image, ignored=np.ones(1, bool))
    assert judge(crowd, people, COCO_17.sigmas).counts.tolist() == [False, True]


def test_where_parts_lie_against_their_labels_is_measured_in_net_px() -> None:
    image, people = one_person((0.5, -1.0))
    shift = measure_shift(
        [image], [people], [np.array([2.0, 2.0])], COCO_17.sigmas, resamples=10, seed=0
    )
    assert shift["x"].value == pytest.approx(1.0) and shift["y"].value == pytest.approx(-2.0)
    assert shift["y"].low == shift["y"].high == pytest.approx(-2.0)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"offset": [0, 50]}, "offset must be 2 numbers from -8 to 8"),
        ({"offset": [0, float("nan")]}, "offset must be"),
        ({"offset": 3}, "offset must be"),
        ({"person": [1, 2]}, "person must be 0 or 5 numbers"),
        ({"part": [1, 2, 3]}, "part needs person"),
        ({"peak_threshold": 2}, "peak_threshold must be a number from 0 to 1"),
        ({"min_score": "low"}, "min_score must be"),
        ({"weight": 1}, "unknown key weight"),
        ([], "must be a table"),
    ],
)
def test_cards_with_calibrations_that_cannot_work(values: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ModelCard.from_mapping({"name": "x", "skeleton": "COCO_18", "calibration": values})


def test_a_card_keeps_its_calibration_in_json_and_in_toml(tmp_path: Path) -> None:
    calibration = Calibration(offset=(-0.1, 0.8), min_score=0.4, person=PERSON, part=PART)
    card = ModelCard(name="x", skeleton=COCO_18, net_height=256, calibration=calibration)
    assert ModelCard.from_json(card.to_json()) == card
    path = tmp_path / "x.toml"
    path.write_text(card.to_toml())
    assert ModelCard.from_toml(path) == card
    plain = ModelCard(name="x", skeleton=COCO_18)
    path.write_text(plain.to_toml())
    assert ModelCard.from_toml(path) == plain
    assert "calibration" not in plain.to_toml()
