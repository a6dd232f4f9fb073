"""A batch on its way through a GPU: up, through the network, down again, each step timed.

It runs on the CPU too, by the clock on the wall, so that what measures can be tried without a GPU.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.tools.arithmetic import torch_flops
from openpaf.errors import ConfigError
from openpaf.export.agreement import relative_error
from openpaf.network.graph import FramesToFields, PoseNetwork
from openpaf.selftest.timing import Timing
from openpaf.session.torch_gpu import record

PRECISIONS = {
    "fp32": torch.float32,
    "tf32": torch.float32,
    "fp16": torch.float16,
    "bf16": torch.bfloat16,
}
MODES = ("eager", "graph", "compile")

# cuDNN tries its algorithms and libraries get their memory.
_WARM_UP = 3


class Clock:
    """Marks moments between the steps of a run, and tells the milliseconds between them.

    On a GPU by CUDA events: the GPU itself notes when it comes to them. On the CPU, where a step is
    done when it returns, by the clock on the wall.
    """

    def __init__(self, device: str) -> None:
        self._on_gpu = device == "cuda"

    def mark(self) -> Any:
        """Mark now: what is after everything asked of the device so far."""
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def between(self, marks: Sequence[Any]) -> list[float]:
        """Milliseconds from each mark to the next, once everything before the last is done."""
        if not self._on_gpu:
            return [1000 * (b - a) for a, b in pairwise(marks)]
        marks[-1].synchronize()
        return [a.elapsed_time(b) for a, b in pairwise(marks)]


def time_steps(
    steps: Mapping[str, Callable[[], object]], clock: Clock, *, repeats: int
) -> dict[str, Timing]:
    """Run steps one after the other, again and again, and time each apart.

    Parameters
    ----------
    steps : mapping of str to callable
    clock : Clock
    repeats : int
        At least 30 are taken, after three to warm up.
    """
    rounds = max(repeats, 30)
    taken = np.empty((rounds, len(steps)))
    for n in range(-_WARM_UP, rounds):
        marks = [clock.mark()]
        for step in steps.values():
            step()
            marks.append(clock.mark())
        milliseconds = clock.between(marks)
        if n >= 0:
            taken[n] = milliseconds
    return {name: Timing.of(taken[:, i] / 1000) for i, name in enumerate(steps)}


class _InPrecision(nn.Module):
    """A network that computes in another precision between float32 frames and float32 fields."""

    def __init__(self, network: PoseNetwork, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.color, self.scale, self.offset = network.color, network.scale, network.offset
        self.background, self.paf_channels = network.background, network.paf_channels
        # Channels last is the layout that tensor cores read.
        self.network = network.to(dtype=dtype, memory_format=torch.channels_last)

    def predict(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Predict as the network itself does."""
        x = x.to(self.dtype, memory_format=torch.channels_last)
        confidence_maps, pafs = self.network.predict(x)
        return confidence_maps.float(), pafs.float()


class Batch:
    """A network ready for batches of one size, with their buffers on both sides.

    Parameters
    ----------
    network : PafNet, PublishedNetwork or MobileNetOpenPose
        Copied, so that it stays as it is.
    frames : (N, H, W, 3) uint8 BGR
    precision : str
        One of `PRECISIONS`; "fp32" keeps TF32 out.
    mode : str
        "eager"; "graph", replays of a CUDA graph; "compile", torch.compile.
    device : str
        "cuda" or "cpu".

    Raises
    ------
    ConfigError
        When the mode is not to be had on the device.
    """

    def __init__(
        self,
        network: PoseNetwork,
        frames: NDArray[np.uint8],
        *,
        precision: str = "fp32",
        mode: str = "eager",
        device: str = "cuda",
    ) -> None:
        if precision not in PRECISIONS or mode not in MODES:
            raise ConfigError(
                f"precision must be one of {', '.join(PRECISIONS)} and mode one of "
                f"{', '.join(MODES)}, got {precision!r} and {mode!r}"
            )
        if mode == "graph" and device != "cuda":
            raise ConfigError(f"a CUDA graph needs a CUDA GPU, got device {device!r}")
        # A compiler may turn convolutions into matrix products, so both are told.
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        wrapped: Any = _InPrecision(copy.deepcopy(network), PRECISIONS[precision])
        self._module: Any = FramesToFields(wrapped).eval().to(device)
        pinned = device == "cuda"
        self._frames = torch.from_numpy(frames)
        self._frames = self._frames.pin_memory() if pinned else self._frames
        self._on_device = torch.empty_like(self._frames, device=device)
        self.upload()
        if mode == "compile":
            # Kept from network to network, it would soon run into its limit and not compile.
            torch.compiler.reset()
            self._module = torch.compile(self._module, dynamic=False)
        self._replay: Callable[[], object] | None = None
        self._outputs: tuple[Tensor, ...] = ()
        if mode == "graph":
            stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
            self._replay, self._outputs = record(lambda: self._module(self._on_device), stream)
        self.run()
        self.fields = tuple(torch.empty(o.shape, pin_memory=pinned) for o in self._outputs)

    def upload(self) -> None:
        """Frames to the device."""
        self._on_device.copy_(self._frames, non_blocking=True)

    @torch.inference_mode()
    def run(self) -> None:
        """Frames to fields, on the device; normalisation is part of it."""
        if self._replay is not None:
            self._replay()
        else:
            self._outputs = self._module(self._on_device)

    @torch.inference_mode()
    def download(self) -> None:
        """Fields into `fields`: confidence maps (N, K, h, w) and PAFs (N, 2L, h, w), float32."""
        for there, here in zip(self._outputs, self.fields, strict=True):
            here.copy_(there, non_blocking=True)


def measure_batch(
    network: PoseNetwork,
    frames: NDArray[np.uint8],
    *,
    device: str,
    repeats: int,
    expected: Sequence[NDArray[np.float32]] | None = None,
    **how: str,
) -> dict[str, Any]:
    """Milliseconds of each step of a batch, the rates that follow, and how right the fields are.

    Parameters
    ----------
    network, frames, device, **how
        What `Batch` takes.
    repeats : int
    expected : confidence maps and PAFs of the first frame, optional
        What `error` compares with; `fields_of_first` gives them.

    Returns
    -------
    dict
        "timings" : "upload", "network" and "download" of the batch; "ready_s" : seconds until the
        first batch is through; "frames_a_second" : of the network alone; "gflop" : a frame;
        "tflops" : reached; "memory_mb" : most GPU memory in use, None on the CPU; "error" : largest
        difference from `expected` relative to its largest value.
    """
    on_gpu = device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    batch = Batch(network, frames, device=device, **how)
    if on_gpu:
        torch.cuda.synchronize()
    ready_s = time.perf_counter() - started
    steps = {"upload": batch.upload, "network": batch.run, "download": batch.download}
    timings = time_steps(steps, Clock(device), repeats=repeats)
    rate = len(frames) / timings["network"].median_ms * 1000
    gflop = torch_flops(copy.deepcopy(network), (frames.shape[2], frames.shape[1])) / 1e9
    got = [maps[:1].numpy() for maps in batch.fields]
    return {
        "timings": timings,
        "ready_s": ready_s,
        "frames_a_second": rate,
        "gflop": gflop,
        "tflops": rate * gflop / 1000,
        "memory_mb": torch.cuda.max_memory_allocated() / 1e6 if on_gpu else None,
        "error": None if expected is None else max(map(relative_error, expected, got)),
    }


def fields_of_first(
    network: PoseNetwork, frames: NDArray[np.uint8], device: str
) -> list[NDArray[np.float32]]:
    """Confidence maps (1, K, h, w) and PAFs (1, 2L, h, w) of the first frame, eager float32."""
    batch = Batch(network, frames[:1], device=device)
    batch.download()
    if device == "cuda":
        torch.cuda.synchronize()
    return [maps.numpy() for maps in batch.fields]
