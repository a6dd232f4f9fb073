"""Which of ONNX Runtime's providers run a network on a device, how, or why they cannot."""

from __future__ import annotations

import re
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, NamedTuple

from openpaf.errors import GpuNotFoundError, first_line
from openpaf.models.download import cache_folder
from openpaf.session.device import Device
from openpaf.session.nvidia import (
    Gpu,
    check_cuda,
    check_cudnn,
    check_gpu,
    check_tensorrt,
    find_driver,
)

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"
TENSORRT = "TensorrtExecutionProvider"
WANTED = {
    "auto": CUDA,
    "cpu": CPU,
    "cuda": CUDA,
    "tensorrt": TENSORRT,
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
"""The provider that a device's name means."""

Provider = tuple[str, dict[str, str]]


class Choice(NamedTuple):
    """Providers in order of preference, the CPU last; `reason` where the wanted one is missing."""

    providers: list[Provider]
    reason: str = ""


def choose(onnxruntime: Any, device: Device) -> Choice:
    """Providers for a device, as an installed ONNX Runtime and this machine have them.

    Everything a GPU needs is loaded by this, which has to be before the first session.
    """
    wanted, available = WANTED[device.name], onnxruntime.get_available_providers()
    cpu: list[Provider] = [(CPU, {})]
    if wanted == CPU:
        return Choice(cpu)
    if wanted not in available:
        # "auto" is whatever there is.
        return Choice(cpu, "" if device.name == "auto" else _not_built_in(wanted, available))
    if wanted not in (CUDA, TENSORRT):
        numbered = {"device_id": str(device.number)} if device.name == "directml" else {}
        return Choice([(wanted, numbered), *cpu])
    try:
        gpu = prepare_cuda(onnxruntime, device.number)
    except GpuNotFoundError as error:
        return Choice(cpu, str(error))
    cuda = [cuda_provider(device), *cpu]
    if wanted == CUDA:
        return Choice(cuda)
    try:
        version = check_tensorrt(cuda_major(onnxruntime))
    except GpuNotFoundError as error:
        return Choice(cuda, str(error))
    return Choice([_tensorrt(device, gpu, version, onnxruntime.__version__), *cuda])


def prepare_cuda(onnxruntime: Any, number: int = 0) -> Gpu:
    """Load what the CUDA provider needs, so that it finds it, and give the GPU of a number.

    Raises
    ------
    GpuNotFoundError
        When something is missing; its message says what, and how to mend it.
    """
    gpu = check_gpu(find_driver(), number, cuda_major(onnxruntime))
    preload(onnxruntime)
    if cuda_major(onnxruntime):
        check_cuda(cuda_major(onnxruntime))
    check_cudnn()
    return gpu


def preload(onnxruntime: Any) -> None:
    """Load CUDA and cuDNN from where their packages put them, which no loader would look at."""
    if hasattr(onnxruntime, "preload_dlls"):
        # It prints what it does not find.
        with redirect_stdout(StringIO()):
            onnxruntime.preload_dlls()


def cuda_major(onnxruntime: Any) -> int:
    """Major version of the CUDA that an ONNX Runtime was built for; 0 where it does not say."""
    found = re.match(r"\d+", str(getattr(onnxruntime, "cuda_version", "") or ""))
    return int(found[0]) if found else 0


def cuda_provider(device: Device, *, few_sizes: bool = False, record: bool = False) -> Provider:
    """The CUDA provider.

    Parameters
    ----------
    device : Device
    few_sizes : bool
        Frames of few sizes come again and again: cuDNN tries every algorithm on each new size,
        which takes a second or so. Otherwise it takes the one that its own rules say, at once.
    record : bool
        Let runs be recorded as CUDA graphs.
    """
    search = "EXHAUSTIVE" if few_sizes else "HEURISTIC"
    options = {"device_id": str(device.number), "cudnn_conv_algo_search": search}
    return CUDA, options | ({"enable_cuda_graph": "1"} if record else {})


def why(error: Exception) -> str:
    """What a provider failed for, without the source lines around it."""
    found = re.search(r"CU\w+ failure \d+: [^;\n]+", str(error))
    return found[0].strip() if found else first_line(error)


def _tensorrt(device: Device, gpu: Gpu, version: str, runtime: str) -> Provider:
    """TensorRT takes minutes to build an engine, so it keeps it; nobody chooses it for float32.

    An engine is of use to the GPU and the versions that built it only.
    """
    options = {"device_id": str(device.number), "trt_fp16_enable": "1"}
    capability = "{}.{}".format(*gpu.capability)
    name = f"{gpu.name}-{capability}-tensorrt-{version}-onnxruntime-{runtime}".lower()
    folder = cache_folder() / "tensorrt" / re.sub(r"[^a-z0-9.]+", "-", name)
    try:
        # It makes one folder itself, but none above it.
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return TENSORRT, options
    return TENSORRT, options | {
        "trt_engine_cache_enable": "1",
        "trt_engine_cache_path": str(folder),
    }


def _not_built_in(wanted: str, available: list[str]) -> str:
    reason = f"the installed onnxruntime is built without {wanted} (it has {', '.join(available)})"
    if wanted not in (CUDA, TENSORRT):
        return reason
    return f'{reason}; pip uninstall onnxruntime onnxruntime-gpu, then pip install "openpaf[gpu]"'
