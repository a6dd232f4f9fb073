"""The parts that the decoder's benchmarks are made of."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.scenes.crowd import score_people
from benchmarks.tools.record import circumstances, write_result
from benchmarks.tools.upsampling_decoder import decode_upsampled
from openpaf.decoder import decode
from openpaf.selftest.crowd import make_crowd
from openpaf.selftest.timing import measure
from openpaf.skeleton import BODY_25, COCO_18
from tests.scenes import scene, upright


def test_crowds_depend_on_nothing_but_their_seed() -> None:
    first, again, other = (make_crowd(5, seed, noise="white") for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.fields.pafs, again.fields.pafs)
    np.testing.assert_array_equal(first.keypoints, again.keypoints)
    assert not np.array_equal(first.fields.pafs, other.fields.pafs)


def test_crowds_of_any_skeleton() -> None:
    crowd = make_crowd(3, seed=0, skeleton=BODY_25, grid=(40, 30))
    assert crowd.fields.confidence_maps.shape == (25, 30, 40)
    assert crowd.fields.pafs.shape == (52, 30, 40)


def test_crowds_of_any_stride() -> None:
    crowd = make_crowd(3, seed=0, grid=(160, 90), stride=4)
    found = score_people(decode(crowd.fields).keypoints, crowd.keypoints, COCO_18)
    assert (found.hit, found.truth) == (3, 3)


def test_the_baseline_finds_people() -> None:
    people = [upright((150, 150)), upright((320, 150), 1.4)]
    keypoints, scores, person_scores = decode_upsampled(scene(people))
    found = score_people(keypoints, np.array(people), COCO_18)
    assert (found.hit, found.predicted, found.truth) == (2, 2, 2)
    assert scores.shape == (2, 18)
    assert person_scores.shape == (2,)


def test_people_are_scored() -> None:
    truth = np.array([upright((100, 100)), upright((300, 100))])
    exact = score_people(truth, truth, COCO_18)
    assert (exact.hit, exact.predicted, exact.truth, exact.error) == (2, 2, 2, 0.0)
    shifted = score_people(truth[:1] + np.array([3, 4], np.float32), truth, COCO_18)
    assert (shifted.hit, shifted.predicted, shifted.truth) == (1, 1, 2)
    assert shifted.median_error == pytest.approx(5, abs=1e-3)
    assert score_people(truth[:0], truth, COCO_18).hit == 0


def test_records_are_written_whole(tmp_path: Path) -> None:
    timing = measure([lambda: None], repeats=2, warm_up=1)
    assert timing.repeats >= 30
    assert 0 <= timing.best_ms <= timing.median_ms
    path = tmp_path / "new" / "record.json"
    write_result(path, {"timing": timing, "error": float("nan"), **circumstances()})
    content = json.loads(path.read_text())
    assert content["timing"]["repeats"] == timing.repeats
    assert content["error"] is None
    assert content["versions"]["numpy"] == np.__version__
    assert [file.name for file in path.parent.iterdir()] == ["record.json"]
