"""Bytes from anywhere to a frame, without being made to work or to remember too much."""

from __future__ import annotations

import io
import re

import imagesize
import numpy as np
from numpy.typing import NDArray

from openpaf.errors import FrameError
from openpaf.frame import decode_picture
from openpaf.serve.errors import RequestError
from openpaf.serve.segments import MAX_SEGMENTS, too_many_segments

# Three formats that every browser and camera gives; each other one is one more thing to attack.
_SIGNATURE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP", re.DOTALL)
_START_OF_SCAN = b"\xff\xda"
_MAX_SCANS = 100


def unpack(data: bytes, max_pixels: int, name: str = "the picture") -> NDArray[np.uint8]:
    """Unpack a JPEG, PNG or WebP picture.

    Returns
    -------
    frame : (H, W, 3) uint8 BGR

    Raises
    ------
    RequestError
        400 for nothing, 413 for more than `max_pixels`, 415 for another format, 422 for damage.
    """
    if not data:
        raise RequestError(400, f"{name} is empty; send the bytes of a JPEG, PNG or WebP picture")
    if not _SIGNATURE.match(data):
        raise RequestError(415, f"{name} must be a JPEG, PNG or WebP picture")
    if data.startswith(b"\xff\xd8") and too_many_segments(data):
        raise RequestError(422, f"{name} has more than {MAX_SEGMENTS} segments; save it again")
    try:
        width, height = imagesize.get(io.BytesIO(data))
    except Exception:  # noqa: BLE001 - it parses hostile bytes and promises nothing
        width = height = -1
    if width <= 0 or height <= 0:
        raise RequestError(422, f"{name} is damaged or cut short")
    if width * height > max_pixels:
        raise RequestError(
            413,
            f"{name} has {width}x{height} px, more than the {max_pixels:,} px taken here; "
            "make it smaller",
        )
    # A progressive JPEG of a few MB can ask for as many passes over every pixel as it likes.
    if data.startswith(b"\xff\xd8") and data.count(_START_OF_SCAN) > _MAX_SCANS:
        raise RequestError(422, f"{name} has more than {_MAX_SCANS} scans; save it again")
    try:
        return decode_picture(data, name)
    except FrameError as error:
        raise RequestError(422, str(error)) from error
