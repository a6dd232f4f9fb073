"""Motions to files that other programs read; the suffix says which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from openpaf.errors import ConfigError
from openpaf.motion.block import Block
from openpaf.motion.facing import Facing
from openpaf.motion.formats.bvh import bvh
from openpaf.motion.formats.c3d import c3d
from openpaf.motion.formats.folder import OpenPoseFolder
from openpaf.motion.formats.mot import mot
from openpaf.motion.formats.motchallenge import MotChallenge
from openpaf.motion.formats.ndjson import Ndjson
from openpaf.motion.formats.posetrack import PoseTrack
from openpaf.motion.formats.sink import Sink
from openpaf.motion.formats.table import angle_table, speed_table, wide
from openpaf.motion.formats.trc import is_px, trc
from openpaf.motion.scale import Scale

__all__ = ["FORMATS", "angle_sink", "open_sink", "speed_table", "write", "write_all"]

FORMATS = {
    ".ndjson": "a JSON line a frame, as openpaf run writes",
    ".csv": "wide table, a row a person of a frame",
    ".parquet": "the same as Parquet",
    ".trc": "marker positions for OpenSim, metres; NAME_px.trc for Sports2D, px",
    ".mot": "angles for OpenSim, degrees",
    ".c3d": "marker positions, metres",
    ".bvh": "bones turning in the picture plane",
    ".json": "PoseTrack-style JSON: COCO annotations with track_id",
    ".txt": "MOTChallenge: boxes with ids",
    "/": "folder of OpenPose's JSON",
}
"""What can be written, by suffix."""

_IN_METRES = {".trc": trc, ".c3d": c3d}


def open_sink(path: Path, scale: Scale | None = None, facing: Facing = "auto") -> Sink:
    """Make the writer that a path's suffix asks for; a path without one is a folder.

    Raises
    ------
    ConfigError
        When there is no such form, or it needs a scale.
    OutputError
        When it cannot be written there.
    """
    kind = path.suffix.lower()
    if kind == ".trc" and is_px(path):
        return trc(path, None)
    if kind in _IN_METRES:
        if scale is None:
            raise ConfigError(
                f"{path} is in metres: give the person's height (--height 1.75), a scale bar "
                "(--scale-bar) or a floor line (--floor); scale= in Python"
            )
        return _IN_METRES[kind](path, scale)
    makers: dict[str, Callable[[], Sink]] = {
        ".ndjson": lambda: Ndjson(path),
        ".csv": lambda: wide(path),
        ".parquet": lambda: wide(path),
        ".mot": lambda: mot(path, facing),
        ".bvh": lambda: bvh(path, scale),
        ".json": lambda: PoseTrack(path),
        ".txt": lambda: MotChallenge(path),
        "": lambda: Ndjson(None) if str(path) == "-" else OpenPoseFolder(path),
    }
    if kind not in makers:
        raise ConfigError(f"{path} must be a folder or one of {', '.join(FORMATS)}")
    return makers[kind]()


def angle_sink(path: Path, facing: Facing = "auto") -> Sink:
    """Make a writer of angles: `.csv` or `.parquet` of everybody, `.mot` a person.

    Raises
    ------
    ConfigError
        When there is no such form.
    """
    kind = path.suffix.lower()
    if kind == ".mot":
        return mot(path, facing)
    if kind not in (".csv", ".parquet"):
        raise ConfigError(f"angles must go to .csv, .parquet or .mot, got {path}")
    return angle_table(path, facing)


def write(blocks: Iterable[Block], paths: Sequence[Path], scale: Scale | None = None) -> list[Path]:
    """Write blocks that follow one another to every path.

    Parameters
    ----------
    blocks : iterable of Block
    paths : sequence of Path
    scale : Scale, optional
        The forms in metres need one.

    Returns
    -------
    list of Path
        What was written.
    """
    return write_all(blocks, [open_sink(path, scale) for path in paths])


def write_all(blocks: Iterable[Block], sinks: Sequence[Sink]) -> list[Path]:
    """Give blocks to several writers and finish them; nothing appears before all is done."""
    for block in blocks:
        for sink in sinks:
            sink.write(block)
    return [path for sink in sinks for path in sink.finish()]
