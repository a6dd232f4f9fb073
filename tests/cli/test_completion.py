"""The tab key, by the very function that bash calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")

_PRESS_TAB = """
eval "$(_OPENPAF_COMPLETE=source_bash openpaf)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_openpaf_completion openpaf
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(tmp_path: Path, *words: str) -> list[str]:
    """What bash offers for the last word; it takes an equals sign for a word."""
    command = tmp_path / "openpaf"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m openpaf "$@"\n')
    command.chmod(0o755)
    paths = os.pathsep.join(path for path in sys.path if path)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", _PRESS_TAB, "bash", "openpaf", *words],
        env=os.environ | {"PATH": path, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["det"], ["detect"]),
        (["detect", "--net-"], ["--net-height", "--net-size"]),
        (["--debug", "run", "--ma"], ["--max-people", "--max-frames"]),
        (["weights", "pu"], ["pull"]),
        (["detect", "x.jpg", "--format", ""], ["openpose", "coco"]),
        (["run", "--device", "cu"], ["cuda"]),
        (["run", "--device", "=", "cu"], ["cuda"]),
        (["run", "--looks", "=", "cu"], []),
        (["run", "--device", "="], ["auto", "cpu", "cuda", "tensorrt", "openvino", "coreml",
                                    "directml", "gpu"]),
        (["run", "--model", "default"], ["default", "default-int8"]),
        # The shell's own names of files.
        (["detect", "ph"], []),
    ],
)  # fmt: skip
def test_tab_offers(words: list[str], offered: list[str], tmp_path: Path) -> None:
    assert completed(tmp_path, *words) == offered
