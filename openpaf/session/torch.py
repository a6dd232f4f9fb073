"""PyTorch: checkpoints of a training run, on the CPU or on an NVIDIA GPU.

On a GPU the network runs in half precision, channels last, on a stream of its own, and each size of
input is recorded once as a CUDA graph. A frame goes up as uint8, its fields come down at stride 8,
both through pinned memory.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError, MissingExtraError, ModelError, first_line
from openpaf.models import ModelCard, NetworkCard
from openpaf.session.session import warn_of_fallback

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

_DEVICES = ("auto", "cpu", "cuda")
# Runs before a graph is recorded: libraries choose their algorithms and take their memory then.
_WARM_UP = 3
# Sizes kept recorded; each holds the memory of all its intermediate maps.
_MOST_GRAPHS = 8


class TorchRuntime:
    """A `.pt` checkpoint of `openpaf train`; see `Runtime` and `open_runtime`."""

    max_batch: int | None = None

    def __init__(
        self, path: Path, *, device: str, threads: int | None, card: NetworkCard | None
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
        self._recorded: dict[tuple[int, ...], _Recorded] = {}

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The outputs that the card names; see `Runtime.outputs`."""
        try:
            if self._device.type == "cuda":
                # What is recorded owns its input and output, so callers take turns.
                with self._lock:
                    arrays = self._record(net_frames.shape).run(net_frames)
            else:
                with torch.inference_mode():
                    frames = torch.from_numpy(np.ascontiguousarray(net_frames))
                    arrays = [output.numpy() for output in self._graph(frames)]
        except RuntimeError as error:
            raise ModelError(f"{self.card.name} failed: {first_line(error)}") from error
        return dict(zip(self._names, arrays, strict=True))

    def _record(self, shape: tuple[int, ...]) -> _Recorded:
        if shape not in self._recorded:
            if len(self._recorded) == _MOST_GRAPHS:
                del self._recorded[next(iter(self._recorded))]
            self._recorded[shape] = _Recorded(self._graph, shape, self._device)
        return self._recorded[shape]


class _Recorded:
    """The network on one size of input, as a CUDA graph between pinned buffers."""

    def __init__(self, network: Any, shape: tuple[int, ...], device: torch.device) -> None:
        self._stream: Any = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._up = torch.empty(shape, dtype=torch.uint8, pin_memory=True)
        self._graph = torch.cuda.CUDAGraph()
        with torch.inference_mode(), torch.cuda.stream(self._stream):
            self._frames = torch.zeros(shape, dtype=torch.uint8, device=device)
            for _ in range(_WARM_UP):
                network(self._frames)
            self._stream.synchronize()
            with torch.cuda.graph(self._graph, stream=self._stream):
                self._fields = [field.float() for field in network(self._frames)]
        self._down = [torch.empty(f.shape, dtype=f.dtype, pin_memory=True) for f in self._fields]

    def run(self, net_frames: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        """Copies of what the network gives for these frames."""
        self._up.numpy()[...] = net_frames
        with torch.cuda.stream(self._stream):
            self._frames.copy_(self._up, non_blocking=True)
            self._graph.replay()
            for down, field in zip(self._down, self._fields, strict=True):
                down.copy_(field, non_blocking=True)
        self._stream.synchronize()
        return [down.numpy().copy() for down in self._down]


def _card(network: PafNet | WindowNet, name: str) -> NetworkCard:
    if isinstance(network, WindowNet):
        return card_of(network, name=name)
    return ModelCard(name=name, skeleton=network.skeleton, stride=network.stride)


def _pick(device: str) -> torch.device:
    if device not in _DEVICES:
        raise ConfigError(
            f"a .pt checkpoint runs on {', '.join(_DEVICES)}, got device {device!r}; export it to "
            "ONNX for others"
        )
    if device != "cpu" and torch.cuda.is_available():
        return torch.device("cuda")
    if device == "cuda":
        warn_of_fallback(device, "PyTorch finds no CUDA GPU", "the CPU")
    return torch.device("cpu")
