"""Which kernels decode: compiled ones, or plain Python for as long as that is cheaper.

Plain Python decodes a photograph in a tenth of a second. Importing Numba and loading compiled
kernels takes half a second, compiling them ten. So work is done by plain kernels until it has cost
as much as the compiled ones would, which for a picture or two is never; who begins a stream
asks for compiled ones at once (`Decoder.warm_up`). Both kinds find the same people, to the last
bit, and share the arrays they write to, so that it does not matter where one takes over.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

# Seconds, of plain Python and for what compiled kernels cost. Nothing here is measured as it runs:
# who decodes what does not depend on what else the machine has to do.
_A_CELL, _A_CANDIDATE, _A_PAIR = 1e-7, 3e-4, 5e-6
_LOADING, _COMPILING = 0.6, 5.0

_worked = 0.0
_compiled: Kernels | None = None
_filling: subprocess.Popen[bytes] | None = None


class Kernels(NamedTuple):
    """The modules of `openpaf_kernels` that decode, of one kind."""

    peaks: ModuleType
    limbs: ModuleType
    people: ModuleType


def compiled() -> Kernels:
    """Compiled kernels, from now on for everybody; each still has to be compiled or loaded."""
    global _compiled
    if _compiled is None:
        _compiled = _of_package("openpaf_kernels")
    return _compiled


def all_are_compiled() -> bool:
    """Whether the compiled kernels are in use."""
    return _compiled is not None


@cache
def plain() -> Kernels:
    """The same as plain Python."""
    return _of_package("openpaf_kernels.plain")


def _of_package(package: str) -> Kernels:
    return Kernels(*(importlib.import_module(f"{package}.{name}") for name in Kernels._fields))


def for_fields(cells: int) -> Kernels:
    """Kernels to find candidates with, in confidence maps of so many cells."""
    return _compiled or _for_work(_A_CELL * cells)


def for_candidates(counts: Any, limbs: Any) -> Kernels:
    """Kernels to make people with, of (K,) candidates by part; limbs : (L, 2)."""
    if _compiled is not None:
        return _compiled
    pairs = (counts[limbs[:, 0]].astype(int) * counts[limbs[:, 1]]).sum()
    return _for_work(_A_CANDIDATE * float(counts.sum()) + _A_PAIR * float(pairs))


def _for_work(seconds: float) -> Kernels:
    global _worked
    _worked += seconds
    if _worked > _COMPILING or (_worked > _LOADING and _to_be_loaded()):
        return compiled()
    return plain()


def _to_be_loaded() -> bool:
    """Whether compiled kernels are kept somewhere; if not, another process begins to make them."""
    global _filling
    from openpaf_kernels import cache as kept

    if kept.are_compiled():
        return True
    if _filling is None and kept.FOLDER is not None and _is_python(sys.executable):
        with suppress(OSError):
            _filling = _fill_beside(str(kept.FOLDER))
            # Else it would stay in the table of processes after its end.
            threading.Thread(target=_filling.wait, daemon=True).start()
    return False


def _is_python(program: str | None) -> bool:
    """Whether a program can be given a module to run; not so within others that hold Python."""
    return Path(program or "").name.lower().startswith("python")


def _fill_beside(folder: str) -> subprocess.Popen[bytes]:
    """Start `openpaf.compiling` apart from this process: no terminal, no Ctrl-C, no output."""
    places = os.pathsep.join(place or os.getcwd() for place in sys.path)
    apart: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        apart = {"creationflags": subprocess.CREATE_NO_WINDOW | subprocess.IDLE_PRIORITY_CLASS}
    environment = {**os.environ, "PYTHONPATH": places}
    if kept := os.environ.get("NUMBA_CACHE_DIR"):
        # It may be relative to the folder that this process runs in.
        environment["NUMBA_CACHE_DIR"] = os.path.abspath(kept)
    return subprocess.Popen(
        # -P: nothing is imported from the folder it runs in.
        [sys.executable, "-P", "-m", "openpaf.compiling", "--apart"],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        **apart,
    )
