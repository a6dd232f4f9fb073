"""Anything that holds a picture, as a frame: (H, W, 3) uint8 BGR."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from openpaf.address import is_web, refuse_url, without_secrets
from openpaf.errors import ConfigError, FrameError, SourceError, SourceNotFoundError
from openpaf.pictures.picture import MAX_PIXELS, check_pixels, decode_picture, from_pillow

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

__all__ = ["MAX_PIXELS", "Frame", "decode_picture", "to_frame"]

Frame: TypeAlias = "NDArray[Any] | str | os.PathLike[str] | bytes | BinaryIO | Image.Image | Tensor"
"""What `to_frame` takes."""

CHANNELS = ("bgr", "rgb")
"""Orders of colours in arrays and tensors."""

# What resizing and arithmetic add to a picture that runs from 0 to 1: a bicubic edge, or rounding.
_OVERSHOOT = 0.1


def to_frame(source: Frame, channels: str | None = None) -> NDArray[np.uint8]:
    """Give any picture as a frame.

    Parameters
    ----------
    source : (H, W, 3) uint8 array, or another picture
        (H, W) and (H, W, 1) are grey; (H, W, 4) has an alpha channel, which is dropped.
        Floating-point arrays run from 0 to 1. A torch tensor is (3, H, W), (1, H, W) or an array of
        the shapes above. A str or path is a picture file, turned the way its EXIF orientation says;
        so are a PIL image, and bytes, or an open file: those of a picture file. A str may be the
        address of a picture on http or https.
    channels : "bgr" or "rgb", optional
        Order of the colours in an array or tensor. Arrays are BGR where nothing is said, as OpenCV
        gives them, and tensors RGB, as torchvision gives them.

    Returns
    -------
    frame : (H, W, 3) uint8 BGR
        The same memory where it is one already.

    Raises
    ------
    ConfigError
        When `channels` is something else.
    FrameError
        When it has the wrong shape, type or values, or is damaged.
    SourceError
        When a file is missing or cannot be opened, or an address cannot be fetched.
    """
    if channels not in (None, *CHANNELS):
        raise ConfigError(f"channels must be bgr or rgb, got {channels!r}")
    if isinstance(source, np.ndarray):
        return _from_array(source, channels or "bgr")
    if _is_of(source, "torch", "Tensor"):
        return _from_array(_from_tensor(source), channels or "rgb")
    if isinstance(source, (str, os.PathLike)):
        if isinstance(source, str) and is_web(source):
            # Only here, because it imports half of the standard library.
            from openpaf.pictures.fetch import fetch

            return decode_picture(fetch(source), without_secrets(source))
        refuse_url(
            source, "pass a picture on http or https as a str, and a stream to Engine.stream"
        )
        return _from_file(Path(source))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return decode_picture(bytes(source))
    if _is_of(source, "PIL.Image", "Image"):
        image: Any = source
        width, height = image.size
        check_pixels(width, height, "PIL image")
        return from_pillow(image)
    if hasattr(source, "read") and not hasattr(source, "__array__"):
        return decode_picture(_read(source))
    raise FrameError(
        "frame must be an (H, W, 3) uint8 array, a tensor, a path, the bytes of a picture file or "
        f"a PIL image, got {_what(source)}"
    )


def several(frame: Any) -> list[Any] | None:
    """Frames of a batch: a list, tuple, generator, (N, H, W, C) array or (N, C, H, W) tensor.

    None where it is a single frame.
    """
    if isinstance(frame, (list, tuple, Iterator)) and not hasattr(frame, "read"):
        return list(frame)
    if isinstance(frame, np.ndarray) or _is_of(frame, "torch", "Tensor"):
        return list(frame) if frame.ndim == 4 else None
    return None


def _what(source: object) -> str:
    kind = type(source).__name__
    if source is None:
        return f"{kind}; cv2.imread and cv2.VideoCapture.read give None for what they cannot read"
    if hasattr(source, "__array__"):
        return f"{kind}; use numpy.asarray(frame)"
    return kind


def _read(file: Any) -> bytes:
    data = file.read()
    if not isinstance(data, bytes):
        raise FrameError(
            f"a file must give bytes, got {type(data).__name__}; open it with open(path, 'rb')"
        )
    if not data:
        raise FrameError("the file gives nothing more; seek(0) goes back to its beginning")
    return data


def _from_tensor(tensor: Any) -> NDArray[Any]:
    """An array (H, W, C) or (H, W) of a tensor, wherever it is."""
    array: NDArray[Any] = (
        tensor.detach().cpu().float().numpy()
        if _is_half(tensor)
        else (tensor.detach().cpu().numpy())
    )
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        array = array.transpose(1, 2, 0)
    return array


def _is_half(tensor: Any) -> bool:
    # NumPy has no bfloat16.
    return str(tensor.dtype) in ("torch.bfloat16", "torch.float16")


def _from_array(array: NDArray[Any], channels: str) -> NDArray[np.uint8]:
    shape = array.shape
    if array.ndim not in (2, 3) or (array.ndim == 3 and shape[2] not in (1, 3, 4)):
        first = array.ndim == 3 and shape[0] in (1, 3, 4)
        raise FrameError(
            f"frame must be (H, W, 3) uint8 BGR, grey (H, W) or BGRA (H, W, 4), got {shape}"
            + ("; colours come last: pass frame.transpose(1, 2, 0)" if first else "")
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
    colours = array[..., 2::-1] if channels == "rgb" else array[..., :3]
    return np.ascontiguousarray(colours)


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
        raise SourceNotFoundError(f"{path} does not exist") from error
    except (OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{path} cannot be read: {_reason(error)}") from error
    return decode_picture(data, str(path))


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)


def _is_of(source: object, module: str, name: str) -> bool:
    # Whoever holds one has imported its library; nobody else has to wait for it.
    imported = sys.modules.get(module)
    return imported is not None and isinstance(source, getattr(imported, name))
