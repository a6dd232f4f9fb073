"""`openpaf smooth` and `openpaf plot` as a user types them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from openpaf.cli import main
from tests.motion.walks import motion_of, walk


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Somebody who walks, and somebody smaller."""
    path = tmp_path / "walk.ndjson"
    motion_of(walk(90), walk(90, start=900, pace=-40, size=80)).write(path)
    return path


def run(*words: object) -> int:
    with pytest.raises(SystemExit) as exit_:
        main([*map(str, words)])
    return int(exit_.value.code or 0)


def test_smooth(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["smooth", recording, "-o", tmp_path / "clean.ndjson", "-o", tmp_path / "walk.trc"]
    words += ["--angles", tmp_path / "angles.csv", "--speeds", tmp_path / "speeds.csv"]
    words += ["--report", tmp_path / "report.json", "--person", "largest", "--height", "1.75"]
    assert run(*words) == 0
    out, err = capsys.readouterr()
    assert "cut-off Hz" in out and "dropped 2: not the person asked for" in out
    assert err.startswith("openpaf: wrote ") and "walk.trc" in err
    assert len((tmp_path / "clean.ndjson").read_text().splitlines()) == 90
    report = json.loads((tmp_path / "report.json").read_text())
    assert [one["dropped"] for one in report["people"]] == [None, "not the person asked for"]
    speeds = list(csv.DictReader((tmp_path / "speeds.csv").open()))
    # 60 px/s of somebody of whom 150 px are a metre, by shanks, thighs and trunk of 1.36 m.
    assert float(speeds[45]["mid_hip_m_s"]) == pytest.approx(0.4, abs=0.02)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "angles.csv", "clean.ndjson", "report.json", "speeds.csv", "walk.ndjson", "walk.trc",
    ]  # fmt: skip


def test_smooth_from_and_to_a_pipe(
    recording: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with recording.open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert run("smooth", "-", "-o", "-", "--cutoff", "auto", "--filter", "gaussian") == 0
    lines = capfd.readouterr().out.splitlines()
    assert [len(json.loads(line)["people"]) for line in lines] == [2] * 90


def test_scale_by_bar_and_floor(recording: Path, tmp_path: Path) -> None:
    for words in (
        ["--scale-bar", "0,0,150,0=1"],
        ["--floor", "0,500,300,500=2"],
        ["--floor", "0,500,300,500", "--scale-bar", "0,0,150,0=1"],
        ["--height", "1=1.75"],
    ):
        assert run("smooth", recording, "-o", tmp_path / "a.trc", *words) == 0
        values = np.genfromtxt(tmp_path / "a_1.trc", skip_header=5, delimiter="\t")
        assert values.shape == (90, 77)
        if "--floor" in words:
            # The ankles are above the floor, not above the frame's upper edge.
            assert 0 < np.nanmin(values[:, 3::3]) < 0.3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ([], "nothing would be written; add -o clean.ndjson"),
        (["-o", "walk.ndjson"], "walk.ndjson would replace the recording"),
        (["-o", "a.csv", "-o", "./a.csv"], "would be written twice"),
        (["-o", "a.trc"], "a.trc is in metres: give the person's height"),
        (["-o", "a.xyz"], "a.xyz must be a folder or one of .ndjson"),
        (["-o", "a.csv", "--person", "me"], "--person must be largest, central, an id or a box"),
        (["-o", "a.csv", "--person", "44"], "nobody has the id 44; there are 1, 2"),
        (["-o", "a.csv", "--cutoff", "low"], "--cutoff must be a number of Hz or auto"),
        (["-o", "a.csv", "--region", "1,2"], "--region must be x0,y0,x1,y1"),
        (["-o", "a.trc", "--height", "1.75"], "--height is that of one person and 2 are kept"),
        (["-o", "a.trc", "--height", "9=1.75"], "--height: nobody kept has the id 9"),
        (["-o", "a.trc", "--height", "1=tall"], "--height must be metres or ID=metres"),
        (["-o", "a.trc", "--scale-bar", "0,0,9,9"], "--scale-bar needs the metres"),
        (["-o", "a.trc", "--floor", "0,0,9,9"], "--floor needs its length"),
        (["-o", "a.trc", "--floor", "0,0,9"], "--floor must be x0,y0,x1,y1=METRES"),
        (["-o", "a.trc", "--height", "1=2", "--scale-bar", "0,0,9,9=1"], "leave one out"),
        (["-o", "a.csv", "--angles", "a.json"], "angles must go to .csv"),
        (["-o", "a.csv", "--fps", "0"], "frame_rate must be above 0"),
        (["-o", "a.csv", "--filter", "kalman"], "see openpaf smooth --help"),
    ],
)
def test_smooth_refuses(
    recording: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("smooth", "walk.ndjson", *words) == 2
    err = capsys.readouterr().err
    assert problem in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["walk.ndjson"]


def test_nobody_left_is_told(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("smooth", recording, "-o", tmp_path / "a.csv", "--region", "0,0,5,5") == 0
    assert "nobody is left" in capsys.readouterr().err


def test_one_frame_and_numbers_that_are_none(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = recording.read_text().splitlines()
    one, none = tmp_path / "one.ndjson", tmp_path / "none.ndjson"
    one.write_text(lines[0] + "\n")
    frames = [json.loads(line) for line in lines]
    for frame in frames:
        for person in frame["people"]:
            person["pose_keypoints_2d"] = [float("nan")] * len(person["pose_keypoints_2d"])
    none.write_text("".join(json.dumps(frame) + "\n" for frame in frames))
    assert "NaN" in none.read_text()
    clean = tmp_path / "clean.ndjson"
    assert run("smooth", str(one), "-o", str(clean), "--min-time", "0") == 0
    (only,) = [json.loads(line) for line in clean.read_text().splitlines()]
    assert only["frame"] == 0 and len(only["people"]) > 0
    capsys.readouterr()
    assert run("smooth", str(none), "-o", str(clean)) == 0
    found = [json.loads(line) for line in clean.read_text().splitlines()]
    assert len(found) == len(frames) and not any(line["people"] for line in found)
    assert "nobody is left" in capsys.readouterr().err


def test_plot(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "walk.html"
    assert run("plot", recording, "-o", page, "--curves", "knee, wrist.y", "--end", "2") == 0
    assert "wrote" in capsys.readouterr().err and page.stat().st_size > 20_000
    for words, problem in (
        ([], "nothing would be drawn"),
        (["-o", "a.bmp"], "a.bmp must be one of .png"),
        (["-o", recording], "would replace the recording"),
        (["-o", page, "--curves", "nose"], "no curve 'nose'"),
        (["-o", page, "--person", "7"], "nobody has the id 7"),
        (["-o", page, "--start", "9"], "nothing is between --start and --end"),
        (["-o", page, "--video", "no.mp4"], "does not exist"),
    ):
        assert run("plot", recording, *words) == 2
        assert problem in capsys.readouterr().err
