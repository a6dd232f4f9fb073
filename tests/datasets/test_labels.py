"""Labels of photographs: what is taught, how it is written, and out of the compact file again."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from openpaf.datasets.label_file import LabelFile, write_label_file
from openpaf.datasets.labels import SKELETON, PhotoLabels, Teaching, coco_content
from openpaf.errors import DatasetError


def some(rng: np.random.Generator, people: int, regions: int = 1) -> PhotoLabels:
    low = rng.uniform(0, 100, (people, 2))
    boxes = np.concatenate([low, low + rng.uniform(40, 100, (people, 2))], axis=1)
    return PhotoLabels(
        (320, 240),
        rng.uniform(0, 200, (people, 17, 2)),
        rng.uniform(0, 1, (people, 17)),
        np.where(rng.uniform(size=(people, 17)) < 0.3, np.nan, rng.uniform(0, 0.4, (people, 17))),
        boxes,
        np.sort(rng.uniform(0, 1, people))[::-1],
        rng.uniform(0, 1, (people, 4)),
        rng.integers(0, 4, people),
        rng.uniform(0, 200, (regions, 4)),
        rng.uniform(0, 1, regions),
    )


def nearly_same(a: PhotoLabels, b: PhotoLabels) -> None:
    tolerance = {"keypoints": 1 / 16, "boxes": 1 / 8, "regions": 0.5, "apart": 1 / 1000}
    for field in fields(PhotoLabels):
        one, other = getattr(a, field.name), getattr(b, field.name)
        np.testing.assert_allclose(one, other, atol=tolerance.get(field.name, 1 / 400) + 1e-9)


def test_the_compact_file_gives_back_what_was_written(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    labels = {"a/b.jpg": some(rng, 3), "empty.jpg": some(rng, 0, 0), "grün.jpg": some(rng, 1, 4)}
    write_label_file(tmp_path / "x.npz", labels, {"looks": "1"}, ["broken.jpg"])
    file = LabelFile(tmp_path / "x.npz")
    assert list(file) == list(labels) and len(file) == 3 and "a/b.jpg" in file
    assert file.recipe == {"looks": "1"} and file.unreadable == ("broken.jpg",)
    for name, one in file.items():
        nearly_same(one, labels[name])
    # Written again they are the same to the last bit.
    write_label_file(tmp_path / "y.npz", dict(file.items()), file.recipe, file.unreadable)
    before, after = np.load(tmp_path / "x.npz"), np.load(tmp_path / "y.npz")
    for key in before.files:
        assert before[key].dtype == after[key].dtype
        np.testing.assert_array_equal(before[key], after[key])


def test_nobody_in_any_photograph_is_a_file_too(tmp_path: Path, rng: np.random.Generator) -> None:
    write_label_file(tmp_path / "x.npz", {"a.jpg": some(rng, 0, 0)}, {})
    labels = LabelFile(tmp_path / "x.npz")["a.jpg"]
    assert labels.keypoints.shape == (0, 17, 2) and labels.regions.shape == (0, 4)


def test_files_that_are_something_else_are_named(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        LabelFile(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DatasetError, match="no file of labels"):
        LabelFile(path)
    np.savez(path, names=np.array([b"a"]))
    with pytest.raises(DatasetError, match="no file of labels"):
        LabelFile(path)
    write_label_file(path, {"a.jpg": some(rng, 2)}, {})
    whole = dict(np.load(path))
    np.savez(path, **{**whole, "places": whole["places"][:, :, :14]})
    with pytest.raises(DatasetError, match="labels of another skeleton.*COCO_17"):
        LabelFile(path)
    np.savez(path, **{**whole, "scores": whole["scores"][:1]})
    with pytest.raises(DatasetError, match="damaged"):
        LabelFile(path)
    with pytest.raises(DatasetError, match="9000x240 px, more than the 8,191"):
        write_label_file(path, {"a.jpg": replace(some(rng, 1), size=(9000, 240))}, {})


def test_parts_are_taught_where_the_labellers_agree(rng: np.random.Generator) -> None:
    labels = some(rng, 1)
    scores, apart = np.full((1, 17), 0.9), np.zeros((1, 17))
    keypoints = np.full((1, 17, 2), 50.0)
    nose, left_eye, right_eye, left_ear, right_ear = range(5)
    apart[0, nose] = 0.3  # they disagree
    apart[0, left_eye] = np.nan  # one only, and sure
    apart[0, right_eye], scores[0, right_eye] = np.nan, 0.4  # one only, and less so
    scores[0, left_ear] = 0.1  # neither is sure
    keypoints[0, right_ear] = -3  # outside
    labels = replace(labels, keypoints=keypoints, scores=scores, apart=apart)
    taught = Teaching().parts(labels)
    assert taught[0].tolist() == [False, True, False, False, False] + [True] * 12
    # A hip may be found further apart than a nose.
    labels = replace(labels, apart=np.full((1, 17), 0.1), scores=np.full((1, 17), 0.9))
    taught = Teaching().parts(labels)
    assert not taught[0, nose] and taught[0, SKELETON.index("left_hip")]


def test_coco_json_of_sure_people_and_of_the_others(rng: np.random.Generator) -> None:
    labels = replace(some(rng, 2, 3), person_scores=np.array([0.8, 0.1]))
    labels = replace(labels, apart=np.zeros((2, 17)), scores=np.full((2, 17), 0.9))
    labels.scores[0, :5] = 0.0
    content = coco_content([("a.jpg", labels)])
    sure, *others = content["annotations"]
    assert sure["num_keypoints"] == 12 and sure["keypoints"][:15] == [0.0] * 15
    assert len(sure["part_scores"]) == 17 and sure["iscrowd"] == 0
    assert [one["iscrowd"] for one in others] == [1] * 4 and others[0]["score"] == 0.1
    assert [one["id"] for one in content["annotations"]] == [1, 2, 3, 4, 5]


def test_what_was_in_the_json_before_stays(rng: np.random.Generator) -> None:
    first = coco_content([("a.jpg", some(rng, 1))])
    first["annotations"][0]["keypoints"][0] = 77
    both = coco_content([("b.jpg", some(rng, 2))], before=first)
    assert both["annotations"][: len(first["annotations"])] == first["annotations"]
    assert [image["id"] for image in both["images"]] == [1, 2]
    ids = [one["id"] for one in both["annotations"]]
    assert ids == sorted(set(ids))
