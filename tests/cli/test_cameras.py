"""`openpaf run` with several sources: where things go, and what is refused."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from openpaf.cli.outputs import Outputs
from openpaf.cli.sources import names_of
from openpaf.cli.sync import InStep
from openpaf.errors import OutputError
from openpaf.result import Result
from openpaf.writers import Spool
from tests.cli.test_run import FRAMES, clip, lines, network, run  # noqa: F401 (fixtures)
from tests.motion.test_sync import movement, seen


@pytest.fixture
def clips(clip: Path, tmp_path: Path) -> list[Path]:  # noqa: F811
    paths = [tmp_path / "cam01.avi", tmp_path / "cam02.avi"]
    for path in paths:
        shutil.copy(clip, path)
    return paths


def test_each_camera_has_its_folders(
    clips: list[Path],
    network: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("av")
    places = {
        "--ndjson": "out/r.ndjson", "--csv": "out/r.csv", "--video": "out/v.mp4",
        "--openpose-json": "pose", "--images": "pictures",
    }  # fmt: skip
    words = [word for option, name in places.items() for word in (option, tmp_path / name)]
    assert run(*clips, "--model", network, *words, "--no-live") == 0
    for name in ("cam01", "cam02"):
        found = lines(tmp_path / "out" / name / "r.ndjson")
        assert [line["frame"] for line in found] == list(range(FRAMES))
        assert all(line["source"] == name for line in found)
        assert all(line["people"][0]["person_id"] == [1] for line in found)
        assert (tmp_path / "out" / name / "r.csv").is_file()
        video = cv2.VideoCapture(str(tmp_path / "out" / name / "v.mp4"))
        assert video.get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
        # As Pose2Sim looks for it.
        assert len(list((tmp_path / "pose" / f"{name}_json").glob(f"{name}_*.json"))) == FRAMES
        assert len(list((tmp_path / "pictures" / name).glob(f"{name}_*.jpg"))) == FRAMES
    err = capsys.readouterr().err
    assert f"cam01: {FRAMES} frames" in err and "together" in err


def test_lines_of_all_on_standard_output(
    clips: list[Path],
    network: Path,  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert run(*clips, "--model", network, "--ndjson", "-", "--max-frames", 5) == 0
    found = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    for name in ("cam01", "cam02"):
        assert [line["frame"] for line in found if line["source"] == name] == list(range(5))


def test_statistics_of_all(
    clips: list[Path],
    network: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(*clips, "--model", network, "--stats", "json") == 0
    numbers = json.loads(capsys.readouterr().out)
    assert {name: one["frames"] for name, one in numbers["sources"].items()} == {
        "cam01": FRAMES, "cam02": FRAMES,
    }  # fmt: skip
    assert numbers["fps"] > 0 and numbers["frames_a_batch"] >= 1 and numbers["model"] == "dots"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{a}", "nothing.mp4", "--ndjson", "r.ndjson"], "neither a file"),
        (["{a}", "{b}", "--csv", "-"], "cannot share standard output"),
        (["-", "-"], "standard input can be one source only"),
        (["{a}", "--sync", "--ndjson", "x"], "--sync compares several"),
        (["{a}", "{b}", "--sync", "--no-track", "--ndjson", "x"], "leave out --no-track"),
        (["{a}", "{b}", "--sync"], "add --ndjson"),
        (["{a}", "{b}", "--raw", "5x5"], "standard input"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str],
    message: str,
    clips: list[Path],
    network: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert run(*(word.format(a=clips[0], b=clips[1]) for word in words), "--model", network) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_nothing_that_is_read_is_replaced(
    clips: list[Path],
    network: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    inside = tmp_path / "cam01" / "cam02.avi"
    inside.parent.mkdir()
    clips[1].rename(inside)
    words = (clips[0], inside, "--model", network, "--csv", tmp_path / "cam02.avi")
    assert run(*words) == 2 and "cam02.avi would replace" in capsys.readouterr().err


def test_a_file_without_frames_does_not_stop_the_other(
    clips: list[Path],
    network: Path,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "broken.png").write_bytes(b"no picture")
    words = ("--model", network, "--ndjson", tmp_path / "r.ndjson")
    assert run(clips[0], folder, *words) == 1
    assert len(lines(tmp_path / "cam01" / "r.ndjson")) == FRAMES
    assert "pictures gives no frame" in capsys.readouterr().err


def test_names_are_short_and_never_twice() -> None:
    assert list(names_of(["0", "1", "a/cam.mp4"])) == ["camera0", "camera1", "cam"]
    urls = ["rtsp://me:secret@one/live", "x.mp4", "rtsp://two/live"]
    assert list(names_of(urls)) == ["stream_1", "x", "stream_3"]
    assert list(names_of(["a/x.mp4", "b/x.mp4", "x_1.mp4"])) == ["x_1", "x_2", "x_1_3"]


def _results(frames: Iterator[tuple[float, Any]]) -> Iterator[Result]:
    frame = np.zeros((720, 1280, 3), np.uint8)
    for index, (time, poses) in enumerate(frames):
        yield Result(poses, frame, index, time)


def test_what_waits_on_disk_comes_back() -> None:
    given = [
        replace(
            one,
            name=f"\udcff {one.index}",
            image_id=10**25 + one.index,
            pixel_aspect=16 / 15,
            poses=replace(one.poses, source=f"{one.index}.jpg"),
        )
        if one.index % 2
        else one
        for one in _results(seen(movement(3, 1), 0, 1 / 30))
    ]
    spool = Spool()
    for result in given:
        spool.write(result)
    for _ in range(2):
        for one, other in zip(given, spool.results(), strict=True):
            for kept in ("index", "time", "name", "image_id", "pixel_aspect"):
                assert getattr(one, kept) == getattr(other, kept)
            np.testing.assert_array_equal(one.poses.keypoints, other.poses.keypoints)
            np.testing.assert_array_equal(one.poses.ids, other.poses.ids)
            assert (other.poses.index, other.poses.time) == (one.index, one.time)
            assert other.poses.source == one.poses.source
            assert other.frame.shape == (720, 1280, 3)
    (first, *_) = spool.shifted(0.5, 30)
    assert (first.poses.index, first.poses.time) == (first.index, first.time) == (15, 0.5)
    spool.close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_temporary_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("r+b", buffering=0)  # noqa: SIM115 the spool closes it
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda: full)
    spool = Spool()
    (result,) = list(_results(seen(movement(3, 1), 0, 1 / 30)))[:1]
    with pytest.raises(OutputError, match="cannot keep results in .*No space left.*; set TMPDIR"):
        spool.write(result)
    assert spool.frames == 0 and list(spool.results()) == []
    spool.close()


def test_sync_numbers_frames_of_one_moment_alike(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    body = movement(12, 4)
    outputs = Outputs(ndjson=tmp_path / "r.ndjson", openpose_json=tmp_path / "pose")
    own = {name: outputs.of_one(name) for name in ("first", "late")}
    streams: Any = SimpleNamespace(frame_rates={"first": 25.0, "late": 25.0}, on_one_clock=set())
    with InStep(streams, own) as in_step:
        for name, start in (("first", 0.0), ("late", 1.2)):
            for result in _results(seen(body, start, 0.04)):
                # As pictures in a folder have it; files go by the common number all the same.
                in_step.spools[name].write(replace(result, name=f"shot{result.index}"))
        in_step.write()
    first, late = (lines(tmp_path / name / "r.ndjson") for name in own)
    assert (first[0]["frame"], late[0]["frame"]) == (0, 30)
    assert late[0]["name"] == "shot0"
    assert late[0]["time"] == pytest.approx(1.2, abs=0.01)
    assert (tmp_path / "pose/late_json/late_000000000030_keypoints.json").is_file()
    assert "late is put in step with first by +1." in capsys.readouterr().err


def test_sync_without_anything_in_common_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = {name: Outputs(ndjson=tmp_path / name) for name in ("a", "b")}
    rates = {"a": 25.0, "b": 30.0}
    streams: Any = SimpleNamespace(frame_rates=rates, on_one_clock={"a", "b"})
    with InStep(streams, own) as in_step:
        for name, seed in (("a", 1), ("b", 2)):
            for result in _results(seen(movement(6, 40, seed), 0, 0.04)):
                in_step.spools[name].write(result)
        in_step.write()
    assert [line["frame"] for line in lines(tmp_path / "b")] == list(range(150))
    err = capsys.readouterr().err
    assert "b cannot be put in step with a" in err and "frames a second differ" in err
