"""PyTorch: checkpoints of a training run, on the CPU or on an NVIDIA GPU.

On a GPU the network runs in half precision, channels last, on a stream of its own, and a size of
input that comes again is recorded once as a CUDA graph. A frame goes up as uint8, its fields come
down at stride 8, both through page-locked memory.
"""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import (
    GpuNotFoundError,
    MissingExtraError,
    ModelError,
    OpenPafWarning,
    first_line,
)
from openpaf.models import ModelCard, NetworkCard
from openpaf.session.device import Device
from openpaf.session.runtime import warn_of_fallback
from openpaf.session.turns import GPU

try:
    import torch
except ImportError as error:
    raise MissingExtraError(
        f"PyTorch is needed to run a checkpoint ({error}); "
        'install it with: pip install "openpaf[train]"'
    ) from error

from openpaf.network.checkpoint import load_network
from openpaf.network.graph import FramesToFields, FramesToParts
from openpaf.network.pafnet import PafNet
from openpaf.network.window import WindowNet
from openpaf.network.window.build import card_of
from openpaf.session.torch_gpu import record, torch_device

# A size is recorded when it comes the third time, so that photographs of every size cost nothing.
_PLAIN_RUNS = 2
# Sizes kept recorded; each holds the memory of all its intermediate maps.
_MOST_GRAPHS = 8
_MOST_COUNTED = 1000


class TorchRuntime:
    """A `.pt` checkpoint of `openpaf train`; see `Runtime` and `open_runtime`."""

    max_batch: int | None = None

    def __init__(
        self, path: Path, *, device: Device, threads: int | None, card: NetworkCard | None
    ) -> None:
        network, _ = load_network(path)
        self.card: NetworkCard = card or _card(network, path.stem)
        self.net_size = self.card.input_size
        # In the order in which the graph gives them.
        self._names = (
            (self.card.confidence_maps, self.card.pafs)
            if isinstance(self.card, ModelCard)
            else self.card.outputs
        )
        self._device = _pick(device)
        graph: Any = (
            FramesToParts(network.folded())
            if isinstance(network, WindowNet)
            else FramesToFields(network.folded())
        )
        graph = graph.eval().requires_grad_(False)
        if self._device.type == "cuda":
            graph = graph.half().to(self._device)
            self.provider = f"PyTorch {torch.cuda.get_device_name(self._device)}"
        else:
            if threads is not None:
                torch.set_num_threads(threads)
            self.provider = "PyTorch CPU"
        self._graph = graph.to(memory_format=torch.channels_last)
        self._lock = threading.Lock()
        self._seen: Counter[tuple[int, ...]] = Counter()
        # None for a size that could not be recorded.
        self._recorded: dict[tuple[int, ...], _Recorded | None] = {}

    def settle(self) -> None:
        """Nothing to do: what comes again is recorded anyway."""

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The outputs that the card names; see `Runtime.outputs`."""
        try:
            if self._device.type == "cuda":
                # What is recorded owns its input and output, so callers take turns.
                with self._lock:
                    recorded = self._record(net_frames.shape)
                    with GPU.together():
                        arrays = recorded.run(net_frames) if recorded else self._run(net_frames)
            else:
                arrays = self._run(net_frames)
        except RuntimeError as error:
            raise ModelError(f"{self.card.name} failed: {first_line(error)}") from error
        return dict(zip(self._names, arrays, strict=True))

    @torch.inference_mode()
    def _run(self, net_frames: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        frames = torch.from_numpy(np.ascontiguousarray(net_frames)).to(self._device)
        return [output.float().cpu().numpy() for output in self._graph(frames)]

    def _record(self, shape: tuple[int, ...]) -> _Recorded | None:
        """The recorded run of a size that comes again."""
        if shape in self._recorded:
            return self._recorded[shape]
        if len(self._seen) > _MOST_COUNTED:
            self._seen.clear()
        self._seen[shape] += 1
        if self._seen[shape] <= _PLAIN_RUNS:
            return None
        if len(self._recorded) == _MOST_GRAPHS:
            del self._recorded[next(iter(self._recorded))]
        try:
            with GPU.alone():
                self._recorded[shape] = _Recorded(self._graph, shape, self._device)
        except RuntimeError as error:
            if None not in self._recorded.values():
                self._warn_without_graph(error)
            self._recorded[shape] = None
        return self._recorded[shape]

    def _warn_without_graph(self, error: RuntimeError) -> None:
        warnings.warn(
            f"{self.card.name} runs without a CUDA graph, which it cannot be recorded as: "
            f"{first_line(error)}",
            OpenPafWarning,
            stacklevel=2,
        )


class _Recorded:
    """The network on one size of input, as a CUDA graph between page-locked buffers."""

    def __init__(self, network: Any, shape: tuple[int, ...], device: torch.device) -> None:
        self._stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._up = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        with torch.cuda.stream(self._stream):
            self._frames = torch.zeros(shape, dtype=torch.uint8, device=device)
        self._replay, self._fields = record(
            lambda: [field.float() for field in network(self._frames)], self._stream
        )
        self._down = [torch.empty(f.shape, dtype=f.dtype, pin_memory=True) for f in self._fields]

    def run(self, net_frames: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Copies of what the network gives for these frames."""
        self._up.numpy()[...] = net_frames
        with torch.cuda.stream(self._stream):
            self._frames.copy_(self._up, non_blocking=True)
            self._replay()
            for down, field in zip(self._down, self._fields, strict=True):
                down.copy_(field, non_blocking=True)
        self._stream.synchronize()
        return [down.numpy().copy() for down in self._down]


def _card(network: PafNet | WindowNet, name: str) -> NetworkCard:
    if isinstance(network, WindowNet):
        return card_of(network, name=name)
    return ModelCard(name=name, skeleton=network.skeleton, stride=network.stride)


def _pick(device: Device) -> torch.device:
    try:
        return torch_device(device)
    except GpuNotFoundError as error:
        warn_of_fallback(device, str(error), "the CPU")
        return torch.device("cpu")
