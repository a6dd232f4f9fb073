"""What files of labels have in common: arrays of small numbers in a NumPy `.npz`."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import DatasetError


def load_arrays(path: Path, *names: str) -> dict[str, NDArray[Any]]:
    """Every array of a file; those of some names alone, as far as it has them, where given.

    Raises
    ------
    DatasetError
        When it cannot be read, or is no `.npz`.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            return {key: file[key] for key in file.files if not names or key in names}
    except OSError as error:
        raise DatasetError(f"labels {path} cannot be read: {error.strerror or error}") from error
    except (ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        # NumPy's own words are advice to load what may be anything.
        raise DatasetError(f"{path} is damaged, or no file of labels; make it again") from error


def starts(counts: Iterable[int]) -> NDArray[np.int32]:
    """(I + 1,) the first row of each photograph, and one past the last."""
    return np.cumsum([0, *counts]).astype(np.int32)


def split(values: NDArray[np.int16]) -> NDArray[np.uint8]:
    """(...) int16 to (2, ...) uint8: low bytes, which are noise, and high ones, which pack well."""
    unsigned = values.view(np.uint16)
    return np.stack([unsigned & 255, unsigned >> 8]).astype(np.uint8)


def joined(planes: NDArray[np.uint8]) -> NDArray[np.int16]:
    """Undo `split`."""
    low, high = planes.astype(np.uint16)
    values: NDArray[np.int16] = (low | high << 8).view(np.int16)
    return values


def small(values: NDArray[np.float64], scale: float) -> NDArray[np.int16]:
    """Whole steps of 1 / scale, as far as they go."""
    return np.clip(np.rint(values * scale), -32768, 32767).astype(np.int16)


def small_bytes(values: NDArray[np.float64], scale: float) -> NDArray[np.uint8]:
    """Whole steps of 1 / scale, none of them below 0."""
    return np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
