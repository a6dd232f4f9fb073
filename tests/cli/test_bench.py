"""`openpaf bench`: a table for people, JSON for programs, and one line for what goes wrong."""

from __future__ import annotations

import json
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from openpaf import cli
from openpaf.cli import bench
from openpaf.engine import NetFrame
from openpaf.errors import MissingExtraError, ModelError
from openpaf.fields import Fields
from tests.networks import write_nobody

SMALL = ("--net-size", "128x64")


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_nobody(tmp_path / "nobody.onnx")


def run(*words: str | Path) -> int:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["bench", *map(str, words)])
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


def test_a_table(network: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("--model", network, *SMALL) == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    heading, _, row = captured.out.partition("preprocess")
    assert "1280x720 frames as 128x64, 10 people" in heading
    assert np.__version__ in heading
    assert "nobody" in row
    assert "CPUExecutionProvider" in row


def test_a_second_look_is_a_stage(network: Path, capfd: pytest.CaptureFixture[str]) -> None:
    window = write_nobody(network.with_name("window.onnx"))
    window.with_suffix(".toml").write_text(
        'head = "window"\nname = "window"\nskeleton = "COCO_18"\nsize = [96, 128]\n'
        'output = "confidence_maps"\n'
    )
    assert run("--model", network, *SMALL, "--refine", window) == 0
    assert "second look" in capfd.readouterr().out
    assert run("--model", network, *SMALL, "--refine", window, "--json") == 0
    (one,) = json.loads(capfd.readouterr().out)["runs"]
    stages = ("preprocess", "network", "decoder", "second_look")
    assert one["frame"]["median_ms"] == pytest.approx(
        sum(one[stage]["median_ms"] for stage in stages), rel=0.5
    )
    assert run("--model", network, *SMALL, "--json") == 0
    assert json.loads(capfd.readouterr().out)["runs"][0]["second_look"] is None


def test_json(network: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run("--model", network, "--net-height", "368", "--repeats", "31", "--json") == 0
    report: dict[str, Any] = json.loads(capfd.readouterr().out)
    assert list(report) == [
        "machine", "libraries", "picture", "frame_size", "people", "repeats", "runs", "not_run",
    ]  # fmt: skip
    assert report["libraries"]["numpy"] == np.__version__
    assert report["not_run"] == []
    (one,) = report["runs"]
    assert (one["model"], one["provider"]) == ("nobody", "CPUExecutionProvider")
    assert one["net_size"] == [656, 368]
    # The network finds nobody; the decoder is given a crowd nevertheless.
    assert one["people_found"] == 10
    for stage in ("preprocess", "network", "decoder", "frame"):
        assert one[stage]["repeats"] == 31
        assert 0 < one[stage]["best_ms"] <= one[stage]["median_ms"]
    assert one["frames_per_second"] == pytest.approx(1000 / one["frame"]["median_ms"])
    assert one["open_ms"] > 0
    assert one["first_frame_ms"] >= one["frame"]["best_ms"]


def test_a_picture_sets_the_size(
    network: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "grey.png"
    cv2.imwrite(str(picture), np.full((90, 160, 3), 128, np.uint8))
    assert run(picture, "--model", network, "--net-height", "64", "--people", "3", "--json") == 0
    report = json.loads(capfd.readouterr().out)
    assert (report["picture"], report["frame_size"]) == (str(picture), [160, 90])
    assert report["runs"][0]["net_size"] == [120, 64]


def test_every_runtime_is_a_row(network: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("openvino")
    assert run("--all", "--model", network, *SMALL) == 0
    out = capfd.readouterr().out
    assert "CPUExecutionProvider" in out
    assert "OpenVINO CPU" in out


@pytest.mark.parametrize(
    ("error", "code"), [(MissingExtraError("pip install it"), 0), (ModelError("it is torn"), 1)]
)
def test_what_fails_is_a_row_with_the_reason(
    error: Exception,
    code: int,
    network: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    engine = bench.Engine

    def no_openvino(model: str, **options: Any) -> bench.Engine:
        if options["device"] == "openvino":
            raise error
        return engine(model, **options)

    monkeypatch.setattr(bench, "Engine", no_openvino)
    assert run("--all", "--model", network, *SMALL) == code
    out = capfd.readouterr().out
    assert "CPUExecutionProvider" in out
    assert "not run" in out
    assert f"{network} on openvino: {error}" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["gone.jpg"], "gone.jpg does not exist"),
        ([__file__], "is not a picture"),
        (["--model", "nobdy"], "'nobdy' is neither a file nor a known model"),
        (["--model", "gone.onnx", "--all"], "gone.onnx is not a file"),
        (["--device", "tpu"], "device must be one of"),
        (["--device", "cpu", "--all"], "leave out --device cpu"),
        (["--net-size", "9"], "WIDTHxHEIGHT"),
        (["--threads", "0"], "threads must be"),
        (["--repeats", "3"], "30"),
        (["--people", "0"], "1"),
    ],
)
def test_a_wrong_value_is_one_line(
    words: Sequence[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert said in captured.err


def test_ctrl_c_ends_it_quietly(
    network: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(bench.Engine):
        def predict(self, net_frames: Sequence[NetFrame]) -> list[Fields]:
            signal.raise_signal(signal.SIGINT)
            return super().predict(net_frames)

    monkeypatch.setattr(bench, "Engine", Interrupted)
    assert run("--model", network, *SMALL) == 130
    assert capfd.readouterr() == ("", "")
