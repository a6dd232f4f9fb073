"""PyTorch on an NVIDIA GPU: which one it is, and calls recorded as CUDA graphs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch

from openpaf.errors import ConfigError, GpuNotFoundError
from openpaf.session.device import Device
from openpaf.session.nvidia import find_driver

Outputs = TypeVar("Outputs")

# Before a call is recorded: libraries choose their algorithms and take their memory then, neither
# of which a graph can hold.
_WARM_UP = 3


_CHECKPOINT = "a .pt checkpoint runs"


def torch_device(device: Device, *, what: str = _CHECKPOINT) -> torch.device:
    """PyTorch's own name of a device; of "auto" a GPU where there is one.

    Raises
    ------
    ConfigError
        When PyTorch runs on no such device.
    GpuNotFoundError
        When it is a GPU that is not to be had; the message says why.
    """
    if device.name not in ("auto", "cpu", "cuda"):
        others = "; export it to ONNX for others" if what == _CHECKPOINT else ""
        raise ConfigError(f"{what} on auto, cpu or cuda, got device '{device}'{others}")
    if device.name == "cpu" or (device.name == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if torch.version.cuda is None:
        raise GpuNotFoundError(
            "the installed PyTorch is built without CUDA; install a build with it from pytorch.org"
        )
    if not torch.cuda.is_available():
        find_driver()
        raise GpuNotFoundError(
            "PyTorch finds no CUDA GPU; python -m torch.utils.collect_env says more"
        )
    count = torch.cuda.device_count()
    if device.number >= count:
        raise GpuNotFoundError(f"there is no GPU of number {device.number}; PyTorch sees {count}")
    return torch.device("cuda", device.number)


def record(call: Callable[[], Outputs], stream: Any) -> tuple[Callable[[], None], Outputs]:
    """Record what a call does on a GPU, to do it again and again with one launch.

    Parameters
    ----------
    call : callable
        Reads from and writes to the same places each time, and waits for nothing.
    stream : torch.cuda.Stream
        What it is recorded on, and runs on before.

    Returns
    -------
    replay : callable
        Does it again, on the current stream.
    outputs
        What the call gave: tensors that each replay fills anew.
    """
    # What is recorded comes again and again: cuDNN may try its algorithms.
    tuned = torch.backends.cudnn.flags(
        enabled=True, benchmark=True, allow_tf32=torch.backends.cudnn.allow_tf32
    )
    with torch.inference_mode(), torch.cuda.stream(stream), tuned:
        for _ in range(_WARM_UP):
            call()
        stream.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=stream):
            outputs = call()
    return graph.replay, outputs
