"""Anything that holds a picture, as a frame: (H, W, 3) uint8 BGR."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openpaf.address import refuse_url
from openpaf.errors import FrameError, SourceError
from openpaf.pictures.picture import MAX_PIXELS, check_pixels, decode_picture, from_pillow

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["MAX_PIXELS", "Frame", "decode_picture", "to_frame"]

Frame: TypeAlias = "NDArray[Any] | str | os.PathLike[str] | bytes | Image.Image"
"""What `to_frame` takes."""

# What resizing and arithmetic add to a picture that runs from 0 to 1: a bicubic edge, or rounding.
_OVERSHOOT = 0.1


def to_frame(source: Frame) -> NDArray[np.uint8]:
    """Give any picture as a frame.

    Parameters
    ----------
    source : (H, W, 3) uint8 array, or another picture
        Arrays are BGR; (H, W) and (H, W, 1) are grey; (H, W, 4) is BGRA, whose alpha is dropped.
        Floating-point arrays run from 0 to 1. A str or path is a picture file, turned the way its
        EXIF orientation says; so are a PIL image, and bytes: those of a picture file.

    Returns
    -------
    frame : (H, W, 3) uint8 BGR
        The same memory where it is one already.

    Raises
    ------
    FrameError
        When it has the wrong shape, type or values, or is damaged.
    SourceError
        When a file is missing or cannot be opened.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, (str, os.PathLike)):
        refuse_url(source, "download the picture first, and pass its path or its bytes")
        return _from_file(Path(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode_picture(bytes(source))
    if _is_pil(source):
        check_pixels(*source.size, "PIL image")
        return from_pillow(source)
    raise FrameError(
        "frame must be an (H, W, 3) uint8 array, a path, the bytes of a picture file or a PIL "
        f"image, got {_what(source)}"
    )


def _what(source: object) -> str:
    kind = type(source).__name__
    if source is None:
        return f"{kind}; cv2.imread and cv2.VideoCapture.read give None for what they cannot read"
    if hasattr(source, "__array__"):
        return f"{kind}; use numpy.asarray(frame)"
    if hasattr(source, "read"):
        return f"{kind}; pass what its read() gives"
    return kind


def _from_array(array: NDArray[Any]) -> NDArray[np.uint8]:
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        raise FrameError(
            f"frame must be (H, W, 3) uint8 BGR, grey (H, W) or BGRA (H, W, 4), got {shape}"
        )
    if 0 in shape:
        raise FrameError(f"frame must have at least one pixel, got shape {shape}")
    if array.dtype.kind == "f":
        array = _from_unit_range(array)
    if array.dtype != np.uint8:
        raise FrameError(
            f"frame must be uint8, or floating point from 0 to 1, got {array.dtype}; "
            "scale it to 0..255 and pass frame.astype('uint8')"
        )
    if array.ndim == 2 or shape[2] == 1:
        return np.repeat(array.reshape(*shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(array[..., :3])


def _from_unit_range(array: NDArray[Any]) -> NDArray[np.uint8]:
    low, high = float(array.min()), float(array.max())
    if not (low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT):
        raise FrameError(
            f"a floating-point frame must run from 0 to 1, got {low:.6g} to {high:.6g}; "
            + _advice(low, high)
        )
    return np.asarray(np.rint(np.clip(array, 0, 1) * 255), np.uint8)


def _advice(low: float, high: float) -> str:
    if 0 <= low <= high <= 255 and high > 2:
        return "if it runs to 255, pass frame.astype('uint8')"
    return "pass numpy.clip(frame, 0, 1), or scale it"


def _from_file(path: Path) -> NDArray[np.uint8]:
    try:
        # Reading a pipe or a device could wait or fill memory for ever.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            next(os.scandir(path), None)
        if not stat.S_ISREG(mode):
            raise SourceError(f"{path} is not a file; pass a picture file or an array")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path} cannot be read: {_reason(error)}") from error
    return decode_picture(data, str(path))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _is_pil(source: object) -> bool:
    # Whoever holds a PIL image has imported PIL; nobody else has to wait for it.
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(source, pil.Image)
