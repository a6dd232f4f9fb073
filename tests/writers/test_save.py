"""`poses.save` by suffix, `poses.show`, and what a notebook is given."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

import openpaf
from openpaf.errors import (
    ConfigError,
    FrameError,
    OpenPafError,
    OutputError,
    PosesError,
    SourceError,
)
from openpaf.motion import Motion
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18
from openpaf.writers import CsvWriter, NdjsonWriter, OpenPoseWriter
from tests.writers.test_writers import SNAIL, make_result

RESULT = make_result(3)
FRAME = np.full((48, 64, 3), 90, np.uint8)


@pytest.fixture
def found() -> Poses:
    return replace(RESULT.poses, index=3, time=0.15, source="clip")


@pytest.fixture
def in_picture(found: Poses, tmp_path: Path) -> Poses:
    """As `detect` gives them where it is told the path of a picture."""
    path = tmp_path / "in.png"
    cv2.imwrite(str(path), FRAME)
    return replace(found, picture=path)


def test_the_same_as_the_writers_write(found: Poses, tmp_path: Path) -> None:
    assert found.save(tmp_path / "new" / "a.json") == tmp_path / "new" / "a.json"
    result = replace(RESULT, name="clip", poses=found)
    writers = {
        "ndjson": NdjsonWriter(tmp_path / "b.ndjson"),
        "csv": CsvWriter(tmp_path / "b.csv", sources=True),
    }
    for suffix, writer in writers.items():
        writer.write(result)
        writer.close()
        found.save(str(tmp_path / f"a.{suffix}"))
        assert (tmp_path / f"a.{suffix}").read_text() == (tmp_path / f"b.{suffix}").read_text()
    OpenPoseWriter(tmp_path, "b").write(replace(result, name=None))
    written = json.loads((tmp_path / f"b_{3:012d}_keypoints.json").read_text())
    assert json.loads((tmp_path / "new" / "a.json").read_text()) == written


def test_json_says_only_what_is_known(found: Poses, tmp_path: Path) -> None:
    path = replace(found, index=None, time=None, source=None).save(tmp_path / "a.json")
    assert json.loads(path.read_text()) == found.to_openpose()


def test_parquet(found: Poses, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    (row,) = parquet.read_table(found.save(tmp_path / "a.parquet")).to_pylist()
    assert (row["source"], row["frame"], row["time"]) == ("clip", 3, 0.15)
    assert (row["width"], row["height"]) == (64, 48)
    assert [person["person_id"] for person in row["people"]] == [7, 8]
    triples = np.reshape([person["keypoints"] for person in row["people"]], (2, 18, 3))
    np.testing.assert_array_equal(triples[..., 2], found.scores)
    nobody = Poses.empty(COCO_18).save(tmp_path / "b.parquet")
    assert parquet.read_table(nobody).to_pylist()[0]["people"] == []


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".png", ".PNG"])
def test_pictures(found: Poses, in_picture: Poses, tmp_path: Path, suffix: str) -> None:
    expected = found.draw(FRAME)
    for path in (
        found.save(tmp_path / f"given{suffix}", FRAME),
        in_picture.save(tmp_path / f"known{suffix}"),
    ):
        picture = cv2.imread(str(path))
        assert np.abs(picture.astype(int) - expected).mean() < (
            1e-9 if suffix.lower() == ".png" else 12
        )
        assert (picture != 90).any()


def test_what_cannot_be_saved_is_one_line(found: Poses, in_picture: Poses, tmp_path: Path) -> None:
    wide = np.zeros((1, 65_501, 3), np.uint8)
    gone = replace(found, picture=tmp_path / "gone.png")
    refused: list[tuple[Poses, str, Any, type[OpenPafError], str]] = [
        (found, "a.bmp", FRAME, ConfigError, r"must end in one of \.json"),
        (found, "a", FRAME, ConfigError, "must end in one of"),
        (found, "a.jpg", None, PosesError, "do not know the picture"),
        (found, "a.jpg", wide, OutputError, r"pass a name that ends in \.png"),
        (found, "a.jpg", FRAME.astype(int), FrameError, "frame must be uint8"),
        (in_picture, "in.png", None, OutputError, "would replace an input"),
        (gone, "a.jpg", None, SourceError, "does not exist"),
        (replace(in_picture, frame_size=(9, 9)), "a.jpg", None, FrameError, "is 64x48 px by now"),
    ]
    before = sorted(tmp_path.iterdir())
    for poses, name, frame, kind, message in refused:
        with pytest.raises(kind, match=message) as error:
            poses.save(tmp_path / name, frame)
        assert "\n" not in str(error.value)
    with pytest.raises(OutputError, match="it is a folder"):
        (tmp_path / "b.json").mkdir()
        found.save(tmp_path / "b.json")
    assert sorted(tmp_path.iterdir()) == sorted([*before, tmp_path / "b.json"])


def test_show_without_a_display(found: Poses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OutputError, match=r'no display here; save it instead: poses\.save\("'):
        found.show(FRAME)
    with pytest.raises(PosesError, match="do not know the picture"):
        found.show()


def test_show_in_a_viewer(found: Poses, monkeypatch: pytest.MonkeyPatch) -> None:
    viewers = pytest.importorskip("PIL.ImageShow")
    shown: list[Any] = []
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(viewers, "_viewers", [])
    with pytest.raises(OutputError, match="no program here that shows pictures"):
        found.show(FRAME)

    class Viewer(viewers.Viewer):  # type: ignore[misc]
        def show(self, image: Any, **_: Any) -> int:
            shown.append(np.asarray(image))
            return 1

    viewers.register(Viewer())
    found.show(FRAME)
    np.testing.assert_array_equal(shown[0][..., ::-1], found.draw(FRAME))


def test_show_in_a_notebook(found: Poses, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    display = SimpleNamespace(Image=lambda data: data, display=shown.append)
    shell = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=1), display=display)
    monkeypatch.setitem(sys.modules, "IPython", shell)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "IPython.display", display)  # type: ignore[arg-type]
    found.show(FRAME)
    np.testing.assert_array_equal(_unpacked(shown[0]), found.draw(FRAME))


def test_a_notebook_has_the_picture_or_a_table(found: Poses, in_picture: Poses) -> None:
    png = in_picture._repr_png_()
    assert png is not None and in_picture._repr_html_() is None
    np.testing.assert_array_equal(_unpacked(png), found.draw(FRAME))
    assert in_picture.picture is not None
    in_picture.picture.unlink()
    for poses in (in_picture, found):
        table = poses._repr_html_()
        assert poses._repr_png_() is None and table is not None
        assert table.count("<tr>") == 3 and "<td>8</td>" in table
    assert "1 more" in str(replace(make_result(0, people=21).poses)._repr_html_())
    assert "0 people" in str(Poses.empty(COCO_18)._repr_html_())


def test_large_pictures_are_small_in_a_notebook(found: Poses, tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    cv2.imwrite(str(path), np.zeros((1500, 3000, 3), np.uint8))
    png = replace(found, picture=path, frame_size=(3000, 1500))._repr_png_()
    assert png is not None and _unpacked(png).shape == (640, 1280, 3)


def test_draw_is_a_function_of_the_package(found: Poses) -> None:
    np.testing.assert_array_equal(openpaf.draw(FRAME, found), found.draw(FRAME))


def _unpacked(data: bytes) -> Any:
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)


def test_a_skeleton_of_ones_own_is_read_back(tmp_path: Path) -> None:
    poses = replace(make_result(3, skeleton=SNAIL).poses, index=3, time=0.15)
    kinds = [".json", ".ndjson"]
    with contextlib.suppress(ImportError):
        import pyarrow  # noqa: F401

        kinds.append(".parquet")
    for kind in kinds:
        motion = Motion.read(poses.save(tmp_path / f"snail{kind}"))
        assert motion.skeleton == SNAIL, kind


def test_pictures_are_saved_in_a_style(found: Poses, tmp_path: Path) -> None:
    black = cv2.imread(str(found.save(tmp_path / "b.png", FRAME, on_black=True)))
    np.testing.assert_array_equal(black, found.draw(FRAME, on_black=True))
    with pytest.raises(ConfigError, match="a style is for pictures"):
        found.save(tmp_path / "b.csv", on_black=True)
    with pytest.raises(PosesError, match="the Poses of one frame, got a list"):
        openpaf.draw(FRAME, [found])
