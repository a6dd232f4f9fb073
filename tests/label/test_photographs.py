"""Which photographs folders, globs and tar files hold, and what labels call them."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from openpaf.errors import DatasetError, FrameError, SourceError
from openpaf.label.given import read_boxes
from openpaf.label.photographs import find_photographs


def test_folders_globs_and_tars_give_the_same_pixels(
    photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = photographs("b.png", "deep/a.png", "deep/b.png")
    tar = tmp_path / "all.tar"
    with tarfile.open(tar, "w") as archive:
        archive.add(folder, arcname=".")
    (folder / "notes.txt").write_text("no picture")
    plain, packed = find_photographs([str(folder)]), find_photographs([str(tar)])
    names = ["b.png", "deep/a.png", "deep/b.png"]
    assert [one.name for one in plain] == names
    assert sorted(one.name for one in packed) == names
    for one in plain:
        (same,) = (other for other in packed if other.name == one.name)
        np.testing.assert_array_equal(one.read(), same.read())
    assert [one.name for one in find_photographs([f"{folder}/*/*.png"])] == ["a.png", "b.png"]
    assert len(find_photographs([f"{tmp_path}/*.tar"])) == 3


def test_photographs_of_one_name_keep_their_folders_apart(
    photographs: Callable[..., Path],
) -> None:
    one, other = photographs("a.png", folder="one"), photographs("a.png", folder="other")
    names = [photograph.name for photograph in find_photographs([str(one), str(other)])]
    assert names == ["one/a.png", "other/a.png"]


def test_what_cannot_be_meant_is_one_line(photographs: Callable[..., Path], tmp_path: Path) -> None:
    one = photographs("a.png", folder="one")
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(one, arcname=".")
    with pytest.raises(SourceError, match="two photographs would be called a.png"):
        find_photographs([str(one), str(tmp_path / "all.tar")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="no pictures in"):
        find_photographs([str(tmp_path / "empty")])
    bad = tmp_path / "bad.tar"
    bad.write_bytes(b"no tar file at all")
    with pytest.raises(SourceError, match="is not a tar file that can be read"):
        find_photographs([str(bad)])
    with tarfile.open(bad, "w"):
        pass
    with pytest.raises(SourceError, match="no photographs in"):
        find_photographs([str(bad)])


def test_photographs_that_vanish_or_are_none(
    photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = photographs("a.png")
    (folder / "b.jpg").write_text("no picture")
    first, second = find_photographs([str(folder)])
    (folder / "a.png").unlink()
    with pytest.raises(SourceError, match="does not exist"):
        first.read()
    with pytest.raises(FrameError, match="is not a picture"):
        second.read()
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        archive.add(folder / "b.jpg", arcname="b.jpg")
    (inside,) = find_photographs([str(tmp_path / "x.tar")])
    with pytest.raises(FrameError, match=r"x.tar: b.jpg is not a picture"):
        inside.read()
    (tmp_path / "x.tar").unlink()
    with pytest.raises(SourceError, match=r"x.tar cannot be read: No such file"):
        inside.read()


def test_boxes_out_of_coco_json(tmp_path: Path) -> None:
    path = tmp_path / "boxes.json"
    content = {
        "images": [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}],
        "annotations": [
            {"id": 1, "image_id": 1, "bbox": [0, 0, 10, 20]},
            {"id": 2, "image_id": 2, "bbox": [0, 0, 5, 5], "iscrowd": 1},
        ],
        "categories": [],
    }
    path.write_text(json.dumps(content))
    boxes = read_boxes(path)
    assert boxes.keys() == {"a.png"}
    np.testing.assert_array_equal(boxes["a.png"], [[-0.5, -0.5, 9.5, 19.5]])
    path.write_text(json.dumps({**content, "annotations": []}))
    with pytest.raises(DatasetError, match="has no box around anybody"):
        read_boxes(path)
    path.write_text("[]")
    with pytest.raises(DatasetError, match="is not COCO keypoint JSON"):
        read_boxes(path)
