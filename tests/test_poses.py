"""Poses: shapes, ownership, access by name, and the forms other programs read."""

from __future__ import annotations

import json
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from openpaf.errors import PosesError, SkeletonError
from openpaf.poses import Keypoint, Poses
from openpaf.skeleton import BODY_25, COCO_17, COCO_18, MPI_15


@pytest.fixture
def two(rng: np.random.Generator) -> Poses:
    keypoints = rng.uniform(0, 400, (2, 18, 2)).astype(np.float32)
    scores = rng.uniform(0.1, 1, (2, 18)).astype(np.float32)
    keypoints[1, 4:] = np.nan
    scores[1, 4:] = 0
    return Poses(
        keypoints, scores, np.array([0.9, 0.4], np.float32), COCO_18, frame_size=(640, 480)
    )


def test_nobody_is_an_empty_result() -> None:
    nobody = Poses.empty(BODY_25)
    assert nobody.keypoints.shape == (0, 25, 2)
    assert nobody.scores.shape == (0, 25)
    assert nobody.boxes.shape == (0, 4)
    assert len(nobody) == 0 and not nobody and list(nobody) == []
    assert nobody.to_coco(3) == []
    assert nobody.to_openpose() == {"version": 1.3, "people": []}


def test_owns_its_memory() -> None:
    keypoints = np.zeros((1, 18, 2), np.float32)
    scores = np.ones((1, 18), np.float32)
    poses = Poses(keypoints, scores, np.ones(1, np.float32), COCO_18)
    keypoints += 7
    assert poses.keypoints.max() == 0
    with pytest.raises(ValueError, match="read-only"):
        poses.keypoints[0, 0, 0] = 1
    with pytest.raises(FrozenInstanceError):
        poses.scores = scores  # type: ignore[misc]


def test_takes_any_layout_and_float_type() -> None:
    keypoints = np.asfortranarray(np.ones((2, 18, 2)))
    poses = Poses(keypoints, np.ones((2, 18)), [1, 2], COCO_18, ids=[7, 9])  # type: ignore[arg-type]
    assert poses.keypoints.dtype == np.float32 and poses.keypoints.flags.c_contiguous
    assert poses.ids is not None and poses.ids.dtype == np.int64


def test_person_by_name(two: Poses) -> None:
    person = two[0]
    nose = person["nose"]
    assert isinstance(nose, Keypoint)
    assert (nose.x, nose.y) == tuple(two.keypoints[0, 0])
    assert person["left_ear"] == person[17]
    missing = two[-1]["left_ear"]
    assert np.isnan(missing.x) and missing.score == 0
    assert [p.score for p in two] == pytest.approx([0.9, 0.4])
    assert len(list(person)) == 18
    with pytest.raises(SkeletonError, match="has no part 'tail'"):
        person["tail"]
    with pytest.raises(IndexError):
        two[2]


def test_slices_and_masks_give_poses(two: Poses) -> None:
    assert len(two[:1]) == 1
    kept = replace(two, ids=np.array([5, 6]))[two.person_scores < 0.5]
    assert len(kept) == 1 and kept[0].id == 6
    assert kept.frame_size == (640, 480)


def test_boxes_hold_the_parts_found(two: Poses) -> None:
    first = two.keypoints[0]
    np.testing.assert_array_equal(two.boxes[0], [*first.min(0), *first.max(0)])
    np.testing.assert_array_equal(two.boxes[1], two[1].box)
    assert np.isfinite(two.boxes).all()
    nothing = Poses(
        np.full((1, 15, 2), np.nan, np.float32),
        np.zeros((1, 15), np.float32),
        np.zeros(1, np.float32),
        MPI_15,
    )
    assert np.isnan(nothing.boxes).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"keypoints": np.zeros((2, 17, 2))}, r"keypoints must be \(N, 18, 2\), got \(2, 17, 2\)"),
        ({"scores": np.ones((2, 17))}, r"scores must be \(2, 18\)"),
        ({"person_scores": np.ones(3)}, r"person_scores must be \(2,\)"),
        ({"ids": np.arange(3)}, r"ids must be \(2,\)"),
        ({"scores": np.zeros((2, 18))}, "or NaN, NaN and 0 if missing"),
        ({"scores": np.ones((2, 18))}, "or NaN, NaN and 0 if missing"),
    ],
)
def test_refuses_what_does_not_fit(two: Poses, change: dict[str, object], message: str) -> None:
    with pytest.raises(PosesError, match=message):
        replace(two, **change)  # type: ignore[arg-type]


def test_survives_pickle(two: Poses) -> None:
    back = pickle.loads(pickle.dumps(two))
    np.testing.assert_array_equal(back.keypoints, two.keypoints)
    assert back.skeleton == COCO_18 and repr(back) == repr(two)
    assert repr(two) == "<Poses 2 people, COCO_18 in 640x480>"


def test_openpose_object(two: Poses) -> None:
    out = json.loads(json.dumps(two.to_openpose()))
    assert out["version"] == 1.3
    flat = out["people"][1]["pose_keypoints_2d"]
    assert len(flat) == 54
    assert flat[:2] == pytest.approx(two.keypoints[1, 0], abs=1e-3)
    assert flat[2] == pytest.approx(two.scores[1, 0], abs=1e-3)
    assert flat[12:] == [0] * 42
    assert out["people"][0]["person_id"] == [-1]
    assert replace(two, ids=np.array([5, 6])).to_openpose()["people"][1]["person_id"] == [6]


def test_openpose_object_of_a_body_openpose_does_not_know() -> None:
    ones = np.ones((1, 17, 2), np.float32)
    poses = Poses(ones, ones[..., 0], ones[:, 0, 0], COCO_17)
    assert len(poses.to_openpose()["people"][0]["pose_keypoints_2d"]) == 54


def test_coco_results(two: Poses) -> None:
    results = two.to_coco(139)
    assert [r["image_id"] for r in results] == [139, 139]
    assert all(len(r["keypoints"]) == 51 and r["category_id"] == 1 for r in results)
    left_shoulder = COCO_17.index("left_shoulder")
    expected = two.keypoints[0, COCO_18.index("left_shoulder")]
    got = results[0]["keypoints"][3 * left_shoulder : 3 * left_shoulder + 2]
    assert got == pytest.approx(expected, abs=1e-3)
    assert results[1]["score"] == pytest.approx(0.4)
    json.dumps(results)


def test_dataframe_has_a_row_a_keypoint(two: Poses) -> None:
    pytest.importorskip("pandas")
    frame = two.to_dataframe()
    assert len(frame) == np.count_nonzero(two.scores)
    assert list(frame.columns) == ["person", "id", "part", "x", "y", "score"]
    row = frame[(frame.person == 1) & (frame.part == "neck")].iloc[0]
    assert row.x == two[1]["neck"].x and row.id == -1


def test_supervision_keypoints(two: Poses) -> None:
    pytest.importorskip("supervision")
    points = two.to_supervision()
    assert points.xy.shape == (2, 18, 2)
    assert (points.xy[1, 4:] == 0).all()
    assert len(points) == 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["scores", "person_scores", "keypoints"])
def test_refuses_numbers_that_json_does_not_know(two: Poses, name: str, value: float) -> None:
    values = getattr(two, name).copy()
    values.reshape(-1)[-1 if name == "keypoints" else 0] = value
    if name == "keypoints" and np.isnan(value):
        return  # a part that is missing
    with pytest.raises(PosesError):
        replace(two, **{name: values})


def test_what_is_written_is_json(two: Poses) -> None:
    json.dumps([two.to_openpose(), two.to_coco(1)], allow_nan=False)


def test_equal_where_the_same_people_are(two: Poses) -> None:
    again = Poses(two.keypoints, two.scores, two.person_scores, COCO_18, frame_size=(640, 480))
    assert two == again and two[:1] == again[:1] and two[0] == again[0]
    assert two == replace(two, timings={"decode": 1.0}, index=3, time=0.1, source="a.mp4")
    moved = two.keypoints.copy()
    moved[0, 0, 0] += 1
    tracked = replace(two, ids=[1, 2])  # type: ignore[arg-type]
    assert tracked == replace(tracked)
    for other in (
        replace(two, keypoints=moved),
        replace(two, person_scores=two.person_scores / 2),
        replace(two, frame_size=None),
        tracked,
        replace(tracked, ids=[1, 3]),  # type: ignore[arg-type]
        two[:1],
        two[0],
        None,
    ):
        assert two != other and other != two
    assert Poses.empty(COCO_18) == Poses.empty(COCO_18) != Poses.empty(BODY_25)
    assert two[0] != two[1] and two[0] != tracked[0]


def test_shares_of_the_frame(two: Poses) -> None:
    np.testing.assert_allclose(two.xyn * (640, 480), two.keypoints, rtol=1e-6)
    assert two.xyn.dtype == np.float32
    with pytest.raises(PosesError, match="no frame_size"):
        replace(two, frame_size=None).xyn  # noqa: B018


def test_when_and_where(two: Poses) -> None:
    assert (two.index, two.time, two.source, two.picture) == (None, None, None, None)
    taken = replace(two, index=np.int64(7), time=np.float32(0.5), source="street.mp4")
    assert (taken.index, taken.time, taken.source) == (7, 0.5, "street.mp4")
    assert type(taken.index) is int and type(taken.time) is float
    part = taken[[1]]
    assert (part.index, part.time, part.source) == (7, 0.5, "street.mp4")
    assert pickle.loads(pickle.dumps(taken)) == taken
    for wrong in (
        {"index": "7"},
        {"index": 2.5},
        {"index": True},
        {"time": float("nan")},
        {"time": 10**400},
        {"time": "soon"},
    ):
        with pytest.raises(PosesError, match=next(iter(wrong))):
            replace(two, **wrong)  # type: ignore[arg-type]
