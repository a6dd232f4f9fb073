"""What an NVIDIA GPU needs, looked for as a loader would: driver, CUDA, cuDNN, TensorRT.

Runtimes say nothing of use when a part is missing, or print it on the screen. So each part is
loaded here first, in the order in which they need one another.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from openpaf.errors import GpuNotFoundError

_ON_WINDOWS = sys.platform == "win32"
_DRIVER = "nvcuda.dll" if _ON_WINDOWS else "libcuda.so.1"
_CUDNN = "cudnn64_9.dll" if _ON_WINDOWS else "libcudnn.so.9"
_TENSORRT = (
    ("nvinfer_10.dll", "nvonnxparser_10.dll")
    if _ON_WINDOWS
    else ("libnvinfer.so.10", "libnvonnxparser.so.10")
)
_CAPABILITY_MAJOR, _CAPABILITY_MINOR = 75, 76
# What a release of CUDA still runs on, by its major version.
_LEAST_CAPABILITY = {12: (5, 0), 13: (7, 5)}

Load = Callable[[str], Any]
"""Loads a shared library by name or path; raises OSError where it cannot."""


@dataclass(frozen=True)
class Gpu:
    """An NVIDIA GPU.

    Attributes
    ----------
    name : str
    memory : int
        Bytes.
    capability : (int, int)
        Which generation it is, as NVIDIA numbers them.
    """

    name: str
    memory: int
    capability: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.name}, {self.memory / 2**30:.0f} GiB"


@dataclass(frozen=True)
class Driver:
    """The driver and its GPUs.

    Attributes
    ----------
    cuda : (int, int)
        The newest CUDA that it runs.
    gpus : tuple of Gpu
    """

    cuda: tuple[int, int]
    gpus: tuple[Gpu, ...]


def load(name: str) -> Any:
    """Load a shared library so that those loaded after it find it."""
    return ctypes.CDLL(name, ctypes.RTLD_GLOBAL)


def find_driver(load: Load = load) -> Driver:
    """The driver of this machine.

    Raises
    ------
    GpuNotFoundError
        When there is none, or no GPU that it gives to this process.
    """
    try:
        library = load(_DRIVER)
    except OSError:
        raise GpuNotFoundError(
            f"there is no NVIDIA driver here ({_DRIVER} is not found); install it, or start the "
            "container with --gpus all"
        ) from None
    _check(library, library.cuInit(0))
    version, count = ctypes.c_int(), ctypes.c_int()
    _check(library, library.cuDriverGetVersion(ctypes.byref(version)))
    _check(library, library.cuDeviceGetCount(ctypes.byref(count)))
    if not count.value:
        raise GpuNotFoundError(
            "the NVIDIA driver gives this process no GPU; see CUDA_VISIBLE_DEVICES"
        )
    cuda = (version.value // 1000, version.value % 1000 // 10)
    return Driver(cuda, tuple(_gpu(library, number) for number in range(count.value)))


def _gpu(library: Any, number: int) -> Gpu:
    device, value, memory = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t()
    name = ctypes.create_string_buffer(256)
    _check(library, library.cuDeviceGet(ctypes.byref(device), number))
    _check(library, library.cuDeviceGetName(name, len(name), device))
    _check(library, library.cuDeviceTotalMem_v2(ctypes.byref(memory), device))
    capability = []
    for attribute in (_CAPABILITY_MAJOR, _CAPABILITY_MINOR):
        _check(library, library.cuDeviceGetAttribute(ctypes.byref(value), attribute, device))
        capability.append(value.value)
    return Gpu(name.value.decode(errors="replace"), memory.value, (capability[0], capability[1]))


def _check(library: Any, code: int) -> None:
    if code == 0:
        return
    said = ctypes.c_char_p()
    library.cuGetErrorString(code, ctypes.byref(said))
    text = (said.value or b"").decode(errors="replace") or "no reason given"
    raise GpuNotFoundError(
        f"the NVIDIA driver gives this process no GPU (error {code}: {text}); see what nvidia-smi "
        "and CUDA_VISIBLE_DEVICES say"
    )


def check_gpu(driver: Driver, number: int, cuda_major: int) -> Gpu:
    """The GPU of a number, if libraries made for a CUDA of this major version run on it.

    Raises
    ------
    GpuNotFoundError
        When there is none of this number, or it or its driver is too old.
    """
    count = len(driver.gpus)
    if number >= count:
        here = f"the GPUs are cuda:0 to cuda:{count - 1}" if count > 1 else "cuda:0 is the only GPU"
        raise GpuNotFoundError(f"there is no GPU of number {number}; {here}")
    older = 'pip install "onnxruntime-gpu[cuda,cudnn]<1.27"'
    if driver.cuda[0] < cuda_major:
        raise GpuNotFoundError(
            f"the NVIDIA driver is too old for CUDA {cuda_major} (it runs CUDA {driver.cuda[0]}."
            f"{driver.cuda[1]}); update it, or take a build for CUDA 12: {older}"
        )
    gpu, least = driver.gpus[number], _LEAST_CAPABILITY.get(cuda_major, (0, 0))
    if gpu.capability < least:
        raise GpuNotFoundError(
            f"{gpu.name} is too old for CUDA {cuda_major} (compute capability {gpu.capability[0]}."
            f"{gpu.capability[1]}, needs {least[0]}.{least[1]}); take a build for CUDA 12: {older}"
        )
    return gpu


def check_cuda(cuda_major: int, load: Load = load) -> Any:
    """CUDA's runtime library, if everything that networks need of CUDA is here.

    Raises
    ------
    GpuNotFoundError
        When a library is not to be had, or `cuda_major` is 0, so that nobody knows which.
    """
    if not cuda_major:
        raise GpuNotFoundError("the installed onnxruntime does not say which CUDA it is built for")
    fft = cuda_major - 1
    names = (
        (f"cublasLt64_{cuda_major}.dll", f"cublas64_{cuda_major}.dll", f"cufft64_{fft}.dll",
         f"cudart64_{cuda_major}.dll")
        if _ON_WINDOWS
        else (f"libcublasLt.so.{cuda_major}", f"libcublas.so.{cuda_major}", "libcurand.so.10",
              f"libcufft.so.{fft}", f"libcudart.so.{cuda_major}")
    )  # fmt: skip
    for name in names:
        try:
            runtime = load(name)
        except OSError:
            raise GpuNotFoundError(_missing(f"CUDA {cuda_major}", name)) from None
    return runtime


def check_cudnn(load: Load = load) -> str:
    """Version of cuDNN.

    Raises
    ------
    GpuNotFoundError
        When it is not to be had.
    """
    try:
        library = load(_CUDNN)
    except OSError:
        raise GpuNotFoundError(_missing("cuDNN 9", _CUDNN)) from None
    library.cudnnGetVersion.restype = ctypes.c_size_t
    return _dotted(library.cudnnGetVersion())


def check_tensorrt(cuda_major: int, load: Load = load) -> str:
    """Version of TensorRT, from where its packages put it where the loader does not find it.

    Raises
    ------
    GpuNotFoundError
        When it is not to be had.
    """
    folder = _package_folder(f"tensorrt-cu{cuda_major}-libs", _TENSORRT[0])
    libraries = []
    for name in _TENSORRT:
        try:
            libraries.append(load(name if folder is None else str(folder / name)))
        except OSError:
            raise GpuNotFoundError(
                f"TensorRT 10 is not complete here ({name} cannot be loaded); "
                f'pip install "tensorrt-cu{cuda_major}<11" brings it'
            ) from None
    return _dotted(libraries[0].getInferLibVersion())


def _missing(what: str, name: str) -> str:
    return (
        f"{what} is not complete here ({name} cannot be loaded); "
        'pip install --upgrade "openpaf[gpu]" brings it'
    )


def _dotted(version: int) -> str:
    return f"{version // 10000}.{version % 10000 // 100}.{version % 100}"


def _package_folder(package: str, name: str) -> Path | None:
    """Folder of a package's file of this name."""
    try:
        files = metadata.distribution(package).files or []
    except metadata.PackageNotFoundError:
        return None
    return next((Path(str(file.locate())).parent for file in files if file.name == name), None)
