"""`openpaf run` as a user types it: every output, every ending."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numba
import pytest

import openpaf.cli.follow
import openpaf.compiling
import openpaf_kernels.cache
from openpaf.cli import main
from openpaf.cli.kernels import kernels_compiled_beside
from openpaf.cli.messages import progress_bar
from openpaf.engine import Engine
from openpaf.selftest.rates import MODES

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from benchmarks.scenes import dots

FRAMES = 40


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dots.save_network(tmp_path_factory.mktemp("network") / "dots.onnx")


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clip") / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, dots.SIZE)
    for index in range(FRAMES):
        writer.write(dots.frame(index))
    writer.release()
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["run", *map(str, words), "--threads", "1"])
    return int(exit_.value.code or 0)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_several_outputs_at_once(
    clip: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av")
    outputs = {
        "--video": "v.mp4", "--images": "images", "--ndjson": "r.ndjson", "--csv": "r.csv",
        "--coco-json": "r.json", "--openpose-json": "json",
    }  # fmt: skip
    words = [word for option, name in outputs.items() for word in (option, tmp_path / name)]
    assert run(clip, "--model", network, *words) == 0
    found = lines(tmp_path / "r.ndjson")
    assert [line["frame"] for line in found] == list(range(FRAMES))
    assert [line["time"] for line in found] == pytest.approx([i / 25 for i in range(FRAMES)])
    assert all(line["people"][0]["person_id"] == [1] for line in found)
    for index, line in enumerate(found):
        x, y = line["people"][0]["pose_keypoints_2d"][3:5]
        assert (x, y) == pytest.approx(dots.neck(index), abs=1.5)
    with (tmp_path / "r.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 3 * FRAMES
    assert len(json.loads((tmp_path / "r.json").read_text())) == FRAMES
    assert len(list((tmp_path / "json").glob("walk_*_keypoints.json"))) == FRAMES
    assert len(list((tmp_path / "images").glob("walk_*_poses.jpg"))) == FRAMES
    assert cv2.VideoCapture(str(tmp_path / "v.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    out, err = capsys.readouterr()
    assert out == "" and f"{FRAMES} frames in" in err and "latency" not in err
    assert f"1 person; dots; wrote {4 + 2 * FRAMES} files: " in err


def test_lines_on_standard_output(
    clip: Path, network: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "--model", network, "--ndjson", "-", "--max-frames", 5) == 0
    out = capfd.readouterr().out
    assert [json.loads(line)["frame"] for line in out.splitlines()] == list(range(5))


def test_frames_over_udp(clip: Path, network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        address = f"127.0.0.1:{receiver.getsockname()[1]}"
        assert run(clip, "--model", network, "--udp", address, "--max-frames", 5) == 0
        assert [json.loads(receiver.recv(65_536))["frame"] for _ in range(5)] == list(range(5))
    assert "nothing will be written" not in capsys.readouterr().err
    assert run(clip, "--model", network, "--udp", "9000") == 2
    assert "must be HOST:PORT" in capsys.readouterr().err


def test_statistics_as_json(clip: Path, network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(clip, "--model", network, "--stats", "json") == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["frames"] == FRAMES and numbers["dropped"] == 0
    assert set(numbers["latency_ms"]) == {"p50", "p95", "p99"}
    assert (numbers["model"], numbers["provider"]) == ("dots", "CPUExecutionProvider")


def test_every_third_frame(clip: Path, network: Path, tmp_path: Path) -> None:
    assert run(clip, "--model", network, "--every", 3, "--ndjson", tmp_path / "r") == 0
    found = lines(tmp_path / "r")
    assert [line["frame"] for line in found] == list(range(FRAMES))
    assert all(line["people"][0]["person_id"] == [1] for line in found)


def test_without_tracking(clip: Path, network: Path, tmp_path: Path) -> None:
    assert run(clip, "--model", network, "--no-track", "--ndjson", tmp_path / "r") == 0
    assert all(line["people"][0]["person_id"] == [-1] for line in lines(tmp_path / "r"))


def test_folder_with_a_damaged_picture(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index in (4, 6, 7):
        cv2.imwrite(str(folder / f"p{index}.png"), dots.frame(index))
    (folder / "p8.png").write_bytes(b"no picture")
    assert run(folder, "--model", network, "--coco-json", tmp_path / "r.json") == 1
    found = json.loads((tmp_path / "r.json").read_text())
    assert [person["image_id"] for person in found] == [4, 6, 7]
    err = capsys.readouterr().err
    assert "p8.png" in err and "1 damaged" in err


@pytest.mark.parametrize("kept", [True, False])
def test_what_has_to_be_compiled_is_said(
    kept: bool,
    clip: Path,
    network: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    by: list[threading.Thread] = []
    monkeypatch.setattr(openpaf_kernels.cache, "are_compiled", lambda: kept)
    monkeypatch.setattr(
        openpaf.compiling, "compile_for_streams", lambda: by.append(threading.current_thread())
    )
    assert run(clip, "--model", network, "--max-frames", 1) == 0
    said = "openpaf: compiling the decoder" in capsys.readouterr().err
    assert said is not kept
    # Beside loading the network.
    assert len(by) == (not kept) and threading.main_thread() not in by


@pytest.mark.parametrize("jit", [True, False])
def test_kernels_that_cannot_be_kept_are_compiled_once_in_a_process(
    jit: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(openpaf_kernels.cache, "are_compiled", lambda: False)
    monkeypatch.setattr(openpaf.compiling, "compile_for_streams", lambda: None)
    monkeypatch.setattr(numba.config, "DISABLE_JIT", int(not jit))
    for _ in range(2):
        with kernels_compiled_beside():
            pass
    assert capsys.readouterr().err.count("compiling the decoder") == jit


def test_that_nothing_will_be_written_is_said_before_the_first_frame(
    clip: Path, network: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    warm_up = Engine.warm_up
    monkeypatch.setattr(
        Engine, "warm_up", lambda engine: (said.append(capsys.readouterr().err), warm_up(engine))
    )
    assert run(clip, "--model", network, "--max-frames", 1) == 0
    assert said[0].startswith("openpaf: nothing will be written; add -o DIR")
    assert capsys.readouterr().err.startswith("openpaf: 1 frame in")


@pytest.mark.parametrize("option", ["-o", "--out", "--output"])
def test_a_folder_gets_a_video_and_its_keypoints(
    option: str,
    clip: Path,
    network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("av")
    words = ["--model", network, option, tmp_path / "found", "--max-frames", 5]
    video = tmp_path / "found" / "walk_poses.mp4"
    for told in (("replacing", False), (f"replacing {video} and 1 more file", True)):
        assert run(clip, *words) == 0
        assert (told[0] in capsys.readouterr().err) is told[1]
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == [
        "walk_keypoints.ndjson", "walk_poses.mp4",
    ]  # fmt: skip
    assert len(lines(tmp_path / "found" / "walk_keypoints.ndjson")) == 5
    assert cv2.VideoCapture(str(video)).get(cv2.CAP_PROP_FRAME_COUNT) == 5


def test_one_video_by_its_name(clip: Path, network: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    words = ["--model", network, "-o", tmp_path / "out.mkv", "--max-frames", 2]
    assert run(clip, *words) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["out.mkv"]


def test_people_are_drawn_as_asked(clip: Path, network: Path, tmp_path: Path) -> None:
    pictures = {}
    for options in ("", "--no-ids", "--on-black", "--color limb", "--boxes --line-width 2"):
        words = [*options.split(), "--images", tmp_path, "--start", "20f", "--max-frames", 4]
        assert run(clip, "--model", network, *words) == 0
        pictures[options] = cv2.imread(str(tmp_path / "walk_000000000023_poses.jpg"))
    assert len({one.tobytes() for one in pictures.values()}) == len(pictures)


def test_quiet_says_nothing(
    clip: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["--quiet"], ["-q", "--csv", tmp_path / "r"], ["-q", "--csv", tmp_path / "r"]):
        assert run(clip, "--model", network, *words) == 0
        assert capsys.readouterr() == ("", "")
    assert run("gone.mp4", "-q") == 2
    assert "gone.mp4" in capsys.readouterr().err
    assert run(clip, "--model", network, "--max-frames", 1) == 0
    assert "1 frame in" in capsys.readouterr().err


@pytest.mark.parametrize(("most", "total"), [(5, 5), (1000, FRAMES), (None, FRAMES)])
def test_the_bar_ends_where_the_run_does(
    most: int | None, total: int, clip: Path, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bar = progress_bar()
    monkeypatch.setattr(openpaf.cli.follow, "progress_bar", lambda: bar)
    words = [] if most is None else ["--max-frames", most]
    assert run(clip, "--model", network, *words) == 0
    assert [(task.total, task.completed) for task in bar.tasks] == [(total, total)]


def test_latency_of_what_is_live(
    clip: Path, network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "--model", network, "--live", "--max-frames", 3) == 0
    assert "latency ms" in capsys.readouterr().err


def test_without_ids_the_most_people_of_a_frame_are_told(
    clip: Path, network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "--model", network, "--no-track", "--max-frames", 3) == 0
    assert "; up to 1 person a frame;" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nothing.mp4"], "neither a file"),
        (["{clip}", "--video", "{clip}"], "replace an input"),
        (["{clip}", "--osc", "localhost:9000", "--no-track"], "leave out --no-track"),
        (["{clip}", "--csv", "x", "--ndjson", "./x"], "would replace --"),
        (["{clip}", "--csv", "-", "--stats", "json"], "cannot share standard output"),
        (["{clip}", "--raw", "5x5"], "standard input"),
        (["-", "--raw", "5"], "--raw must be"),
        (["{clip}", "--every", "0"], "every"),
        (["{clip}", "-o", "-"], "the first two to -"),
        (["{clip}", "-o", ""], "takes a folder or a video"),
        (["{clip}", "-o", "r.csv"], "a folder or a video"),
        (["{clip}", "-o", "r.jpg"], "openpaf detect one by its name"),
        (["{clip}", "-o", "a.mp4", "--video", "b.mp4"], "two videos"),
        (["{clip}", "-o", "x", "--csv", "x/walk_poses.mp4"], "would replace --"),
        (["{clip}", "-o", "{clip}"], "folder"),
        (["{clip}", "--video", "v.txt"], ".mp4"),
        (["{clip}", "--csv", "/dev/full"], "No space left"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str],
    message: str,
    clip: Path,
    network: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*(word.format(clip=clip) for word in words), "--model", network) == 2
    out, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1 and out == ""


def test_no_display_is_one_line(
    clip: Path,
    network: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert run(clip, "--model", network, "--show") == 2
    err = capsys.readouterr().err
    assert "no window can be shown" in err and err.count("\n") == 1


@pytest.fixture
def display(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A virtual display, and an OpenCV that can open windows on it."""
    if shutil.which("Xvfb") is None or "GUI:                           NONE" in (
        cv2.getBuildInformation()
    ):
        pytest.skip("needs Xvfb and a desktop build of OpenCV")
    read, write = os.pipe()
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write)], pass_fds=[write])
    os.close(write)
    with os.fdopen(read) as pipe:
        monkeypatch.setenv("DISPLAY", f":{pipe.readline().strip()}")
    yield
    server.terminate()
    server.wait()


def test_window_on_a_virtual_display(
    display: None, clip: Path, network: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "--model", network, "--show", "--on-black") == 0
    err = capfd.readouterr().err
    assert err.startswith(f"openpaf: {FRAMES} frames in") and err.count("\n") == 1


def test_webcam_without_a_camera(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["webcam", "63"])
    assert exit_.value.code == 2
    err = capsys.readouterr().err
    assert "camera 63 cannot be opened" in err and err.count("\n") == 1


@pytest.fixture
def endless(network: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run fed for ever on standard input, with several outputs."""
    command = [
        sys.executable, "-m", "openpaf", "run", "-", "--raw", "160x120", "--model", str(network),
        "--threads", "1", "--coco-json", str(tmp_path / "r.json"), "--csv", str(tmp_path / "r.csv"),
        "--ndjson", "-",
    ]  # fmt: skip
    paths = os.pathsep.join(path for path in sys.path if path)
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):
                assert pipe is not None
                pipe.close()


def feed(process: subprocess.Popen[bytes], frames: int) -> None:
    """Push frames in and wait for their lines to come out."""
    assert process.stdin is not None and process.stdout is not None
    for index in range(frames):
        process.stdin.write(dots.frame(index).tobytes())
    process.stdin.flush()
    for index in range(frames):
        assert json.loads(process.stdout.readline())["frame"] == index


def test_ctrl_c_finishes_every_file(endless: subprocess.Popen[bytes], tmp_path: Path) -> None:
    feed(endless, 10)
    endless.send_signal(signal.SIGINT)
    assert endless.wait(30) == 130
    assert endless.stderr is not None
    err = endless.stderr.read().decode()
    assert "10 frames in" in err and "Traceback" not in err
    assert len(json.loads((tmp_path / "r.json").read_text())) == 10


def test_kill_leaves_every_file_readable(endless: subprocess.Popen[bytes], tmp_path: Path) -> None:
    feed(endless, 10)
    endless.kill()
    endless.wait(30)
    # The line of the last frame has come out; the files may or may not have it yet.
    assert len(json.loads((tmp_path / "r.json").read_text())) in (9, 10)
    with (tmp_path / "r.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) in (27, 30)


def test_end_of_standard_input_is_the_end(endless: subprocess.Popen[bytes]) -> None:
    feed(endless, 3)
    assert endless.stdin is not None
    endless.stdin.close()
    assert endless.wait(30) == 0


def test_reader_of_standard_output_that_goes_away(endless: subprocess.Popen[bytes]) -> None:
    feed(endless, 3)
    assert endless.stdin is not None and endless.stdout is not None
    endless.stdout.close()
    deadline = time.monotonic() + 30
    while endless.poll() is None and time.monotonic() < deadline:
        try:
            endless.stdin.write(dots.frame(0).tobytes())
            endless.stdin.flush()
        except BrokenPipeError:
            break
    assert endless.wait(30) == 1


def test_a_rate_is_held(
    clip: Path, network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--model", network, "--target-fps", 0.1, "--ndjson", tmp_path / "r"]
    assert run(clip, *words) == 0
    assert f"dots at {MODES[-1]}: " in capsys.readouterr().err
    assert len(lines(tmp_path / "r")) == FRAMES


def test_one_frame_is_too_few_to_try(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), dots.frame(0))
    assert run(tmp_path / "one.png", "--model", network, "--target-fps", 5) == 0
    assert "too few frames to try" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target-fps", 0], "target_fps must be above 0"),
        (["--target-fps", 10, "--net-height", 256], "leave out --net-height"),
        (["--target-fps", 10, "--looks", "best"], "leave out --looks"),
        (["--target-fps", 10, "--net-size", "64x64"], "leave out --net-size"),
    ],
)
def test_a_rate_beside_a_size_is_refused(
    words: list[object], said: str, clip: Path, network: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(clip, "--model", network, *words) == 2
    assert said in capsys.readouterr().err
