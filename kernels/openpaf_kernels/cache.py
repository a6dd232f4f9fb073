"""How kernels are compiled, and whether what was compiled can be kept.

Numba keeps kernels in `__pycache__` beside the source, else in the user's cache folder, or wherever
NUMBA_CACHE_DIR says. Where none of these takes files (read-only install, a file in the way) it
raises at import, and on a full disk at the first call. Neither may stop anyone from decoding: the
kernels are then compiled anew in each process, which costs seconds, once. So this is decided here,
before the first kernel is defined.

Numba compiles for one processor. So who asks whether there is anything to load gets the answer from
a mark beside the kernels, whose name says what they were compiled from, by what and for what.
"""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite.binding
import numba
from numba import njit
from numba.core import config

__all__ = ["CACHE", "FOLDER", "INNER", "KERNEL", "are_compiled", "njit", "note_compiled"]

# More than all kernels together take on disk.
_ROOM = 2 << 20


def _probe() -> None:
    """Stand in for a kernel: Numba chooses the same folder for every function of a folder."""


def _folder_for_kernels() -> Path | None:
    if getattr(config, "DISABLE_JIT", 0):
        return None
    try:
        folder = njit(cache=True)(_probe).stats.cache_path
        with tempfile.TemporaryFile(dir=folder) as room:
            room.write(bytes(_ROOM))
            room.flush()
    except (RuntimeError, OSError):
        return None
    return Path(str(folder))


FOLDER: Path | None = _folder_for_kernels()
"""Where compiled kernels are kept for the next process; None where they cannot be."""

CACHE: bool = FOLDER is not None
"""Whether compiled kernels are kept for the next process."""

INNER: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "no_cpython_wrapper": True,
    "_nrt": False,
}
"""Options of functions that only kernels call.

Other threads run on, a division by zero is infinite, and what would let Python or C call them is
not compiled. No kernel allocates, so none needs Numba's reference counting: without it kernels run
a fifth faster and compile a sixth faster.
"""

KERNEL: dict[str, Any] = {**INNER, "no_cpython_wrapper": False, "cache": CACHE}
"""Options of the kernels that Python calls."""


def are_compiled() -> bool:
    """Whether all kernels have been compiled from these sources for this processor, and kept."""
    return FOLDER is not None and (FOLDER / _mark()).exists()


def note_compiled() -> None:
    """Leave the mark that `are_compiled` looks for."""
    if FOLDER is not None:
        with suppress(OSError):
            (FOLDER / _mark()).touch()


@cache
def _mark() -> str:
    """Name of the mark, by what Numba itself tells kernels apart by, and the edits of sources."""
    binding = llvmlite.binding
    name, features = getattr(config, "CPU_NAME", None), getattr(config, "CPU_FEATURES", None)
    made_for = [
        numba.__version__,
        binding.get_process_triple(),
        binding.get_host_cpu_name() if name is None else name,
        binding.get_host_cpu_features().flatten() if features is None else features,
    ]
    for source in sorted(Path(__file__).parent.glob("*.py")):
        stat = source.stat()
        made_for.append(f"{source.name} {stat.st_mtime} {stat.st_size}")
    return f"compiled-{hashlib.sha256(repr(made_for).encode()).hexdigest()[:16]}"
