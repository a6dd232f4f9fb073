"""What the verbs write, and what they never write over; parts of recordings; odd surroundings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("av")
pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from benchmarks.scenes import dots
from openpaf.cli import main
from tests import films


@pytest.fixture(scope="session")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dots.save_network(tmp_path_factory.mktemp("network") / "dots.onnx")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Somebody who walks, 30 frames of 25 a second."""
    return save_dots(tmp_path / "walk.mp4")


def save_dots(path: Path, **options: Any) -> Path:
    before, films.picture = films.picture, lambda index, size=None: dots.frame(index)
    try:
        codec = {"crf": "4"} | options.pop("options", {})
        return films.save(path, 30, size=dots.SIZE, options=codec, **options)
    finally:
        films.picture = before


def openpaf(*words: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return int(stopped.value.code or 0)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), dots.frame(3))
    return path


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize(
    "words",
    [
        ["{in}", "--ndjson", "{in}/1.png"],
        ["{in}/*.png", "--csv", "{in}/1.png"],
        ["{in}", "--coco-json", "{link}"],
        ["{in}", "--ndjson", "{hard}"],
        ["{in}", "--images", "{in}"],
        ["{in}", "--openpose-json", "{out}", "--ndjson", "{network}"],
        ["{in}", "--csv", "{out}/new.csv", "--video", "{out}/v.txt"],
        ["{in}", "--csv", "{out}/new.csv", "--ndjson", "{out}/file/r"],
        ["{in}", "--csv", "{out}/new.csv", "--model", "gone.onnx"],
        ["{in}", "--csv", "{out}/new.csv", "--every", "0"],
        ["{in}", "--csv", "{out}/new.csv", "--end", "0"],
    ],
)
def test_nothing_is_made_or_replaced_by_a_run_that_cannot_begin(
    words: list[str], network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = picture(tmp_path / "in" / "1.png")
    picture(tmp_path / "in" / "1_poses.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "file").write_text("mine")
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "hard").hardlink_to(source)
    own = tmp_path / "net.onnx"
    own.write_bytes(network.read_bytes())
    places = {name: tmp_path / name for name in ("in", "out", "link", "hard")} | {"network": own}
    before = tree(tmp_path)
    said = [word.format(**places) for word in words]
    model = [] if "--model" in words else ["--model", own]
    assert openpaf("run", *said, *model, "--threads", 1) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert tree(tmp_path) == before


def test_detect_does_not_write_through_a_link_to_its_input(network: Path, tmp_path: Path) -> None:
    source = picture(tmp_path / "in" / "1.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "coco_results.json").symlink_to(source)
    before = source.read_bytes()
    words = ["detect", source, "--out", tmp_path / "out", "--format", "coco", "--model", network]
    assert openpaf(*words) == 2
    assert source.read_bytes() == before


def test_a_second_run_in_the_folder_of_the_pictures_does_the_same(
    network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "a.png")
    monkeypatch.chdir(tmp_path)
    for out in ("found", "found", "elsewhere", "."):
        assert openpaf("detect", ".", "--model", network, "--out", out) == 0
    assert sorted(path.name for path in (tmp_path / "elsewhere").iterdir()) == [
        "a_keypoints.json", "a_poses.jpg",
    ]  # fmt: skip
    assert openpaf("detect", ".", "--model", network, "--out", ".") == 0


def test_pictures_that_are_too_wide_or_too_long_in_name_do_not_end_it(
    network: Path, tmp_path: Path
) -> None:
    wide = tmp_path / "in" / "a.png"
    picture(wide)
    assert cv2.imwrite(str(wide), np.zeros((8, 66_000, 3), np.uint8))
    picture(tmp_path / "in" / f"{'b' * 240}.png")
    picture(tmp_path / "in" / "z.png")
    words = ["--model", network, "--net-height", 64]
    assert openpaf("detect", tmp_path / "in", "--out", tmp_path / "out", *words) == 0
    found = [path.name for path in (tmp_path / "out").iterdir()]
    assert len(found) == 6 and "a_poses.png" in found and "z_keypoints.json" in found
    assert openpaf("run", tmp_path / "in", "--images", tmp_path / "i", "--model", network) == 0
    assert len(list((tmp_path / "i").iterdir())) == 3


def test_coco_ids_that_are_not_the_names_are_told(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("000785.png", "b.png"):
        picture(tmp_path / "in" / name)
    words = ["--format", "coco", "--out", tmp_path / "out", "--model", network]
    assert openpaf("detect", tmp_path / "in", *words) == 0
    assert "because b.png has no number" in capsys.readouterr().err
    assert openpaf("run", tmp_path / "in", "--coco-json", tmp_path / "r", "--model", network) == 0
    assert "because b.png has no number" in capsys.readouterr().err


def test_errors_come_together_at_the_end(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "c.png"):
        picture(tmp_path / "in" / name)
    for name in ("b.png", "d.heic"):
        (tmp_path / "in" / name).write_bytes(b"no picture")
    assert openpaf("detect", tmp_path / "in", "--out", tmp_path / "out", "--model", network) == 1
    err = capsys.readouterr().err.splitlines()
    assert "b.png" in err[0] and "d.heic" in err[1] and err[-1].startswith("openpaf: 2 of 4")


@pytest.mark.parametrize("verb", ["run", "batch"])
def test_a_part_of_a_recording(verb: str, clip: Path, network: Path, tmp_path: Path) -> None:
    words = ["--start", "0.2", "--end", "20f", "--step", 5, "--model", network]
    if verb == "run":
        video = tmp_path / "v.mp4"
        assert openpaf("run", clip, *words, "--ndjson", tmp_path / "r", "--video", video) == 0
        rows = lines(tmp_path / "r")
        capture = cv2.VideoCapture(str(video))
        assert capture.read()[0] and capture.get(cv2.CAP_PROP_POS_MSEC) == 0
    else:
        words += ["--format", "ndjson", "--workers", 1]
        assert openpaf("batch", clip, tmp_path / "out", *words) == 0
        rows = lines(tmp_path / "out" / "poses" / "000000-0000.ndjson")
        other = ["--format", "ndjson", "--model", network, "--step", 2]
        assert openpaf("batch", clip, tmp_path / "out", *other) == 2
    assert [row["frame"] for row in rows] == [5, 10, 15]
    assert [row["time"] for row in rows] == pytest.approx([0.2, 0.4, 0.6])


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("interlaced", {"options": {"flags": "+ildct+ilme", "x264-params": "tff=1"}}),
        ("mirrored", {"turned": {"degrees": 0, "hflip": True}}),
        ("quarter turn", {"turned": {"degrees": 90}}),
        ("not square", {"aspect": Fraction(3, 2)}),
    ],
)
def test_run_and_batch_find_the_same_people_in_odd_videos(
    kind: str, options: dict[str, Any], network: Path, tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    clip = save_dots(tmp_path / "in" / "v.mp4", **options)
    words = ["--model", network, "--net-height", dots.SIZE[1]]
    assert openpaf("run", clip, *words, "--no-track", "--ndjson", tmp_path / "r") == 0
    out = tmp_path / "out"
    assert openpaf("batch", clip, out, *words, "--format", "ndjson", "--workers", 1) == 0
    by_run, by_batch = lines(tmp_path / "r"), lines(out / "poses" / "000000-0000.ndjson")
    assert [row["frame"] for row in by_run] == [row["frame"] for row in by_batch]
    for a, b in zip(by_run, by_batch, strict=True):
        assert a["time"] == pytest.approx(b["time"], abs=1e-5)
        assert [a["frame_size"], len(a["people"])] == [[b["width"], b["height"]], len(b["people"])]
        for one, other in zip(a["people"], b["people"], strict=True):
            assert one["pose_keypoints_2d"] == pytest.approx(other["keypoints"], abs=0.01)
    if kind == "not square":
        assert by_run[0]["frame_size"] == list(dots.SIZE)
        for row in by_run:
            x, y = row["people"][0]["pose_keypoints_2d"][3:5]
            assert (x, y) == pytest.approx(dots.neck(row["frame"]), abs=2.5)


def test_names_that_are_no_text_are_escaped(network: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    import pyarrow.parquet

    (tmp_path / "in").mkdir()
    picture(tmp_path / "in" / "a.png")
    os.rename(tmp_path / "in" / "a.png", os.fsencode(tmp_path / "in") + b"/a\xff.png")
    (tmp_path / "in" / "b\udcfe.jpg").write_bytes(b"no picture")
    words = ["batch", tmp_path / "in", tmp_path / "out", "--model", network, "--workers", 1]
    assert openpaf(*words) == 1
    (part,) = (tmp_path / "out" / "poses").iterdir()
    assert pyarrow.parquet.read_table(part)["source"].to_pylist() == ["a\\xff.png"]
    (failed,) = lines(tmp_path / "out" / "failed.ndjson")
    assert failed["source"] == "b\udcfe.jpg"


def test_closed_standard_error_is_no_bug(network: Path, tmp_path: Path) -> None:
    source = picture(tmp_path / "a.png")
    command = [sys.executable, "-m", "openpaf", "detect", str(source), "--out", "-", "--model"]
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" 2>&-', "sh", *command, str(network)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == 0
    assert len(json.loads(done.stdout)["people"]) == 1


@pytest.mark.parametrize("verb", ["weights convert", "export"])
def test_networks_are_not_written_over_what_they_are_made_of(
    verb: str, network: Path, tmp_path: Path
) -> None:
    source = tmp_path / "net.onnx"
    source.write_bytes(network.read_bytes())
    (tmp_path / "link.onnx").symlink_to(source)
    more = ["--fp16"] if verb == "export" else []
    assert openpaf(*verb.split(), source, *more, "--out", tmp_path / "link.onnx") == 2
    assert source.read_bytes() == network.read_bytes()


@pytest.mark.parametrize(
    "words",
    [["batch", "https://u:secret@h/a", "out"], ["detect", "a.png", "--model", "http://u:secret@h"]],
)
def test_urls_where_files_are_wanted_are_one_line_without_secrets(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "a.png")
    assert openpaf(*words) == 2
    err = capsys.readouterr().err
    assert "is a url" in err and "secret" not in err and err.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_folder_that_may_not_be_read_is_listed_by_batch(tmp_path: Path) -> None:
    from openpaf.batch import Job
    from openpaf.batch.job import opened
    from openpaf.batch.plan import make_plan
    from openpaf.models.card import ModelCard
    from openpaf.skeleton import COCO_18

    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "in" / "shut" / "b.png")
    (tmp_path / "out").mkdir(mode=0o777)
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    for folder, mode in ((tmp_path / "out", 0o777), (tmp_path / "in" / "shut", 0)):
        folder.chmod(mode)
    job = Job(input=str(tmp_path / "in"), output=str(tmp_path / "out"))
    os.seteuid(12345)
    try:
        with opened(job, ModelCard(name="dots", skeleton=COCO_18)):
            plan = make_plan(job)
    finally:
        os.seteuid(0)
    assert {name for shard in plan.shards for name in shard.files} == {"a.png", "shut"}
