"""`openpaf draw`: what was found before, on the frames it was found in."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

import openpaf
from benchmarks.scenes import dots
from openpaf.cli import main
from openpaf.poses import Poses
from tests.cli.test_run import FRAMES, clip, network, run  # noqa: F401 (fixtures)


def draw(*words: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["draw", *map(str, words)])
    return int(exit_.value.code or 0)


def detect(*words: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["detect", *map(str, words)])
    return int(exit_.value.code or 0)


def film(path: Path) -> np.ndarray:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (read := capture.read())[0]:
        frames.append(read[1])
    return np.array(frames)


@pytest.fixture
def recording(clip: Path, network: Path, tmp_path: Path) -> Path:  # noqa: F811
    """Frames 10 to 29 as every kind of file, and the video that `run` made of them."""
    outputs = {
        "--ndjson": "r.ndjson", "--csv": "r.csv", "--openpose-json": "json", "--video": "run.mp4",
        "--coco-json": "r.json",
    }  # fmt: skip
    words = [word for option, name in outputs.items() for word in (option, tmp_path / name)]
    assert run(clip, "--model", network, "--start", "10f", "--end", "30f", *words) == 0
    return tmp_path


@pytest.mark.parametrize("results", ["r.ndjson", "r.csv", "json", "r.json"])
def test_a_video_is_drawn_as_run_draws_it(
    results: str,
    recording: Path,
    clip: Path,  # noqa: F811
    capsys: pytest.CaptureFixture[str],
) -> None:
    capsys.readouterr()
    assert draw(recording / results, clip, "-o", recording / "draw.mp4") == 0
    expected, drawn = film(recording / "run.mp4"), film(recording / "draw.mp4")
    assert len(drawn) == 20
    assert np.abs(drawn.astype(int) - expected).mean() < (3 if results == "r.json" else 0.5)
    assert capsys.readouterr().err.startswith("openpaf: 20 frames; 1 person; wrote 1 file: ")


def test_steps_are_kept_and_nobody_is_drawn_too(
    clip: Path,  # noqa: F811
    network: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    words = ["--step", 4, "--ndjson", tmp_path / "r.ndjson", "--max-frames", 5]
    assert run(clip, "--model", network, *words) == 0
    lines = [json.loads(line) for line in (tmp_path / "r.ndjson").read_text().splitlines()]
    lines[2]["people"] = []
    (tmp_path / "r.ndjson").write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert draw(tmp_path / "r.ndjson", clip, "-o", tmp_path / "out", "--on-black") == 0
    drawn = film(tmp_path / "out" / "walk_poses.mp4")
    assert [bool((frame > 60).any()) for frame in drawn] == [True, True, False, True, True]


@pytest.fixture
def pictures(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """Pictures of one name in two folders, and what is in them."""
    monkeypatch.chdir(tmp_path)
    for name, index in (("a/x.png", 3), ("b/x.png", 20), ("b/y.png", 30)):
        Path(name).parent.mkdir(exist_ok=True)
        assert cv2.imwrite(name, dots.frame(index))
    words = ["--csv", "all.csv", "-o", "found", "--model", network]
    assert detect("a/x.png", "b/x.png", "b/y.png", *words) == 0
    assert detect("a", "b", "--format", "coco", "-o", "coco", "--model", network) == 0
    return tmp_path


@pytest.mark.parametrize("results", ["all.csv", "coco/coco_results.json"])
def test_pictures_are_found_by_their_names(results: str, pictures: Path) -> None:
    # In another order and without one: places say nothing.
    Path("b/a.png").write_bytes(Path("a/x.png").read_bytes())
    Path("a/x.png").unlink()
    for name, out in (("b/x.png", "one.png"), ("b/y.png", "two.png")):
        assert draw(results, name, "-o", out, "--on-black") == 0
    found = {poses.source: poses for poses in openpaf.read("all.csv")}
    for name, out in (("b/x.png", "one.png"), ("b/y.png", "two.png")):
        if results == "all.csv":
            expected = openpaf.draw(name, found[name], on_black=True)
            assert np.abs(cv2.imread(out).astype(int) - expected).mean() < 1
    assert (cv2.imread("one.png") != cv2.imread("two.png")).any()


def test_pictures_without_a_result_are_told(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cv2.imwrite("b/z.png", dots.frame(1))
    assert draw("all.csv", "b", "-o", "out") == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["x_poses.jpg", "y_poses.jpg"]
    assert "all.csv says nothing about 1 picture, such as z" in capsys.readouterr().err


def test_one_picture_by_the_json_of_detect(
    pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for told in (False, True):
        assert draw("found/a/x_keypoints.json", "a/x.png", "-o", "one.jpg") == 0
        assert ("replacing one.jpg" in capsys.readouterr().err) is told
    assert draw("found/a/x_keypoints.json", "a/x.png", "-o", "one.jpg", "-q") == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r.csv", "{clip}"], "add -o out.mp4"),
        (["r.csv", "{clip}", "-o", "-"], "add -o out.mp4"),
        (["r.csv", "{clip}", "-o", "x.jpg"], "is one picture"),
        (["r.csv", "{clip}", "-o", "x.heic"], "only read"),
        (["gone.csv", "{clip}", "-o", "x.mp4"], "gone.csv does not exist"),
        (["r.csv", "gone.mp4", "-o", "x.mp4"], "gone.mp4 is neither"),
        (["r.csv", "{clip}", "-o", "r.csv/x.mp4"], "not a folder"),
        (["r.ndjson", "small.png", "-o", "x.png"], "does not name pictures"),
        (["one.ndjson", "small.png", "-o", "x.png"], "of frames of 160x120 px"),
        (["two.ndjson", "{clip}", "-o", "x.mp4"], "choose one with --source"),
        (["r.csv", "small.png", "-o", "small.png"], "would replace an input"),
        (["r.csv", "{clip}", "-o", "x.mp4", "--line-width", "0"], "line_width"),
    ],
)
def test_mistakes_are_told_in_one_line(
    words: list[str],
    said: str,
    recording: Path,
    clip: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(recording)
    cv2.imwrite("small.png", np.zeros((8, 8, 3), np.uint8))
    lines = [json.loads(line) for line in Path("r.ndjson").read_text().splitlines()]
    Path("one.ndjson").write_text(json.dumps(lines[0]))
    two = [{**lines[0], "source": "left"}, {**lines[0], "source": "right"}]
    Path("two.ndjson").write_text("\n".join(map(json.dumps, two)))
    before = sorted(recording.rglob("*"))
    capsys.readouterr()
    assert draw(*(word.format(clip=clip) for word in words)) == 2
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == 1
    assert sorted(recording.rglob("*")) == before


def test_one_of_several_sources(
    recording: Path,
    clip: Path,  # noqa: F811
) -> None:
    found: list[Poses] = openpaf.read(recording / "r.ndjson")
    path = recording / "two.ndjson"
    lines = [json.loads(line) for line in (recording / "r.ndjson").read_text().splitlines()]
    both = [{**line, "source": name} for name in ("walk", "other") for line in lines]
    path.write_text("\n".join(map(json.dumps, both)))
    assert draw(path, clip, "-o", recording / "a.mp4") == 0
    assert draw(path, clip, "-o", recording / "b.mp4", "--source", "other") == 0
    assert len(film(recording / "a.mp4")) == len(film(recording / "b.mp4")) == len(found)


def test_nothing_in_common(recording: Path, clip: Path, tmp_path: Path) -> None:  # noqa: F811
    late = [replace(poses, index=10 * FRAMES) for poses in openpaf.read(recording / "r.csv")[:1]]
    late[0].save(tmp_path / "late.csv")
    assert draw(tmp_path / "late.csv", clip, "-o", tmp_path / "x.mp4") == 2
