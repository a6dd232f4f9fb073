"""Annotated pictures in memory: JPEG bytes, keypoints in the network's parts, people's boxes."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from openpaf.errors import DatasetError
from openpaf.skeleton import Skeleton
from openpaf.train.config import DataSetConfig


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
    """

    encoded: bytes
    keypoints: NDArray[np.float32]
    boxes: NDArray[np.float32]
    ignored: NDArray[np.float32]
    labelled: NDArray[np.bool_]
    trusted: bool

    def decode(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 BGR."""
        frame = cv2.imdecode(np.frombuffer(self.encoded, np.uint8), cv2.IMREAD_COLOR)
        if frame is None:
            raise DatasetError("a picture of the data set is not a readable image")
        return np.asarray(frame, np.uint8)


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
        When a file is missing or is not COCO keypoint JSON, or nobody in it is labelled.
    """
    path = folder / config.annotations
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        names = content["categories"][0]["keypoints"]
        images, annotations = content["images"], content["annotations"]
        if config.only:
            images = [image for image in images if image.get("set") in config.only]
    except OSError as error:
        raise DatasetError(f"annotations {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise DatasetError(
            f"{path} is not COCO keypoint JSON (images, annotations, categories[0].keypoints)"
        ) from error
    files = _files(folder, config.images, {image["file_name"] for image in images})
    missing = [image["file_name"] for image in images if image["file_name"] not in files]
    if missing:
        raise DatasetError(
            f"{path} names {len(missing)} pictures that are not in {', '.join(config.images)}, "
            f"first {missing[0]}"
        )
    people: dict[int, list[dict[str, Any]]] = {}
    for annotation in annotations:
        people.setdefault(annotation["image_id"], []).append(annotation)
    reader = _Reader(names, skeleton, path)
    pictures = [
        reader.picture(
            files[image["file_name"]], image, people.get(image["id"], []), config.trusted
        )
        for image in images
    ]
    pictures = [picture for picture in pictures if len(picture.keypoints)]
    if not pictures:
        raise DatasetError(f"{path} labels nobody with the parts of {skeleton.name}")
    return pictures


def _files(folder: Path, sources: tuple[str, ...], wanted: set[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for source in sources:
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
    return files


class _Reader:
    def __init__(self, names: list[str], skeleton: Skeleton, path: Path) -> None:
        place = {name: index for index, name in enumerate(names)}
        self.path = path
        self.columns = [place.get(part, -1) for part in skeleton.parts]
        self.source_parts = len(names)
        self.neck = -1
        if "neck" in skeleton.parts and "neck" not in place:
            self.neck = skeleton.index("neck")
            self.shoulders = [skeleton.index("left_shoulder"), skeleton.index("right_shoulder")]
        self.labelled = np.array([column >= 0 for column in self.columns])
        if self.neck >= 0:
            self.labelled[self.neck] = self.labelled[self.shoulders].all()
        if not self.labelled.any():
            raise DatasetError(f"{path} labels none of the parts of {skeleton.name}")

    def picture(
        self, encoded: bytes, image: dict[str, Any], people: list[dict[str, Any]], trusted: bool
    ) -> Picture:
        keypoints, boxes, ignored = [], [], []
        for person in people:
            x, y, w, h = person["bbox"]
            box = (x, y, x + w, y + h)
            points = None if person.get("iscrowd") else self.keypoints(person, image)
            if points is None:
                ignored.append(box)
            else:
                keypoints.append(points)
                boxes.append(box)
        return Picture(
            encoded,
            np.array(keypoints, np.float32).reshape(-1, len(self.columns), 3),
            np.array(boxes, np.float32).reshape(-1, 4),
            np.array(ignored, np.float32).reshape(-1, 4),
            self.labelled,
            trusted,
        )

    def keypoints(
        self, person: dict[str, Any], image: dict[str, Any]
    ) -> NDArray[np.float32] | None:
        source = np.asarray(person["keypoints"], np.float32)
        if source.size != 3 * self.source_parts:
            raise DatasetError(
                f"{self.path}: annotation {person.get('id')} has {source.size} keypoint numbers, "
                f"expected {3 * self.source_parts}"
            )
        source = source.reshape(-1, 3)
        if not np.isfinite(source).all():
            raise DatasetError(f"{self.path}: annotation {person.get('id')} is not finite")
        points = np.zeros((len(self.columns), 3), np.float32)
        for part, column in enumerate(self.columns):
            if column >= 0:
                points[part] = source[column]
        if self.neck >= 0 and (points[self.shoulders, 2] > 0).all():
            points[self.neck] = points[self.shoulders].mean(axis=0)
        inside = (
            (points[:, 0] >= 0)
            & (points[:, 1] >= 0)
            & (points[:, 0] <= image["width"])
            & (points[:, 1] <= image["height"])
        )
        points[~inside | (points[:, 2] <= 0)] = 0
        return points if (points[:, 2] > 0).any() else None
