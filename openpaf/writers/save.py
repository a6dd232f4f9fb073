"""The people of one frame to a file; its suffix says in which form."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from openpaf.drawing import draw_known
from openpaf.errors import ConfigError
from openpaf.files import check_file, refuse_to_replace, replacing
from openpaf.frame import Frame
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton_table import table_of
from openpaf.writers.csv import CsvWriter
from openpaf.writers.ndjson import NdjsonWriter
from openpaf.writers.pictures import encoded
from openpaf.writers.rows import Row, write_part
from openpaf.writers.writer import Writer

PICTURES = (".jpg", ".jpeg", ".png")
SUFFIXES = (".json", ".ndjson", ".csv", ".parquet", *PICTURES)


def save(poses: Poses, path: str | PathLike[str], frame: Frame | None = None, **style: Any) -> Path:
    """Write the people of one frame to a file, whole or not at all.

    Parameters
    ----------
    poses : Poses
    path : str or Path
        `.json` is OpenPose's JSON, as `openpaf detect` writes; `.ndjson` one line of it with the
        skeleton and the size of the frame; `.csv` a row a keypoint; `.parquet` a row a frame;
        `.jpg`, `.jpeg` and `.png` the frame with skeletons on it. `openpaf.read` reads all but
        pictures back.
    frame : (H, W, 3) uint8 BGR, or another picture, optional
        What to draw on. The picture that `detect` was given the path of, where nothing is said.
    **style
        Of pictures, as `openpaf.draw` takes it.

    Returns
    -------
    Path

    Raises
    ------
    ConfigError
        When the suffix is another one, or a style is given to what is no picture.
    FrameError, SourceError
        When the frame is not a picture, or cannot be opened.
    MissingExtraError
        When pyarrow, which Parquet needs, is not installed.
    OutputError
        When it cannot be written, or would replace the picture the people were found in.
    PosesError
        When a picture is asked for and the frame is not known.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        raise ConfigError(f"{path} must end in one of {', '.join(SUFFIXES)}")
    if style and kind not in PICTURES:
        raise ConfigError(f"{', '.join(style)}: a style is for pictures, and {path} is none")
    check_file(path)
    if poses.picture is not None:
        refuse_to_replace([poses.picture], [path])
    if kind in PICTURES:
        data = encoded(draw_known(poses, frame, **style), path)
    elif kind == ".json":
        data = json.dumps(_openpose(poses)).encode()
    elif kind == ".parquet":
        row = Row(poses.source or "", poses.index or 0, poses.time, poses)
        write_part(path, [row], {"skeleton": table_of(poses.skeleton)})
        return path
    else:
        make = NdjsonWriter if kind == ".ndjson" else _csv_writer(poses)
        _write_result(make, path, poses)
        return path
    with replacing(path) as place:
        place.write_bytes(data)
    return path


def _openpose(poses: Poses) -> dict[str, object]:
    """OpenPose's object, and where and when the frame was taken, as far as that is known."""
    known = {"frame": poses.index, "time": poses.time, "source": poses.source}
    return {
        **poses.to_openpose(),
        **{key: value for key, value in known.items() if value is not None},
    }


def _csv_writer(poses: Poses) -> Callable[[Path], Writer]:
    return partial(CsvWriter, sources=poses.source is not None)


def _write_result(make: Callable[[Path], Writer], path: Path, poses: Poses) -> None:
    width, height = poses.frame_size or (0, 0)
    black = np.broadcast_to(np.uint8(0), (height, width, 3))
    result = Result(poses, black, poses.index or 0, poses.time or 0.0, poses.source)
    with replacing(path) as place, closing(make(place)) as writer:
        writer.write(result)
