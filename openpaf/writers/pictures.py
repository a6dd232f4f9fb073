"""Annotated frames as picture files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import OutputError
from openpaf.files import replacing
from openpaf.optional import cv2
from openpaf.result import Result
from openpaf.writers.painter import Paint

_LONGEST_JPEG_SIDE = 65_500


class PictureWriter:
    """`NAME_000000000012_poses.jpg` a frame of a video, and `PICTURE_poses.jpg` a picture.

    One that is too wide or too high for a JPEG becomes a PNG.

    Parameters
    ----------
    folder : Path
    name : str
        What the files of a video begin with.
    paint : Painter, or any function from a `Result` to a picture
    """

    def __init__(self, folder: Path, name: str, paint: Paint) -> None:
        self._folder, self._name, self._paint = folder, name, paint

    def write(self, result: Result) -> None:
        """Write one file, whole or not at all."""
        stem = result.name or f"{self._name}_{result.index:012d}"
        drawing = self._paint(result)
        suffix = ".jpg" if max(drawing.shape) <= _LONGEST_JPEG_SIDE else ".png"
        _save(self._folder / f"{stem}_poses{suffix}", drawing)

    def close(self) -> None:
        """There is nothing to finish."""


class OnePictureWriter:
    """One annotated picture under a name of its own, whose suffix says which kind.

    Parameters
    ----------
    path : Path
    paint : Painter, or any function from a `Result` to a picture

    Raises
    ------
    OutputError
        When pictures of this kind cannot be written.
    """

    def __init__(self, path: Path, paint: Paint) -> None:
        check_picture(path)
        self._path, self._paint = path, paint

    def write(self, result: Result) -> None:
        """Write the file, whole or not at all."""
        _save(self._path, self._paint(result))

    def close(self) -> None:
        """There is nothing to finish."""


def check_picture(path: Path) -> None:
    """Make sure that a picture can be written under a name, before anything is.

    Raises
    ------
    OutputError
        When pictures with this suffix cannot be.
    """
    if not cv2.haveImageWriter(f"picture{path.suffix}"):
        raise OutputError(
            f"cannot write {path}: pictures of this kind are only read; name a .jpg or a .png"
        )


def _save(path: Path, drawing: NDArray[np.uint8]) -> None:
    data = encoded(drawing, path)
    with replacing(path) as partial:
        partial.write_bytes(data)


def encoded(drawing: NDArray[np.uint8], path: Path) -> bytes:
    """Bytes of a picture file, (H, W, 3) uint8 BGR, in the format that the path's suffix says.

    Raises
    ------
    OutputError
        When the format cannot hold it.
    """
    if path.suffix.lower() in (".jpg", ".jpeg") and max(drawing.shape) > _LONGEST_JPEG_SIDE:
        raise OutputError(
            f"cannot write {path}: a JPEG has at most {_LONGEST_JPEG_SIDE:,} px a side; "
            "pass a name that ends in .png"
        )
    try:
        done, data = cv2.imencode(path.suffix, drawing)
    except cv2.error as error:
        raise OutputError(f"cannot write {path}: {error.err}") from error
    if not done:
        raise OutputError(f"cannot write {path}: OpenCV cannot make such a picture")
    return data.tobytes()
