"""How what was timed is written down, the same for every benchmark."""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.tools.places import RESULTS
from openpaf.errors import GpuNotFoundError
from openpaf.files import replacing
from openpaf.selftest.machine import processor, usable_cores
from openpaf.selftest.timing import Timing
from openpaf.session.nvidia import find_driver

VERSIONS = ("numpy", "numba", "cv2", "onnxruntime", "openvino")
"""What a record of the whole engine names the versions of."""


def load_average() -> float | None:
    """Of the minute before: what else keeps the machine busy."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


# Before anything is measured, which keeps the machine busy itself.
_LOAD_AT_START = load_average()


def _version(module: str) -> str | None:
    try:
        imported = importlib.import_module(module)
    except ImportError:
        return None
    # pycocotools has no __version__ of its own.
    return str(getattr(imported, "__version__", None) or metadata.version(module))


def gpu_name() -> str | None:
    """Name of the first NVIDIA GPU."""
    try:
        return find_driver().gpus[0].name
    except GpuNotFoundError:
        return None


def circumstances(modules: tuple[str, ...] = ("numpy", "numba")) -> dict[str, Any]:
    """Machine, versions and threads, for the record."""
    return {
        "processor": processor(),
        "gpu": gpu_name(),
        "cores": os.cpu_count(),
        "cores_allowed": usable_cores(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("openpaf", *modules)},
        "threads": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
            if name in os.environ
        },
        "load_average": _LOAD_AT_START,
        "date": time.strftime("%Y-%m-%d"),
    }


def result_path(suite: str, machine: str | None = None, device: str = "cpu") -> Path:
    """Where a suite's record belongs; `machine` is the GPU's name, or the processor where None."""
    slug = re.sub(r"[^a-z0-9]+", "-", (machine or processor()).lower()).strip("-")
    return RESULTS / f"{suite}--{slug}--{device}.json"


def plain(value: Any) -> Any:
    """Records, NaN and NumPy numbers as JSON knows them."""
    if isinstance(value, Timing):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return round(value, 6) if np.isfinite(value) else None
    return value


def write_result(path: Path, record: Mapping[str, Any]) -> None:
    """Write a benchmark's record as JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plain(record), indent=1, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
