"""What plain kernels take in place of Numba's `njit` and its options."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])

CACHE = False
INNER: dict[str, Any] = {}
KERNEL: dict[str, Any] = {}


def njit(**options: Any) -> Callable[[_Function], _Function]:
    """Leave a function as it is."""
    return lambda function: function
