"""`openpaf detect`: what it writes, what it never overwrites, and how it fails."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import cv2
import numpy as np
import pytest

from openpaf import cli
from openpaf.cli import detect
from openpaf.cli.options import read_net_size
from openpaf.errors import ConfigError, SourceError
from openpaf.motion.readers.csv import CsvRecording
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18
from openpaf.sources.listing import find_pictures

MODEL = "models/human-pose-estimation-0001/human-pose-estimation-0001.xml"


class OnePersonEngine:
    """Stands for the engine: finds one person, spread over the frame, in every frame."""

    made_with: dict[str, Any]

    def __init__(self, model: str | None, **options: Any) -> None:
        type(self).made_with = {"model": model, **options}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def detect(self, frame: np.ndarray) -> Poses:
        height, width = frame.shape[:2]
        keypoints = np.linspace((1, 1), (width - 1, height - 1), 18, dtype=np.float32)[None]
        scores = np.full((1, 18), 0.5, np.float32)
        return Poses(keypoints, scores, np.float32([0.5]), COCO_18, frame_size=(width, height))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> type[OnePersonEngine]:
    monkeypatch.setattr(detect, "Engine", OnePersonEngine)
    return OnePersonEngine


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.jpg")


def save(path: Path, size: tuple[int, int] = (40, 60)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((*size, 3), 90, np.uint8))
    return path


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["detect", *map(str, words)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.usefixtures("engine")
class TestOutputs:
    def test_a_picture_gives_a_copy_and_json(self, picture: Path, tmp_path: Path) -> None:
        before = picture.read_bytes()
        assert run(picture, "--out", tmp_path / "found") == 0
        assert names(tmp_path / "found") == ["photo_keypoints.json", "photo_poses.jpg"]
        copy = cv2.imread(str(tmp_path / "found" / "photo_poses.jpg"))
        assert copy.shape == (40, 60, 3)
        assert (copy != 90).any()
        found = json.loads((tmp_path / "found" / "photo_keypoints.json").read_text("utf-8"))
        assert found["version"] == 1.3
        assert len(found["people"][0]["pose_keypoints_2d"]) == 54
        assert picture.read_bytes() == before

    def test_a_folder_keeps_its_shape(self, tmp_path: Path) -> None:
        save(tmp_path / "in" / "a.jpg")
        save(tmp_path / "in" / "deep" / "a.PNG")
        save(tmp_path / "in" / ".hidden" / "a.png")
        (tmp_path / "in" / "notes.txt").write_text("no picture")
        assert run(tmp_path / "in", "-o", tmp_path / "out") == 0
        assert names(tmp_path / "out") == [
            "a_keypoints.json", "a_poses.jpg", "deep/a_keypoints.json", "deep/a_poses.jpg",
        ]  # fmt: skip

    def test_pictures_of_one_name_do_not_share_a_result(self, tmp_path: Path) -> None:
        sources = [save(tmp_path / name) for name in ("a/x.jpg", "b/x.jpg", "b/X.png", "x-2.jpg")]
        assert run(*sources, "--out", tmp_path / "out") == 0
        assert [name for name in names(tmp_path / "out") if name.endswith(".json")] == [
            "a/x_keypoints.json", "b/X-2_keypoints.json", "b/x_keypoints.json",
            "x-2_keypoints.json",
        ]  # fmt: skip

    def test_json_and_csv_name_the_picture(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sources = ["a/x.jpg", "b/x.jpg"]
        for name in sources:
            save(tmp_path / name)
        monkeypatch.chdir(tmp_path)
        assert run(*sources, "--csv", "all.csv") == 0
        for name in sources:
            path = tmp_path / "found" / name.replace(".jpg", "_keypoints.json")
            assert json.loads(path.read_text("utf-8"))["source"] == name
        with (tmp_path / "all.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["source"] for row in rows] == ["a/x.jpg"] * 18 + ["b/x.jpg"] * 18
        assert run(*sources, "--format", "coco") == 0
        people = json.loads((tmp_path / "found" / "coco_results.json").read_text("utf-8"))
        assert [one["source"] for one in people] == sources

    def test_a_csv_of_pictures_can_be_smoothed(self, picture: Path, tmp_path: Path) -> None:
        assert run(picture, "--csv", tmp_path / "r.csv", "--out", tmp_path / "out") == 0
        (record,) = CsvRecording(tmp_path / "r.csv").records()
        assert len(record.poses) == 1

    def test_rows_on_standard_output(
        self, picture: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(picture, "--csv", "-", "--out", tmp_path / "out") == 0
        assert capfd.readouterr().out.count("\n") == 19

    @pytest.mark.parametrize("name", ["out.jpg", "deep/out.PNG", "photo.webp"])
    def test_the_name_of_a_picture_makes_that_picture(
        self, name: str, picture: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(picture, "-o", tmp_path / name) == 0
        assert names(tmp_path) == sorted([name, "photo.jpg"])
        assert cv2.imread(str(tmp_path / name)).shape == (40, 60, 3)
        assert f"; wrote {tmp_path / name}\n" in capfd.readouterr().err

    def test_people_are_drawn_as_asked(self, picture: Path, tmp_path: Path) -> None:
        pictures = {}
        for options in ("", "--on-black", "--color person", "--boxes", "--labels --line-width 3"):
            assert run(picture, "-o", tmp_path / "out.png", *options.split()) == 0
            pictures[options] = cv2.imread(str(tmp_path / "out.png"))
        assert not pictures["--on-black"][30:, :20].any() and pictures[""][30:, :20].all()
        assert len({one.tobytes() for one in pictures.values()}) == len(pictures)

    def test_a_folder_may_be_called_like_a_picture(self, picture: Path, tmp_path: Path) -> None:
        (tmp_path / "out.jpg").mkdir()
        assert run(picture, "-o", tmp_path / "out.jpg") == 0
        assert names(tmp_path / "out.jpg") == ["photo_keypoints.json", "photo_poses.jpg"]

    def test_what_is_replaced_is_said(
        self, picture: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        out = tmp_path / "out"
        assert run(picture, "--out", out) == 0
        assert "replacing" not in capfd.readouterr().err
        assert run(picture, "--out", out) == 0
        said, end = capfd.readouterr().err.splitlines()
        assert said == f"openpaf: replacing {out / 'photo_poses.jpg'} and 1 more file"
        assert end.startswith("openpaf: 1 person in 1 picture") and end.endswith(
            f"wrote 2 files in {out}"
        )

    def test_quiet_says_errors_alone(
        self, picture: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for _ in range(2):
            assert run(picture, "--out", tmp_path / "out", "--quiet") == 0
        assert capfd.readouterr() == ("", "")
        assert run(picture, tmp_path / "gone.jpg", "--out", tmp_path / "out", "-q") == 1
        assert "gone.jpg does not exist" in capfd.readouterr().err

    def test_a_picture_named_twice_is_done_once(
        self, picture: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(picture, picture.parent, picture.parent / "*.jpg", "--out", "-") == 0
        assert capfd.readouterr().out.count("\n") == 1

    def test_dash_gives_one_json_line_a_picture_and_nothing_else(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("a.jpg", "b.jpg"):
            save(tmp_path / "in" / name)
        monkeypatch.chdir(tmp_path)
        assert run("in", "--out", "-") == 0
        lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
        assert [line["name"] for line in lines] == ["in/a.jpg", "in/b.jpg"]
        assert all(line["frame_size"] == [60, 40] for line in lines)
        assert all(len(line["people"]) == 1 for line in lines)
        assert names(tmp_path) == ["in/a.jpg", "in/b.jpg"]

    def test_coco_is_one_file_with_the_numbers_of_the_names(self, tmp_path: Path) -> None:
        save(tmp_path / "in" / "COCO_000000000192.jpg")
        save(tmp_path / "in" / "COCO_000000000241.jpg")
        assert run(tmp_path / "in", "--out", tmp_path / "out", "--format", "coco") == 0
        found = json.loads((tmp_path / "out" / "coco_results.json").read_text("utf-8"))
        assert [one["image_id"] for one in found] == [192, 241]
        assert all(len(one["keypoints"]) == 51 for one in found)

    @pytest.mark.parametrize("suffix", [".gif", ".png", ".ppm", ".webp"])
    def test_every_kind_of_picture_gives_a_jpeg(self, suffix: str, tmp_path: Path) -> None:
        source = save(tmp_path / f"photo{suffix}")
        assert run(source, "--out", tmp_path / "out") == 0
        assert "photo_poses.jpg" in names(tmp_path / "out")


@pytest.mark.usefixtures("engine")
class TestFailures:
    def test_one_broken_file_among_a_hundred_is_listed_and_the_rest_done(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        for place in range(99):
            save(tmp_path / "in" / f"{place:02}.png", (8, 8))
        (tmp_path / "in" / "50b.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
        assert run(tmp_path / "in", "--out", tmp_path / "out") == 1
        err = capfd.readouterr().err
        assert "50b.png" in err
        assert "1 of 100 pictures could not be read" in err
        assert len(names(tmp_path / "out")) == 2 * 99

    def test_nothing_but_broken_files_is_exit_2(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
        assert run(tmp_path / "torn.jpg", tmp_path / "gone.jpg", "--out", "-") == 2
        captured = capfd.readouterr()
        assert captured.out == ""
        assert "torn.jpg" in captured.err
        assert "gone.jpg does not exist" in captured.err

    @pytest.mark.parametrize("source", ["empty", "empty/*.jpg"])
    def test_nothing_to_do_is_said(
        self, source: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "empty").mkdir()
        assert run(tmp_path / source, "--out", tmp_path / "out") == 2
        assert "no pictures in" in capfd.readouterr().err
        assert not (tmp_path / "out").exists()

    def test_a_file_where_the_folder_should_be(
        self, picture: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "out").write_text("mine")
        for out in (tmp_path / "out", tmp_path / "out" / "deeper"):
            assert run(picture, "--out", out) == 2
            err = capfd.readouterr().err
            assert err.count("\n") == 1
            assert "cannot write into" in err
        assert (tmp_path / "out").read_text() == "mine"

    def test_an_input_is_never_replaced(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        save(tmp_path / "a.jpg")
        target = save(tmp_path / "a_poses.jpg")
        before = target.read_bytes()
        (tmp_path / "link").symlink_to(tmp_path, target_is_directory=True)
        for out in (tmp_path, tmp_path / "link"):
            assert run(tmp_path / "a.jpg", target, "--out", out) == 2
            assert "would replace an input" in capfd.readouterr().err
        assert target.read_bytes() == before

    def test_results_may_go_beside_their_pictures(self, picture: Path) -> None:
        assert run(picture, "--out", picture.parent) == 0
        assert names(picture.parent) == ["photo.jpg", "photo_keypoints.json", "photo_poses.jpg"]

    def test_a_picture_that_fails_to_be_written_leaves_nothing_behind(
        self, picture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str],
    ) -> None:  # fmt: skip
        def full(self: Path, data: bytes) -> int:
            with self.open("wb") as file:
                file.write(data[:10])
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Path, "write_bytes", full)
        assert run(picture, "--out", tmp_path / "out") == 2
        assert "No space left" in capfd.readouterr().err
        assert names(tmp_path / "out") == []


class TestOptions:
    def test_they_reach_the_engine(self, engine: type[OnePersonEngine], picture: Path) -> None:
        words = ["--model", "m.onnx", "--device", "cpu", "--net-height", "256", "--net-size"]
        words += ["656x368", "--min-score", "0.4", "--max-people", "3", "--out", "-"]
        assert run(picture, *words) == 0
        made = engine.made_with
        decoder = made.pop("decoder")
        assert made == {
            "model": "m.onnx", "device": "cpu", "net_height": 256, "net_size": (656, 368),
            "card": None, "looks": "one", "tiles": False,
        }  # fmt: skip
        assert (decoder.min_score, decoder.max_people) == (pytest.approx(0.4), 3)

    @pytest.mark.parametrize("text", ["656", "656x", "x", "-1x8", "656x368x3", "6 5x8", "²x8", ""])
    def test_a_net_size_is_two_numbers(self, text: str) -> None:
        with pytest.raises(ConfigError, match="WIDTHxHEIGHT"):
            read_net_size(text)

    @pytest.mark.parametrize(
        "words",
        [
            ["--net-size", "big"], ["--net-height", "tall"], ["--min-score", "2"],
            ["--max-people", "0"], ["--format", "xml"], ["--format", "coco"], ["--device", "tpu"],
            ["--csv", "-"], ["--output", "out.json"], ["--output", "out.heic"], ["--output", ""],
            ["--color", "red"], ["--line-width", "0"],
            ["--output", "out.mp4"], ["--output", "x.png", "--format", "coco"],
            ["--mdoel", "x"], ["--model", "gone.onnx"], ["--card", "gone.toml"],
        ],
    )  # fmt: skip
    def test_a_wrong_value_is_one_line(
        self, words: Sequence[str], picture: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert run(picture, "--out", "-", *words) == 2
        captured = capfd.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1


def test_one_picture_is_no_place_for_two(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sources = [save(tmp_path / name) for name in ("a.jpg", "b.jpg")]
    assert run(*sources, "-o", tmp_path / "out.jpg") == 2
    assert "is one picture, and 2 are looked at" in capfd.readouterr().err
    assert names(tmp_path) == ["a.jpg", "b.jpg"]


@pytest.mark.parametrize("csv", ["out/photo_keypoints.json", "./out/../out/photo_poses.jpg"])
def test_rows_do_not_replace_another_result(
    csv: str, picture: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(picture.parent)
    assert run(picture, "-o", "out", "--csv", csv) == 2
    assert "would replace another result" in capfd.readouterr().err
    assert names(picture.parent) == ["photo.jpg"]


class TestPictures:
    def test_glob_takes_pictures_only(self, tmp_path: Path) -> None:
        save(tmp_path / "a.jpg")
        save(tmp_path / "deep" / "b.jpg")
        (tmp_path / "c.txt").write_text("")
        found = find_pictures([str(tmp_path / "**" / "*")])
        assert [picture.path.name for picture in found] == ["a.jpg", "b.jpg"]

    def test_a_file_with_brackets_in_its_name_is_that_file(self, tmp_path: Path) -> None:
        source = save(tmp_path / "a[1].jpg")
        assert [picture.path for picture in find_pictures([str(source)])] == [source]

    def test_a_missing_file_is_left_to_fail_alone(self) -> None:
        (picture,) = find_pictures(["gone.jpg"])
        assert picture.path == Path("gone.jpg")

    def test_a_folder_with_the_name_of_a_picture_is_searched(self, tmp_path: Path) -> None:
        save(tmp_path / "in" / "folder.jpg" / "a.jpg")
        assert [picture.path.name for picture in find_pictures([str(tmp_path)])] == ["a.jpg"]

    def test_an_empty_name_is_not_the_current_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        save(tmp_path / "a.jpg")
        monkeypatch.chdir(tmp_path)
        with pytest.raises(SourceError, match="empty name"):
            find_pictures([""])

    def test_numbers_are_those_of_the_names_or_places(self) -> None:
        assert [one.image_id for one in find_pictures(["a_007.jpg", "b9.jpg"])] == [7, 9]
        assert [one.image_id for one in find_pictures(["a_007.jpg", "b.jpg"])] == [1, 2]
        assert [one.image_id for one in find_pictures(["a7.jpg", "b7.jpg"])] == [1, 2]

    def test_none_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no pictures"):
            find_pictures([str(tmp_path)])


def command(*words: str | Path) -> list[str]:
    return [sys.executable, "-m", "openpaf", "detect", *map(str, words)]


def test_finds_the_boy_in_a_photograph(shared: Path, tmp_path: Path) -> None:
    photo = shared / "media" / "COCO_val2014_000000000474.jpg"
    subprocess.run(command(photo, "--out", tmp_path), check=True)
    found = json.loads((tmp_path / f"{photo.stem}_keypoints.json").read_text("utf-8"))
    (person,) = found["people"]  # where the nose and the neck are, by eye
    assert person["pose_keypoints_2d"][:2] == pytest.approx((136, 126), abs=12)
    assert person["pose_keypoints_2d"][3:5] == pytest.approx((199, 153), abs=15)
    assert cv2.imread(str(tmp_path / f"{photo.stem}_poses.jpg")).shape == (500, 333, 3)


def test_another_model_by_path(shared: Path) -> None:
    pytest.importorskip("openvino")
    done = subprocess.run(
        command(
            shared / "media" / "COCO_val2014_000000000474.jpg",
            *("--model", shared / MODEL, "--device", "openvino", "--out", "-"),
        ),
        capture_output=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["people"]) == 1


def test_odd_sizes_are_processed(tmp_path: Path) -> None:
    sources = [save(tmp_path / "dot.png", (1, 1)), save(tmp_path / "long.png", (100, 20_000))]
    done = subprocess.run(command(*sources, "--out", "-"), capture_output=True, check=True)
    sizes = [json.loads(line)["frame_size"] for line in done.stdout.splitlines()]
    assert sizes == [[1, 1], [20_000, 100]]


def test_a_full_disk_is_one_line_and_leaves_whole_files_only(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    (tmp_path / "in").mkdir()
    for place in range(20):
        noise = rng.integers(0, 256, (200, 200, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "in" / f"{place}.png"), noise)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting a small tmpfs takes rights that this user lacks")
    try:
        done = subprocess.run(
            command(tmp_path / "in", "--out", disk / "out", "--net-height", "64"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("openpaf: cannot write")
        for name in names(disk / "out"):
            assert not name.startswith(".")
            if name.endswith(".json"):
                json.loads((disk / "out" / name).read_text("utf-8"))
            else:
                assert cv2.imread(str(disk / "out" / name)) is not None
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_ctrl_c_ends_it_quietly_between_two_pictures(tmp_path: Path) -> None:
    for place in range(100):
        save(tmp_path / f"{place}.jpg", (480, 640))
    out = tmp_path / "out"
    with subprocess.Popen(command(tmp_path, "--out", out), stderr=subprocess.PIPE) as process:
        deadline = time.monotonic() + 120
        while (
            not list(out.glob("*.json")) and process.poll() is None and time.monotonic() < deadline
        ):
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == b""
    assert [name for name in names(out) if name.startswith(".")] == []
