"""Parts of what a GPU needs, looked for with a loader that pretends."""

from __future__ import annotations

import ctypes
import sys
from typing import Any

import pytest

from openpaf.errors import GpuNotFoundError
from openpaf.session import nvidia
from openpaf.session.nvidia import (
    Driver,
    Gpu,
    check_cuda,
    check_cudnn,
    check_gpu,
    check_tensorrt,
    find_driver,
)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="names of Linux's libraries")

NEW = Gpu("NVIDIA H100", 80 * 2**30, (9, 0))
OLD = Gpu("NVIDIA GTX 1080", 8 * 2**30, (6, 1))


class DriverLibrary:
    """The driver's calls, which write their answers where they are told."""

    def __init__(self, gpus: tuple[Gpu, ...], *, version: int = 13000, fails: str = "") -> None:
        self._gpus, self._version, self._fails = gpus, version, fails

    def __getattr__(self, name: str) -> Any:
        if name == self._fails:
            return lambda *_: 100
        return {
            "cuInit": lambda _: 0,
            "cuDriverGetVersion": lambda out: self._write(out, self._version),
            "cuDeviceGetCount": lambda out: self._write(out, len(self._gpus)),
            "cuDeviceGet": lambda out, number: self._write(out, number),
            "cuDeviceTotalMem_v2": lambda out, gpu: self._write(out, self._of(gpu).memory),
            "cuDeviceGetAttribute": lambda out, which, gpu: self._write(
                out, self._of(gpu).capability[which - 75]
            ),
            "cuDeviceGetName": self._name,
            "cuGetErrorString": lambda _, out: self._write(out, b"no CUDA-capable device"),
        }[name]

    def _of(self, gpu: ctypes.c_int) -> Gpu:
        return self._gpus[gpu.value]

    def _name(self, out: Any, size: int, gpu: ctypes.c_int) -> int:
        out.value = self._of(gpu).name.encode()[: size - 1]
        return 0

    @staticmethod
    def _write(out: Any, value: Any) -> int:
        out._obj.value = value
        return 0


class Loader:
    """Loads what is on its list, and remembers what it was asked for."""

    def __init__(self, **libraries: Any) -> None:
        self._libraries = {name.replace("_", "."): one for name, one in libraries.items()}
        self.asked: list[str] = []

    def __call__(self, name: str) -> Any:
        self.asked.append(name)
        for beginning, library in self._libraries.items():
            if name.startswith(beginning):
                return library
        raise OSError(f"{name}: cannot open shared object file: No such file or directory")


def test_a_driver_tells_its_gpus() -> None:
    driver = find_driver(Loader(libcuda_so=DriverLibrary((NEW, OLD), version=12080)))
    assert driver == Driver((12, 8), (NEW, OLD))
    assert str(driver.gpus[0]) == "NVIDIA H100, 80 GiB"


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (Loader(), r"no NVIDIA driver here \(libcuda.so.1 is not found\); install it"),
        (Loader(libcuda_so=DriverLibrary((NEW,), fails="cuInit")), "error 100: no CUDA-capable"),
        (Loader(libcuda_so=DriverLibrary(())), "gives this process no GPU; see CUDA_VISIBLE"),
        (Loader(libcuda_so=DriverLibrary((NEW,), fails="cuDeviceGetName")), "error 100"),
    ],
)
def test_why_there_is_no_gpu(loader: Loader, message: str) -> None:
    with pytest.raises(GpuNotFoundError, match=message) as error:
        find_driver(loader)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("driver", "number", "message"),
    [
        (Driver((13, 0), (NEW,)), 1, "no GPU of number 1; cuda:0 is the only GPU"),
        (Driver((13, 0), (NEW, NEW)), 2, "the GPUs are cuda:0 to cuda:1"),
        (Driver((12, 4), (NEW,)), 0, r"too old for CUDA 13 \(it runs CUDA 12.4\); update it"),
        (Driver((13, 0), (OLD,)), 0, r"GTX 1080 is too old for CUDA 13 \(.* 6.1, needs 7.5\)"),
    ],
)
def test_why_a_gpu_cannot_be_used(driver: Driver, number: int, message: str) -> None:
    with pytest.raises(GpuNotFoundError, match=message):
        check_gpu(driver, number, 13)


def test_a_gpu_that_can_be_used() -> None:
    assert check_gpu(Driver((13, 2), (OLD, NEW)), 1, 13) is NEW
    assert check_gpu(Driver((12, 4), (OLD,)), 0, 12) is OLD


def test_libraries_are_those_of_the_build() -> None:
    runtime = object()
    loader = Loader(libcudart_so=runtime, lib=object())
    assert check_cuda(13, loader) is runtime
    assert loader.asked[:2] == ["libcublasLt.so.13", "libcublas.so.13"]
    assert {"libcufft.so.12", "libcurand.so.10"} < set(loader.asked)
    loader = Loader(lib=object())
    check_cuda(12, loader)
    assert {"libcufft.so.11", "libcudart.so.12"} < set(loader.asked)


def test_a_missing_library_is_named_and_so_is_what_brings_it() -> None:
    with pytest.raises(GpuNotFoundError, match="does not say which CUDA"):
        check_cuda(0)
    with pytest.raises(GpuNotFoundError, match=r"CUDA 13 .*libcublas.so.13 .*openpaf\[gpu\]"):
        check_cuda(13, Loader(libcublasLt=object()))
    with pytest.raises(GpuNotFoundError, match=r"cuDNN 9 .*libcudnn.so.9 .*openpaf\[gpu\]"):
        check_cudnn(Loader())
    with pytest.raises(GpuNotFoundError, match=r'libnvonnxparser.so.10 .*"tensorrt-cu13<11"'):
        check_tensorrt(13, Loader(libnvinfer=object()))


class Numbered:
    """A library of which only the version is asked."""

    def __init__(self, version: int) -> None:
        def answer() -> int:
            return version

        self.cudnnGetVersion = self.getInferLibVersion = answer


def test_versions_as_people_write_them() -> None:
    assert check_cudnn(Loader(libcudnn=Numbered(92801))) == "9.28.1"
    assert check_tensorrt(13, Loader(libnv=Numbered(101303))) == "10.13.3"


def test_tensorrt_is_found_where_its_package_put_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from pathlib import Path

    asked: list[str] = []

    def load(name: str) -> Any:
        asked.append(name)
        return Numbered(101303)

    monkeypatch.setattr(nvidia, "_package_folder", lambda package, _: Path("/site") / package)
    check_tensorrt(13, load)
    assert asked[0] == "/site/tensorrt-cu13-libs/libnvinfer.so.10"
