"""What of an NVIDIA GPU and its libraries is found here."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from openpaf.errors import GpuNotFoundError, MissingExtraError
from openpaf.session.device import Device
from openpaf.session.nvidia import check_cuda, check_cudnn, check_tensorrt, find_driver
from openpaf.session.providers import CUDA, choose, cuda_major, preload


def nvidia_parts() -> dict[str, str]:
    """Driver, GPUs, CUDA, cuDNN and TensorRT: a version, or what is missing and how to mend it."""
    found = _driver()
    try:
        from openpaf.session.onnxruntime import installed
    except MissingExtraError as error:
        return found | {"CUDA": f"no: {error}"}
    onnxruntime = installed()
    if CUDA not in onnxruntime.get_available_providers():
        return found | {"CUDA": "no: the installed onnxruntime is built without it"}
    preload(onnxruntime)
    major = cuda_major(onnxruntime)
    return found | {
        "CUDA": _part(lambda: _cuda_version(major)),
        "cuDNN": _part(check_cudnn),
        "TensorRT": _part(lambda: check_tensorrt(major)),
    }


def gpu_here() -> str:
    """What "auto" is with ONNX Runtime here, and why it is no GPU: what speed may depend on."""
    try:
        from openpaf.session.onnxruntime import installed
    except MissingExtraError as error:
        return str(error)
    choice = choose(installed(), Device("auto"))
    return f"{choice.providers[0][0]} {choice.reason}".strip()


def _driver() -> dict[str, str]:
    try:
        driver = find_driver()
    except GpuNotFoundError as error:
        return {"driver": f"no: {error}"}
    gpus = {
        f"cuda:{number}": f"{gpu}, compute capability {gpu.capability[0]}.{gpu.capability[1]}"
        for number, gpu in enumerate(driver.gpus)
    }
    return {"driver": f"runs CUDA up to {driver.cuda[0]}.{driver.cuda[1]}", **gpus}


def _cuda_version(major: int) -> str:
    version = ctypes.c_int()
    check_cuda(major).cudaRuntimeGetVersion(ctypes.byref(version))
    return f"{version.value // 1000}.{version.value % 1000 // 10}"


def _part(version: Callable[[], str]) -> str:
    try:
        return version()
    except GpuNotFoundError as error:
        return f"no: {error}"
