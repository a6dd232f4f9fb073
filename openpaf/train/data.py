"""Annotated pictures in memory: JPEG bytes, keypoints in the network's parts, people's boxes."""

from __future__ import annotations

import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from openpaf.datasets import coco
from openpaf.datasets.label_file import LabelFile
from openpaf.datasets.labels import coco_content
from openpaf.datasets.window_label_file import WindowLabelFile, holds_windows
from openpaf.errors import DatasetError, first_line
from openpaf.skeleton import Skeleton
from openpaf.topdown.windows import Windows
from openpaf.train.config import DataSetConfig

# How sure it must be that a window holds something, or nothing, to be taught.
_PRESENT, _ABSENT = 0.5, 0.1
# Photograph px outside every window.
_NOWHERE = -1e4


@dataclass(frozen=True, eq=False)
class Picture:
    """One annotated picture.

    Attributes
    ----------
    encoded : bytes
        The picture file.
    keypoints : (P, K, 3) float32
        x, y in picture px and visibility; 0 where a part is not labelled.
    boxes : (P, 4) float32
        x1, y1, x2, y2 of each labelled person.
    ignored : (M, 4) float32
        Boxes of people and crowds that carry no keypoints.
    labelled : (K,) bool
        Parts that this picture's set labels at all.
    trusted : bool
        Labels are a human's.
    windows : Windows, optional
        Of each, where labels say in which window it is to be seen; it need not be there.
    """

    encoded: bytes
    keypoints: NDArray[np.float32]
    boxes: NDArray[np.float32]
    ignored: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    trusted: bool
    windows: Windows | None = None

    def decode(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR."""
        frame = cv2.imdecode(np.frombuffer(self.encoded, np.uint8), cv2.IMREAD_COLOR)
        if frame is None:
            raise DatasetError("a picture of the data set is not a readable image")
        return np.asarray(frame, np.uint8)


def read_sets(
    folder: Path, sets: Sequence[DataSetConfig], skeleton: Skeleton
) -> tuple[list[Picture], NDArray[np.float64]]:
    """Every annotated picture of several sets, and how often each is to be drawn.

    Raises
    ------
    DatasetError
        When a set cannot be read, or none has a weight.
    """
    pictures: list[Picture] = []
    shares: list[float] = []
    for entry in sets:
        found = read_set(folder, entry, skeleton)
        pictures += found
        shares += [entry.weight / len(found)] * len(found)
    if sum(shares) <= 0:
        raise DatasetError("every set has weight 0; give at least one a positive weight")
    return pictures, np.array(shares)


def read_set(folder: Path, config: DataSetConfig, skeleton: Skeleton) -> list[Picture]:
    """Read every annotated picture of a set.

    Parameters
    ----------
    folder : Path
        Data folder that the set's paths are relative to.
    config : DataSetConfig
    skeleton : Skeleton
        Parts are matched by name; a neck no set labels is the mean of both shoulders.

    Raises
    ------
    DatasetError
        When a file is missing or is not what it should be, or nobody in it is labelled.
    """
    path = folder / config.annotations
    by_a_model = path.suffix == ".npz"
    if by_a_model and holds_windows(path):
        return _read_windows(folder, config, skeleton)
    content = coco_content(LabelFile(path).items()) if by_a_model else coco.load(path)[0]
    trusted = config.trusted and not by_a_model
    images = content["images"]
    if config.only:
        images = [image for image in images if image.get("set") in config.only]
    if config.without:
        left_out = listed(folder / config.without)
        images = [image for image in images if coco.file_name(image, path) not in left_out]
    names = [coco.file_name(image, path) for image in images]
    files = read_files(folder, config, names)
    people: dict[int, list[dict[str, Any]]] = {}
    parts = coco.part_names(content, path)
    category = content["categories"][0].get("id", 1)
    for annotation in content["annotations"]:
        if annotation.get("category_id", category) != category:
            continue
        people.setdefault(coco.integer(annotation, "image_id", path), []).append(annotation)
    reader = _Reader(parts, skeleton, path)
    pictures = [
        reader.picture(files[name], image, people.get(coco.integer(image, "id", path), []), trusted)
        for name, image in zip(names, images, strict=True)
    ]
    pictures = [picture for picture in pictures if len(picture.keypoints)]
    if not pictures:
        raise DatasetError(f"{path} labels nobody with the parts of {skeleton.name}")
    return pictures


def listed(path: Path) -> set[str]:
    """File names of a list, one of the data folder's own or one that comes with the recipes."""
    packaged = resources.files("openpaf.train") / "recipes" / path.name
    try:
        text = path.read_text("utf-8") if path.exists() else packaged.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(
            f"no list {path}, and none of that name comes with the recipes: {first_line(error)}"
        ) from error
    return {line.strip() for line in text.splitlines() if line.strip()}


def _read_windows(folder: Path, config: DataSetConfig, skeleton: Skeleton) -> list[Picture]:
    """Pictures of a file of labelled windows; those that may hold something are left out."""
    path = folder / config.annotations
    labels = WindowLabelFile(path)
    if labels.skeleton.parts != skeleton.parts:
        raise DatasetError(
            f"{path} labels the parts of {labels.skeleton.name}, the network finds those of "
            f"{skeleton.name}"
        )
    left_out = listed(folder / config.without) if config.without else set()
    names = [name for name in labels if name not in left_out]
    files = read_files(folder, config, names)
    pictures = []
    for name in names:
        one = labels[name]
        there = one.presence >= _PRESENT
        rows = np.flatnonzero(there | (one.presence < _ABSENT))
        if not len(rows):
            continue
        windows = Windows.squares(one.centres, one.sides, one.angles, one.mirrored)
        # Shares of a window are px of one that is two px wide.
        points = np.where(there[:, None, None], windows.to_frame(one.points, (2, 2)), _NOWHERE)
        known = np.ones((*points.shape[:2], 1))
        pictures.append(
            Picture(
                files[name],
                np.concatenate([points, known], axis=2)[rows].astype(np.float32),
                np.empty((len(rows), 4), np.float32),
                np.empty((0, 4), np.float32),
                np.ones(len(skeleton.parts), bool),
                False,
                windows[rows],
            )
        )
    if not pictures:
        raise DatasetError(f"{path} labels nothing")
    return pictures


def read_files(folder: Path, config: DataSetConfig, names: list[str]) -> dict[str, bytes]:
    """What is in the files of these names.

    Raises
    ------
    DatasetError
        When one is not there.
    """
    files: dict[str, bytes] = {}
    wanted = set(names)
    for source in config.images:
        path = folder / source
        if path.is_dir():
            files |= {
                name: (path / name).read_bytes() for name in wanted if (path / name).is_file()
            }
            continue
        try:
            with tarfile.open(path) as archive:
                for member in archive:
                    content = archive.extractfile(member) if member.name in wanted else None
                    if content is not None:
                        files[member.name] = content.read()
        except (OSError, tarfile.TarError) as error:
            raise DatasetError(f"{path} is neither a folder nor a readable tar: {error}") from error
    missing = [name for name in names if name not in files]
    if missing:
        raise DatasetError(
            f"{folder / config.annotations} names {len(missing)} pictures that are not in "
            f"{', '.join(config.images)}, first {missing[0]}"
        )
    return files


class _Reader:
    """People of one annotation file in the terms of a skeleton."""

    def __init__(self, parts: tuple[str, ...], skeleton: Skeleton, path: Path) -> None:
        self.path = path
        self.parts = parts
        self.source = Skeleton("labels", parts, (), ())
        self.skeleton = skeleton
        self.labelled = self._converted(np.ones((len(parts), 3), np.float32))[:, 2] > 0
        if not self.labelled.any():
            raise DatasetError(f"{path} labels none of the parts of {skeleton.name}")

    def picture(
        self, encoded: bytes, image: dict[str, Any], people: list[dict[str, Any]], trusted: bool
    ) -> Picture:
        size = tuple(coco.integer(image, side, self.path) for side in ("width", "height"))
        keypoints, boxes, ignored = [], [], []
        for person in people:
            x, y, w, h = coco.box(person, "bbox", self.path)
            box = (x, y, x + w, y + h)
            points = None if person.get("iscrowd") else self.keypoints(person, size)
            if points is None:
                ignored.append(box)
            else:
                keypoints.append(points)
                boxes.append(box)
        return Picture(
            encoded,
            np.array(keypoints, np.float32).reshape(-1, len(self.skeleton.parts), 3),
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(ignored, np.float32).reshape(-1, 4),
            self.labelled,
            trusted,
        )

    def keypoints(
        self, person: dict[str, Any], size: tuple[int, ...]
    ) -> NDArray[np.float32] | None:
        """(K, 3) of a person, 0 where nothing is labelled inside the picture; None if nowhere."""
        labels = np.array(coco.keypoints(person, self.parts, self.path), np.float32)
        points = self._converted(labels.reshape(-1, 3))
        inside = (points[:, :2] >= 0).all(axis=1) & (points[:, :2] <= size).all(axis=1)
        points[~inside | (points[:, 2] <= 0)] = 0
        return points if (points[:, 2] > 0).any() else None

    def _converted(self, labels: NDArray[np.float32]) -> NDArray[np.float32]:
        places, visible = self.source.convert(
            labels[None, :, :2], labels[None, :, 2], self.skeleton
        )
        return np.concatenate([places[0], visible[0, :, None]], axis=1)
