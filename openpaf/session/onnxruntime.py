"""ONNX Runtime: the default, on CPUs and on GPUs."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import MissingExtraError, ModelError, OpenPafWarning, first_line
from openpaf.models import NetworkCard
from openpaf.models.card import METADATA_KEY
from openpaf.session.bound import BoundRuns
from openpaf.session.device import Device
from openpaf.session.layout import find_card, fixed_size, to_input
from openpaf.session.nvidia import check_cuda
from openpaf.session.page_locked import Memory, NotRecorded
from openpaf.session.providers import (
    CPU,
    CUDA,
    TENSORRT,
    WANTED,
    Provider,
    choose,
    cuda_major,
    cuda_provider,
    why,
)
from openpaf.session.runtime import warn_of_fallback
from openpaf.session.telemetry import silenced
from openpaf.session.turns import GPU

try:
    import onnxruntime
except ImportError as error:
    raise MissingExtraError(
        f"ONNX Runtime is needed to run a network ({error}); "
        'install it with: pip install "openpaf[cpu]", or "openpaf[gpu]" for CUDA'
    ) from error

silenced(onnxruntime)

# What an input of a card's type may be: converters to float16 leave the card as it was.
_HALF, _SINGLE = "tensor(float16)", "tensor(float)"
_TYPES = {"uint8": ("tensor(uint8)",), "float32": (_SINGLE, _HALF), "float16": (_HALF,)}
# What it logs as an error comes as an exception too, and of that we make a line of our own.
_LOG_NOTHING = 4
# Its providers use its default log, which is why that is silenced for good.
onnxruntime.set_default_logger_severity(_LOG_NOTHING)


class OnnxRuntime:
    """An `.onnx` network; see `Runtime` and `open_runtime`."""

    def __init__(
        self,
        path: Path,
        *,
        device: Device,
        threads: int | None,
        spinning: bool,
        card: NetworkCard | None,
    ) -> None:
        self._path, self._device = path, device
        self._options = quiet_options()
        self._options.intra_op_num_threads = threads or 0
        self._options.add_session_config_entry(
            "session.intra_op.allow_spinning", str(int(spinning))
        )
        choice = choose(onnxruntime, device)
        session, reason = _load(path, self._options, choice.providers)
        # Both at once, for threads that run it while it is opened anew.
        self._running: tuple[Any, BoundRuns | None] = session, None
        # What was available proves nothing; only the session knows what it got.
        self.provider: str = session.get_providers()[0]
        reason = choice.reason or reason
        if reason or (device.name != "auto" and self.provider != WANTED[device.name]):
            warn_of_fallback(device, reason or _unsaid(WANTED[device.name]), self.provider)
        outputs = [output.name for output in session.get_outputs()]
        metadata = session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        self.card = find_card(path, card, metadata, outputs)
        self.max_batch, self.net_size = self._check_input(path, session.get_inputs())
        self._settled = False
        self._lock = threading.Lock()

    def settle(self) -> None:
        """Be ready for few sizes of frames, again and again; see `Runtime.settle`."""
        with self._lock:
            if self._settled or self.provider != CUDA:
                return
            self._settled = True
            try:
                self._reopen(record=True)
            except Exception as error:  # noqa: BLE001  (onnxruntime's share no base class)
                self._settle_without_graph(error)

    def _reopen(self, *, record: bool) -> None:
        """Open the network anew, for few sizes."""
        provider = cuda_provider(self._device, few_sizes=True, record=record)
        session = _open(self._path, self._options, [provider, (CPU, {})])
        memory = Memory(onnxruntime, check_cuda(cuda_major(onnxruntime)), self._device.number)
        bound = BoundRuns(onnxruntime, session, self.card.outputs, memory, record)
        self._running = session, bound

    def _settle_without_graph(self, error: Exception) -> None:
        warnings.warn(
            f"{self.card.name} runs without a CUDA graph, which it cannot be recorded as: "
            f"{why(error)}",
            OpenPafWarning,
            stacklevel=2,
        )
        provider = cuda_provider(self._device, few_sizes=True)
        session, reason = _load(self._path, self._options, [provider, (CPU, {})])
        got = session.get_providers()[0]
        if got != self.provider:
            warn_of_fallback(self._device, reason or _unsaid(self.provider), got)
            self.provider = got
        self._running = session, None

    def _check_input(
        self, path: Path, inputs: Sequence[Any]
    ) -> tuple[int | None, tuple[int, int] | None]:
        expected = _TYPES[self.card.input_dtype]
        if len(inputs) != 1 or inputs[0].type not in expected:
            got = ", ".join(f"{i.name} {i.type}" for i in inputs) or "none"
            raise ModelError(
                f"{path} must have one input of {expected[0]} as its card says, got {got}"
            )
        self._half = inputs[0].type == _HALF
        self._input: str = inputs[0].name
        shape = [side if isinstance(side, int) else None for side in inputs[0].shape]
        return fixed_size(shape, self.card, path)

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The outputs that the card names; see `Runtime.outputs`."""
        values = to_input(net_frames, self.card)
        values = values.astype(np.float16) if self._half else values
        session, bound = self._running
        try:
            arrays = self._run(session, values) if bound is None else self._run_bound(bound, values)
        except Exception as error:
            raise ModelError(f"{self.card.name} failed: {why(error)}") from error
        return dict(zip(self.card.outputs, arrays, strict=True))

    def _run_bound(self, bound: BoundRuns, values: NDArray[Any]) -> list[NDArray[Any]]:
        try:
            return bound.run(values)
        except NotRecorded as error:
            with self._lock:
                # Of several threads the first one mends it.
                if self._running[1] is bound:
                    self._settle_without_graph(error)
                session, _ = self._running
        return self._run(session, values)

    def _run(self, session: Any, values: NDArray[Any]) -> list[NDArray[Any]]:
        with _turn(self.provider):
            arrays: list[NDArray[Any]] = session.run(self.card.outputs, {self._input: values})
        return arrays


def installed() -> Any:
    """The ONNX Runtime that is installed, silenced."""
    return onnxruntime


def quiet_options() -> Any:
    """Session options under which ONNX Runtime prints nothing."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_NOTHING
    return options


def _load(path: Path, options: Any, providers: Sequence[Provider]) -> tuple[Any, str]:
    """A session on the first provider that works, and why those before it do not."""
    reason = ""
    for place in range(len(providers)):
        try:
            return _open(path, options, providers[place:]), reason
        except Exception as error:  # noqa: BLE001  (onnxruntime's share no base class)
            reason = reason or why(error)
            last = error
    raise ModelError(
        f"{path} is not an ONNX network that can be loaded: {first_line(last)}"
    ) from last


def _unsaid(provider: str) -> str:
    return f"{provider} did not start, and ONNX Runtime does not say why"


def _open(path: Path, options: Any, providers: Sequence[Provider]) -> Any:
    with _turn(providers[0][0]):
        # Its own way of falling back prints on stdout.
        return onnxruntime.InferenceSession(
            str(path), options, providers=list(providers), enable_fallback=0
        )


def _turn(provider: str) -> AbstractContextManager[None]:
    # Only on a GPU: locks that a fork finds held stay so in it, and a fork has no GPU.
    return GPU.together() if provider in (CUDA, TENSORRT) else nullcontext()
