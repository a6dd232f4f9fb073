"""Missing parts: looked for where bodies have them, sure where the map shows them, never invented
outside the frame."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.decoder import Decoder, DecoderConfig, decode
from openpaf.decoder.bodies import Bodies, bodies, fit_bodies
from openpaf.decoder.complete import complete
from openpaf.errors import ConfigError
from openpaf.fields import Fields
from openpaf.selftest.crowd import draw_fields
from openpaf.skeleton import BODY_25, COCO_17, COCO_18, MPI_15, Skeleton

GRID = (60, 60)
CENTRE = np.array([240.0, 220.0])
ELBOW = COCO_18.index("left_elbow")
ANKLE = COCO_18.index("right_ankle")


def upright(size: float = 70.0) -> NDArray[np.float64]:
    """(K, 2) the mean body, net px, shoulders apart."""
    body = bodies(COCO_18).mean * size + CENTRE
    body[:, 0] = CENTRE[0] + 2 * (body[:, 0] - CENTRE[0])
    return body


def fields_of(body: NDArray[np.float64], hidden: list[int], strength: float = 0.0) -> Fields:
    """Fields of one person, of whom the maps show some parts and their limbs but faintly."""
    drawn_body = body.copy()
    drawn_body[(body < 0).any(axis=1) | (body >= 8 * GRID[0]).any(axis=1)] = np.nan
    drawn = draw_fields(drawn_body[None].astype(np.float32), COCO_18, GRID)
    maps, pafs = drawn.confidence_maps.copy(), drawn.pafs.copy()
    maps[hidden] *= strength
    for limb, ends in enumerate(COCO_18.limbs):
        if set(ends) & set(hidden):
            pafs[2 * limb : 2 * limb + 2] = 0
    return Fields(maps, pafs, skeleton=COCO_18)


def test_a_part_below_the_threshold_is_found_where_the_map_shows_it() -> None:
    body = upright()
    fields = fields_of(body, [ELBOW], strength=0.05)
    assert decode(fields).scores[0, ELBOW] == 0
    found = decode(fields, DecoderConfig(complete=True))
    assert (found.scores[0] > 0).all()
    assert np.hypot(*(found.keypoints[0, ELBOW] - body[ELBOW])) < 4
    before = decode(fields)
    kept = before.scores[0] > 0
    np.testing.assert_array_equal(found.keypoints[0, kept], before.keypoints[0, kept])
    np.testing.assert_array_equal(found.scores[0, kept], before.scores[0, kept])


def test_where_the_map_is_silent_the_part_is_where_bodies_have_it_and_unsure() -> None:
    body = upright()
    shown, silent = (
        decode(fields_of(body, [ELBOW], strength), DecoderConfig(complete=True))
        for strength in (0.05, 0.0)
    )
    assert 0 < silent.scores[0, ELBOW] < shown.scores[0, ELBOW] < shown.scores[0].max()
    assert np.hypot(*(silent.keypoints[0, ELBOW] - body[ELBOW])) < 40


def test_what_would_lie_outside_the_net_input_stays_missing() -> None:
    body = upright() + (0, 480 - upright()[ANKLE, 1] + 40)
    inside = body[:, 1] < 470
    fields = fields_of(body, np.flatnonzero(~inside).tolist())
    found = decode(fields, DecoderConfig(complete=True))
    assert found.scores[0, ANKLE] == 0 and np.isnan(found.keypoints[0, ANKLE]).all()


def test_too_few_parts_say_nothing_and_nobody_is_nobody() -> None:
    fields = fields_of(upright(), list(range(18)))
    keypoints = np.full((1, 18, 2), np.nan, np.float32)
    keypoints[0, :2] = 100
    scores = np.isfinite(keypoints[..., 0]).astype(np.float32)
    same = complete(keypoints, scores, np.ones(1, np.float32), fields)
    np.testing.assert_array_equal(same[0], keypoints)
    np.testing.assert_array_equal(same[1], scores)
    assert len(Decoder(DecoderConfig(complete=True)).decode(fields)) == 0


def test_parts_in_one_place_or_upside_down_break_nothing() -> None:
    fields = fields_of(upright(), [])
    for keypoints in (np.full((18, 2), 80.0), 2 * CENTRE - upright()):
        keypoints[[ELBOW, ANKLE]] = np.nan
        scores = np.isfinite(keypoints[:, 0]).astype(np.float32)
        places, sure = complete(
            keypoints[None].astype(np.float32), scores[None], np.ones(1, np.float32), fields
        )
        assert np.isfinite(sure).all()
        np.testing.assert_array_equal(np.isnan(places[..., 0]), sure == 0)


@pytest.mark.parametrize("skeleton", [COCO_17, COCO_18, BODY_25, MPI_15])
def test_bodies_are_known_by_the_names_of_their_parts(skeleton: Skeleton) -> None:
    shapes = bodies(skeleton)
    assert shapes.known[skeleton.index("left_knee")]
    assert not any(
        known for part, known in zip(skeleton.parts, shapes.known, strict=True) if "toe" in part
    )
    keypoints = 50 * shapes.mean + 100
    keypoints[~shapes.known] = np.nan
    expected = shapes.expect(keypoints)
    assert expected is not None
    np.testing.assert_allclose(expected[0][shapes.known], keypoints[shapes.known], atol=1e-6)


def test_expectation_is_the_conditional_of_the_gaussian(rng: np.random.Generator) -> None:
    shapes = bodies(COCO_18)
    assert all((np.linalg.eigvalsh(one) > 0).all() for one in shapes.covariance)
    drawn = np.stack(
        [
            rng.multivariate_normal(shapes.mean[:, axis], shapes.covariance[axis], 300)
            for axis in (0, 1)
        ],
        axis=2,
    )
    hidden = drawn.copy()
    hidden[:, ELBOW] = np.nan
    errors = []
    for whole, part in zip(drawn, hidden, strict=True):
        expected = shapes.expect(part)
        assert expected is not None
        mean, deviation = expected
        errors.append((whole[ELBOW] - mean[ELBOW]) / deviation[ELBOW])
    assert np.std(errors) == pytest.approx(1, abs=0.15)


def test_bodies_are_fitted_with_parts_missing(rng: np.random.Generator) -> None:
    shapes = bodies(COCO_18)
    people = np.stack(
        [
            rng.multivariate_normal(shapes.mean[:, axis], shapes.covariance[axis], 400)
            for axis in (0, 1)
        ],
        axis=2,
    )
    people = people * rng.uniform(20, 200, (400, 1, 1)) + rng.uniform(0, 500, (400, 1, 2))
    people[100:, ELBOW] = np.nan
    mean, covariance = fit_bodies(people, COCO_18.flip)
    again = Bodies(mean, covariance, np.ones(18, bool))
    assert np.abs(again.mean - shapes.mean).max() < 0.15
    np.testing.assert_allclose(mean[list(COCO_18.flip)], mean * (-1, 1), atol=1e-6)


@pytest.mark.parametrize("wrong", [1, "yes", None])
def test_complete_is_asked_for_or_not(wrong: object) -> None:
    with pytest.raises(ConfigError, match="complete must be True or False"):
        DecoderConfig(complete=wrong)  # type: ignore[arg-type]


def test_openpose_rules_complete_nobody() -> None:
    from dataclasses import replace

    with pytest.raises(ConfigError, match="complete has no effect with openpose_rules"):
        replace(DecoderConfig.openpose(), complete=True)
