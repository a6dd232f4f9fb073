"""COCO keypoint annotations and the pictures beside them, checked before anything runs."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets import coco
from openpaf.errors import DatasetError
from openpaf.evaluate import metrics

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
    boxes : (P, 4) float64
        x, y, width, height.
    torso_lengths, head_lengths : (P,) float64
        Reference lengths of PCK and PCKh, px; NaN where unknown.
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
    torso_lengths: NDArray[np.float64]
    head_lengths: NDArray[np.float64]
    crowd: NDArray[np.bool_]
    ignored: NDArray[np.bool_]

    @property
    def box_lengths(self) -> NDArray[np.float64]:
        """(P,) longer side of each box, px."""
        longer: NDArray[np.float64] = self.boxes[:, 2:].max(axis=1)
        return longer


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
            wanted = f"any of {', '.join(parts)}" if parts else "a part that the model finds"
            raise DatasetError(
                f"{self.annotations} labels nobody with {wanted}; its parts are "
                f"{', '.join(self.parts)}"
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
    path = annotations or coco.find(folder)
    content, sha256 = coco.load(path)
    parts = coco.part_names(content, path)
    pictures = folder / "images"
    if not pictures.is_dir():
        raise DatasetError(f"{folder} has no images/ folder; put the pictures of {path.name} there")
    entries = _read_images(content, path, pictures)
    people: dict[int, list[dict[str, Any]]] = {image_id: [] for image_id in entries}
    category = content["categories"][0].get("id", 1)
    for annotation in content["annotations"]:
        image_id = coco.integer(annotation, "image_id", path)
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


def _read_images(
    content: dict[str, Any], path: Path, pictures: Path
) -> dict[int, tuple[Path, tuple[int, int]]]:
    if not content["images"]:
        raise DatasetError(f"{path} lists no images; there is nothing to measure")
    entries: dict[int, tuple[Path, tuple[int, int]]] = {}
    missing = []
    for image in content["images"]:
        image_id = coco.integer(image, "id", path)
        if image_id in entries:
            raise DatasetError(f"{path} lists image {image_id} twice")
        name = coco.file_name(image, path)
        if not (pictures / name).is_file():
            missing.append(name)
        width, height = (coco.integer(image, side, path) for side in ("width", "height"))
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
    triples = np.array([coco.keypoints(person, parts, path) for person in people], np.float64)
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
        coco.integer(person, "num_keypoints", path) if "num_keypoints" in person else row.sum()
        for person, row in zip(people, labelled, strict=True)
    ]
    head_boxes = [
        coco.box(person, "head_box", path) if "head_box" in person else [math.nan] * 4
        for person in people
    ]
    return AnnotatedImage(
        image_id,
        picture,
        size,
        keypoints,
        labelled,
        np.array([coco.number(person, "area", path) for person in people], np.float64),
        np.array([coco.box(person, "bbox", path) for person in people]).reshape(-1, 4),
        # Before any part is left out, so that a model without hips or heads is measured as others.
        metrics.torso_lengths(keypoints, labelled, parts),
        metrics.head_lengths(keypoints, labelled, parts, np.reshape(head_boxes, (-1, 4))),
        crowd,
        crowd | (np.array(counts, int) == 0),
    )
