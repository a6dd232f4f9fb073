"""What a network predicts for one frame: confidence maps and part affinity fields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from openpaf.errors import FieldsError, shown
from openpaf.skeleton import COCO_18, Skeleton

_MOST_STRIDE = 256


def _float32_maps(values: ArrayLike, channels: int, what: str) -> NDArray[np.float32]:
    maps = np.asarray(values)
    if maps.ndim != 3 or maps.shape[0] != channels:
        raise FieldsError(
            f"{what} must be ({channels}, h, w), got {maps.shape}; "
            "pass the fields of one frame, background dropped"
        )
    if maps.size == 0:
        raise FieldsError(f"{what} must have at least one cell, got shape {maps.shape}")
    if maps.dtype.kind != "f":
        raise FieldsError(f"{what} must be floating point, got {maps.dtype}; use astype('float32')")
    maps = np.ascontiguousarray(maps, dtype=np.float32)
    # One pass that any NaN or infinity survives; a sum beyond float32 is no field either.
    flat = maps.reshape(-1)
    if not np.isfinite(np.dot(flat, flat)):
        raise FieldsError(f"{what} must be finite, got NaN or infinite values; check the network")
    return maps


@dataclass(frozen=True, eq=False, slots=True)
class Fields:
    """Confidence maps and PAFs of one frame (CVPR 2017, section 2).

    Parameters
    ----------
    confidence_maps : (K, h, w) float32
        One map a part, background dropped, in the skeleton's part order.
    pafs : (2L, h, w) float32
        x then y for each limb, in the skeleton's limb order.
    stride : int
        Net-input pixels a cell. Cell g is centred where `preprocess` says.
    skeleton : Skeleton
        Gives K, L and their meaning.

    Raises
    ------
    FieldsError
        When a shape, a type or a value cannot be a field.
    """

    confidence_maps: NDArray[np.float32]
    pafs: NDArray[np.float32]
    stride: int = 8
    skeleton: Skeleton = COCO_18

    def __post_init__(self) -> None:
        confidence_maps = _float32_maps(
            self.confidence_maps, len(self.skeleton.parts), "confidence_maps"
        )
        pafs = _float32_maps(self.pafs, 2 * len(self.skeleton.limbs), "pafs")
        if confidence_maps.shape[1:] != pafs.shape[1:]:
            raise FieldsError(
                "confidence_maps and pafs must cover the same grid, got "
                f"{confidence_maps.shape[1:]} and {pafs.shape[1:]}"
            )
        whole = isinstance(self.stride, (int, np.integer)) and not isinstance(self.stride, bool)
        if not whole or not 1 <= self.stride <= _MOST_STRIDE:
            raise FieldsError(
                f"stride must be a positive int, at most {_MOST_STRIDE}, got {shown(self.stride)}"
            )
        object.__setattr__(self, "confidence_maps", confidence_maps)
        object.__setattr__(self, "pafs", pafs)
