"""`openpaf info`: it reports what is there, and names what is wrong and the way out."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import openpaf
import openpaf.decoder
import openpaf_kernels.cache
from openpaf import cli
from openpaf.poses import Poses
from openpaf.selftest import doctor
from openpaf.skeleton import COCO_18


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what is measured here out of the user's own cache."""
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path / "cache"))


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["info", *map(str, words)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_a_missing_model_is_named_and_the_rest_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--model", "gone.onnx") == 1
    out = capsys.readouterr().out
    assert openpaf.__version__ in out
    assert metadata.version("numba") in out
    assert "finds a drawn person" in out
    assert "gone.onnx is not a file" in out.partition("problems")[2]


def test_json_holds_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--model", "gone.onnx", "--json") == 1
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["machine"]["openpaf"] == openpaf.__version__
    assert report["libraries"]["numpy"] == metadata.version("numpy")
    assert report["self-test"]["network"] == "not tried"
    assert len(report["problems"]) >= 1


def test_each_device_is_tried_with_a_real_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["devices"]["cpu"] == "CPUExecutionProvider"
    assert report["devices"]["coreml"].startswith("no: ")
    assert "\n" not in report["devices"]["coreml"]
    assert Path(report["models"]["default"]).is_file()
    assert "default takes" in report["self-test"]["network"]
    assert "ms in fp32" in report["self-test"]["streams"]
    assert report["problems"] == []


@pytest.mark.parametrize(
    "both",
    [("onnxruntime", "onnxruntime-gpu"), ("opencv-python", "opencv-python-headless")],
)
def test_packages_that_break_each_other_are_named(
    both: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor.metadata, "version", lambda name: "1.0" if name in both else "2.0")
    monkeypatch.setattr(doctor, "_LIBRARIES", both)
    problems: list[str] = []
    assert doctor.libraries(problems) == {both[0]: "1.0", both[1]: "1.0"}
    assert any(f"{both[0]} and {both[1]} overwrite each other" in line for line in problems)


def test_a_cache_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setattr(openpaf_kernels.cache, "CACHE", False)
    problems: list[str] = []
    found = doctor.folders(problems)
    assert found["compiled kernels"] == "not kept"
    assert "OPENPAF_CACHE" in problems[0]
    assert "NUMBA_CACHE_DIR" in problems[1]


def test_a_decoder_that_finds_nobody_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openpaf.decoder, "decode", lambda fields: Poses.empty(COCO_18))
    problems: list[str] = []
    assert doctor.try_decoder(problems) == "fails to find a drawn person"
    assert len(problems) == 1
