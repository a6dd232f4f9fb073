"""COCO keypoint annotations: who was labelled in each image, such as `openpaf label` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from openpaf.datasets import coco
from openpaf.errors import DatasetError, RecordingError
from openpaf.motion.records import NO_NUMBERS, Record, text_of, to_poses
from openpaf.skeleton import SKELETONS, Skeleton


class CocoLabels:
    """A frame an image, of nobody too; every labelled part has the score 1, hidden ones too.

    Parameters
    ----------
    path : Path

    Raises
    ------
    RecordingError
        When it is no such file, or of parts that are no skeleton's.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.share = 0.0
        try:
            self._content, _ = coco.load(path)
            self._parts = coco.part_names(self._content, path)
            self._skeleton = _skeleton(self._parts, self._content, path)
        except DatasetError as error:
            raise RecordingError(str(error)) from None

    def records(self) -> Iterator[Record]:
        """Give its images, in the order of the file."""
        images = self._content["images"]
        people: dict[int, list[dict[str, Any]]] = {}
        try:
            for person in self._content["annotations"]:
                if not person.get("iscrowd") and person.get("num_keypoints", 1):
                    number = coco.integer(person, "image_id", self._path)
                    people.setdefault(number, []).append(person)
            for done, image in enumerate(images, 1):
                self.share = done / len(images)
                number = coco.integer(image, "id", self._path)
                yield self._record(image, number, people.get(number, []))
        except DatasetError as error:
            raise RecordingError(str(error)) from None

    def _record(self, image: dict[str, Any], number: int, people: list[dict[str, Any]]) -> Record:
        where = f"{self._path}: image {number}"
        rows = [_seen(coco.keypoints(one, self._parts, self._path)) for one in people]
        try:
            ids = [int(one.get("track_id", -1)) for one in people]
            size = int(image.get("width") or 0), int(image.get("height") or 0)
            time = float(image.get("time", "nan"))
        except NO_NUMBERS as error:
            raise RecordingError(f"{where} cannot be read: {error}") from None
        poses = to_poses(
            rows, ids, self._skeleton, where, size if all(size) else None,
            source=text_of(image.get("file_name")),
        )  # fmt: skip
        return Record(number, time, poses, where=where)


def _seen(flat: list[float]) -> list[float]:
    """X, y, visibility as x, y, score."""
    return [min(value, 1.0) if place % 3 == 2 else value for place, value in enumerate(flat)]


def _skeleton(parts: tuple[str, ...], content: dict[str, Any], path: Path) -> Skeleton:
    for skeleton in SKELETONS.values():
        if skeleton.parts == parts:
            return skeleton
    own = coco.skeleton(content, path)
    if own is None:
        raise RecordingError(
            f"{path}: no built-in skeleton has these parts, and categories[0] lists no limbs: "
            f"{', '.join(parts)[:200]}"
        )
    return own
