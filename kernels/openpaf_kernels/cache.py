"""How kernels are compiled, and whether what was compiled can be kept.

Numba keeps kernels in `__pycache__` beside the source, else in the user's cache folder, or wherever
NUMBA_CACHE_DIR says. Where none of these takes files (read-only install, a file in the way) it
raises at import, and on a full disk at the first call. Neither may stop anyone from decoding: the
kernels are then compiled anew in each process, which costs seconds, once. So this is decided here,
before the first kernel is defined.
"""

from __future__ import annotations

import tempfile
from typing import Any

from numba import njit
from numba.core import config

# More than all kernels together take on disk.
_ROOM = 2 << 20


def _probe() -> None:
    """Stand in for a kernel: Numba chooses the same folder for every function of a folder."""


def _can_keep_kernels() -> bool:
    if getattr(config, "DISABLE_JIT", 0):
        return False
    try:
        folder = njit(cache=True)(_probe).stats.cache_path
        with tempfile.TemporaryFile(dir=folder) as room:
            room.write(bytes(_ROOM))
            room.flush()
    except (RuntimeError, OSError):
        return False
    return True


CACHE: bool = _can_keep_kernels()
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
