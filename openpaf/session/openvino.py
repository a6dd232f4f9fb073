"""OpenVINO on the CPU: its own `.xml` networks, and `.onnx` when asked for."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import MissingExtraError, ModelError
from openpaf.models import NetworkCard
from openpaf.models.card import METADATA_KEY
from openpaf.session.layout import find_card, fixed_size, to_input
from openpaf.session.signal_stack import kept_signal_stack
from openpaf.session.telemetry import import_openvino

try:
    openvino = import_openvino()
except ImportError as error:
    raise MissingExtraError(
        f"OpenVINO is needed to run this network ({error}); "
        'install it with: pip install "openpaf[openvino]"'
    ) from error


class OpenVinoRuntime:
    """An `.xml` or `.onnx` network on the CPU; see `Runtime` and `open_runtime`."""

    def __init__(self, path: Path, *, threads: int | None, card: NetworkCard | None) -> None:
        core = openvino.Core()
        model = _read(core, path)
        outputs = [name for output in model.outputs for name in output.names]
        self.card = find_card(path, card, _metadata(model), outputs)
        self.max_batch, self.net_size = _free_input(model, self.card, path)
        # Left alone it computes in bfloat16 where the processor can: the same network would give
        # other people on other machines, and eight-bit networks get slower (measured: 1.8 times).
        config: dict[str, Any] = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32",
        }
        if threads is not None:
            config["INFERENCE_NUM_THREADS"] = threads
            # Pinned, processes of one thread each would all sit on the first core.
            config["ENABLE_CPU_PINNING"] = False
        try:
            with kept_signal_stack():
                self._compiled = core.compile_model(model, "CPU", config)
        except RuntimeError as error:
            raise ModelError(f"{path} cannot be compiled: {_last_line(error)}") from error
        devices = ", ".join(self._compiled.get_property("EXECUTION_DEVICES"))
        self.provider = f"OpenVINO {devices}"
        self._local = threading.local()

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The outputs that the card names; see `Runtime.outputs`."""
        try:
            result = self._request().infer({0: to_input(net_frames, self.card)})
        except RuntimeError as error:
            raise ModelError(f"{self.card.name} failed: {_last_line(error)}") from error
        return {name: result[name] for name in self.card.outputs}

    def settle(self) -> None:
        """Nothing to do: one compiled network takes every size."""

    def _request(self) -> Any:
        # One infer request serves one caller at a time.
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        return self._local.request


def _read(core: Any, path: Path) -> Any:
    try:
        return core.read_model(path)
    except RuntimeError as error:
        raise ModelError(
            f"{path} is not a network that OpenVINO can load: {_last_line(error)}"
        ) from error


def _metadata(model: Any) -> str | None:
    """Card that an `.onnx` file carries; OpenVINO keeps such metadata under "framework"."""
    where = ["framework", METADATA_KEY]
    return str(model.get_rt_info(where).value) if model.has_rt_info(where) else None


def _free_input(
    model: Any, card: NetworkCard, path: Path
) -> tuple[int | None, tuple[int, int] | None]:
    """Let the network take any batch, height and width that its card allows, if it can.

    One network for every size is as fast as one compiled for each (measured: within 5 %, the same
    numbers out), and a new size costs nothing, where compiling for it took a second.
    """
    if len(model.inputs) != 1:
        raise ModelError(f"{path} must have one input, got {len(model.inputs)}")
    stored = model.inputs[0].partial_shape
    width, height = card.input_size or (-1, -1)
    free = [-1, height, width, 3] if card.input_layout == "NHWC" else [-1, 3, height, width]
    try:
        model.reshape({model.inputs[0]: free})
    except RuntimeError:
        model.reshape({model.inputs[0]: stored})
    sides = list(model.inputs[0].partial_shape)
    shape = [side.get_length() if side.is_static else None for side in sides]
    return fixed_size(shape, card, path)


def _last_line(error: Exception) -> str:
    """What went wrong; the lines before say where in OpenVINO's own source."""
    return (str(error).strip() or type(error).__name__).splitlines()[-1]
