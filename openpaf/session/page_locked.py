"""Memory that copies to and from a GPU do not have to wait for: page-locked here, fixed there."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_UP, _DOWN = 1, 2


class NotRecorded(Exception):
    """A run could not be recorded, or not be replayed."""


class Memory:
    """Arrays that stay where they are, on a device and here, and the copies between them.

    Parameters
    ----------
    onnxruntime : module
    cudart : ctypes.CDLL
        CUDA's runtime library.
    number : int
        Of the GPU.
    kind : str
        What ONNX Runtime calls memory of the device.
    """

    def __init__(self, onnxruntime: Any, cudart: Any, number: int, kind: str = "cuda") -> None:
        self._values = onnxruntime.OrtValue
        self._cudart = cudart
        self._number = number
        self._kind = kind

    def there(self, shape: Sequence[int], dtype: DTypeLike) -> Any:
        """An OrtValue on the device."""
        return self._values.ortvalue_from_shape_and_type(
            list(shape), np.dtype(dtype).type, self._kind, self._number
        )

    def here(self, shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
        """A page-locked array, which a device reads and writes without a copy in between."""
        size = max(int(np.prod(shape)) * np.dtype(dtype).itemsize, 1)
        place = ctypes.c_void_p()
        self._call("cudaMallocHost", ctypes.byref(place), ctypes.c_size_t(size))
        buffer = (ctypes.c_ubyte * size).from_address(place.value or 0)
        # At exit the driver has gone before, and has freed it.
        weakref.finalize(buffer, self._cudart.cudaFreeHost, place).atexit = False
        count = int(np.prod(shape))
        return np.frombuffer(memoryview(buffer), np.dtype(dtype), count).reshape(shape)

    def up(self, array: NDArray[Any], value: Any) -> None:
        """Copy an array to the device."""
        self._copy(value.data_ptr(), array.ctypes.data, array.nbytes, _UP)

    def down(self, value: Any, array: NDArray[Any]) -> None:
        """Copy to an array from the device."""
        self._copy(array.ctypes.data, value.data_ptr(), array.nbytes, _DOWN)

    def _copy(self, target: int, source: int, size: int, direction: int) -> None:
        # The calling thread may be one in which CUDA would use another GPU.
        self._call("cudaSetDevice", self._number)
        self._call(
            "cudaMemcpy",
            ctypes.c_void_p(target),
            ctypes.c_void_p(source),
            ctypes.c_size_t(size),
            direction,
        )

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._cudart, name)(*arguments)
        if code:
            raise NotRecorded(f"{name} failed: CUDA error {code}")
