"""How things are timed and how it is written down, the same for every benchmark.

A call is repeated at least thirty times after a warm-up; the median and the spread between the
quartiles say what to expect, the best what the machine can do when nothing else runs.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from openpaf import __version__
from openpaf.files import replacing

RESULTS = Path(__file__).parent / "results"
Given = TypeVar("Given")


@dataclass(frozen=True)
class Timing:
    """Milliseconds a call takes: median, distance between the quartiles, and the best."""

    median_ms: float
    iqr_ms: float
    best_ms: float
    repeats: int


def measure(
    calls: Sequence[Callable[[], object]], *, repeats: int = 30, warm_up: int = 3
) -> Timing:
    """Time calls that do the same kind of work, each `repeats` times in a row: caches are warm.

    Parameters
    ----------
    calls : sequence of callables
        At least one; several when the work depends on the input. The figures are means over them.
    repeats : int
        Of each call; at least 30 measurements are taken in all.
    warm_up : int
        Repeats of each call before the first that counts.
    """
    rounds = max(repeats, -(-30 // len(calls)))
    taken = np.empty((len(calls), rounds))
    for m, call in enumerate(calls):
        for _ in range(warm_up):
            call()
        for n in range(rounds):
            start = time.perf_counter()
            call()
            taken[m, n] = time.perf_counter() - start
    return summarise(1000 * taken)


def summarise(taken_ms: NDArray[np.float64]) -> Timing:
    """Sum up (calls, repeats) milliseconds."""
    # What repeats of one call differ by is noise, what calls differ by is not.
    low, middle, high = np.percentile(taken_ms, [25, 50, 75], axis=1).mean(axis=1)
    best = float(taken_ms.min(axis=1).mean())
    return Timing(float(middle), float(high - low), best, taken_ms.size)


def milliseconds(call: Callable[[], Given]) -> tuple[float, Given]:
    """Milliseconds one call takes, and what it gives."""
    start = time.perf_counter()
    given = call()
    return 1000 * (time.perf_counter() - start), given


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(module: str) -> str | None:
    try:
        imported = importlib.import_module(module)
    except ImportError:
        return None
    # pycocotools has no __version__ of its own.
    return str(getattr(imported, "__version__", None) or metadata.version(module))


def circumstances(modules: tuple[str, ...] = ("numpy", "numba")) -> dict[str, Any]:
    """Machine, versions and threads, for the record."""
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "cores_allowed": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("openpaf", *modules)},
        "threads": {
            name: os.environ[name]
            for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
            if name in os.environ
        },
        # Of the minute before: what else kept the machine busy.
        "load_average": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "date": time.strftime("%Y-%m-%d"),
    }


def result_path(suite: str, machine: str, device: str = "cpu") -> Path:
    """Where a suite's record belongs; `machine` is the name of the processor or the GPU."""
    slug = re.sub(r"[^a-z0-9]+", "-", machine.lower()).strip("-")
    return RESULTS / __version__ / f"{suite}--{slug}--{device}.json"


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
