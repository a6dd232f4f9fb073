"""Which of the bundled networks runs faster here: measured once, remembered in the cache folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import OpenPafError
from openpaf.files import replacing
from openpaf.models.download import cache_folder
from openpaf.models.registry import DEFAULT, find
from openpaf.records import parse_json
from openpaf.selftest.machine import processor, usable_cores
from openpaf.session import open_session
from openpaf.session.found import gpu_here

EIGHT_BITS = "default-int8"
"""The bundled network in eight bits."""

CPU_DEVICES = ("auto", "cpu", "openvino")
"""Devices that may turn out to be the CPU, where eight bits can be faster."""

# Net px a side; the ratio of two networks is the same at other sizes.
_SIDE = 256
_ROUNDS = 5
# Eight bits cost about 0.01 AP; below this gain they are not worth it.
_WORTH_IT = 0.9
_NEEDED = ("fp32_ms", "int8_ms")


@dataclass(frozen=True)
class Choice:
    """A bundled network and why it was taken.

    Attributes
    ----------
    model : str or None
        A name for `Engine`; None is the default.
    reason : str
    on_cpu : bool
        Whether the network runs where eight bits may be of use.
    """

    model: str | None
    reason: str
    on_cpu: bool = True


def choose(device: str = "auto", threads: int | None = None, *, anew: bool = False) -> Choice:
    """The bundled network for streams: eight bits where a CPU runs them faster.

    Parameters
    ----------
    device, threads
        As `Engine` takes them.
    anew : bool
        Measure even where a measurement is remembered, and remember the new one.
    """
    if device not in CPU_DEVICES:
        return Choice(None, f"eight bits are for CPUs, the device is {device}", on_cpu=False)
    try:
        measured = _measured(device, threads, anew)
    except OpenPafError as error:
        # Whatever is wrong with the default, its own opening says best.
        return Choice(None, f"eight bits were not tried: {error}")
    if "provider" in measured:
        reason = f"eight bits are for CPUs, the network runs on {measured['provider']}"
        return Choice(None, reason, on_cpu=False)
    single, eight = (measured[key] for key in _NEEDED)
    faster = eight < _WORTH_IT * single
    reason = f"{eight:.1f} ms in eight bits, {single:.1f} ms in fp32, at {_SIDE}x{_SIDE}"
    return Choice(EIGHT_BITS if faster else None, reason)


def _measured(device: str, threads: int | None, anew: bool) -> dict[str, Any]:
    """Milliseconds of both networks, out of the cache where this machine has been measured."""
    paths = find(DEFAULT), find(EIGHT_BITS)
    key = _key(paths, device, threads)
    file = cache_folder() / "fastest.json"
    known = _read(file)
    if anew or key not in known:
        known[key] = _measure(paths, device, threads)
        # A folder that cannot be written costs the next start half a second, no more.
        with suppress(OpenPafError, OSError), replacing(file) as partial:
            partial.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return known[key]


def _key(paths: tuple[Path, ...], device: str, threads: int | None) -> str:
    """All that the times depend on."""
    versions = []
    for library in ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "openvino"):
        with suppress(metadata.PackageNotFoundError):
            versions.append(f"{library} {metadata.version(library)}")
    stamps = [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in paths]
    cores = f"{usable_cores()} cores, {threads or 'all'} threads"
    # A driver that is installed later makes another machine of it.
    gpu = gpu_here() if device == "auto" else ""
    return "; ".join([processor(), cores, device, gpu, *versions, *stamps])


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """What was measured before; nothing where the file is missing, damaged or not ours."""
    with suppress(OpenPafError, OSError, UnicodeDecodeError):
        values = parse_json(file.read_text(encoding="utf-8"), str(file))
        if isinstance(values, dict):
            return {key: one for key, one in values.items() if _is_measured(one)}
    return {}


def _is_measured(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("provider"), str):
        return True
    return all(isinstance(value.get(key), float) and value[key] > 0 for key in _NEEDED)


def _measure(paths: tuple[Path, ...], device: str, threads: int | None) -> dict[str, Any]:
    sessions = [open_session(paths[0], device=device, threads=threads, spinning=False)]
    if not runs_on_cpu(sessions[0].provider):
        return {"provider": sessions[0].provider}
    sessions.append(open_session(paths[1], device=device, threads=threads, spinning=False))
    frame = np.full((1, _SIDE, _SIDE, 3), 128, np.uint8)
    for session in sessions:
        session.run(frame)
    # In turn, so that whatever else the machine does slows both; the best of each counts.
    taken = [[_ms(session.run, frame) for session in sessions] for _ in range(_ROUNDS)]
    return {key: round(min(times), 2) for key, times in zip(_NEEDED, zip(*taken), strict=True)}


def runs_on_cpu(provider: str) -> bool:
    """Whether what `Engine.provider` names is the CPU."""
    return "CPU" in provider


def _ms(run: Callable[[NDArray[np.uint8]], object], frame: NDArray[np.uint8]) -> float:
    started = time.perf_counter()
    run(frame)
    return 1000 * (time.perf_counter() - started)
