"""Compile every kernel and keep it: `python -m openpaf.compiling`.

Numba compiles a kernel when it is first called, which takes about ten seconds for all of them, once
on a machine. Images are built with this, and the decoder starts it in a process of its own when
plain Python begins to cost more than compiled kernels would.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

import numpy as np
from filelock import FileLock, Timeout

from openpaf import track
from openpaf.decoder.config import DecoderConfig
from openpaf.decoder.decoder import Decoder
from openpaf.models import Calibration
from openpaf.skeleton import COCO_18
from openpaf_kernels import cache
from openpaf_kernels.sides import cheapest_course

# Seconds after which something is wrong, and somebody else may try.
_PATIENCE = 600.0


def compile_for_streams() -> None:
    """Compile what decodes and what follows people, where it is not kept yet, and note it."""
    Decoder(calibration=Calibration(person=(0.0,) * 5, part=(0.0,) * 3)).warm_up()
    track.warm_up(COCO_18)
    cache.note_compiled()


def compile_all() -> None:
    """Compile that, OpenPose's rules and what sets sides right in recordings."""
    compile_for_streams()
    for assembly in ("cpu", "cuda"):
        Decoder(DecoderConfig.openpose(assembly)).warm_up()
    cheapest_course(np.zeros((3, 2, 2, 2)), np.zeros(3), np.zeros(3, np.uint8))


def _compile_apart() -> None:
    """The same for nobody who waits: only one process at a time, and after all others' work."""
    timer = threading.Timer(_PATIENCE, os._exit, (1,))
    timer.daemon = True
    timer.start()
    if cache.FOLDER is None:
        return
    if hasattr(os, "nice"):
        os.nice(10)
    with suppress(Timeout), FileLock(cache.FOLDER / "compiling.lock", blocking=False):
        compile_all()


if __name__ == "__main__":
    if "--apart" in sys.argv:
        _compile_apart()
    else:
        compile_all()
