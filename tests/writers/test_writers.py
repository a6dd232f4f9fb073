"""Writers: what goes in comes out, in other readers too, after crashes and on full disks."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import openpaf.writers.painter
from openpaf.drawing import DrawConfig
from openpaf.errors import OutputError, RecordingError, SkeletonError
from openpaf.motion.readers.csv import CsvRecording
from openpaf.motion.readers.ndjson import NdjsonRecording
from openpaf.motion.readers.openpose import OpenPoseRecording
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton import BODY_25, COCO_17, COCO_18, Skeleton
from openpaf.writers import (
    AngleWriter,
    CocoWriter,
    CsvWriter,
    NdjsonWriter,
    OpenPoseWriter,
    Painter,
    PictureWriter,
    VideoWriter,
    Window,
    Writer,
    Writers,
)


def make_result(
    index: int, people: int = 2, skeleton: Skeleton = COCO_18, size: tuple[int, int] = (64, 48)
) -> Result:
    rng = np.random.default_rng(index)
    parts = len(skeleton.parts)
    keypoints = rng.uniform(0, 48, (people, parts, 2)).astype(np.float32)
    scores = rng.uniform(0.1, 1, (people, parts)).astype(np.float32)
    missing = rng.random((people, parts)) < 0.3
    keypoints[missing], scores[missing] = np.nan, 0
    ids = np.arange(7, 7 + people)
    poses = Poses(keypoints, scores, scores.mean(1), skeleton, ids=ids, frame_size=size)
    frame = np.full((size[1], size[0], 3), (10 * index % 250, 128, 128), np.uint8)
    return Result(poses, frame, index, index / 20)


@pytest.fixture
def results() -> list[Result]:
    return [make_result(index, people=index % 4) for index in range(12)]


def write(writer: Writer, results: list[Result]) -> None:
    for result in results:
        writer.write(result)
    writer.close()
    writer.close()


def just_the_frame(result: Result) -> NDArray[np.uint8]:
    return result.frame


def read_openpose(path: Path) -> tuple[NDArray[np.float64], list[int]]:
    """Read a file the way OpenPose documents it: flat x, y, confidence; (N, K, 3) and ids."""
    content = json.loads(path.read_text())
    assert content["version"] == 1.3
    people = [np.reshape(p["pose_keypoints_2d"], (-1, 3)) for p in content["people"]]
    return np.array(people), [person["person_id"][0] for person in content["people"]]


@pytest.mark.parametrize("skeleton", [COCO_18, BODY_25])
def test_openpose_json(tmp_path: Path, skeleton: Skeleton) -> None:
    results = [make_result(index, people=index, skeleton=skeleton) for index in range(4)]
    write(OpenPoseWriter(tmp_path / "json", "clip"), results)
    files = sorted((tmp_path / "json").iterdir())
    assert [file.name for file in files] == [
        f"clip_{index:012d}_keypoints.json" for index in range(4)
    ]
    for result, file in zip(results, files, strict=True):
        people, ids = read_openpose(file)
        assert ids == list(range(7, 7 + result.index))
        if result.index:
            np.testing.assert_allclose(
                people[..., :2], np.nan_to_num(result.poses.keypoints), atol=1e-3
            )
            np.testing.assert_allclose(people[..., 2], result.poses.scores, atol=1e-3)
        assert json.loads(file.read_text())["time"] == result.time


def test_pictures_keep_their_names(tmp_path: Path) -> None:
    named = replace(make_result(3), name="beach")
    write(OpenPoseWriter(tmp_path, "clip"), [named])
    write(PictureWriter(tmp_path, "clip", just_the_frame), [named])
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "beach_keypoints.json",
        "beach_poses.jpg",
    ]


def test_coco_results_load_at_any_moment(tmp_path: Path, results: list[Result]) -> None:
    pycocotools = pytest.importorskip("pycocotools.coco")
    path = tmp_path / "new" / "results.json"
    writer, people = CocoWriter(path), 0
    for result in results:
        writer.write(result)
        people += len(result.poses)
        found = json.loads(path.read_text())
        assert len(found) == people
    writer.close()
    truth = pycocotools.COCO()
    truth.dataset = {
        "images": [{"id": index} for index in range(12)],
        "categories": [{"id": 1, "name": "person"}],
        "annotations": [],
    }
    truth.createIndex()
    loaded = truth.loadRes(str(path))
    for result in results:
        there = loaded.loadAnns(loaded.getAnnIds(imgIds=[result.index]))
        assert [person["track_id"] for person in there] == list(range(7, 7 + len(result.poses)))
        assert all(person["time"] == result.time for person in there)
        keypoints, _ = COCO_18.convert(result.poses.keypoints, result.poses.scores, COCO_17)
        for person, expected in zip(there, keypoints, strict=True):
            flat = np.reshape(person["keypoints"], (17, 3))[:, :2]
            np.testing.assert_allclose(flat, np.nan_to_num(expected), atol=1e-3)


def test_coco_results_of_pictures_carry_their_number(tmp_path: Path) -> None:
    write(CocoWriter(tmp_path / "r.json"), [replace(make_result(0), image_id=785)])
    assert {person["image_id"] for person in json.loads((tmp_path / "r.json").read_text())} == {785}


def test_ndjson(tmp_path: Path, results: list[Result]) -> None:
    write(NdjsonWriter(tmp_path / "r.ndjson"), results)
    lines = [json.loads(line) for line in (tmp_path / "r.ndjson").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(12))
    for line, result in zip(lines, results, strict=True):
        assert (line["time"], line["skeleton"]) == (result.time, "COCO_18")
        assert line["frame_size"] == [64, 48]
        assert [person["person_id"] for person in line["people"]] == [
            [id_] for id_ in range(7, 7 + len(result.poses))
        ]


SNAIL = Skeleton(
    "snail", ("shell", "left horn", "right horn"), ((0, 1), (0, 2)), sigmas=(0.2, 0.1, 0.1)
)


def test_a_skeleton_of_ones_own(tmp_path: Path) -> None:
    results = [make_result(index, people=2, skeleton=SNAIL) for index in range(3)]
    write(NdjsonWriter(tmp_path / "r.ndjson"), results)
    records = list(NdjsonRecording(tmp_path / "r.ndjson", "r.ndjson").records())
    assert [record.poses.skeleton for record in records] == [SNAIL] * 3
    for record, result in zip(records, results, strict=True):
        np.testing.assert_allclose(record.poses.keypoints, result.poses.keypoints, atol=1e-3)
    write(CocoWriter(tmp_path / "r.json"), results)
    first = json.loads((tmp_path / "r.json").read_text())[0]["keypoints"]
    expected = np.nan_to_num(results[0].poses.keypoints[0])
    np.testing.assert_allclose(np.reshape(first, (3, 3))[:, :2], expected, atol=1e-3)
    write(CsvWriter(tmp_path / "r.csv"), results)
    with (tmp_path / "r.csv").open(newline="") as file:
        assert {row["part"] for row in csv.DictReader(file)} == set(SNAIL.parts)
    with pytest.raises(RecordingError, match=r"no built-in skeleton has .* read the NDJSON"):
        CsvRecording(tmp_path / "r.csv")
    path = write_openpose(tmp_path, results[0])
    assert read_openpose(path)[0].shape == (2, 3, 3)
    (record,) = OpenPoseRecording([path]).records()
    assert record.poses.skeleton == SNAIL
    with pytest.raises(SkeletonError, match="snail has no angle"):
        AngleWriter(tmp_path / "a.csv").write(results[0])


def write_openpose(folder: Path, result: Result) -> Path:
    write(OpenPoseWriter(folder, "snail"), [result])
    (path,) = folder.glob("snail*.json")
    return path


def test_csv(tmp_path: Path, results: list[Result]) -> None:
    write(CsvWriter(tmp_path / "r.csv"), results)
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(int((result.poses.scores > 0).sum()) for result in results)
    for row in rows:
        result = results[int(row["frame"])]
        person, part = int(row["person"]), COCO_18.index(row["part"])
        assert int(row["id"]) == 7 + person and float(row["time"]) == result.time
        x, y = result.poses.keypoints[person, part]
        assert (float(row["x"]), float(row["y"])) == pytest.approx((x, y), abs=1e-3)
        assert float(row["score"]) == pytest.approx(result.poses.scores[person, part], abs=1e-4)


def test_lines_on_standard_output(results: list[Result], capfd: pytest.CaptureFixture[str]) -> None:
    write(NdjsonWriter(None), results[:2])
    write(CsvWriter(None), results[:2])
    out = capfd.readouterr().out.splitlines()
    assert [json.loads(line)["frame"] for line in out[:2]] == [0, 1]
    assert out[2].startswith("frame,time,person,id")


def read_video(path: Path) -> tuple[list[float], list[NDArray[np.uint8]]]:
    av = pytest.importorskip("av")
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return [frame.time for frame in frames], [frame.to_ndarray(format="bgr24") for frame in frames]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_video_keeps_frames_and_times(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("av")
    kept = [0, 1, 2, 7, 8, 20, 21]
    write(VideoWriter(tmp_path / f"v{suffix}", just_the_frame), [make_result(i) for i in kept])
    times, frames = read_video(tmp_path / f"v{suffix}")
    assert times == pytest.approx([i / 20 for i in kept], abs=2e-3)
    assert [round(float(frame[..., 0].mean()) / 10) for frame in frames] == kept
    assert cv2.VideoCapture(str(tmp_path / f"v{suffix}")).read()[0]


def test_video_of_frames_that_change_size(tmp_path: Path) -> None:
    pytest.importorskip("av")
    sizes = [(65, 49), (64, 48), (128, 48), (20, 90), (1, 1)]
    results = [make_result(i, size=size) for i, size in enumerate(sizes)]
    write(VideoWriter(tmp_path / "v.mp4", just_the_frame), results)
    _, frames = read_video(tmp_path / "v.mp4")
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 5
    assert frames[2][2].max() < 60 < frames[2][24].max()


def test_video_without_a_frame_is_no_crash(tmp_path: Path) -> None:
    pytest.importorskip("av")
    write(VideoWriter(tmp_path / "v.mp4", just_the_frame), [])


def test_video_must_be_a_video(tmp_path: Path) -> None:
    pytest.importorskip("av")
    with pytest.raises(OutputError, match=r"\.mp4"):
        VideoWriter(tmp_path / "v.txt", just_the_frame)


def test_annotated_pictures(tmp_path: Path, results: list[Result]) -> None:
    write(PictureWriter(tmp_path / "out", "clip", just_the_frame), results)
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == 12 and files[3].name == "clip_000000000003_poses.jpg"
    picture = cv2.imread(str(files[3]))
    assert picture is not None and round(float(picture[..., 0].mean()) / 10) == 3


def test_a_result_is_drawn_once(results: list[Result], monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[dict[str, Any]] = []

    def draw(
        frame: NDArray[np.uint8], poses: Poses, config: DrawConfig, **more: Any
    ) -> NDArray[np.uint8]:
        drawn.append({"config": config, **more})
        return frame

    monkeypatch.setattr(openpaf.writers.painter, "draw", draw)
    painter = Painter(DrawConfig(on_black=True), frame_rate=lambda: 12.5)
    for result in results[:3]:
        assert painter(result) is painter(result)
    assert drawn == [{"config": DrawConfig(on_black=True), "fps": 12.5}] * 3


class Broken:
    closed = False

    def write(self, result: Result) -> None:
        raise OutputError("cannot write")

    def close(self) -> None:
        self.closed = True
        raise OutputError("cannot close")


def test_one_that_fails_leaves_the_others_whole(tmp_path: Path, results: list[Result]) -> None:
    broken = Broken()
    with pytest.raises(OutputError), Writers() as writers:
        writers.add(CocoWriter(tmp_path / "r.json"))
        writers.add(CsvWriter(tmp_path / "r.csv"))
        writers.add(broken)
        writers.write(results[3])
    assert broken.closed
    assert len(json.loads((tmp_path / "r.json").read_text())) == 3
    assert (tmp_path / "r.csv").read_text().count("\n") > 10


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes: what a full disk does, without filling one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("kind", [CocoWriter, CsvWriter, NdjsonWriter])
def test_full_disk_takes_nothing_of_what_was_written(
    tmp_path: Path, kind: type[CocoWriter | CsvWriter | NdjsonWriter]
) -> None:
    path, written = tmp_path / "results", 0
    writer = kind(path)
    with largest_file(20_000), pytest.raises(OutputError, match="cannot write"):
        for written in range(1000):
            writer.write(make_result(written, people=3))
    writer.close()
    assert 3 < written < 100
    text = path.read_text()
    if kind is CocoWriter:
        assert len(json.loads(text)) == 3 * written
    elif kind is NdjsonWriter:
        assert [json.loads(line)["frame"] for line in text.splitlines()] == list(range(written))
    else:
        assert {int(row["frame"]) for row in csv.DictReader(text.splitlines())} == set(
            range(written)
        )


@pytest.mark.parametrize("kind", [CocoWriter, CsvWriter, NdjsonWriter])
def test_device_that_takes_nothing(kind: type[CocoWriter | CsvWriter | NdjsonWriter]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with pytest.raises(OutputError, match="No space left"):
        kind(Path("/dev/full")).write(make_result(0))


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        CsvWriter(tmp_path / "file" / "r.csv")
    with pytest.raises(OutputError, match="cannot write"):
        OpenPoseWriter(tmp_path / "file", "clip").write(make_result(0))


_ENDLESS = """
import sys
from pathlib import Path
sys.path[:0] = {paths!r}
from test_writers import *
folder = Path({folder!r})
with Writers() as writers:
    writers.add(CocoWriter(folder / "r.json"))
    writers.add(CsvWriter(folder / "r.csv"))
    writers.add(NdjsonWriter(folder / "r.ndjson"))
    writers.add(OpenPoseWriter(folder / "json", "clip"))
    writers.add(VideoWriter(folder / "v.mp4", just_the_frame))
    for index in range(10**9):
        writers.write(make_result(index, people=1 + index % 5))
        print(index, flush=True)
"""


@pytest.mark.parametrize("frames", [1, 60, 150])
def test_kill_leaves_everything_readable(tmp_path: Path, frames: int) -> None:
    pytest.importorskip("av")
    paths = [str(Path(__file__).parent), *sys.path]
    script = _ENDLESS.format(paths=paths, folder=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) >= frames:
                break
        time.sleep(0.003)
        os.kill(process.pid, signal.SIGKILL)
        rest = process.stdout.read().split()
    last = int(rest[-1]) if rest else frames
    coco = json.loads((tmp_path / "r.json").read_text())
    assert max(person["image_id"] for person in coco) >= last
    for line in (tmp_path / "r.ndjson").read_text().splitlines():
        json.loads(line)
    rows = (tmp_path / "r.csv").read_text().splitlines()
    assert int(rows[-1].split(",")[0]) >= last and rows[-1].count(",") == 7
    files = [file for file in (tmp_path / "json").iterdir() if not file.name.startswith(".")]
    assert len(files) >= last + 1
    for file in files:
        read_openpose(file)
    times = read_video(tmp_path / "v.mp4")[0] if frames > 30 else []
    # Half a second of video may be on its way to the disk.
    assert frames < 30 or max(times) >= last / 20 - 1.1


@pytest.mark.skipif(sys.platform != "linux", reason="displays are looked for on Linux")
def test_no_window_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(OutputError, match="no window can be shown"):
        Window("openpaf", just_the_frame)
