"""Every frame has one row, whatever dies, breaks or is full on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from filelock import FileLock

from openpaf import cli
from openpaf.batch import Job, processes
from openpaf.batch.job import opened
from openpaf.batch.plan import Shard, make_plan
from openpaf.batch.recording import Failure, open_video, read_video
from openpaf.batch.work import Report, Worker
from openpaf.errors import ConfigError, MissingExtraError, OpenPafError, OutputError, SourceError
from openpaf.models.card import ModelCard
from openpaf.poses import Poses
from openpaf.skeleton import COCO_18
from openpaf.sources.span import Span
from openpaf.writers.rows import Row, write_part

TWO_PROCESSES = partial(processes.execute, workers=2)
NECK, RIGHT_ELBOW = 1, 3


def in_this_process(shards: Sequence[Shard], job: Job, tell: Any) -> Iterator[Report]:
    """Do shards without any other process, for what is not about processes."""
    worker = Worker(job, tell)
    return (worker.do(shard) for shard in shards)


def exit_code(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


@pytest.mark.parametrize("format", ["ndjson", "parquet"])
def test_every_frame_has_one_row_with_its_people(scene: Any, format: str) -> None:
    if format == "parquet":
        pytest.importorskip("pyarrow")
    scene.video("cam 1/monday.avi", 60)
    scene.pictures("a.png", "b/c.jpg", "b/d.png")
    job = scene.job(format=format, part_frames=25)
    summary = scene.run(job, in_this_process)
    rows = scene.rows(job)
    assert rows.keys() == scene.expected
    assert (summary.files, summary.frames, summary.new_frames) == (4, 63, 63)
    assert summary.failed == []
    for (source, number), row in rows.items():
        place = {"b/c.jpg": 1, "b/d.png": 2}.get(source, number)
        (person,) = row["people"]
        keypoints = np.reshape(person["keypoints"], (18, 3))
        assert keypoints[NECK : RIGHT_ELBOW + 1, :2] == pytest.approx(
            np.array(scene.dots(place), float), abs=2
        )
        assert (np.delete(keypoints, [1, 2, 3], axis=0) == 0).all()
        assert (row["width"], row["height"]) == (160, 120)
        assert row["time"] == (pytest.approx(number / 25) if source.endswith("avi") else None)


def test_batches_and_parts_of_any_size_hold_the_same_rows(scene: Any) -> None:
    scene.video("v.avi", 50)
    rows = []
    for batch_size, part_frames in ((1, 2000), (8, 7), (64, 50)):
        output = str(scene.output / str(part_frames))
        job = scene.job(output=output, batch_size=batch_size, part_frames=part_frames)
        scene.run(job, in_this_process)
        rows.append(scene.rows(job))
    assert rows[0] == rows[1] == rows[2]
    assert rows[0].keys() == scene.expected


def test_again_does_nothing_and_new_files_are_added(scene: Any) -> None:
    scene.pictures("a.png", "b.png")
    job = scene.job()
    scene.run(job, in_this_process)
    before = {part: part.read_bytes() for part in job.poses.iterdir()}
    assert scene.run(job, in_this_process).new_frames == 0
    scene.video("late.avi", 10)
    summary = scene.run(job, in_this_process)
    assert (summary.new_frames, summary.frames) == (10, 12)
    assert scene.rows(job).keys() == scene.expected
    assert all(part.read_bytes() == content for part, content in before.items())


def test_two_processes_do_what_one_does(scene: Any) -> None:
    scene.video("a.avi", 40)
    scene.video("b.avi", 30)
    one, two = scene.job(), scene.job(output=str(scene.output) + "2")
    scene.run(one, in_this_process)
    told: list[tuple[str, int, float]] = []
    scene.run(two, TWO_PROCESSES, tell=lambda *news: told.append(news))
    assert scene.rows(one) == scene.rows(two)
    assert sum(frames for _, frames, done in told if done == 1) == 70


def test_a_killed_process_loses_and_doubles_nothing(scene: Any) -> None:
    scene.videos("a.avi", "b.avi", "c.avi", "d.avi", frames=400)
    job = scene.job(part_frames=50)
    with scene.a_worker_killed(job) as killed:
        summary = scene.run(job, TWO_PROCESSES)
    assert len(killed) == 1
    assert summary.deaths == 1
    assert scene.rows(job).keys() == scene.expected
    assert summary.failed == []


def test_a_killed_run_goes_on_where_it_was(scene: Any) -> None:
    scene.videos("a.avi", "b.avi", "c.avi", "d.avi", frames=400)
    job = scene.job()
    words = [sys.executable, "-m", "openpaf", "batch", job.input, job.output]
    words += ["--model", str(job.model), "--format", "ndjson", "--device", "cpu", "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL)
    while not any((job.progress / "done").glob("*.json")):
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    process.wait()
    assert not (scene.output / "failed.ndjson").exists()
    summary = scene.run(job, TWO_PROCESSES)
    assert scene.rows(job).keys() == scene.expected
    assert summary.new_frames < 1600
    assert summary.deaths == 0


def test_a_video_goes_on_after_its_last_full_part(scene: Any) -> None:
    scene.video("v.avi", 45)
    job = scene.job(part_frames=10)
    scene.run(job, in_this_process)
    whole = scene.rows(job)
    (report,) = (job.progress / "done").iterdir()
    report.unlink()
    parts = sorted(job.poses.iterdir())
    parts[3].unlink()
    parts[4].unlink()
    parts[0].write_text(parts[0].read_text("utf-8"), "utf-8")
    untouched = parts[1].stat().st_mtime_ns
    scene.run(job, in_this_process)
    assert scene.rows(job) == whole
    assert parts[1].stat().st_mtime_ns == untouched


def test_bad_files_are_listed_and_the_rest_is_done(
    scene: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.pictures("good.png")
    scene.video("good.avi", 20)
    cut = scene.video("cut.avi", 60)
    whole = cut.read_bytes()
    cut.write_bytes(whole[: len(whole) // 2])
    (scene.input / "empty.mp4").touch()
    (scene.input / "text.mov").write_text("#EXTM3U\nhttp://127.0.0.1:9/a.ts\n")
    (scene.input / "text.jpg").write_text("not a picture")
    (scene.input / "gone.png").symlink_to(scene.input / "nowhere.png")
    (scene.input / "notes.txt").write_text("left alone")
    job = scene.job()
    words = ["batch", job.input, job.output, "--model", str(job.model), "--format", "ndjson"]
    assert exit_code(*words, "--workers", "1") == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "5 files failed, listed in" in said.err
    listed = [
        json.loads(line) for line in (scene.output / "failed.ndjson").read_text().splitlines()
    ]
    assert {one["source"] for one in listed} == {
        "cut.avi", "empty.mp4", "text.mov", "text.jpg", "gone.png",
    }  # fmt: skip
    reasons = {one["source"]: one["error"] for one in listed}
    assert "of 60 frames" in reasons["cut.avi"]
    assert reasons["empty.mp4"].endswith("is empty")
    assert "does not exist" in reasons["gone.png"]
    rows = scene.rows(job)
    readable = {key for key in rows if key[0] == "cut.avi"}
    assert 10 < len(readable) < 60
    assert rows.keys() - readable == {key for key in scene.expected if key[0] != "cut.avi"}

    for name in ("empty.mp4", "text.mov", "text.jpg", "gone.png"):
        (scene.input / name).unlink()
    scene.pictures("gone.png")
    cut.write_bytes(whole)
    summary = scene.run(job, in_this_process)
    assert {one["source"] for one in summary.failed} == {"empty.mp4", "text.mov", "text.jpg"}
    assert scene.rows(job).keys() == scene.expected


def test_a_frame_that_the_network_cannot_do_costs_that_frame_alone(scene: Any) -> None:
    import cv2

    scene.pictures("a.png", "b.png", "d.png")
    assert cv2.imwrite(str(scene.input / "c.png"), np.full((120, 160, 3), 255, np.uint8))
    job = scene.job(batch_size=4)
    summary = scene.run(job, in_this_process)
    assert [one["source"] for one in summary.failed] == ["c.png"]
    assert scene.rows(job).keys() == scene.expected


def planned(job: Job) -> list[Shard]:
    with opened(job, ModelCard(name="dots", skeleton=COCO_18)):
        return make_plan(job).todo


def died_on(job: Job, shard: Shard, *files: str, times: int) -> None:
    lines = [{"worker": "host:1", "time": 0.0}, *({"source": file} for file in files)]
    diary = job.progress / "doing" / f"{shard.name}.ndjson"
    diary.write_text("".join(json.dumps(line) + "\n" for line in lines * times), "utf-8")


def test_a_file_that_kills_its_worker_is_set_aside_in_the_end(scene: Any) -> None:
    scene.pictures("a.png", "b.png", "c.png")
    job = scene.job()
    (shard,) = planned(job)
    died_on(job, shard, "a.png", "b.png", times=2)
    assert Worker(job, print).do(shard).failed == []
    died_on(job, shard, "a.png", "b.png", times=3)
    report = Worker(job, print).do(shard)
    assert [one["source"] for one in report.failed] == ["b.png"]
    assert "died 3 times" in report.failed[0]["error"]
    assert report.deaths == 3
    assert scene.rows(job).keys() == scene.expected - {("b.png", 0)}


def test_workers_that_die_before_any_file_end_the_run(scene: Any) -> None:
    scene.pictures("a.png")
    job = scene.job()
    (shard,) = planned(job)
    died_on(job, shard, times=3)
    assert "too little memory" in str(Worker(job, print).do(shard).fatal)


def test_a_worker_that_cannot_write_ends_the_run_and_nothing_is_lost(scene: Any) -> None:
    scene.pictures("a.png", "b.png")
    job = scene.job()

    def execute(shards: Sequence[Shard], job: Job, tell: Any) -> Iterator[Report]:
        # Permissions prove nothing where tests run as root.
        job.poses.rmdir()
        job.poses.write_text("a file where the folder was")
        return in_this_process(shards, job, tell)

    with pytest.raises(OpenPafError, match="cannot write"):
        scene.run(job, execute)
    job.poses.unlink()
    assert scene.run(job, in_this_process).frames == 2


def test_a_worker_on_a_machine_without_the_folders_or_the_network_says_so(
    scene: Any, tmp_path: Path
) -> None:
    scene.pictures("a.png")
    job = scene.job()
    (shard,) = planned(job)
    elsewhere = scene.job(output=str(tmp_path / "not mounted"))
    assert "same folders on every machine" in str(Worker(elsewhere, print).do(shard).fatal)
    other_version = scene.job(version="0.0.1")
    assert "install the same version" in str(Worker(other_version, print).do(shard).fatal)
    card = tmp_path / "card.toml"
    card.write_text('name = "other"\nskeleton = "COCO_18"\n')
    other_network = scene.job(card=str(card))
    assert "another network" in str(Worker(other_network, print).do(shard).fatal)


def test_an_output_folder_of_something_else_is_refused(scene: Any) -> None:
    scene.pictures("a.png")
    job = scene.job()
    scene.output.mkdir()
    (scene.output / "thesis.tex").touch()
    with pytest.raises(OutputError, match="something else"):
        scene.run(job, in_this_process)
    assert [path.name for path in scene.output.iterdir()] == ["thesis.tex"]
    with pytest.raises(OutputError, match="pass another folder"):
        scene.run(scene.job(output=str(scene.input / "a.png")), in_this_process)


def test_other_options_are_refused_for_a_run_begun(scene: Any) -> None:
    scene.pictures("a.png")
    scene.run(scene.job(), in_this_process)
    for other in ({"net_height": 64}, {"min_score": 0.5}, {"format": "parquet"}):
        pytest.importorskip("pyarrow")
        with pytest.raises(OutputError, match=next(iter(other))):
            scene.run(scene.job(**other), in_this_process)
    # These change the speed, not the rows.
    assert scene.run(scene.job(threads=2, batch_size=4), in_this_process).new_frames == 0


def test_two_runs_do_not_write_one_folder(scene: Any) -> None:
    scene.pictures("a.png")
    job = scene.job()
    scene.run(job, in_this_process)
    with FileLock(job.progress / "lock"), pytest.raises(OutputError, match="another openpaf"):
        scene.run(job, in_this_process)


def test_nothing_to_do_is_an_error_that_says_so(scene: Any, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no pictures or videos"):
        scene.run(scene.job(), in_this_process)
    with pytest.raises(SourceError, match="does not exist"):
        scene.run(
            scene.job(input=str(tmp_path / "typo"), output=str(tmp_path / "2")), in_this_process
        )


def test_one_file_is_an_input_too_and_the_output_may_lie_in_the_input(scene: Any) -> None:
    video = scene.video("v.avi", 5)
    scene.run(scene.job(input=str(video)), in_this_process)
    assert scene.rows(scene.job()).keys() == scene.expected
    inside = scene.job(output=str(scene.input / "poses"))
    for _ in range(2):
        assert scene.run(inside, in_this_process).files == 1


def frames_of(path: Path, skip: int = 0) -> list[Any]:
    return list(read_video(open_video(path, Span(skip=skip))))


def test_a_broken_frame_leaves_a_gap_and_the_rest_keep_their_numbers(scene: Any) -> None:
    path = scene.video("v.avi", 30)
    data = bytearray(path.read_bytes())
    whole = [shot.index for shot in frames_of(path)]
    assert whole == list(range(30))
    start = data.index(b"\xff\xd8\xff", len(data) // 2)
    data[start : start + 400] = bytes(400)
    path.write_bytes(data)
    *frames, error = frames_of(path)
    assert isinstance(error, Failure)
    assert error.reason == "1 of its 30 frames cannot be read"
    numbers = [shot.index for shot in frames]
    assert len(numbers) == 29 and numbers[-1] == 29
    *later, _ = frames_of(path, skip=20)
    assert [shot.index for shot in later] == numbers[20:]
    assert all((a.frame == b.frame).all() for a, b in zip(later, frames[20:], strict=True))


def test_a_part_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "poses").touch()
    row = Row("a.png", 0, None, Poses.empty(COCO_18, (4, 3)))
    with pytest.raises(OutputError):
        write_part(tmp_path / "poses" / "0.ndjson", [row], {})
    assert [path.name for path in tmp_path.iterdir()] == ["poses"]


def test_parquet_without_pyarrow_names_the_extra(
    scene: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.pictures("a.png")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"openpaf\[batch\]"):
        scene.run(scene.job(format="parquet"), in_this_process)
    assert not scene.output.exists()


def test_parquet_says_what_made_it(scene: Any) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    scene.pictures("a.png")
    job = scene.job(format="parquet")
    scene.run(job, in_this_process)
    (part,) = job.poses.iterdir()
    about = json.loads(parquet.read_schema(part).metadata[b"openpaf"])
    assert about["skeleton"] == "COCO_18"
    assert about["parts"][NECK] == "neck"


@pytest.mark.parametrize("options", [{"format": "csv"}, {"batch_size": 0}, {"threads": 1.5}])
def test_options_that_cannot_work_are_refused(scene: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        scene.job(**options)


def test_gpu_shares_need_ray(scene: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("batch", str(scene.input), str(scene.output), "--gpus", "0.5") == 2
    assert "--address local" in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="needs signals")
def test_ctrl_c_ends_every_process_and_keeps_what_is_done(scene: Any) -> None:
    scene.video("a.avi", 1500)
    job = scene.job()
    words = [sys.executable, "-m", "openpaf", "batch", job.input, job.output]
    words += ["--model", str(job.model), "--format", "ndjson", "--device", "cpu", "--workers", "1"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        words, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not any((job.progress / "doing").glob("*.ndjson")):
        assert process.poll() is None
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    deadline = time.monotonic() + 30
    with pytest.raises(ProcessLookupError):
        # Python's own helper process follows a moment later.
        while time.monotonic() < deadline:
            os.killpg(process.pid, 0)
            time.sleep(0.05)


def test_without_an_address_ray_is_not_imported() -> None:
    code = (
        "import sys, openpaf.cli.batch; print([m for m in ('ray', 'pyarrow') if m in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert out.stdout == "[]\n"


@pytest.mark.parametrize("format", ["parquet", "ndjson"])
def test_a_name_that_is_not_utf_8_costs_nothing(
    dots_network: Path, tmp_path: Path, format: str
) -> None:
    pytest.importorskip("pyarrow")
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    data = bytes(cv2.imencode(".png", np.zeros((120, 160, 3), np.uint8))[1])
    (pictures / "a.png").write_bytes(data)
    try:
        (pictures / os.fsdecode(b"\xff\xfe.png")).write_bytes(data)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    with pytest.raises(SystemExit) as stopped:
        cli.main(
            ["batch", str(pictures), str(tmp_path / "out"), "--format", format]
            + ["--workers", "1", "--model", str(dots_network)]
        )
    assert stopped.value.code == 0
    (part,) = (tmp_path / "out" / "poses").glob(f"*.{format}")
    if format == "parquet":
        import pyarrow.parquet

        names = pyarrow.parquet.read_table(part)["source"].to_pylist()
        assert sorted(names) == ["\\xff\\xfe.png", "a.png"]
    else:
        names = [json.loads(line)["source"] for line in part.read_text().splitlines()]
        assert sorted(map(os.fsencode, names)) == [b"a.png", b"\xff\xfe.png"]
