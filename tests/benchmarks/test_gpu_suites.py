"""What is run on a GPU: within its time, each apart, written down; rehearsed on the CPU."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import typer

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("cv2")
from benchmarks import __main__, bench_gpu_checks, bench_gpu_session, suites
from benchmarks.scenes import dots

GPU = [suite for suite in suites.SUITES if suite.device == "cuda"]


def test_all_of_them_together_take_less_than_25_minutes() -> None:
    limits = [suite.minutes for suite in GPU]
    assert None not in limits and sum(filter(None, limits)) <= 24


def test_every_option_is_one_that_the_suite_takes() -> None:
    import importlib
    import inspect

    for suite in suites.SUITES:
        known = inspect.signature(importlib.import_module(suite.module).main).parameters
        words = f"{suite.quick} {suite.options} --out x".split()
        options = {w.removeprefix("--").replace("-", "_") for w in words if w.startswith("--")}
        assert options <= set(known), suite.name


def read(folder: Path, name: str) -> dict[str, Any]:
    (path,) = folder.glob(f"{name}--*--cuda.json")
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def test_one_that_hangs_is_ended_and_the_next_one_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits, really = {}, subprocess.run

    def start(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[:2] != [sys.executable, "-m"]:
            return really(command, **options)
        limits[command[2]] = options["timeout"]
        if command[2].endswith("bench_pipeline"):
            raise subprocess.TimeoutExpired(command, options["timeout"])
        assert "cuda" not in command
        return subprocess.CompletedProcess(command, 1 if command[2].endswith("people") else 0)

    monkeypatch.setattr(__main__.subprocess, "run", start)
    with pytest.raises(typer.Exit):
        __main__.main(device="cuda", rehearse=True, out=tmp_path)
    runs = {row["suite"]: row["outcome"] for row in read(tmp_path, "gpu_run")["rows"]}
    assert (
        runs["pipeline"] == "ended after 3 minutes" and limits["benchmarks.bench_pipeline"] == 180
    )
    assert runs["people"] == "failed with 1"
    assert runs["gpu_session"] == "done"


def test_without_a_gpu_nothing_runs_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(suites, "gpu_name", lambda: None)
    with pytest.raises(typer.Exit):
        __main__.main(device="cuda", out=tmp_path)
    for row in read(tmp_path, "gpu_run")["rows"]:
        assert row["outcome"].startswith("not run: ")
    assert "| gpu_session | cuda |" in capsys.readouterr().out
    with pytest.raises(typer.BadParameter, match="cpu or cuda"):
        __main__.main(device="rocm")


def test_sessions_are_timed_on_the_cpu_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = dots.save_network(tmp_path / "dots.onnx")
    files = [("dots", "fp32", network), ("gone", "fp16", "gone.onnx is not a file")]
    monkeypatch.setattr(bench_gpu_session, "bundled_files", lambda _: iter(files))
    out = tmp_path / "gpu_session.json"
    with warnings.catch_warnings():
        bench_gpu_session.main(sizes="64x48", batches="1,2", device="cpu", repeats=1, out=out)
    record = json.loads(out.read_text())
    rows = [row for row in record["rows"] if "reason" not in row]
    assert [(row["way"], row["batch"]) for row in rows] == [
        ("as it comes", 1), ("as it comes", 2), ("settled", 1), ("settled", 2)
    ]  # fmt: skip
    for row in rows:
        assert row["first_ms"] > 0 and row["timing"]["repeats"] >= 30
        assert row["frames_a_second"] > 0 and row["error"] == 0
    reasons = {
        (row["network"], row["way"]): row["reason"] for row in record["rows"] if "reason" in row
    }
    assert "'tensorrt' is not to be had" in reasons["dots", "TensorRT"]
    assert [row["way"] for row in record["photographs"]] == ["as it comes", "settled"]
    assert all(row["new_size_ms"] > 0 for row in record["photographs"])


def test_outcomes_of_checks_are_written_as_they_come(tmp_path: Path) -> None:
    tests = tmp_path / "test_three.py"
    tests.write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert 1 == 2, 'one is not two'\n"
        "def test_not_here(): pytest.skip('no GPU of that kind')\n"
    )
    out = tmp_path / "checks.json"
    outcomes = bench_gpu_checks.Outcomes(out, {"suite": "gpu_checks"})
    pytest.main(
        ["-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tests)], [outcomes]
    )
    good, bad, skipped = json.loads(out.read_text())["rows"]
    assert (good["outcome"], good["about"]) == ("passed", "")
    assert bad["outcome"] == "failed" and "test_three.py" in bad["about"]
    assert skipped["outcome"] == "skipped" and "no GPU of that kind" in skipped["about"]
