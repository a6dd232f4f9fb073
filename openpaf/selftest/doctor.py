"""The checks behind `openpaf info`; each works, and says so, whatever else is broken."""

from __future__ import annotations

import platform
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

import numpy as np

import openpaf
from openpaf.errors import OpenPafError, OpenPafWarning
from openpaf.selftest.machine import processor, usable_cores
from openpaf.skeleton import COCO_18

_RUNTIMES = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml")
_OPENCVS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_LIBRARIES = ("numpy", "numba", "scipy", *_OPENCVS, *_RUNTIMES, "openvino", "torch", "onnx")

# One upright person, net px, in the part order of COCO_18.
_PERSON = np.array(
    [
        (128, 40), (128, 64), (104, 68), (92, 104), (88, 136), (152, 68), (164, 104), (168, 136),
        (112, 136), (110, 180), (108, 220), (144, 136), (146, 180), (148, 220), (120, 34),
        (136, 34), (112, 38), (144, 38),
    ],
    np.float32,
)  # fmt: skip
_FRAME_SIZE = (1280, 720)


def machine() -> dict[str, str]:
    """What openpaf runs on."""
    return {
        "openpaf": openpaf.__version__,
        "Python": platform.python_version(),
        "processor": processor(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": str(usable_cores()),
    }


def libraries(problems: list[str]) -> dict[str, str]:
    """Versions of what is installed; combinations that cannot work go to `problems`."""
    found = {}
    for library in _LIBRARIES:
        try:
            found[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    for kind in (_RUNTIMES, _OPENCVS):
        clash = [library for library in kind if library in found]
        if len(clash) > 1:
            problems.append(
                f"{' and '.join(clash)} overwrite each other; uninstall all of them, then install "
                "one again"
            )
    try:
        import openpaf.optional  # noqa: F401
    except OpenPafError as error:
        problems.append(str(error))
    return found


def folders(problems: list[str]) -> dict[str, str]:
    """Where openpaf keeps things, and whether it can."""
    from openpaf.models.download import cache_folder
    from openpaf_kernels.cache import CACHE

    cache = cache_folder()
    reason = _why_not_writable(cache)
    if reason:
        problems.append(f"no model can be pulled into {cache}: {reason}; set OPENPAF_CACHE")
    if not CACHE:
        problems.append(
            "compiled kernels cannot be kept, so that every start compiles them anew; set "
            "NUMBA_CACHE_DIR to a writable folder"
        )
    return {
        "pulled models": f"{cache}: {reason or 'writable'}",
        "compiled kernels": "kept" if CACHE else "not kept",
    }


def models() -> dict[str, str]:
    """Models that an engine can run by name now, and the file of each."""
    from openpaf.models.registry import registry

    return {name: str(model.model_path) for name, model in registry().items() if model.is_here}


def devices(model: Path) -> dict[str, str]:
    """What really runs a network when each device is asked for, or why it is not to be had."""
    from openpaf.session import DEVICES, open_session

    found = {}
    for device in DEVICES:
        with _caught() as said:
            try:
                found[device] = open_session(model, device=device).provider
            except OpenPafError as error:
                found[device] = f"no: {error}"
        for line in said:
            # Here the reason is enough: the device is in the row, and nothing is run instead.
            reason = line.partition(": ")[2].rpartition("; ")[0]
            found[device] = f"{found[device]}: {reason}" if device == "auto" else f"no: {reason}"
    return found


def nvidia() -> dict[str, str]:
    """Which parts of what an NVIDIA GPU needs are found here."""
    from openpaf.session.found import nvidia_parts

    return nvidia_parts()


@contextmanager
def _caught() -> Iterator[list[str]]:
    """Our warnings, each once, which are then not shown."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", OpenPafWarning)
        yield said
    lines = [str(one.message) for one in caught if issubclass(one.category, OpenPafWarning)]
    said += dict.fromkeys(lines)


def try_decoder(problems: list[str]) -> str:
    """Decode the fields of one drawn person: whether all of it is found, and how fast."""
    from openpaf.decoder import Decoder, decode
    from openpaf.selftest.crowd import draw_fields

    fields = draw_fields(_PERSON[None], COCO_18, (32, 32))
    started = time.perf_counter()
    Decoder().warm_up(COCO_18)
    loading = time.perf_counter() - started
    times = []
    for _ in range(20):
        started = time.perf_counter()
        poses = decode(fields)
        times.append(time.perf_counter() - started)
    if len(poses) != 1 or not np.abs(poses.keypoints - _PERSON).max() < 1:
        problems.append("the decoder does not find a drawn person; install openpaf again")
        return "fails to find a drawn person"
    return f"finds a drawn person in {1000 * np.median(times):.2f} ms, {loading:.2f} s to load it"


def try_network(model: str | None, device: str, problems: list[str], seconds: float = 2.0) -> str:
    """Run a network on grey frames for a while: what runs it, and how fast."""
    try:
        from openpaf.engine import Engine

        with _caught() as said:
            engine = Engine(model, device=device)
    except OpenPafError as error:
        problems.append(str(error))
        return "not tried"
    problems += said
    with engine:
        engine.settle()
        engine.warm_up(_FRAME_SIZE)
        frame = np.full((*_FRAME_SIZE[::-1], 3), 128, np.uint8)
        times: list[float] = []
        until = time.perf_counter() + seconds
        while len(times) < 3 or time.perf_counter() < until:
            times.append(engine.detect(frame).timings["network"])
        width, height = engine.placement(*_FRAME_SIZE).net_size
        return (
            f"{engine.card.name} takes {np.median(times):.1f} ms at {width}x{height} on "
            f"{engine.provider}"
        )


def network_for_streams(device: str) -> str:
    """Which bundled network `run`, `webcam` and `serve` take here, and why; measured anew."""
    from openpaf.models.registry import DEFAULT
    from openpaf.selftest.fastest import choose

    # What is the matter with the device has been said.
    with _caught():
        choice = choose(device, anew=True)
    return f"{choice.model or DEFAULT} where none is named: {choice.reason}"


def _why_not_writable(folder: Path) -> str | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)
