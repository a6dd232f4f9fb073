"""What streams, batches and services have to wait for, once on a machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from openpaf.cli.messages import say

_compiled = threading.Event()


@contextmanager
def kernels_compiled_beside() -> Iterator[None]:
    """Compile the kernels while something else is loaded, and say so, where none are kept.

    Once in a process, and not at all where Numba is told not to compile.
    """
    from numba import config

    from openpaf import compiling
    from openpaf_kernels import cache

    off = config.DISABLE_JIT  # type: ignore[attr-defined]  # which it sets by a table
    if _compiled.is_set() or off or cache.are_compiled():
        yield
        return
    often = "once on this machine" if cache.CACHE else "which cannot be kept here: openpaf info"
    say(f"compiling the decoder, {often}; some ten seconds")
    # Whatever goes wrong with the rest, nobody waits for this.
    thread = threading.Thread(target=compiling.compile_for_streams, daemon=True)
    thread.start()
    yield
    thread.join()
    _compiled.set()


def compile_kernels() -> None:
    """The same before something is timed."""
    with kernels_compiled_beside():
        pass
