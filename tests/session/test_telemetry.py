"""No runtime keeps an id of this machine or calls its maker."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from openpaf.session.telemetry import silenced

_LOOK = """
import numpy as np, openpaf
openpaf.Engine(net_height=64).fields(np.zeros((64, 64, 3), np.uint8))
"""


def python(script: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: os.environ[name] for name in ("PATH",) if name in os.environ}
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-c", script],
        env={**kept, "HOME": str(home), "PYTHONPATH": paths, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_onnx_runtime_leaves_no_id(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    done = python(_LOOK, tmp_path)
    assert done.returncode == 0, done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.name in ("deviceid", "onnxruntime.db")]
    assert not list(tmp_path.rglob("Microsoft"))


def test_whoever_was_first_is_told_too(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    runtime = SimpleNamespace(disable_telemetry_events=lambda: told.append(True))
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "0")
    silenced(runtime)  # type: ignore[arg-type]
    assert not told
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", "1")
    silenced(runtime)  # type: ignore[arg-type]
    assert told


def test_openvino_leaves_no_id(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    script = "from openpaf.session.openvino import openvino; print(openvino.__version__)"
    done = python(script, tmp_path)
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.rglob("*"))


def test_the_user_has_the_last_word(tmp_path: Path) -> None:
    script = "import os, openpaf.session; print(os.environ['ORT_DISABLE_TELEMETRY'])"
    assert python(script, tmp_path).stdout == "1\n"
    assert python(script, tmp_path, ORT_DISABLE_TELEMETRY="0").stdout == "0\n"
