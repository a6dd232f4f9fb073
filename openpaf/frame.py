"""Anything that holds a picture, as a frame: (H, W, 3) uint8 BGR."""

from __future__ import annotations

import io
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import imagesize
import numpy as np
from numpy.typing import NDArray

from openpaf.errors import FrameError, SourceError
from openpaf.optional import cv2

if TYPE_CHECKING:
    from PIL import Image

Frame: TypeAlias = "NDArray[Any] | str | os.PathLike[str] | Image.Image"
"""What `to_frame` takes."""

MAX_PIXELS = 200_000_000
"""A compressed picture that says it is larger is refused before a byte of it is unpacked."""


def to_frame(source: Frame) -> NDArray[np.uint8]:
    """Give any picture as a frame.

    Parameters
    ----------
    source : (H, W, 3) uint8 array, or another picture
        Arrays are BGR; (H, W) and (H, W, 1) are grey; (H, W, 4) is BGRA, whose alpha is dropped.
        Floating-point arrays run from 0 to 1. A str or path is a picture file, turned the way its
        EXIF orientation says; so is a PIL image.

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
        return _from_file(Path(source))
    if _is_pil(source):
        return _from_pil(source)
    raise FrameError(
        "frame must be an (H, W, 3) uint8 array, a path or a PIL image, "
        f"got {type(source).__name__}; use numpy.asarray(frame)"
    )


def decode_picture(data: bytes, name: str = "picture") -> NDArray[np.uint8]:
    """Unpack the bytes of a picture file; `name` is what errors call it.

    Returns
    -------
    frame : (H, W, 3) uint8 BGR

    Raises
    ------
    FrameError
        When it is no picture, is damaged, or has more than `MAX_PIXELS`.
    """
    width, height = imagesize.get(io.BytesIO(data))
    if width <= 0 or height <= 0:
        raise FrameError(
            f"{name} is not a picture that can be read (JPEG, PNG, WebP, BMP, TIFF, GIF, PNM); "
            "for a video use Engine.stream or `openpaf run`"
        )
    check_pixels(int(width), int(height), name)
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise FrameError(f"{name} cannot be unpacked: {error.err}") from error
    if frame is None:
        raise FrameError(f"{name} is damaged or cut short; get the file again")
    return np.asarray(frame, np.uint8)


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
    if not (low >= 0 and high <= 1):
        raise FrameError(
            f"a floating-point frame must run from 0 to 1, got {low:g} to {high:g}; "
            "if it runs to 255, pass frame.astype('uint8')"
        )
    return np.asarray(np.rint(array * 255), np.uint8)


def _from_file(path: Path) -> NDArray[np.uint8]:
    try:
        # Reading a pipe or a device could wait or fill memory for ever.
        if not stat.S_ISREG(path.stat().st_mode):
            raise SourceError(f"{path} is not a file; pass a picture file or an array")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise SourceError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path} cannot be read: {error}") from error
    return decode_picture(data, str(path))


def _is_pil(source: object) -> bool:
    # Whoever holds a PIL image has imported PIL; nobody else has to wait for it.
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(source, pil.Image)


def _from_pil(image: Image.Image) -> NDArray[np.uint8]:
    from PIL import ImageOps

    check_pixels(*image.size, "PIL image")
    try:
        rgb = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise FrameError(f"PIL image cannot be read: {error}") from error
    return _from_array(rgb[..., ::-1])


def check_pixels(width: int, height: int, name: str) -> None:
    if width * height > MAX_PIXELS:
        raise FrameError(
            f"{name} has {width}x{height} px, more than the {MAX_PIXELS:,} that are unpacked; "
            "make it smaller first"
        )
