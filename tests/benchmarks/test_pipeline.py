"""Each benchmark of the whole engine, from options to JSON, on a network of a few weights."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
cv2 = pytest.importorskip("cv2")
from benchmarks import (
    __main__,
    bench_accuracy,
    bench_modes,
    bench_people,
    bench_pipeline,
    bench_scaling,
    bench_tiles,
)
from benchmarks.scenes import dots, sheets  # needs onnx
from benchmarks.scenes.clips import first_frames, make_video
from benchmarks.tools import engines

FIGURES = {
    "frames_a_second", "latency_ms", "samples", "floor_ms", "above_floor_ms",
    "above_floor_percent", "stages_ms", "people",
}  # fmt: skip
STAGES = {"read", "preprocess", "network", "decoder"}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dots.save_network(tmp_path_factory.mktemp("benchmarks") / "dots.onnx")


@pytest.fixture(autouse=True)
def only_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave OpenVINO out where a test does not ask for it: it compiles for seconds."""
    monkeypatch.setattr(engines, "RUNTIMES", {"cpu": "ONNX Runtime"})


def read(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text())
    assert record["circumstances"]["versions"]["openpaf"]
    assert "load_average" in record["circumstances"]
    return record


def test_pipeline(network: Path, tmp_path: Path) -> None:
    clip, out = tmp_path / "clip.avi", tmp_path / "pipeline.json"
    make_video(clip, 14, (160, 120))
    bench_pipeline.main(
        clip=clip, models=f"{network},missing.onnx", sizes="160x120,64", batches="1,3",
        repeats=3, frames=14, passes=1, out=out,
    )  # fmt: skip
    record = read(out)
    assert record["suite"] == "pipeline" and record["clip"] == "clip.avi"
    done = [row for row in record["rows"] if "reason" not in row]
    what = ["picture", "batch of 1", "batch of 3", "video"]
    assert [row["what"] for row in done] == 2 * what
    assert [row["net_size"] for row in done] == 4 * [[160, 120]] + 4 * [[88, 64]]
    for row in done:
        assert (row["model"], row["runtime"]) == ("dots", "ONNX Runtime")
        assert row.keys() >= FIGURES and row["stages_ms"].keys() >= STAGES
        assert 0 < row["latency_ms"]["p50"] <= row["latency_ms"]["p95"] <= row["latency_ms"]["p99"]
        assert row["frames_a_second"] > 0 and row["floor_ms"] > 0
        assert ("track" in row["stages_ms"]) == (row["what"] == "video")
    missing = [row for row in record["rows"] if "reason" in row]
    assert len(missing) == 2 and "missing.onnx" in missing[0]["reason"]
    pytest.importorskip("matplotlib")
    assert out.with_suffix(".png").stat().st_size > 1000


def test_a_clip_too_short_for_the_batches_is_refused(network: Path, tmp_path: Path) -> None:
    make_video(tmp_path / "clip.avi", 2, (160, 120))
    assert len(first_frames(tmp_path / "clip.avi", 5)) == 2
    with pytest.raises(typer.BadParameter, match="2 frames"):
        bench_pipeline.main(clip=tmp_path / "clip.avi", models=str(network), batches="3")


def test_people(network: Path, tmp_path: Path) -> None:
    photos, out = tmp_path / "photos", tmp_path / "people.json"
    photos.mkdir()
    cv2.imwrite(str(photos / "one.png"), dots.frame(7))
    bench_people.main(
        models=str(network), size="160x120", people="1,10", scenes=1, repeats=2, photos=photos,
        out=out,
    )  # fmt: skip
    record = read(out)
    assert [row["people"] for row in record["rows"]] == [1, 10]
    for row in record["rows"]:
        parts = [row[stage]["median_ms"] for stage in ("preprocess", "network", "decoder")]
        assert row["whole_ms"] == pytest.approx(sum(parts), abs=1e-4)
        assert row["network"]["repeats"] >= 30 and row["found"] > 0
    (percent,) = record["growth_percent"].values()
    first, last = (row["whole_ms"] for row in record["rows"])
    assert percent == pytest.approx(100 * (last / first - 1), abs=1e-2)
    (photo,) = record["photos"]
    assert (photo["people"], photo["found"], photo["annotated"]) == (1, 1, False)


def test_people_annotated_in_photographs_are_counted(tmp_path: Path) -> None:
    folder = annotated_folder(tmp_path)
    assert bench_people.photographs(folder) == [(folder / "images" / "one.png", 1)]


def test_scaling(network: Path, tmp_path: Path) -> None:
    out = tmp_path / "scaling.json"
    bench_scaling.main(
        models=f"{network},missing.onnx", size="160x120", workers=1, in_flight=2, seconds=0.01,
        rounds=1, out=out,
    )  # fmt: skip
    record = read(out)
    points = [(row["way"], row["count"]) for row in record["rows"] if "reason" not in row]
    threads = [bench_scaling.THREADS_ON_ONE, bench_scaling.THREADS_ON_ALL, bench_scaling.BATCHES]
    expected = {(way, count) for way in threads for count in (1, 2)}
    assert set(points) == expected | {(bench_scaling.PROCESSES, 1)}
    for row in record["rows"][:-1]:
        assert row["frames_a_second"] > 0
        assert row["ratio_to_one"] == 1 or row["count"] > 1
    assert record["cores"] >= 1 and "missing.onnx" in record["rows"][-1]["reason"]


def annotated_folder(folder: Path) -> Path:
    """One picture of a person of three parts, annotated."""
    (folder / "images").mkdir()
    cv2.imwrite(str(folder / "images" / "one.png"), dots.frame(7))
    parts = ["right_shoulder", "right_elbow"]
    x, y = dots.neck(7)
    person = {
        "id": 1, "image_id": 1, "category_id": 1, "iscrowd": 0, "area": 4000.0,
        "bbox": [x, y - 30, 70, 60], "num_keypoints": 2,
        "keypoints": [x + 32, y, 2, x + 64, y, 2],
    }  # fmt: skip
    content = {
        "images": [{"id": 1, "file_name": "one.png", "width": 160, "height": 120}],
        "annotations": [person],
        "categories": [{"id": 1, "name": "person", "keypoints": parts}],
    }
    (folder / "person_keypoints.json").write_text(json.dumps(content))
    return folder


def test_accuracy(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pycocotools")
    monkeypatch.setattr(bench_accuracy, "MODELS", "missing.onnx")
    out = tmp_path / "accuracy.json"
    bench_accuracy.main(
        annotated_folder(tmp_path), model=[str(network)], net_heights="120", resamples=5, out=out
    )
    missing, plain, flipped = read(out)["rows"]
    assert "missing.onnx" in missing["reason"]
    expected = {
        "model": "dots", "precision": "fp32", "runtime": "ONNX Runtime", "net_height": 120,
        "scales": [1.0], "pictures": 1, "people": 1,
    }  # fmt: skip
    assert expected.items() <= plain.items()
    assert [plain["flip"], flipped["flip"]] == [False, True]
    assert plain["AP"] == plain["AP50"] == plain["AR"] == 1.0
    assert plain["AP_low"] <= plain["AP"] <= plain["AP_high"]


def test_tiles(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_tiles, "sheets", partial(sheets.sheets, size=(400, 300)))
    out = tmp_path / "tiles.json"
    bench_tiles.main(annotated_folder(tmp_path), models=f"{network},gone.onnx", out=out)
    whole, tiles, gone = read(out)["rows"]
    assert (whole["looks"], tiles["looks"], tiles["pictures"]) == ("whole", "tiles", 1)
    assert (tiles["alone"], tiles["again"], tiles["twice"], tiles["share"]) == (1, 1, 0, 1.0)
    assert "gone.onnx" in gone["reason"]


def test_sheets_hold_every_photograph_once(tmp_path: Path) -> None:
    from openpaf.evaluate import read_folder

    (image,) = read_folder(annotated_folder(tmp_path)).images
    made = list(sheets.sheets([image] * 9, size=(400, 250)))
    assert [len(sheet.photographs) for sheet in made] == [4, 4, 1]
    for sheet in made:
        assert sheet.frame.shape == (250, 400, 3)
        for one, (x, y) in zip(sheet.photographs, sheet.corners, strict=True):
            np.testing.assert_array_equal(one.keypoints, image.keypoints + (x, y))
            np.testing.assert_array_equal(
                sheet.frame[y : y + 120, x : x + 160], cv2.imread(str(image.path))
            )
    with pytest.raises(ValueError, match="larger than 100x100"):
        next(sheets.sheets([image], size=(100, 100)))


def test_modes(network: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pycocotools")
    monkeypatch.setattr(bench_modes, "MODELS", str(network))
    modes = (bench_modes.Mode(120), bench_modes.Mode(120, "close"))
    monkeypatch.setattr(bench_modes, "EVERY_MODE", modes)
    out = tmp_path / "modes.json"
    bench_modes.main(
        annotated_folder(tmp_path), models=f"{network},gone.onnx", resamples=5, out=out
    )
    record = read(out)
    one, close, *_ = record["rows"]
    assert (one["AP"], one["looks"], close["looks"]) == (1.0, "one", "close")
    assert one["ms"] > 0 and one["pictures"] == 1
    gone = [row for row in record["rows"] if row["model"] == "gone"]
    # Of a network that is not ours the sizes alone, and why there are no figures.
    assert all("gone.onnx" in row["reason"] for row in gone)
    assert {row["looks"] for row in gone} == {"one"}
    assert all(0 < one["AP"] < 1 < one["ms"] for one in record["published"])


@pytest.mark.parametrize(("name", "expected"), [("default", "fp32"), ("default-int8", "int8")])
def test_the_precision_of_a_file_is_told(name: str, expected: str) -> None:
    from openpaf.models import registry

    assert bench_accuracy.precision(registry.find(name), "CPUExecutionProvider") == expected


def test_files_of_one_runtime_run_on_that_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    both = engines.variants("default,net.xml,net.pt")
    assert [(v.model, v.device) for v in both] == [
        ("default", "cpu"), ("default", "openvino"), ("net.xml", "openvino"), ("net.pt", "cpu")
    ]  # fmt: skip
    assert both[3].record() == {"model": "net", "runtime": "PyTorch"}


def test_sizes_are_read() -> None:
    assert engines.read_size("456x256") == {"net_size": (456, 256)}
    assert engines.read_size("368") == {"net_height": 368}
    for wrong in ("", "456x", "axb", "1x2x3"):
        with pytest.raises(typer.BadParameter):
            engines.read_size(wrong)


def test_the_suites_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    __main__.main(listing=True)
    listed = capsys.readouterr().out
    for suite in __main__.SUITES:
        assert f"| {suite.name} | {suite.device} | {suite.question} |" in listed
    with pytest.raises(typer.BadParameter, match="pipeline"):
        __main__.main(only=["nothing"], listing=True)


def test_a_suite_that_fails_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = []

    def fail(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(__main__.subprocess, "run", fail)
    with pytest.raises(typer.Exit) as raised:
        __main__.main(only=["people", "pipeline"], device="cpu", quick=True, out=tmp_path)
    assert raised.value.exit_code == 1
    assert [command[2] for command in commands] == [
        "benchmarks.bench_pipeline",
        "benchmarks.bench_people",
    ]
    for command in commands:
        assert Path(command[command.index("--out") + 1]).parent == tmp_path


def test_clips_depend_on_nothing_but_their_seed(tmp_path: Path) -> None:
    for name in ("a.avi", "b.avi"):
        make_video(tmp_path / name, 3, (64, 48))
    a, b = (first_frames(tmp_path / name, 3) for name in ("a.avi", "b.avi"))
    np.testing.assert_array_equal(a, b)
    assert len(a) == 3 and a[0].shape == (48, 64, 3)
