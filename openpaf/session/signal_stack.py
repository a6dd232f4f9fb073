"""The stack that a thread handles signals on, kept as it was by whoever changes it.

OpenVINO gives the thread that compiles a network another one, and puts back the one before when
the network is freed. Of two networks freed in the order they were made, that is the freed stack of
the first, and the next Ctrl-C ends the process with a segmentation fault (seen with 2026.4).
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager


class _Stack(ctypes.Structure):
    """`stack_t` of sigaltstack(2) on Linux."""

    _fields_ = (("sp", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t))


@contextmanager
def kept_signal_stack() -> Iterator[None]:
    """Give this thread back, at the end, the stack for signals that it has now."""
    if not sys.platform.startswith("linux"):
        yield
        return
    library, before = ctypes.CDLL(None), _Stack()
    library.sigaltstack(None, ctypes.byref(before))
    try:
        yield
    finally:
        library.sigaltstack(ctypes.byref(before), None)
