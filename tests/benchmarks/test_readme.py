"""The README's tables are what the committed measurements give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks import readme
from benchmarks.tools.report import replace_between
from openpaf import __version__

EMPTY = "".join(
    f"before {name}\n<!-- benchmarks:begin {name} -->\n<!-- benchmarks:end {name} -->\nafter\n"
    for name in readme.SECTIONS
)
CIRCUMSTANCES = {
    "processor": "Abacus 9",
    "cores": 8,
    "cores_allowed": 4,
    "versions": {"onnxruntime": "1.2.3", "openvino": "2026.4.1-1-releases"},
    "date": "2026-01-02",
}


def _write(results: Path, suite: str, device: str = "cpu", **record: Any) -> None:
    results.mkdir(exist_ok=True)
    text = json.dumps({"circumstances": CIRCUMSTANCES, **record})
    (results / f"{suite}--abacus-9--{device}.json").write_text(text)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    about = {"model": "default", "runtime": "OpenVINO", "size": "368", "net_size": [656, 368]}
    figures = {
        "frames_a_second": 1234.56,
        "latency_ms": {"p50": 0.81, "p95": 0.96, "p99": 1.0},
        "stages_ms": {"network": 0.7, "decoder": 0.054},
    }
    absent = about | {"runtime": "ONNX Runtime", "what": "everything", "reason": "not installed"}
    rows = [
        about | {"what": "picture"} | figures,
        about | {"what": "video"} | figures | {"frames_a_second": 99.0},
        absent,
    ]
    _write(folder, "pipeline", rows=rows)
    times = {"openpaf": 0.25, "upsampling, NumPy": 50.0, "openpaf, OpenPose rules": 0.5}
    rows = [
        {"decoder": name, "scenes": scenes, "people": people, "timing": {"median_ms": time}}
        for name, time in times.items()
        for scenes in ("crowd, smooth", "crowd, white")
        for people in (10, 1)
    ]
    _write(folder, "decoder", rows=[*rows, rows[0] | {"people": 3, "timing": None}])
    row = {
        "model": "default", "precision": "fp32", "runtime": "OpenVINO", "net_height": 368,
        "flip": True, "scales": [1.0, 1.5], "AP": 0.4567, "AP_low": 0.4, "AP_high": 0.5,
        "AP50": 0.7, "AR": 0.6, "pictures": 12, "people": 34,
    }  # fmt: skip
    mode = {
        "model": "default", "runtime": "OpenVINO", "net_height": 368, "looks": "close",
        "refine": False, "AP": 0.4321, "AP_low": 0.4, "AP_high": 0.5, "APM": 0.3, "APL": 0.6,
        "ms": 12.34, "pictures": 12,
    }  # fmt: skip
    _write(folder, "modes", folder="mine", rows=[mode])
    _write(folder, "accuracy", folder="mine", rows=[row, {"model": "gone", "reason": "no file"}])
    return folder


def test_the_readme_shows_the_committed_results(capsys: pytest.CaptureFixture[str]) -> None:
    readme.main(check=True)
    assert capsys.readouterr().out == ""


def test_rows_come_from_the_results(results: Path) -> None:
    text = readme.render(EMPTY, results)
    assert "4 cores of Abacus 9, ONNX Runtime 1.2.3, OpenVINO 2026.4.1, 2026-01-02:" in text
    rows = (
        "| default | OpenVINO | 656x368 | 1,234.6 | 0.8 | 1.0 | 0.7 | 0.05 | 99.0 |",
        "| 1 | 0.250 | 50.0 | 200 |",
        "| 10 | 0.250 | 50.0 | 200 |",
        "| default | OpenVINO | 368 | close | no | 12.3 | 0.432 (0.400 to 0.500) | 0.300 | 0.600 |",
        "| 368 | yes | 1, 1.5 | 0.457 (0.400 to 0.500) | 0.700 | 0.600 |",
    )
    for row in rows:
        assert text.count(row) == 1, row
    assert text.count("\n| ") == len(rows) + 2 * 4, "a header and a rule each of four tables"
    assert "12 pictures of `mine` with 34 annotated people" in text
    assert f"](benchmarks/results/{__version__}/modes--abacus-9--cpu.png)" in text
    assert readme.NO_GPU in text
    assert readme.render(text, results) == text


def test_what_a_gpu_did_is_shown(results: Path) -> None:
    row = {
        "network": "compact", "net_size": [656, 368], "batch": 4, "precision": "fp16",
        "mode": "graph", "timings": {"network": {"median_ms": 2.0}}, "frames_a_second": 2000.0,
        "frames_a_second_in_turn": 900.0, "tflops": 123.0,
    }  # fmt: skip
    failed = row | {"batch": 64, "reason": "out of memory"}
    _write(results, "gpu", "cuda", floors={"device": "Ray 5000"}, rows=[row, failed])
    text = readme.render(EMPTY, results)
    assert "| compact | 656x368 | 4 | fp16 | graph | 2.00 | 2,000.0 | 900.0 | 123.0 |" in text
    assert "Networks on Ray 5000" in text
    assert readme.NO_GPU not in text and "| 64 |" not in text


def test_a_gpu_is_named_also_where_only_the_engine_was_measured(results: Path) -> None:
    record = json.loads((results / "pipeline--abacus-9--cpu.json").read_text())
    record["circumstances"]["gpu"] = "Ray 5000"
    _write(results, "pipeline", "cuda", **record)
    text = readme.render(EMPTY, results)
    assert readme.NO_GPU not in text
    assert text.count("Ray 5000, 4 cores of Abacus 9") == 1
    assert text.count("`engine.stream`; 4 cores of Abacus 9") == 1


def test_nothing_measured_is_nothing_said(tmp_path: Path) -> None:
    assert readme.render(EMPTY, tmp_path) == EMPTY
    assert readme.render(EMPTY, tmp_path / "missing") == EMPTY


def test_check_tells_when_they_disagree(results: Path, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(EMPTY)
    with pytest.raises(typer.Exit) as raised:
        readme.main(check=True, readme=page, results=results)
    assert raised.value.exit_code == 1
    assert page.read_text() == EMPTY
    readme.main(readme=page, results=results)
    readme.main(check=True, readme=page, results=results)
    page.write_text(page.read_text().replace("0.457", "0.999"))
    with pytest.raises(typer.Exit):
        readme.main(check=True, readme=page, results=results)


def test_text_between_any_markers_is_replaced() -> None:
    text = "a\n<!-- rows:begin -->\nold\n<!-- rows:end -->\nb\n"
    new = replace_between(text, "<!-- rows:begin -->", "<!-- rows:end -->", "new\nrows\n")
    assert new == "a\n<!-- rows:begin -->\nnew\nrows\n<!-- rows:end -->\nb\n"
    for broken in ("no marker", text + text, text.replace("begin", "x").replace("end", "begin")):
        with pytest.raises(ValueError, match="must be there once"):
            replace_between(broken, "<!-- rows:begin -->", "<!-- rows:end -->", "new")
    with pytest.raises(ValueError, match="must come after"):
        replace_between("end begin", "begin", "end", "new")
