"""Bytes from anywhere to a frame, without being made to work or to remember too much."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import FrameError
from openpaf.pictures.picture import format_of, read_header
from openpaf.pictures.picture import unpack as unpack_picture
from openpaf.serve.errors import RequestError

# Three formats that every browser and camera gives; each other one is one more thing to attack.
_FORMATS = ("JPEG", "PNG", "WebP")
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
    if format_of(data) not in _FORMATS:
        raise RequestError(415, f"{name} must be a JPEG, PNG or WebP picture")
    try:
        header = read_header(data, name)
    except FrameError as error:
        raise RequestError(422, str(error)) from error
    width, height = header.width, header.height
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
        return unpack_picture(data, header, name)
    except FrameError as error:
        raise RequestError(422, str(error)) from error
