"""COCO keypoint annotations and the pictures beside them, checked before anything runs."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import DatasetError

_DEFAULT_NAME = "person_keypoints.json"
# Labels made on a smaller copy of a picture land a pixel or two beyond the border.
_BORDER_PX = 4.0


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """One picture and the P people annotated in it.

    Attributes
    ----------
    image_id : int
    path : Path
    size : (width, height)
    keypoints : (P, K, 2) float64
        Frame px.
    labelled : (P, K) bool
    areas : (P,) float64
        px^2.
    boxes, head_boxes : (P, 4) float64
        x, y, width, height; head boxes are NaN where not annotated.
    crowd, ignored : (P,) bool
        Crowd regions; those and people without keypoints, which neither win nor lose anything.
    """

    image_id: int
    path: Path
    size: tuple[int, int]
    keypoints: NDArray[np.float64]
    labelled: NDArray[np.bool_]
    areas: NDArray[np.float64]
    boxes: NDArray[np.float64]
    head_boxes: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    ignored: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class KeypointFolder:
    """A folder of annotated pictures.

    Attributes
    ----------
    folder, annotations : Path
    sha256 : str
        Of the annotation file.
    parts : tuple of str
        The K part names of `categories[0].keypoints`.
    images : tuple of AnnotatedImage
        In the order of their ids.
    """

    folder: Path
    annotations: Path
    sha256: str
    parts: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]

    def restricted(self, parts: Collection[str]) -> KeypointFolder:
        """The same annotations with only these parts, so that a model is asked what it can know.

        Raises
        ------
        DatasetError
            When nobody has any of these parts labelled.
        """
        columns = [k for k, part in enumerate(self.parts) if part in parts]
        images = tuple(
            replace(
                image,
                keypoints=image.keypoints[:, columns],
                labelled=image.labelled[:, columns],
                ignored=image.ignored | ~image.labelled[:, columns].any(axis=1),
            )
            for image in self.images
        )
        if all(image.ignored.all() for image in images):
            raise DatasetError(
                f"{self.annotations} labels nobody with any of {', '.join(parts)}; "
                f"its parts are {', '.join(self.parts)}"
            )
        return replace(self, parts=tuple(self.parts[k] for k in columns), images=images)


def read_folder(folder: Path, annotations: Path | None = None) -> KeypointFolder:
    """Read COCO keypoint JSON and check it against the pictures in `images/`.

    Parameters
    ----------
    folder : Path
        Holds `images/` and `person_keypoints.json` or one other JSON file.
    annotations : Path, optional
        The annotation file, where it is somewhere else.

    Raises
    ------
    DatasetError
        When a file is missing or damaged, nobody is annotated, or a joint is outside its picture.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder} is not a folder; pass one that holds images/ and its JSON")
    path = annotations or _find_annotations(folder)
    content, sha256 = _load(path)
    parts = _read_parts(content, path)
    pictures = folder / "images"
    if not pictures.is_dir():
        raise DatasetError(f"{folder} has no images/ folder; put the pictures of {path.name} there")
    entries = _read_images(content, path, pictures)
    people: dict[int, list[dict[str, Any]]] = {image_id: [] for image_id in entries}
    category = content["categories"][0].get("id", 1)
    for annotation in content["annotations"]:
        image_id = _integer(annotation, "image_id", path)
        if image_id not in people:
            raise DatasetError(f"{path}: an annotation names image {image_id}, which is not listed")
        if annotation.get("category_id", category) == category:
            people[image_id].append(annotation)
    images = tuple(
        _annotated(image_id, *entries[image_id], people[image_id], parts, path)
        for image_id in sorted(entries)
    )
    if all(image.ignored.all() for image in images):
        raise DatasetError(f"{path} has nobody with a labelled keypoint: nothing to measure")
    return KeypointFolder(folder, path, sha256, parts, images)


def _find_annotations(folder: Path) -> Path:
    if (folder / _DEFAULT_NAME).is_file():
        return folder / _DEFAULT_NAME
    found = sorted(folder.glob("*.json"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found[:5]) or "none"
    raise DatasetError(
        f"{folder} must hold {_DEFAULT_NAME} or exactly one other .json, got {names}; "
        "name the file with --annotations"
    )


def _load(path: Path) -> tuple[dict[str, Any], str]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"annotations {path} cannot be read: {error.strerror}") from error
    try:
        content = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{path} is not JSON: {error}") from error
    for key in ("images", "annotations", "categories"):
        entries = content.get(key) if isinstance(content, dict) else None
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise DatasetError(
                f"{path} has no list {key!r}; expected COCO keypoint JSON with images, "
                "annotations and categories"
            )
    return content, hashlib.sha256(raw).hexdigest()


def _read_parts(content: dict[str, Any], path: Path) -> tuple[str, ...]:
    categories = content["categories"]
    parts = categories[0].get("keypoints") if categories else None
    if not isinstance(parts, list) or not parts or not all(isinstance(p, str) for p in parts):
        raise DatasetError(f"{path}: categories[0].keypoints must list the part names")
    if len(set(parts)) != len(parts):
        raise DatasetError(f"{path}: categories[0].keypoints names a part twice")
    return tuple(parts)


def _read_images(
    content: dict[str, Any], path: Path, pictures: Path
) -> dict[int, tuple[Path, tuple[int, int]]]:
    if not content["images"]:
        raise DatasetError(f"{path} lists no images; there is nothing to measure")
    entries: dict[int, tuple[Path, tuple[int, int]]] = {}
    missing = []
    for image in content["images"]:
        image_id = _integer(image, "id", path)
        name = image.get("file_name")
        if image_id in entries:
            raise DatasetError(f"{path} lists image {image_id} twice")
        if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
            raise DatasetError(f"{path}: file_name {name!r} must be a path inside images/")
        if not (pictures / name).is_file():
            missing.append(name)
        width, height = (_integer(image, side, path) for side in ("width", "height"))
        entries[image_id] = (pictures / name, (width, height))
    if missing:
        raise DatasetError(
            f"{len(missing)} of {len(entries)} pictures of {path.name} are not in {pictures}, "
            f"first {missing[0]}; add them or take them out of the annotations"
        )
    return entries


def _annotated(
    image_id: int,
    picture: Path,
    size: tuple[int, int],
    people: list[dict[str, Any]],
    parts: tuple[str, ...],
    path: Path,
) -> AnnotatedImage:
    triples = np.array([_keypoints(person, parts, path) for person in people], np.float64)
    triples = triples.reshape(-1, len(parts), 3)
    keypoints, labelled = triples[..., :2], triples[..., 2] > 0
    beyond = np.maximum(-keypoints, keypoints - (np.array(size) - 1)).max(axis=2)
    outside = labelled & (beyond > _BORDER_PX)
    if outside.any():
        person, part = np.argwhere(outside)[0]
        x, y = keypoints[person, part]
        raise DatasetError(
            f"{path}: {parts[part]} of annotation {people[person].get('id')} is at ({x:g}, {y:g}), "
            f"outside its {size[0]}x{size[1]} picture {picture.name}; correct it or set its "
            "visibility to 0"
        )
    crowd = np.array([bool(person.get("iscrowd", 0)) for person in people], bool)
    # As pycocotools: what the annotation says counts, where it says anything.
    counts = [
        person.get("num_keypoints", int(row.sum()))
        for person, row in zip(people, labelled, strict=True)
    ]
    return AnnotatedImage(
        image_id,
        picture,
        size,
        keypoints,
        labelled,
        np.array([_number(person, "area", path) for person in people], np.float64),
        np.array([_box(person, "bbox", path) for person in people]).reshape(-1, 4),
        np.array(
            [
                _box(person, "head_box", path) if "head_box" in person else [math.nan] * 4
                for person in people
            ]
        ).reshape(-1, 4),
        crowd,
        crowd | (np.array(counts, int) == 0),
    )


def _keypoints(person: dict[str, Any], parts: tuple[str, ...], path: Path) -> list[float]:
    values = person.get("keypoints")
    if not isinstance(values, list) or len(values) != 3 * len(parts):
        got = len(values) if isinstance(values, list) else "none"
        raise DatasetError(
            f"{path}: annotation {person.get('id')} must have {3 * len(parts)} keypoint numbers, "
            f"x, y, visibility for {len(parts)} parts, got {got}"
        )
    return _finite(values, f"{path}: keypoints of annotation {person.get('id')}")


def _box(person: dict[str, Any], key: str, path: Path) -> list[float]:
    values = person.get(key)
    if not isinstance(values, list) or len(values) != 4:
        raise DatasetError(
            f"{path}: {key} of annotation {person.get('id')} must be x, y, width, height"
        )
    return _finite(values, f"{path}: {key} of annotation {person.get('id')}")


def _finite(values: list[Any], what: str) -> list[float]:
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in values):
        raise DatasetError(f"{what} must be finite numbers")
    return values


def _number(entry: dict[str, Any], key: str, path: Path) -> float:
    value = entry.get(key)
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise DatasetError(
            f"{path}: {key} of entry {entry.get('id')} must be a number not below 0, got {value!r}"
        )
    return value


def _integer(entry: dict[str, Any], key: str, path: Path) -> int:
    value = _number(entry, key, path)
    if int(value) != value:
        raise DatasetError(f"{path}: {key} of entry {entry.get('id')} must be whole, got {value!r}")
    return int(value)
