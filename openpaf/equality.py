"""Whether two records that hold arrays are equal."""

from __future__ import annotations

import numpy as np


def same(one: object, other: object, *names: str) -> bool:
    """Whether two are of one kind and these attributes of them are equal, NaN to NaN too."""
    return type(other) is type(one) and all(
        _equal(getattr(one, name), getattr(other, name)) for name in names
    )


def _equal(a: object, b: object) -> bool:
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=True)
    return a is b or (type(a) is type(b) and bool(a == b))
