"""Decide, before the first kernel is defined, whether compiled kernels can be kept.

Numba keeps them in `__pycache__` beside the source, else in the user's cache folder, or wherever
NUMBA_CACHE_DIR says. Where none of these takes files (read-only install, a file in the way) it
raises at import, and on a full disk at the first call. Neither may stop anyone from decoding: the
kernels are then compiled anew in each process, which costs seconds, once.
"""

from __future__ import annotations

import tempfile

from numba import njit
from numba.core import config

# More than all kernels together take on disk.
_ROOM = 1 << 20


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
"""Value of `cache=` for every kernel of this package."""
