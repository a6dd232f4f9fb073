"""Hands and faces in files come back as they were."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openpaf
from openpaf.errors import RecordingError
from openpaf.part_set import KINDS
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton import BODY_25
from openpaf.writers import NdjsonWriter, OpenPoseWriter, Writer
from tests.small_parts import with_small_parts

SIZE = (640, 480)


def film() -> list[Result]:
    """Three frames of 2, 0 and 1 people with hands and faces."""
    rng = np.random.default_rng(4)
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    results = []
    for index, count in enumerate((2, 0, 1)):
        body = Poses(
            rng.uniform(0, 480, (count, 25, 2)), np.full((count, 25), 0.7), np.full(count, 0.7),
            BODY_25, ids=np.arange(count), frame_size=SIZE,
        )  # fmt: skip
        results.append(Result(with_small_parts(body, index), frame, index, index / 25))
    return results


def check(found: Poses, expected: Poses) -> None:
    """Compare hands and faces; forms round their numbers, and say nothing of nobody's."""
    if not len(expected):
        return
    assert set(found.part_sets) == set(KINDS)
    for name in KINDS:
        one, other = found.part_sets[name], expected.part_sets[name]
        np.testing.assert_allclose(one.keypoints, other.keypoints, atol=6e-4)
        np.testing.assert_allclose(one.scores, other.scores, atol=6e-5)
        np.testing.assert_allclose(one.presence, other.presence, atol=1e-4)


def write(writer: Writer, results: list[Result]) -> None:
    for result in results:
        writer.write(result)
    writer.close()


def test_openpose_folder(tmp_path: Path) -> None:
    results = film()
    write(OpenPoseWriter(tmp_path, "clip"), results)
    for found, result in zip(openpaf.read(tmp_path), results, strict=True):
        check(found, result.poses)


def test_ndjson(tmp_path: Path) -> None:
    results = film()
    write(NdjsonWriter(tmp_path / "run.ndjson"), results)
    for found, result in zip(openpaf.read(tmp_path / "run.ndjson"), results, strict=True):
        check(found, result.poses)


def test_openpose_json_has_them_where_they_were_looked_for() -> None:
    (two, _, _) = film()
    for person, said in zip(two.poses, two.poses.to_openpose()["people"], strict=True):
        for side, key in enumerate(KINDS["hands"].openpose):
            x, y, score = said[key][3 * 4 : 3 * 4 + 3]
            assert score == pytest.approx(float(person.hands.scores[side, 4]), abs=1e-4)
            if score:
                assert (x, y) == pytest.approx(person.hands.keypoints[side, 4].tolist(), abs=1e-3)
        assert len(said["face_keypoints_2d"]) == 210
    # The left hand of the last one was looked for and not found.
    assert set(said["hand_left_keypoints_2d"]) == {0.0}
    bare = two.poses.keypoints, two.poses.scores, two.poses.person_scores, BODY_25
    for said in Poses(*bare).to_openpose()["people"]:
        assert said["hand_left_keypoints_2d"] == said["face_keypoints_2d"] == []


@pytest.mark.parametrize(
    "value, problem",
    [
        ([1, 2, 3], "must be x, y, score of 21 parts, got 3 numbers"),
        (["a"] * 63, "must be a list of numbers"),
        ([[1.0] * 63], "must be x, y, score of 21 parts"),
        ({"x": 1}, "must be a list of numbers"),
    ],
)
def test_hands_that_are_none(tmp_path: Path, value: Any, problem: str) -> None:
    said = film()[0].poses.to_openpose()
    said["people"][1]["hand_right_keypoints_2d"] = value
    path = tmp_path / "clip_000000000000_keypoints.json"
    path.write_text(json.dumps(said))
    with pytest.raises(RecordingError, match=f"hand_right_keypoints_2d {problem}"):
        openpaf.read(path)
