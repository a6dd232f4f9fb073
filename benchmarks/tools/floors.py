"""What the machine itself can do, measured: the floors that networks and decoders stand on.

Matrix products give the most arithmetic a second that a library gets out of the machine, copies the
bandwidth of memory and, where there is a CUDA GPU, of the way to it. The best of the repeats
counts: a floor is what can be reached, not what to expect.
"""

from __future__ import annotations

import importlib.util
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.tools.processes import printed_by
from openpaf.selftest.timing import measure

MATRIX = 2048
"""Side of the matrices on a CPU: 16 MiB each, large enough that packing them costs little."""

GPU_MATRIX = 8192
"""Side of the matrices on a GPU: every multiprocessor has many tiles to work on."""

GPU_COPY_BYTES = 256 * 2**20
"""Bytes copied on and to a GPU: several times its caches, and milliseconds long."""

Threads = Annotated[
    int | None, typer.Option(min=1, help="Threads.", show_default="all cores allowed")
]
Matrix = Annotated[int, typer.Option(min=1, help="Side of the floor's matrices on the CPU.")]
CopyMegabytes = Annotated[
    int | None,
    typer.Option(
        min=1, help="Size of the floor's copy.", show_default="4 times the last-level cache"
    ),
]

# STREAM's rule: each array at least four times the size of all last-level caches together.
_CACHES_A_COPY = 4
_LEAST_COPY_BYTES = 64 * 2**20


def cpu_floors(
    threads: int, *, matrix: int = MATRIX, copy_bytes: int | None = None
) -> dict[str, Any]:
    """Float32 GFLOP/s by library and the best of them, and GB/s of memory.

    Parameters
    ----------
    threads : int
    matrix : int
        Side of the square matrices that are multiplied.
    copy_bytes : int, optional
        Size of the array that is copied; far more than the caches hold when None.
    """
    sgemm = {"numpy": _numpy_sgemm_apart(threads, matrix)}
    if importlib.util.find_spec("torch") is not None:
        sgemm["torch"] = torch_sgemm(threads, matrix)
    size = copy_bytes or max(_CACHES_A_COPY * last_level_cache_bytes(), _LEAST_COPY_BYTES)
    return {
        "threads": threads,
        "matrix": matrix,
        "sgemm_gflops": max(sgemm.values()),
        "sgemm_gflops_by_library": sgemm,
        "copy_bytes": size,
        "memory_gb_s": memory_bandwidth(threads, size),
    }


def numpy_sgemm(matrix: int) -> float:
    """GFLOP/s of NumPy's float32 product, on as many threads as its BLAS was started with."""
    a, b = np.random.default_rng(0).random((2, matrix, matrix), np.float32)
    out = np.empty_like(a)
    return _gflops(matrix, measure([partial(np.matmul, a, b, out=out)]).best_ms)


def _numpy_sgemm_apart(threads: int, matrix: int) -> float:
    # A BLAS takes its number of threads from the environment, once, when NumPy is imported.
    names = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    code = f"from benchmarks.tools.floors import numpy_sgemm; print(numpy_sgemm({matrix}))"
    return float(printed_by(code, **dict.fromkeys(names, str(threads))))


def torch_sgemm(threads: int, matrix: int) -> float:
    """GFLOP/s of torch's float32 product on the CPU."""
    import torch

    from benchmarks.tools.networks import torch_threads

    generator = torch.Generator().manual_seed(0)
    a, b = (torch.rand(matrix, matrix, generator=generator) for _ in range(2))
    out = torch.empty_like(a)
    with torch_threads(threads):
        return _gflops(matrix, measure([lambda: torch.mm(a, b, out=out)]).best_ms)


def memory_bandwidth(threads: int, size: int) -> float:
    """GB/s of a copy of `size` bytes, shared among threads; bytes read and bytes written count."""
    source, target = np.ones(size // 4, np.float32), np.zeros(size // 4, np.float32)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))

    def copy_part(part: tuple[Any, Any]) -> None:
        np.copyto(*part)

    with ThreadPoolExecutor(threads) as pool:
        best_ms = measure([lambda: list(pool.map(copy_part, parts))]).best_ms
    return 2 * source.nbytes / best_ms / 1e6


def last_level_cache_bytes() -> int:
    """Bytes of all last-level caches of this process's processors; 0 where Linux does not say."""
    if not hasattr(os, "sched_getaffinity"):
        return 0
    caches = {}
    for cpu in os.sched_getaffinity(0):
        folder = Path(f"/sys/devices/system/cpu/cpu{cpu}/cache")
        levels = [
            (int(_read(index / "level")), _read(index / "shared_cpu_list"), _read(index / "size"))
            for index in folder.glob("index*")
        ]
        if levels:
            _, sharers, size = max(levels)
            caches[sharers] = int(size.removesuffix("K")) * 1024
    return sum(caches.values())


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()


def _gflops(matrix: int, ms: float) -> float:
    return 2 * matrix**3 / ms / 1e6


def gpu_floors(*, matrix: int = GPU_MATRIX, copy_bytes: int = GPU_COPY_BYTES) -> dict[str, Any]:
    """TFLOP/s of matrix products by precision, and GB/s on and to the current CUDA GPU.

    A copy on the GPU counts bytes read and bytes written; one to it or from it counts them once.
    """
    import torch

    from benchmarks.tools.gpu_stages import PRECISIONS, Clock, time_steps

    def best_ms(call: Any) -> float:
        return time_steps({"call": call}, Clock("cuda"), repeats=30)["call"].best_ms

    record: dict[str, Any] = {"device": torch.cuda.get_device_name(), "matrix": matrix}
    for name, dtype in PRECISIONS.items():
        torch.backends.cuda.matmul.allow_tf32 = name == "tf32"
        # Zeros would draw less power than real data, and so run faster.
        a, b = (torch.randn(matrix, matrix, device="cuda", dtype=dtype) for _ in range(2))
        out = torch.empty_like(a)
        ms = best_ms(partial(torch.mm, a, b, out=out))
        record[f"{name}_tflops"] = _gflops(matrix, ms) / 1000
    here = torch.randint(0, 256, (copy_bytes,), dtype=torch.uint8).pin_memory()
    there = here.to("cuda")
    other = torch.empty_like(there)
    record |= {
        "copy_bytes": copy_bytes,
        "upload_gb_s": copy_bytes / best_ms(partial(there.copy_, here, non_blocking=True)) / 1e6,
        "download_gb_s": copy_bytes / best_ms(partial(here.copy_, there, non_blocking=True)) / 1e6,
        "memory_gb_s": 2 * copy_bytes / best_ms(partial(other.copy_, there)) / 1e6,
    }
    return record


def has_cuda() -> bool:
    """Whether there is torch and a CUDA GPU that it can use."""
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())
