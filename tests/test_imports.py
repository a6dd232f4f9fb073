"""`import openpaf` is fast and quiet, and the ONNX path never needs torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "cv2", "llvmlite", "numba", "onnx", "onnxruntime", "openvino", "pandas", "pydantic", "rich",
    "scipy", "supervision", "torch", "typer",
)  # fmt: skip

# What somebody who only detects imports; all of it must work where torch is not installed.
DETECTING = (
    "openpaf.decoder", "openpaf.drawing", "openpaf.engine", "openpaf.frame", "openpaf.session",
    "openpaf.cli.detect", "openpaf.cli.info",
)  # fmt: skip


def python(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("module", ["openpaf", "openpaf.cli"])
def test_import_brings_nothing_heavy_and_says_nothing(module: str) -> None:
    light = set(HEAVY) - ({"typer", "pydantic", "rich"} if module == "openpaf.cli" else set())
    done = python(f"import sys, {module}\nprint(sorted({light!r} & set(sys.modules)))")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")


def test_import_leaves_global_settings_alone() -> None:
    done = python(
        "import logging, os, random, signal, sys, threading, warnings\n"
        "def state():\n"
        "    return (dict(os.environ), logging.getLogger().handlers[:], threading.active_count(),\n"
        "            signal.getsignal(signal.SIGINT), random.getstate(), list(warnings.filters),\n"
        "            sys.excepthook, os.getcwd())\n"
        "before = state()\n"
        "import openpaf\n"
        "assert state() == before\n"
        "import numpy as np\n"
        "legacy = np.random.get_state()[1].tolist()\n"
        "openpaf.detect, openpaf.Engine\n"
        "assert state()[1:5] == before[1:5]\n"
    )
    assert done.returncode == 0, done.stderr


def test_detecting_never_needs_torch() -> None:
    done = python(
        "import importlib, sys\n"
        "for name in ('torch', 'onnx', 'onnxscript', 'pandas', 'supervision', 'pycocotools'):\n"
        "    sys.modules[name] = None\n"
        f"for name in {DETECTING!r}:\n"
        "    importlib.import_module(name)\n"
    )
    assert done.returncode == 0, done.stderr


def test_a_picture_waits_for_no_compiler_and_no_video() -> None:
    # Of all that a still has no use for, these take the longest.
    done = python(
        "import sys, openpaf.cli.detect, openpaf.session.onnxruntime\n"
        "print(sorted({'av', 'llvmlite', 'numba', 'scipy'} & set(sys.modules)))"
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_reading_poses_back_waits_for_no_filter_and_no_compiler() -> None:
    done = python(
        "import sys, openpaf\nopenpaf.read\n"
        "print(sorted({'av', 'llvmlite', 'numba', 'scipy'} & set(sys.modules)))"
    )
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr


def test_decoding_never_needs_opencv_or_a_runtime() -> None:
    done = python(
        "import os, sys\n"
        "os.environ['NUMBA_DISABLE_JIT'] = '1'\n"
        "for name in ('cv2', 'onnxruntime', 'openvino'):\n"
        "    sys.modules[name] = None\n"
        "import numpy as np, openpaf\n"
        "fields = openpaf.Fields(np.zeros((18, 9, 7), 'f4'), np.zeros((38, 9, 7), 'f4'))\n"
        "assert len(openpaf.decode(fields)) == 0\n"
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("missing", ["cv2", "onnxruntime"])
def test_a_missing_main_extra_is_one_line(missing: str, tmp_path: Path) -> None:
    network = tmp_path / "net.onnx"
    network.write_bytes(b"never read")
    done = python(
        "import sys\n"
        f"sys.modules[{missing!r}] = None\n"
        "import openpaf\n"
        "try:\n"
        f"    openpaf.Engine({str(network)!r})\n"
        "except openpaf.OpenPafError as error:\n"
        "    print(error)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "openpaf[cpu]" in done.stdout


def test_an_opencv_that_does_not_load_is_one_line_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open it')\n")
    done = python(
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from openpaf import cli\n"
        "cli.main(['detect', 'photo.jpg'])\n"
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "libGL" in done.stderr
    assert "opencv-python-headless" in done.stderr
