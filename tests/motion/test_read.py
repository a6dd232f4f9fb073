"""What openpaf writes comes back from `openpaf.read`, in every form."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import openpaf
from openpaf.errors import OpenPafWarning, RecordingError
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton import BODY_25, COCO_17, COCO_18, MPI_15, Skeleton
from openpaf.skeleton_table import skeleton_from
from openpaf.writers import CocoWriter, CsvWriter, NdjsonWriter, OpenPoseWriter, Writer
from openpaf.writers.rows import Row, write_part

SIZE = (640, 480)


def people(count: int, seed: int, skeleton: Skeleton = COCO_18, *, ids: bool = True) -> Poses:
    rng = np.random.default_rng(seed)
    parts = len(skeleton.parts)
    keypoints = rng.uniform(0, 480, (count, parts, 2))
    scores = rng.uniform(0.1, 1, (count, parts))
    missing = rng.random((count, parts)) < 0.2
    missing[:, 0] = missing[:, -1] = False
    keypoints[missing], scores[missing] = np.nan, 0
    return Poses(
        keypoints, scores, rng.uniform(0.2, 1, count), skeleton,
        ids=np.arange(3, 3 + count) if ids else None, frame_size=SIZE,
    )  # fmt: skip


def film(*, ids: bool = True) -> list[Result]:
    """Six frames, the second of nobody."""
    frame = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    return [
        Result(people(0 if n == 1 else n % 3 + 1, n, ids=ids), frame, n, n / 25) for n in range(6)
    ]


def named(results: list[Result]) -> list[Result]:
    """As of pictures that know their files."""
    return [replace(r, poses=replace(r.poses, source=f"{r.index}.jpg")) for r in results]


def write(writer: Writer, results: list[Result]) -> None:
    for result in results:
        writer.write(result)
    writer.close()


def check(found: Poses, expected: Poses, *, scores: bool = False, size: bool = True) -> None:
    """Compare people; forms round their numbers."""
    assert isinstance(found, Poses) and found.skeleton == expected.skeleton
    np.testing.assert_allclose(found.keypoints, expected.keypoints, atol=6e-4)
    np.testing.assert_allclose(found.scores, expected.scores, atol=6e-5)
    if expected.ids is None:
        assert found.ids is None
    else:
        np.testing.assert_array_equal(found.ids, expected.ids)
    if scores:
        np.testing.assert_allclose(found.person_scores, expected.person_scores, atol=1e-6)
    else:
        found_parts = np.maximum((expected.scores > 0).sum(1), 1)
        np.testing.assert_allclose(
            found.person_scores, expected.scores.sum(1) / found_parts, atol=1e-4
        )
    assert found.frame_size == (expected.frame_size if size else None)


@pytest.mark.parametrize("ids", [True, False])
def test_ndjson(tmp_path: Path, ids: bool) -> None:
    results = film(ids=ids)
    write(NdjsonWriter(tmp_path / "run.ndjson"), results)
    found = openpaf.read(tmp_path / "run.ndjson")
    for poses, result in zip(found, results, strict=True):
        check(poses, result.poses, scores=True)
        assert (poses.index, poses.time, poses.source) == (result.index, result.time, None)


def test_csv_has_no_frame_of_nobody(tmp_path: Path) -> None:
    results = film()
    write(CsvWriter(tmp_path / "run.csv"), results)
    there = [result for result in results if len(result.poses)]
    for poses, result in zip(openpaf.read(tmp_path / "run.csv"), there, strict=True):
        check(poses, result.poses, size=False)
        assert (poses.index, poses.time) == (result.index, result.time)


def test_openpose_folder_and_file(tmp_path: Path) -> None:
    results = film()
    write(OpenPoseWriter(tmp_path, "clip"), results)
    for poses, result in zip(openpaf.read(tmp_path), results, strict=True):
        check(poses, result.poses, size=False)
        assert (poses.index, poses.time) == (result.index, result.time)
        assert poses.source == f"clip_{result.index:012d}"
    (one,) = openpaf.read(tmp_path / f"clip_{2:012d}_keypoints.json")
    check(one, results[2].poses, size=False)
    assert one.index == 2


def test_openpose_json_of_openpose(tmp_path: Path) -> None:
    """It has neither frame nor time, whoever formats it, and other skeletons."""
    body = people(2, 5, BODY_25, ids=False)
    path = tmp_path / f"clip_{12:012d}_keypoints.json"
    path.write_text(json.dumps(body.to_openpose(), indent=1))
    for place in (path, tmp_path):
        (poses,) = openpaf.read(place)  # and no warning of an assumed rate
        check(poses, body, size=False)
        assert (poses.index, poses.time) == (12, None)


def test_coco_results(tmp_path: Path) -> None:
    results = named(film())
    write(CocoWriter(tmp_path / "results.json"), results)
    there = [result for result in results if len(result.poses)]
    for poses, result in zip(openpaf.read(tmp_path / "results.json"), there, strict=True):
        keypoints, scores = COCO_18.convert(result.poses.keypoints, result.poses.scores, COCO_17)
        expected = replace(result.poses, keypoints=keypoints, scores=scores, skeleton=COCO_17)
        check(poses, expected, scores=True, size=False)
        assert (poses.index, poses.time) == (result.index, result.time)
        assert poses.source == f"{result.index}.jpg"


def test_coco_results_of_others_in_any_order(tmp_path: Path) -> None:
    one, two = people(1, 1, COCO_17, ids=False), people(1, 2, COCO_17, ids=False)
    lines = [*two.to_coco(9), *one.to_coco(4), *one.to_coco(9)]
    (tmp_path / "dt.json").write_text("\n " + json.dumps(lines, indent=2))
    nine, four = openpaf.read(tmp_path / "dt.json")
    assert (nine.index, len(nine), four.index, len(four)) == (9, 2, 4, 1)
    check(nine[:1], two, scores=True, size=False)
    assert nine.time is None and nine.ids is None


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
def test_what_batch_writes(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    films = [(name, one) for name in ("a.mp4", "b.mp4") for one in film(ids=False)]
    rows = [Row(name, one.index, one.time, one.poses) for name, one in films]
    (tmp_path / "poses").mkdir()
    for n in range(2):
        part = rows[6 * n : 6 * n + 6]
        write_part(tmp_path / "poses" / f"part-{n}.{form}", part, {"skeleton": "COCO_18"})
    found = openpaf.read(tmp_path)
    for poses, row in zip(found, rows, strict=True):
        check(poses, row.poses, scores=True)
        assert (poses.index, poses.time, poses.source) == (row.frame, row.time, row.source)
    assert openpaf.read(tmp_path, source="b.mp4") == found[6:]


@pytest.mark.parametrize("suffix", [".json", ".ndjson", ".csv", ".parquet"])
@pytest.mark.parametrize("skeleton", [COCO_18, BODY_25, MPI_15])
@pytest.mark.parametrize("ids", [True, False])
def test_what_save_writes(tmp_path: Path, suffix: str, skeleton: Skeleton, ids: bool) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    poses = replace(people(3, 1, skeleton, ids=ids), index=7, time=0.28, source="street.mp4")
    (found,) = openpaf.read(poses.save(tmp_path / f"one{suffix}"))
    check(
        found, poses,
        scores=suffix in (".ndjson", ".parquet"), size=suffix in (".ndjson", ".parquet"),
    )  # fmt: skip
    assert (found.index, found.time, found.source) == (7, 0.28, "street.mp4")


@pytest.mark.parametrize("suffix", [".json", ".ndjson", ".parquet"])
def test_a_skeleton_of_ones_own(tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    crane = skeleton_from(
        {
            "name": "crane",
            "parts": ["foot", "top", "hook"],
            "limbs": [["foot", "top"], ["top", "hook"]],
        },
        "crane",
    )
    poses = people(2, 1, crane)
    (found,) = openpaf.read(poses.save(tmp_path / f"one{suffix}"))
    check(found, poses, scores=suffix != ".json", size=suffix != ".json")


@pytest.mark.parametrize("suffix", [".json", ".ndjson", ".parquet"])
def test_nobody_comes_back(tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    (found,) = openpaf.read(Poses.empty(COCO_18, SIZE).save(tmp_path / f"one{suffix}"))
    assert len(found) == 0 and found.ids is None


def test_photographs_have_no_times_that_go_forwards(tmp_path: Path) -> None:
    results = [replace(one, time=0.0, name=f"{one.index}.jpg") for one in film(ids=False)]
    write(NdjsonWriter(tmp_path / "a.ndjson"), results)
    write(CsvWriter(tmp_path / "a.csv", sources=True), named(results))
    assert [p.source for p in openpaf.read(tmp_path / "a.ndjson")] == [r.name for r in results]
    found = openpaf.read(tmp_path / "a.csv")
    assert [p.source for p in found] == [r.name for r in results if len(r.poses)]


def test_what_smooth_writes(tmp_path: Path) -> None:
    write(NdjsonWriter(tmp_path / "run.ndjson"), film())
    openpaf.Motion.read(tmp_path / "run.ndjson").write(tmp_path / "a.csv", tmp_path / "b.ndjson")
    expected = openpaf.read(tmp_path / "run.ndjson")
    for name in ("a.csv", "b.ndjson"):
        found = {poses.index: poses for poses in openpaf.read(tmp_path / name)}
        check(replace(found[2], frame_size=SIZE), expected[2])


def test_a_file_cut_short_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "run.ndjson"
    write(NdjsonWriter(path), film())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.warns(OpenPafWarning, match="line 6 is cut short"):
        assert len(openpaf.read(path)) == 5


LABELS: dict[str, Any] = {
    "images": [
        {"id": 4, "file_name": "b.jpg", "width": 640, "height": 480},
        {"id": 2, "file_name": "a.jpg", "width": 64, "height": 48},
    ],
    "annotations": [],
    "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.parts)}],
}


def test_coco_labels(tmp_path: Path) -> None:
    flat = np.array([[10.0 * k, 20.0, (2, 1, 0)[k % 3]] for k in range(17)])
    person = {"id": 1, "image_id": 4, "keypoints": flat.ravel().tolist(), "num_keypoints": 11}
    crowd = {**person, "iscrowd": 1}
    unlabelled = {**person, "keypoints": [0] * 51, "num_keypoints": 0}
    content = {**LABELS, "annotations": [person, crowd, unlabelled]}
    (tmp_path / "labels.json").write_text(json.dumps(content, indent=2))
    four, two = openpaf.read(tmp_path / "labels.json")
    assert (four.index, four.source, four.frame_size) == (4, "b.jpg", (640, 480))
    assert (two.index, two.source, len(two), two.skeleton) == (2, "a.jpg", 0, COCO_17)
    assert len(four) == 1 and four.person_scores.tolist() == [1] and four.ids is None
    assert four.scores[0].tolist() == (flat[:, 2] > 0).tolist()
    np.testing.assert_array_equal(four.keypoints[0, flat[:, 2] > 0], flat[flat[:, 2] > 0, :2])


LINE = {"frame": 0, "time": 0, "people": [{"pose_keypoints_2d": [1, 2, 0.5] * 18}]}


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.json", [{"image_id": 1}], "image 1 is not of COCO keypoint results: no 'keypoints'"),
        ("a.json", [7], "entry 0 is not a COCO keypoint result"),
        ("a.json", [{"image_id": "x"}], "entry 0 is not a COCO keypoint result"),
        ("a.json", [{"image_id": 1, "keypoints": [1, 2, 3] * 18}], "of 17 parts, got 54"),
        ("a.json", [{"image_id": 1, "keypoints": [1] * 51, "time": {}}], "image 1"),
        ("a.json", "[[[", "is not JSON"),
        ("a.json", "[" * 200_000, "is not JSON"),
        ("a.json", {"people": 3}, "is not a file of OpenPose's JSON"),
        ("a.json", {"images": [], "annotations": []}, "it has no list 'categories'"),
        ("a.json", {**LABELS, "images": [{"id": "x"}]}, "id of entry x must be a whole number"),
        ("a.json", {**LABELS, "annotations": [{"image_id": 4, "keypoints": [1]}]}, "51 keypoint"),
        ("a.json", {**LABELS, "images": [{"id": 4, "width": "x"}]}, "image 4 cannot be read"),
        ("a.json", {**LABELS, "categories": [{"keypoints": ["a", "b"]}]}, "lists no limbs: a, b"),
        ("a.json", "{" * 9, "is not a JSON object a line"),
        ("a.ndjson", {**LINE, "frame": 10**400, "time": 10**400}, "line 1"),
        ("a.ndjson", {**LINE, "people": [{**LINE["people"][0], "score": "x"}]}, "scores of people"),
        ("a.ndjson", {**LINE, "people": [{**LINE["people"][0], "score": 1e999}]}, "must be finite"),
        ("a.ndjson", {**LINE, "people": [{**LINE["people"][0], "person_id": [2**70]}]}, "64 bits"),
        ("a.ndjson", {**LINE, "people": [{"pose_keypoints_2d": [10**400] * 54}]}, "keypoints must"),
        ("a.ndjson", "[" * 200_000 + "\n", "line 1 is not a JSON object"),
        ("a.txt", "", "must be a folder or one of"),
    ],
)
def test_files_of_others_are_one_line(
    tmp_path: Path, name: str, content: Any, problem: str
) -> None:
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    with pytest.raises(RecordingError, match=problem) as caught:
        openpaf.read(path)
    assert "\n" not in str(caught.value)


def test_csv_of_a_spreadsheet_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    poses = replace(people(1, 1), source="a\xff.jpg")
    path = poses.save(tmp_path / "a.csv")
    expected = openpaf.read(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert openpaf.read(path) == expected
    path.write_bytes(path.read_bytes().replace("\xff".encode(), b"\xff"))
    assert openpaf.read(path)[0].source == r"a\xff.jpg"
    path.write_bytes(path.read_bytes().replace(b"nose", b"\xff\xfe"))
    with pytest.raises(RecordingError, match="no built-in skeleton has these parts"):
        openpaf.read(path)
    path.write_text("frame,time,person,id,part,x,y,score\n" + "1" * 200_000)
    with pytest.raises(RecordingError, match="cannot be read: field larger than field limit"):
        openpaf.read(path)


def test_parquet_that_is_damaged_or_of_others(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = people(3, 1).save(tmp_path / "a.parquet")
    whole = path.read_bytes()
    for place in (4, 40, len(whole) // 2):  # in the pages, not in the footer
        path.write_bytes(whole[:place] + b"\xff" * 20 + whole[place + 20 :])
        with pytest.raises(RecordingError, match="cannot be read as Parquet") as caught:
            openpaf.read(path)
        assert "\n" not in str(caught.value)
    for people_, frame in (([[1]], [0]), ([[{"keypoints": [1.0]}]], ["x"]), ([["a"]], [None])):
        parquet.write_table(pa.table({"frame": frame, "people": people_}), path)
        with pytest.raises(RecordingError, match="row 1 is not a frame of openpaf batch"):
            openpaf.read(path)
    odd = pa.table({"frame": [0], "people": [[]]}).replace_schema_metadata({"openpaf": "[1]"})
    parquet.write_table(odd, path)
    with pytest.raises(RecordingError, match="its metadata is not of openpaf"):
        openpaf.read(path)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"none\.json does not exist"):
        openpaf.read(tmp_path / "none.json")
    with pytest.raises(RecordingError, match="holds neither"):
        openpaf.read(str(tmp_path))


def test_times_and_names_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    path.write_text(json.dumps({**LINE, "time": math.inf, "name": {"a": 1}, "source": ["b"]}))
    (poses,) = openpaf.read(path)
    assert (poses.time, poses.source, poses.picture) == (None, None, None)
