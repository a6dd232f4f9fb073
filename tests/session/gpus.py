"""An ONNX Runtime that takes itself for one on a GPU: its sessions are real ones on the CPU."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from openpaf.errors import GpuNotFoundError
from openpaf.session import providers, turns
from openpaf.session.nvidia import Driver, Gpu

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
GPU = Gpu("NVIDIA H100 80GB HBM3", 80 * 2**30, (9, 0))


class CudaRuntime:
    """CUDA's runtime library where all memory is this machine's own."""

    def __init__(self, calls: list[Any]) -> None:
        self._calls = calls
        self._kept: dict[int, Any] = {}
        self.memcpy_error = 0

    def cudaMallocHost(self, place: Any, size: ctypes.c_size_t) -> int:
        buffer = ctypes.create_string_buffer(size.value)
        place._obj.value = ctypes.addressof(buffer)
        self._kept[ctypes.addressof(buffer)] = buffer
        return 0

    def cudaFreeHost(self, place: ctypes.c_void_p) -> int:
        del self._kept[place.value or 0]
        return 0

    def cudaSetDevice(self, number: int) -> int:
        self._calls.append(("device", number))
        return 0

    def cudaMemcpy(self, target: Any, source: Any, size: Any, direction: int) -> int:
        self._calls.append("up" if direction == 1 else "down")
        ctypes.memmove(target, source, size.value)
        return self.memcpy_error

    @property
    def page_locked(self) -> int:
        """Arrays that have not been freed."""
        return len(self._kept)


class FakeRuntime:
    """The module `onnxruntime` as its GPU package is; `calls` are what it was asked, in order."""

    cuda_version = "13.0"
    __version__ = "1.31.1"

    def __init__(self) -> None:
        import onnxruntime

        self._real = onnxruntime
        self.calls: list[Any] = []
        self.cudart = CudaRuntime(self.calls)
        self.available = [TENSORRT, CUDA, CPU]
        self.missing: dict[str, str] = {}
        self.gpu = GPU
        self.refuses: dict[str, str] = {}
        """Errors that sessions are refused with, by the provider or the option they come for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def get_available_providers(self) -> list[str]:
        return self.available

    def preload_dlls(self) -> None:
        self.calls.append("preload")
        print("Failed to load something, see a page")

    @property
    def OrtValue(self) -> Any:
        real = self._real.OrtValue

        class Value:
            @staticmethod
            def ortvalue_from_shape_and_type(shape: Any, dtype: Any, kind: str, number: int) -> Any:
                assert kind == "cuda"
                return real.ortvalue_from_shape_and_type(shape, dtype, "cpu", 0)

        return Value

    def RunOptions(self) -> Any:
        calls = self.calls

        class Options(self._real.RunOptions):  # type: ignore[name-defined, misc]
            def add_run_config_entry(self, key: str, value: str) -> None:
                calls.append((key, value))

        return Options()

    def InferenceSession(
        self, path: str, options: Any, *, providers: list[Any], enable_fallback: int
    ) -> Any:
        assert enable_fallback == 0
        self.calls.append(("session", providers))
        for name, chosen in providers:
            for word in (name, *chosen):
                if word in self.refuses:
                    raise RuntimeError(self.refuses[word])
        names = [name for name, _ in providers]
        calls = self.calls

        class Session(self._real.InferenceSession):  # type: ignore[name-defined, misc]
            def get_providers(self) -> list[str]:
                return names

            def run_with_iobinding(self, *arguments: Any) -> None:
                calls.append("recording" if turns.GPU._is_alone else "bound run")
                super().run_with_iobinding(*arguments)

        return Session(path, options, providers=[CPU])

    @property
    def sessions(self) -> list[list[Any]]:
        """Providers of each session that was asked for."""
        return [call[1] for call in self.calls if call[0] == "session"]

    @property
    def graphs(self) -> list[str]:
        """What each run was recorded as, in order."""
        return [call[1] for call in self.calls if call[0] == "gpu_graph_id"]

    def look(self, part: str, answer: Any) -> Any:
        """A check that gives an answer, or finds nothing where `missing` says so."""

        def check(*_: Any) -> Any:
            self.calls.append(part)
            if part in self.missing:
                raise GpuNotFoundError(self.missing[part])
            return answer() if callable(answer) else answer

        return check


def pretend(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    """Let sessions believe that they run on a GPU."""
    from openpaf.session import onnxruntime as session

    fake = FakeRuntime()
    monkeypatch.setattr(session, "onnxruntime", fake)
    driver = fake.look("driver", lambda: Driver((13, 0), (fake.gpu, fake.gpu)))
    monkeypatch.setattr(providers, "find_driver", driver)
    for module in (providers, session):
        monkeypatch.setattr(module, "check_cuda", fake.look("CUDA", fake.cudart))
    monkeypatch.setattr(providers, "check_cudnn", fake.look("cuDNN", "9.28.1"))
    monkeypatch.setattr(providers, "check_tensorrt", fake.look("TensorRT", "10.13.3"))
    return fake
