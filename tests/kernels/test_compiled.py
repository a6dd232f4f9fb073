"""Kernels under every way in which Numba may be set up, each in a process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

DECODE = """
import numpy as np
import openpaf_kernels
from openpaf_kernels.cache import CACHE
from openpaf_kernels.peaks import find_peaks
maps = np.zeros((1, 5, 6), np.float32)
maps[0, 2, 3] = 1
words = np.zeros(1, np.uint64)
candidates, counts = np.zeros((3, 1, 4), np.float32), np.zeros(1, np.int32)
find_peaks(
    maps, 0.1, 0, words.view(np.uint8), words, np.empty(6, np.float32), candidates, counts
)
print(CACHE, counts[0], candidates[:2, 0, 0].tolist())
"""


def run(
    arguments: list[str], kernels: Path = ROOT / "kernels", **environment: str
) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(ROOT), str(kernels)])
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "PYTHON"))}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**variables, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_nothing_is_read_or_written_out_of_bounds(pytestconfig: pytest.Config) -> None:
    # A cache of its own: Numba would reuse kernels compiled without the check.
    folder = pytestconfig.cache.mkdir("numba_boundscheck") if pytestconfig.cache else None
    result = run(
        ["-m", "tests.kernels.fuzz", "60"],
        NUMBA_BOUNDSCHECK="1",
        NUMBA_CACHE_DIR=str(folder or ROOT / ".pytest_cache" / "numba_boundscheck"),
    )
    assert result.stdout == "survived\n", result.stderr


def test_kernels_are_plain_python_too() -> None:
    result = run(["-m", "tests.kernels.fuzz", "1"], NUMBA_DISABLE_JIT="1")
    assert result.stdout == "survived\n", result.stderr


@pytest.fixture
def read_only_install(tmp_path: Path) -> Path:
    """A copy of the kernels beside which nothing can be written, whoever runs this."""
    package = tmp_path / "site" / "openpaf_kernels"
    shutil.copytree(
        ROOT / "kernels" / "openpaf_kernels", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    (package / "__pycache__").write_text("a file where a folder should be")
    return package.parent


def test_no_cache_folder_at_all(read_only_install: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "home"
    blocked.write_text("a file where a folder should be")
    result = run(["-c", DECODE], read_only_install, HOME=str(blocked), XDG_CACHE_HOME=str(blocked))
    assert result.stdout == "False 1 [3.0, 2.0]\n", result.stderr


def test_cache_in_the_home_of_the_user(read_only_install: Path, tmp_path: Path) -> None:
    result = run(
        ["-c", DECODE], read_only_install, HOME=str(tmp_path), XDG_CACHE_HOME=str(tmp_path / "c")
    )
    assert result.stdout == "True 1 [3.0, 2.0]\n", result.stderr
    assert list((tmp_path / "c").rglob("*.nbc"))


def test_full_disk(tmp_path: Path) -> None:
    # No file may grow beyond 4 kB, as if the disk had no more to give.
    limit = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    )
    result = run(["-c", limit + DECODE], NUMBA_CACHE_DIR=str(tmp_path))
    assert result.stdout == "False 1 [3.0, 2.0]\n", result.stderr


def test_an_image_starts_on_another_processor_without_compiling(tmp_path: Path) -> None:
    # As in the Dockerfiles: Numba is told to compile for any processor of the kind.
    hits = "print(sum(find_peaks.stats.cache_hits.values()))\n"
    script = (
        "import sys, llvmlite.binding\n"
        "llvmlite.binding.get_host_cpu_name = lambda: sys.argv[1]\n" + DECODE + hits +
        "from openpaf_kernels import cache\n"
        "print(cache.are_compiled())\n"
        "cache.note_compiled()\n"
    )  # fmt: skip
    found = {}
    for processor, target in (("nocona", "generic"), ("znver4", "generic"), ("znver4", "")):
        done = run(["-c", script, processor], NUMBA_CACHE_DIR=str(tmp_path), NUMBA_CPU_NAME=target)
        found[processor, target] = done.stdout.splitlines()[1:]
        assert done.returncode == 0, done.stderr
    assert found["nocona", "generic"] == ["0", "False"]
    assert found["znver4", "generic"] == ["1", "True"]
    # Where nobody says so, each processor has kernels of its own.
    assert found["znver4", ""] == ["0", "False"]


def test_an_edit_makes_what_is_compiled_stale(read_only_install: Path, tmp_path: Path) -> None:
    script = (
        "from openpaf_kernels import cache\nprint(cache.are_compiled())\ncache.note_compiled()\n"
    )
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "kept")}
    asked = [run(["-c", script], read_only_install, **environment).stdout for _ in range(2)]
    assert asked == ["False\n", "True\n"]
    with (read_only_install / "openpaf_kernels" / "limbs.py").open("a") as source:
        source.write("# edited\n")
    assert run(["-c", script], read_only_install, **environment).stdout == "False\n"
