"""Recordings in every form that is read, and files that are none."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from openpaf.errors import ConfigError, OpenPafWarning, RecordingError
from openpaf.motion import Motion, open_recording
from openpaf.result import Result
from openpaf.skeleton import BODY_25
from openpaf.writers import CsvWriter, NdjsonWriter, OpenPoseWriter
from openpaf.writers.rows import Row, write_part
from tests.motion.walks import motion_of, record, walk

FRAME = np.zeros((720, 1280, 3), np.uint8)


def results(frames: int = 40) -> list[Result]:
    bodies = {7: walk(frames), 9: walk(frames, start=700, pace=-50)}
    bodies[9][10:14, 3] = np.nan
    records = [record(f, {who: body[f] for who, body in bodies.items()}) for f in range(frames)]
    return [Result(one.poses, FRAME, one.frame, one.time) for one in records]


def check(path: Path, frame_rate: float | None = None) -> None:
    motion = Motion.read(path, frame_rate=frame_rate)
    assert (len(motion), [trail.id for trail in motion]) == (40, [7, 9])
    assert np.nanmax(np.abs(motion[7].keypoints - walk(40))) < 2e-3
    missing = ~motion[9].found
    assert missing[10:14, 3].all() and missing.sum() == 4
    assert motion.times == pytest.approx(np.arange(40) / 30, abs=1e-5)


@pytest.mark.parametrize(("name", "writer"), [("a.ndjson", NdjsonWriter), ("a.csv", CsvWriter)])
def test_what_run_writes(tmp_path: Path, name: str, writer: Any) -> None:
    out = writer(tmp_path / name)
    for result in results():
        out.write(result)
    out.close()
    check(tmp_path / name)


def test_openpose_folder(tmp_path: Path) -> None:
    writer = OpenPoseWriter(tmp_path / "json", "clip")
    for result in results():
        writer.write(result)
    check(tmp_path / "json")
    # As OpenPose itself writes it: no frame and no time.
    for path in (tmp_path / "json").iterdir():
        value = json.loads(path.read_text())
        del value["frame"], value["time"]
        path.write_text(json.dumps(value))
    with pytest.warns(OpenPafWarning, match="30 frames a second are assumed"):
        check(tmp_path / "json")
    (tmp_path / "json" / "clip_000000000005_keypoints.json").unlink()
    with pytest.warns(OpenPafWarning):
        assert np.diff(Motion.read(tmp_path / "json").frames).tolist().count(2) == 1
    (tmp_path / "json" / "clip_000000000006_keypoints.json").write_text('{"people": [{}]}')
    with pytest.raises(RecordingError, match="000006.*no 'pose_keypoints_2d'"):
        Motion.read(tmp_path / "json", frame_rate=25)


@pytest.mark.parametrize("form", ["parquet", "ndjson"])
def test_what_batch_writes_is_tracked(tmp_path: Path, form: str) -> None:
    if form == "parquet":
        pytest.importorskip("pyarrow")
    untracked = [replace(one, poses=replace(one.poses, ids=None)) for one in results()]
    rows = [Row("a.mp4", one.index, one.time, one.poses) for one in untracked]
    for n in range(2):
        part = tmp_path / "out" / "poses" / f"part-{n}.{form}"
        part.parent.mkdir(parents=True, exist_ok=True)
        write_part(part, rows[20 * n : 20 * n + 20], {})
    motion = Motion.read(tmp_path / "out")
    assert (len(motion), [trail.id for trail in motion]) == (40, [1, 2])
    write_part(tmp_path / f"two.{form}", [rows[0], rows[1]._replace(source="b.mp4")], {})
    with pytest.raises(RecordingError, match="several sources.*--source"):
        Motion.read(tmp_path / f"two.{form}")
    assert len(Motion.read(tmp_path / f"two.{form}", source="b.mp4")) == 1


@pytest.mark.parametrize("name", ["a.ndjson", "a.csv", "a.parquet"])
def test_what_smooth_writes_comes_back_with_its_marks(tmp_path: Path, name: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    body = walk(60)
    body[20:25, BODY_25.index("left_wrist")] = np.nan
    smooth, _ = motion_of(body).smooth()
    smooth.write(tmp_path / name)
    back = Motion.read(tmp_path / name)
    assert back[1].filled.sum() == 5 and (back[1].filled == smooth[1].filled).all()
    assert np.abs(back[1].keypoints - smooth[1].keypoints).max() < 1e-3


def test_standard_input(monkeypatch: pytest.MonkeyPatch, walk_file: Path) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(walk_file.read_bytes())))
    recording = open_recording("-")
    assert len(list(recording.records())) == len(list(recording.records())) == 120


def test_line_cut_short_by_a_kill(walk_file: Path) -> None:
    walk_file.write_bytes(walk_file.read_bytes()[:-40])
    with pytest.warns(OpenPafWarning, match="line 120 is cut short"):
        assert len(Motion.read(walk_file)) == 119


def test_no_ids_are_given_by_the_tracker(tmp_path: Path, walk_file: Path) -> None:
    lines = [json.loads(line) for line in walk_file.read_text().splitlines()]
    for line in lines:
        line["people"][0]["person_id"] = [-1]
    (tmp_path / "none.ndjson").write_text("\n".join(map(json.dumps, lines)))
    motion = Motion.read(tmp_path / "none.ndjson")
    assert [trail.id for trail in motion] == [1]
    assert np.abs(motion[1].keypoints - walk(120)).max() < 1e-3


def test_two_people_of_one_id(tmp_path: Path, walk_file: Path) -> None:
    lines = [json.loads(line) for line in walk_file.read_text().splitlines()]
    for line in lines[5:8]:
        double = dict(line["people"][0])
        flat = np.array(double["pose_keypoints_2d"])
        flat[::3] += 300
        line["people"].insert(0, {**double, "pose_keypoints_2d": flat.tolist()})
    (tmp_path / "twice.ndjson").write_text("\n".join(map(json.dumps, lines)))
    with pytest.warns(OpenPafWarning, match="3 frames have two people of one id"):
        motion = Motion.read(tmp_path / "twice.ndjson")
    assert np.abs(motion[1].keypoints - walk(120)).max() < 1e-3


def change(path: Path, line: int, **values: Any) -> Path:
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    lines[line].update(values)
    path.write_text("\n".join(json.dumps(value) for value in lines))
    return path


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"time": 0.01}, "line 6: the time goes back from 0.133333 s to 0.01 s; .*--fps"),
        ({"time": None}, "line 6: no time; .*--fps"),
        ({"frame": 2}, "line 6: frame 2 comes after frame 4"),
        ({"skeleton": "COCO_18"}, "line 6: keypoints must be x, y, score of 18 parts, got 75"),
        ({"skeleton": "OX_3"}, "line 6: no skeleton is called 'OX_3'; there are COCO_17"),
        ({"people": None}, "line 6 must be a JSON object a line with"),
        ({"people": [{"id": 3}]}, "line 6: keypoints must be"),
        ({"people": [7]}, "line 6 must be"),
        ({"people": [{"pose_keypoints_2d": ["a"] * 75}]}, "line 6: keypoints must be lists"),
        ({"frame": "x"}, "line 6 must be"),
    ],
)
def test_bad_lines(walk_file: Path, values: dict[str, Any], problem: str) -> None:
    with pytest.raises(RecordingError, match=problem) as caught:
        Motion.read(change(walk_file, 5, **values))
    assert "\n" not in str(caught.value)


def test_frames_are_counted_where_times_are_wrong(walk_file: Path) -> None:
    motion = Motion.read(change(walk_file, 5, time=0.01), frame_rate=50)
    assert motion.times == pytest.approx(np.arange(120) / 50)
    with pytest.raises(ConfigError, match="frame_rate must be above 0"):
        open_recording(walk_file, frame_rate=0)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("coco.json", '[{"image_id": 1, "keypoints": [1, 2, 2]}]', "parts, got 3 numbers a person"),
        ("via.json", '{\n "_via_img_metadata": {}\n}', "line 1 is not a JSON object a line"),
        ("labels.json", '{"version": "5.0", "shapes": []}', "got one with version, shapes"),
        ("empty.ndjson", "", "has no frame in it"),
        ("other.csv", "scorer,DLC_resnet50\nbodyparts,nose\n", "must have the columns frame, time"),
        ("empty.csv", "", "got none"),
        ("a.csv", "frame,time,person,id,part,x,y,score\n1,0,0,1,tail,1,2,1\n", "parts: tail"),
        ("a.csv", "frame,time,person,id,part,x,y,score\n1,0,0,1,nose,x,2,1\n", "line 2 cannot be"),
        ("a.csv", "frame,time,person,id,part,x,y,score\n1,0\n1,0,0,1,nose,3,2,1\n", "8 cells"),
        (
            "wide.csv",
            "frame,time,id,nose_x,nose_y,nose_score\n0,0,1,2,3,1\n",
            "no built-in skeleton has",
        ),
        ("a.parquet", "PAR0", "cannot be read as Parquet"),
        ("a.mp4", "", "must be a folder or one of"),
    ],
)
def test_files_of_others(tmp_path: Path, name: str, content: str, problem: str) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    (tmp_path / name).write_text(content)
    with pytest.raises(RecordingError, match=problem) as caught:
        Motion.read(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="does not exist"):
        Motion.read(tmp_path / "none.ndjson")
    with pytest.raises(RecordingError, match="holds neither"):
        Motion.read(tmp_path)
