"""What a picture file is: its format by its first bytes, its size by its header, its pixels.

Every format has one parser of its header and one decoder, and both are told the same size: OpenCV
unpacks JPEG and PNG, whose headers are read here as libjpeg and libpng read them, and Pillow, which
reads what OpenCV reads wrongly, unpacks all others, header and pixels alike.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import FrameError, MissingExtraError
from openpaf.optional import cv2
from openpaf.pictures.jpeg import jpeg_size
from openpaf.pictures.segments import MAX_SEGMENTS, too_many_segments
from openpaf.pictures.tiff import tile_size

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

MAX_PIXELS = 200_000_000
"""A compressed picture that says it is larger is refused before a byte of it is unpacked."""

# Where Pillow keeps the reader of each format. It is named outright, because Image.open loads all
# of them, tries formats that nobody asked for, and has a limit of its own that all threads share.
_READERS = {
    "AVIF": ("PIL.AvifImagePlugin", "AvifImageFile"),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile"),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile"),
    "HEIC": ("pillow_heif.as_plugin", "HeifImageFile"),
    "JPEG 2000": ("PIL.Jpeg2KImagePlugin", "Jpeg2KImageFile"),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile"),
    "PNM": ("PIL.PpmImagePlugin", "PpmImageFile"),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile"),
    "WebP": ("PIL.WebPImagePlugin", "WebPImageFile"),
}
_PNG_START = b"\x89PNG\r\n\x1a\n"
_JP2_START, _J2K_START = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
_STARTS = (
    ("JPEG", b"\xff\xd8\xff"),
    ("PNG", _PNG_START),
    ("GIF", b"GIF87a"),
    ("GIF", b"GIF89a"),
    ("TIFF", b"II*\0"),
    ("TIFF", b"MM\0*"),
    ("TIFF", b"II+\0"),
    ("TIFF", b"MM\0+"),
    ("JPEG 2000", _JP2_START),
    ("JPEG 2000", _J2K_START),
    ("BMP", b"BM"),
)
# Pixels of a TIFF's tile: so many times the picture's, or so many, are believed.
_TILES, _LEAST_TILE = 4, 1 << 22
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"}


class Header(NamedTuple):
    """What a picture says of itself.

    format : "JPEG", "PNG", "WebP", ...; width, height : px, before it is turned upright.
    """

    format: str
    width: int
    height: int


def decode_picture(data: bytes, name: str = "picture") -> NDArray[np.uint8]:
    """Unpack the bytes of a picture file; `name` is what errors call it.

    Returns
    -------
    frame : (H, W, 3) uint8 BGR

    Raises
    ------
    FrameError
        When it is no picture, is damaged, or has more than `MAX_PIXELS`.
    MissingExtraError
        When its format needs a library that is not installed.
    """
    header = read_header(data, name)
    check_pixels(header.width, header.height, name)
    return unpack(data, header, name)


def read_header(data: bytes, name: str = "picture") -> Header:
    """Tell format and size of a picture from its first bytes, without unpacking it.

    Raises
    ------
    FrameError
        When it is no picture, or its header is damaged.
    MissingExtraError
        When its format needs a library that is not installed.
    """
    format = format_of(data)
    if format is None:
        raise _no_picture(name)
    if format == "JPEG":
        if too_many_segments(data):
            raise FrameError(f"{name} has more than {MAX_SEGMENTS} segments; save it again")
        size = jpeg_size(data)
    elif format == "PNG":
        size = _png_size(data)
    else:
        size = open_pillow(data, format, name).size
    if size is None or min(size) <= 0:
        raise FrameError(f"{name} is damaged or cut short; get the file again")
    if format == "JPEG 2000":
        size = _largest(data, size)
    if format == "TIFF":
        _check_tiles(data, size, name)
    return Header(format, *size)


def unpack(data: bytes, header: Header, name: str = "picture") -> NDArray[np.uint8]:
    """Unpack a picture whose header has been read and found small enough.

    Returns
    -------
    frame : (H, W, 3) uint8 BGR
        The right way up.

    Raises
    ------
    FrameError
        When it is damaged, or is not what its header said.
    """
    if header.format in ("JPEG", "PNG"):
        frame = _by_opencv(data, name)
    else:
        frame = from_pillow(open_pillow(data, header.format, name), name)
    if sorted(frame.shape[:2]) != sorted(header[1:]):
        raise FrameError(
            f"{name} says it has {header.width}x{header.height} px and has "
            f"{frame.shape[1]}x{frame.shape[0]}; get the file again"
        )
    return frame


def format_of(data: bytes) -> str | None:
    """Name of a picture's format by its first bytes, or None for anything else."""
    for format, start in _STARTS:
        if data.startswith(start):
            return format
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WebP"
    if data[:1] == b"P" and data[1:2] in (b"1", b"2", b"3", b"4", b"5", b"6"):
        return "PNM" if data[2:3] in (b"\t", b"\n", b"\r", b" ", b"#") else None
    if data[4:8] == b"ftyp":
        length = min(int.from_bytes(data[:4]), 256)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, length, 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        return "HEIC" if brands & _HEIC_BRANDS else None
    return None


def open_pillow(data: bytes, format: str, name: str = "picture") -> PilImage:
    """Open a picture with Pillow's reader of its format; its pixels are not unpacked yet.

    Raises
    ------
    FrameError
        When its header is damaged.
    MissingExtraError
        When Pillow, or for HEIC pillow-heif, is not installed.
    """
    module, reader = _READERS[format]
    try:
        opened: Callable[[io.BytesIO, str], PilImage]
        opened = getattr(importlib.import_module(module), reader)
    except ImportError as error:
        extra = "heif" if format == "HEIC" else "cpu"
        raise MissingExtraError(
            f'{name} is {format}; to read it: pip install "openpaf[{extra}]"'
        ) from error
    try:
        return opened(io.BytesIO(data), "")
    except Exception as error:  # It parses hostile bytes and promises nothing.
        raise _damaged(name, error) from error


def from_pillow(image: PilImage, name: str = "PIL image") -> NDArray[np.uint8]:
    """Pixels of a Pillow image, turned upright: (H, W, 3) uint8 BGR.

    Raises
    ------
    FrameError
        When it is damaged, or its values are of no range that a picture has.
    """
    from PIL import ImageOps

    try:
        image = ImageOps.exif_transpose(image)
        if image.mode == "F" or image.mode.startswith("I"):
            grey = _to_bytes(np.asarray(image), name)
            return np.repeat(grey[..., None], 3, axis=2)
        if image.mode in ("La", "RGBa"):
            # Colours that were multiplied by their alpha are divided by it again.
            image = image.convert("LA" if image.mode == "La" else "RGBA")
        rgb = np.asarray(image.convert("RGB"), np.uint8)
    except FrameError:
        raise
    except Exception as error:  # It parses hostile bytes and promises nothing.
        raise _damaged(name, error) from error
    return np.ascontiguousarray(rgb[..., ::-1])


def check_pixels(width: int, height: int, name: str) -> None:
    """Refuse a picture that is too large to be unpacked.

    Raises
    ------
    FrameError
        When it has more than `MAX_PIXELS`.
    """
    if width * height > MAX_PIXELS:
        raise FrameError(
            f"{name} has {width}x{height} px, more than the {MAX_PIXELS:,} that are unpacked; "
            "make it smaller first"
        )


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


def _largest(data: bytes, size: tuple[int, int]) -> tuple[int, int]:
    """Size of a JPEG 2000 picture, whose box and whose codestreams may say different ones."""
    sizes = [size]
    place = data.find(_J2K_START)
    while place >= 0:
        right, bottom, left, top = (
            int.from_bytes(data[place + at : place + at + 4]) for at in (8, 12, 16, 20)
        )
        sizes.append((max(right - left, 0), max(bottom - top, 0)))
        place = data.find(_J2K_START, place + 1)
    return max(sizes, key=lambda one: one[0] * one[1])


def _check_tiles(data: bytes, size: tuple[int, int], name: str) -> None:
    """Refuse tiles that are far larger than the picture they are of: each is unpacked whole."""
    tile = tile_size(data)
    if tile is None or tile[0] * tile[1] > max(_TILES * size[0] * size[1], _LEAST_TILE):
        raise FrameError(f"{name} is damaged: its sizes contradict one another; get the file again")


def _by_opencv(data: bytes, name: str) -> NDArray[np.uint8]:
    try:
        frame = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise FrameError(f"{name} cannot be unpacked: {error.err}") from error
    if frame is None:
        raise FrameError(f"{name} is damaged or cut short; get the file again")
    return np.asarray(frame, np.uint8)


def _to_bytes(grey: NDArray[np.generic], name: str) -> NDArray[np.uint8]:
    """Grey values of 16 bits or more, or floating-point ones, as uint8."""
    low, high = float(grey.min()), float(grey.max())
    if not 0 <= low <= high <= 65535:
        raise FrameError(
            f"{name} has grey values from {low:g} to {high:g}; scale them to 0..255, or to 0..65535"
        )
    if grey.dtype.kind == "f" and high <= 1:
        return np.asarray(np.rint(grey.astype(np.float64) * 255), np.uint8)
    if grey.dtype.itemsize == 2 or high > 255:
        return np.asarray(grey.astype(np.uint16) >> 8, np.uint8)
    return np.asarray(grey, np.uint8)


def _no_picture(name: str) -> FrameError:
    return FrameError(
        f"{name} is not a picture that can be read (JPEG, PNG, WebP, AVIF, HEIC, BMP, TIFF, GIF, "
        "PNM, JPEG 2000); for a video use Engine.stream or `openpaf run`"
    )


def _damaged(name: str, error: Exception) -> FrameError:
    line = " ".join(str(error).split())[:200]
    what = "cannot be read" if name == "PIL image" else "is damaged or cut short"
    return FrameError(f"{name} {what} ({line or type(error).__name__}); get the file again")
