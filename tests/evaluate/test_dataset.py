"""Annotations are checked before anything runs, and each fault gets one line that names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openpaf.errors import DatasetError
from openpaf.evaluate.dataset import read_folder

PARTS = ["nose", "left_hip", "right_hip"]


def annotation(**changes: Any) -> dict[str, Any]:
    return {
        "id": 1,
        "image_id": 3,
        "category_id": 1,
        "iscrowd": 0,
        "num_keypoints": 2,
        "keypoints": [10.0, 20.0, 2, 30.0, 40.0, 1, 0, 0, 0],
        "bbox": [5.0, 5.0, 30.0, 40.0],
        "area": 600.0,
    } | changes


def content(**changes: Any) -> dict[str, Any]:
    return {
        "images": [{"id": 3, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [annotation()],
        "categories": [{"id": 1, "name": "person", "keypoints": PARTS}],
    } | changes


Write = Callable[[Any], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def folder_of(what: Any) -> Path:
        (tmp_path / "images").mkdir()
        (tmp_path / "images" / "a.jpg").touch()
        text = what if isinstance(what, str) else json.dumps(what)
        (tmp_path / "person_keypoints.json").write_text(text)
        return tmp_path

    return folder_of


def test_reads_people_and_marks_what_does_not_count(write: Write) -> None:
    people = [
        annotation(),
        annotation(id=2, iscrowd=1),
        annotation(id=3, num_keypoints=0, keypoints=[0] * 9),
        annotation(id=4, category_id=2),
        annotation(id=5, head_box=[1, 2, 3, 4]),
    ]
    read = read_folder(write(content(annotations=people)))
    (image,) = read.images
    assert read.parts == tuple(PARTS)
    assert (image.image_id, image.path.name, image.size) == (3, "a.jpg", (64, 48))
    assert image.keypoints.shape == (4, 3, 2)
    assert image.labelled[0].tolist() == [True, True, False]
    assert image.crowd.tolist() == [False, True, False, False]
    assert image.ignored.tolist() == [False, True, True, False]
    assert image.head_lengths[3] == pytest.approx(3)
    assert np.isnan(image.head_lengths[:3]).all() and np.isnan(image.torso_lengths).all()


def test_reference_lengths_outlive_the_parts_they_are_measured_on(write: Write) -> None:
    parts = ["head_top", "neck", "left_shoulder", "right_hip"]
    points = [10, 0, 2, 10, 12, 2, 10, 10, 2, 40, 50, 2]
    read = read_folder(
        write(
            content(
                categories=[{"id": 1, "keypoints": parts}],
                annotations=[annotation(keypoints=points)],
            )
        )
    ).restricted(["neck"])
    assert read.images[0].keypoints.shape == (1, 1, 2)
    assert read.images[0].head_lengths.tolist() == [12]
    assert read.images[0].torso_lengths.tolist() == [50]


def test_restricting_ignores_people_who_lose_every_part(write: Write) -> None:
    people = [annotation(), annotation(id=2, keypoints=[0, 0, 0, 0, 0, 0, 9, 9, 2])]
    read = read_folder(write(content(annotations=people))).restricted({"right_hip", "neck"})
    assert read.parts == ("right_hip",)
    assert read.images[0].ignored.tolist() == [True, False]
    with pytest.raises(DatasetError, match="labels nobody with any of left_hip"):
        read.restricted(["left_hip"])
    with pytest.raises(DatasetError, match="labels nobody with a part that the model finds; its"):
        read.restricted([])


def test_annotations_may_have_another_name_or_place(write: Write, tmp_path: Path) -> None:
    folder = write(content())
    (folder / "person_keypoints.json").rename(folder / "labels.json")
    assert read_folder(folder).annotations.name == "labels.json"
    (folder / "other.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"got labels.json, other.json; .*--annotations"):
        read_folder(folder)
    assert read_folder(folder, folder / "labels.json").images


NAN = json.dumps(content(annotations=[annotation(area=float("nan"))]))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "has no list 'images'"),
        (content(categories=[]), "must list the part names"),
        (content(categories=[{"keypoints": ["nose", "nose"]}]), "names a part twice"),
        (content(images=[]), "lists no images"),
        (content(images=2 * content()["images"]), "lists image 3 twice"),
        (content(images=[{"id": 3, "file_name": "../x"}]), "must be a path inside images/"),
        (
            content(images=[{"id": "3", "file_name": "a.jpg"}]),
            "id of entry 3 must be a whole number",
        ),
        (content(annotations=[]), "nobody with a labelled keypoint"),
        (content(annotations=[annotation(iscrowd=1)]), "nobody with a labelled keypoint"),
        (content(annotations=[annotation(image_id=4)]), "names image 4, which is not listed"),
        (content(annotations=[annotation(keypoints=[1, 2])]), "must have 9 keypoint numbers"),
        (content(annotations=[annotation(keypoints=["x"] * 9)]), "must be finite numbers"),
        (content(annotations=[annotation(bbox=None)]), "bbox of annotation 1 must be"),
        (content(annotations=[annotation(area=-1)]), "area of entry 1 must be a number not below"),
        (content(annotations=[annotation(area=10**400)]), "area of entry 1 must be a number"),
        (content(annotations=[annotation(num_keypoints="2")]), "num_keypoints of entry 1 must be"),
        (content(annotations=[annotation(image_id=3.5)]), "image_id of entry 1 must be a whole"),
        (NAN, "area of entry 1 must be a number"),
        (
            content(annotations=[annotation(keypoints=[10, 20, 2, 70, 40, 2, 0, 0, 0])]),
            r"left_hip of annotation 1 is at \(70, 40\), outside its 64x48 picture a.jpg",
        ),
    ],
)
def test_faults_are_named(write: Write, what: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as caught:
        read_folder(write(what))
    assert "\n" not in str(caught.value)


def test_joints_a_few_pixels_beyond_the_border_are_labels_all_the_same(write: Write) -> None:
    keypoints = [-2, 20, 2, 66, 49, 2, 0, 0, 0]
    read = read_folder(write(content(annotations=[annotation(keypoints=keypoints)])))
    assert read.images[0].labelled.sum() == 2


def test_unlabelled_joints_may_be_anywhere(write: Write) -> None:
    keypoints = [10, 20, 2, 30, 40, 2, -500, 9000, 0]
    assert read_folder(write(content(annotations=[annotation(keypoints=keypoints)]))).images


def test_missing_pictures_are_counted_and_the_first_is_named(write: Write) -> None:
    images = content()["images"] + [
        {"id": n, "file_name": f"{n}.jpg", "width": 9, "height": 9} for n in (7, 8)
    ]
    with pytest.raises(DatasetError, match=r"2 of 3 pictures .* first 7.jpg"):
        read_folder(write(content(images=images)))


def test_missing_folders(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is not a folder"):
        read_folder(tmp_path / "none")
    with pytest.raises(DatasetError, match="got none"):
        read_folder(tmp_path)
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        read_folder(tmp_path, tmp_path / "x.json")
    (tmp_path / "x.json").write_text(json.dumps(content()))
    with pytest.raises(DatasetError, match="has no images/ folder"):
        read_folder(tmp_path)
