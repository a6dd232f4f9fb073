"""`openpaf detect`: pictures in; annotated copies and JSON out."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from openpaf.cli.messages import progress_bar, warn
from openpaf.cli.options import (
    Card,
    Device,
    Model,
    NetHeight,
    NetSize,
    read_card,
    read_net_size,
)
from openpaf.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.errors import ConfigError, FrameError, OutputError, SourceError
from openpaf.files import replacing
from openpaf.frame import to_frame
from openpaf.opencv import cv2
from openpaf.pictures import Picture, find_pictures, refuse_to_overwrite

if TYPE_CHECKING:
    from openpaf.poses import Poses

_DECODER = DecoderConfig()
# Formats that OpenCV writes as it reads them; a copy of any other kind of picture is a PNG.
_KEPT_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class Format(str, Enum):
    """Whose JSON to write."""

    openpose = "openpose"
    coco = "coco"


def command(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Pictures, folders (searched through) or quoted globs.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            "-o",
            metavar="DIR",
            help="Folder for annotated copies and JSON; - writes one JSON line a picture to "
            "stdout instead.",
        ),
    ] = "found",
    model: Model = None,
    card: Card = None,
    device: Device = "auto",
    net_height: NetHeight = None,
    net_size: NetSize = None,
    min_score: Annotated[
        float, typer.Option(help="Leave out people with a lower score, 0 to 1.")
    ] = _DECODER.min_score,
    max_people: Annotated[
        int | None, typer.Option(help="Keep at most this many people a picture, the best ones.")
    ] = _DECODER.max_people,
    format: Annotated[
        Format,
        typer.Option(
            help="openpose: NAME_keypoints.json a picture. coco: one coco_results.json for all, "
            "whose image_id is the number in the file's name."
        ),
    ] = Format.openpose,
) -> None:
    """Find the people in pictures.

    Writes NAME_poses.jpg, a copy with skeletons drawn on it, and NAME_keypoints.json for every
    picture. A picture that cannot be read is listed, the others are done, and the exit code is 1.

    Examples:

        openpaf detect photo.jpg --out found
        openpaf detect photos/ "more/**/*.png" --out found --net-height 256
        openpaf detect photos/ --out - | jq '.people | length'
    """
    if not out:
        raise ConfigError("--out is an empty name; name a folder, or - for stdout")
    pictures = find_pictures(sources)
    results = _Lines(format) if out == "-" else _Folder(Path(out), format, pictures)
    engine = Engine(
        model,
        device=device,
        net_height=net_height,
        net_size=read_net_size(net_size),
        card=read_card(card),
        decoder=DecoderConfig(min_score=min_score, max_people=max_people),
    )
    start, people, failed = time.perf_counter(), 0, 0
    with engine, progress_bar() as bar:
        for picture in bar.track(pictures, description="detecting"):
            try:
                frame = to_frame(picture.path)
                poses = engine.detect(frame)
            except (FrameError, SourceError) as error:
                warn(str(error))
                failed += 1
                continue
            results.add(picture, frame, poses)
            people += len(poses)
    results.finish()
    done = len(pictures) - failed
    seconds = time.perf_counter() - start
    if done:
        found = f"{_count(people, 'person', 'people')} in {_count(done, 'picture', 'pictures')}"
        warn(f"{found}, {seconds:.1f} s{results.where}")
    if failed and len(pictures) > 1:
        warn(f"{failed} of {len(pictures)} pictures could not be read")
    if failed:
        raise typer.Exit(1 if done else 2)


class _Folder:
    """Annotated copies and JSON files."""

    def __init__(self, folder: Path, format: Format, pictures: Sequence[Picture]) -> None:
        self.where = f"; see {folder}"
        self._folder = folder
        self._format = format
        self._coco: list[dict[str, Any]] = []
        copies = [self._copy(picture) for picture in pictures]
        refuse_to_overwrite(pictures, copies)
        _make_writable(folder)

    def add(self, picture: Picture, frame: NDArray[np.uint8], poses: Poses) -> None:
        _write(self._copy(picture), _encode(poses.draw(frame), self._copy(picture).suffix))
        if self._format is Format.coco:
            self._coco += poses.to_coco(picture.image_id)
        else:
            name = f"{picture.stem.name}_keypoints.json"
            text = json.dumps(poses.to_openpose())
            _write(self._folder / picture.stem.with_name(name), text.encode())

    def finish(self) -> None:
        if self._format is Format.coco:
            _write(self._folder / "coco_results.json", json.dumps(self._coco).encode())

    def _copy(self, picture: Picture) -> Path:
        suffix = picture.path.suffix.lower()
        suffix = suffix if suffix in _KEPT_SUFFIXES else ".png"
        return self._folder / picture.stem.with_name(f"{picture.stem.name}_poses{suffix}")


class _Lines:
    """One JSON line a picture, on stdout."""

    where = ""

    def __init__(self, format: Format) -> None:
        self._format = format

    def add(self, picture: Picture, frame: NDArray[np.uint8], poses: Poses) -> None:
        height, width = frame.shape[:2]
        line: dict[str, Any] = {
            "source": str(picture.path),
            "frame_size": [width, height],
            "skeleton": poses.skeleton.name,
        }
        if self._format is Format.coco:
            line["results"] = poses.to_coco(picture.image_id)
        else:
            line |= poses.to_openpose()
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()

    def finish(self) -> None:
        pass


def _make_writable(folder: Path) -> None:
    """Find out before the work rather than after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write into {folder}: {reason}; pass another --out") from error


def _encode(picture: NDArray[np.uint8], suffix: str) -> bytes:
    try:
        written, data = cv2.imencode(suffix, picture)
    except cv2.error as error:
        raise OutputError(f"cannot write a {suffix} of {picture.shape}: {error.err}") from error
    if not written:
        raise OutputError(f"cannot write a {suffix} of {picture.shape}")
    return data.tobytes()


def _write(path: Path, data: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(data)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
