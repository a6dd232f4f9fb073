"""Hands and faces in files come back as they were."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openpaf
from openpaf.errors import RecordingError
from openpaf.part_set import KINDS, PartSet
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton import BODY_25
from openpaf.writers import CocoWriter, CsvWriter, NdjsonWriter, OpenPoseWriter, Writer
from openpaf.writers.rows import Row, write_part
from openpaf.writers.spool import Spool
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


def save_parquet(path: Path, results: list[Result]) -> None:
    pytest.importorskip("pyarrow")
    rows = [Row("a.mp4", one.index, one.time, one.poses) for one in results]
    write_part(path, rows, {"skeleton": "BODY_25"})


def save_csv(path: Path, results: list[Result]) -> None:
    write(CsvWriter(path), results)


def save_coco(path: Path, results: list[Result]) -> None:
    write(CocoWriter(path), results)


@pytest.mark.parametrize(
    "name, save",
    [
        ("a.parquet", save_parquet),
        ("a.ndjson", save_parquet),
        ("a.csv", save_csv),
        ("a.json", save_coco),
    ],
)
def test_other_forms(tmp_path: Path, name: str, save: Any) -> None:
    results = film()
    save(tmp_path / name, results)
    found = {poses.index: poses for poses in openpaf.read(tmp_path / name)}
    for result in results:
        if name == "a.json" and len(result.poses):
            # COCO-WholeBody has no pupils.
            said = found[result.index].face
            assert not said.scores[:, 68:].any()
            np.testing.assert_allclose(
                said.keypoints[:, :68], result.poses.face.keypoints[:, :68], atol=6e-4
            )
            assert found[result.index].hands.presence.shape == result.poses.hands.presence.shape
        elif len(result.poses):
            check(found[result.index], result.poses)
            assert len(found[result.index]) == len(result.poses)


@pytest.mark.parametrize("name", ["a.ndjson", "a.csv", "a.parquet", "a.json"])
def test_a_body_alone_stays_alone(tmp_path: Path, name: str) -> None:
    results = [replace(one, poses=replace(one.poses, part_sets={})) for one in film()]
    save = {"a.csv": save_csv, "a.json": save_coco}.get(name, save_parquet)
    save(tmp_path / name, results)
    assert all(not poses.part_sets for poses in openpaf.read(tmp_path / name))
    if name != "a.parquet":
        assert "hand" not in (tmp_path / name).read_text()


def test_coco_whole_body_is_loaded_by_pycocotools(tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    results = film()
    save_coco(tmp_path / "results.json", results)
    truth = coco.COCO()
    truth.dataset = {"images": [{"id": n} for n in range(3)], "annotations": [], "categories": []}
    truth.createIndex()
    loaded = truth.loadRes(str(tmp_path / "results.json"))
    (one,) = loaded.loadAnns(loaded.getAnnIds(imgIds=[2]))
    sizes = {"keypoints": 17, "foot_kpts": 6, "face_kpts": 68}
    sizes |= {"lefthand_kpts": 21, "righthand_kpts": 21}
    assert {key: len(one[key]) // 3 for key in sizes} == sizes and sum(sizes.values()) == 133
    right = np.array(one["righthand_kpts"]).reshape(21, 3)[:, :2]
    np.testing.assert_allclose(right, results[2].poses.hands.keypoints[0, 1], atol=1e-3)
    toe = results[2].poses[0]["right_big_toe"]
    assert one["foot_kpts"][9:11] == pytest.approx(toe[:2], abs=1e-3)


def test_dataframe() -> None:
    pytest.importorskip("pandas")
    poses = film()[0].poses
    frame = poses.to_dataframe()
    thumb = frame[(frame.person == 0) & (frame.part == "left_hand_thumb_1")]
    np.testing.assert_allclose(thumb[["x", "y"]].to_numpy()[0], poses.hands.keypoints[0, 0, 1])
    assert "face_right_pupil" in set(frame.part)


def test_spool_keeps_them() -> None:
    spool = Spool()
    results = film()
    write_to = results + [Result(replace(results[0].poses, part_sets={}), results[0].frame, 3, 1.0)]
    for result in write_to:
        spool.write(result)
    for found, result in zip(spool.results(), write_to, strict=True):
        check_all = set(found.poses.part_sets) == set(result.poses.part_sets)
        assert check_all and found.poses.frame_size == SIZE
        if result.poses.part_sets:
            check(found.poses, result.poses)
    spool.close()


def walk(frames: int = 90) -> list[Result]:
    """One person whose hands and face go along a wave, with noise, and a gap in the left hand."""
    rng = np.random.default_rng(8)
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    (one,) = (film()[2].poses,)
    sets = {name: one.part_sets[name] for name in KINDS}
    results = []
    for n in range(frames):
        way = np.array([60 * np.sin(n / 20), 20 * np.cos(n / 15)])
        moved = {}
        for name, part_set in sets.items():
            still = np.nan_to_num(part_set.keypoints, nan=200.0)
            keypoints = still + way + rng.normal(0, 2, part_set.keypoints.shape)
            scores = np.full(part_set.scores.shape, 0.8)
            presence = np.full(part_set.presence.shape, 0.8)
            if name == "hands" and 40 <= n < 44:
                keypoints[0, 0], scores[0, 0], presence[0, 0] = np.nan, 0, 0
            moved[name] = PartSet(keypoints, scores, presence, part_set.skeleton)
        poses = replace(one, keypoints=one.keypoints + way, part_sets=moved)
        results.append(Result(poses, frame, n, n / 30))
    return results


def test_smoothing_takes_them_along(tmp_path: Path) -> None:
    results = walk()
    write(NdjsonWriter(tmp_path / "walk.ndjson"), results)
    motion = openpaf.Motion.read(tmp_path / "walk.ndjson")
    assert motion[0]["left_hand_thumb_4"].shape == (90, 2)
    smooth, _ = motion.smooth()
    smooth.write(
        tmp_path / "smooth.ndjson", tmp_path / "smooth.csv", tmp_path / "smooth.json",
        tmp_path / "folder", tmp_path / "smooth.bvh",
    )  # fmt: skip
    for place in ("smooth.ndjson", "smooth.csv", "folder"):
        found = openpaf.read(tmp_path / place)
        assert len(found) == 90 and found[0].skeleton == BODY_25
        right = np.array([poses.hands.keypoints[0, 1, 9] for poses in found])
        raw = np.array([one.poses.hands.keypoints[0, 1, 9] for one in results])
        wave = np.array([(60 * np.sin(n / 20), 20 * np.cos(n / 15)) for n in range(90)])
        noise = np.std(raw - wave, axis=0).mean()
        assert np.std(right - wave, axis=0).mean() < 0.8 * noise
        # The gap in the left hand is filled, and only there a hand was missing.
        assert all(poses.hands.presence.all() for poses in found)


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
