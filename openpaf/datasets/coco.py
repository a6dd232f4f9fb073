"""COCO keypoint JSON as plain values, each checked where it is read."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, TypeGuard

from openpaf.errors import ConfigError, DatasetError, shown
from openpaf.skeleton import Skeleton
from openpaf.skeleton_table import skeleton_from

_DEFAULT_NAME = "person_keypoints.json"
_LARGEST = 1e18


def find(folder: Path) -> Path:
    """The annotation file of a folder."""
    if (folder / _DEFAULT_NAME).is_file():
        return folder / _DEFAULT_NAME
    found = sorted(folder.glob("*.json"))
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.name for path in found[:5]) or "none"
    raise DatasetError(
        f"{folder} must hold {_DEFAULT_NAME} or exactly one other .json, got {names}; "
        f"let the one to be read be {_DEFAULT_NAME}, or name it (val, calibrate: --annotations)"
    )


def load(path: Path) -> tuple[dict[str, Any], str]:
    """Content of an annotation file and the sha256 of it."""
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
                f"{path} is not COCO keypoint JSON: it has no list {key!r}; expected images, "
                "annotations and categories"
            )
    return content, hashlib.sha256(raw).hexdigest()


def file_name(image: dict[str, Any], path: Path) -> str:
    """Name of a picture: a path below the folder of pictures, never out of it."""
    name = image.get("file_name")
    if not isinstance(name, str) or Path(name).is_absolute() or ".." in Path(name).parts:
        raise DatasetError(f"{path}: file_name {name!r} must be a path inside images/")
    return name


def part_names(content: dict[str, Any], path: Path) -> tuple[str, ...]:
    """Names of the K parts, from `categories[0].keypoints`."""
    categories = content["categories"]
    parts = categories[0].get("keypoints") if categories else None
    if not isinstance(parts, list) or not parts or not all(isinstance(p, str) for p in parts):
        raise DatasetError(f"{path}: categories[0].keypoints must list the part names")
    if len(set(parts)) != len(parts):
        raise DatasetError(f"{path}: categories[0].keypoints names a part twice")
    return tuple(parts)


def skeleton(content: dict[str, Any], path: Path) -> Skeleton | None:
    """Parts and limbs of `categories[0]`, by its name; None where it says nothing of limbs.

    Raises
    ------
    DatasetError
        When limbs are not pairs of parts, counted from 1, or cannot be a skeleton's.
    """
    parts, category = part_names(content, path), content["categories"][0]
    limbs: dict[frozenset[str], list[str]] = {}
    listed = category.get("skeleton") or []
    for limb in listed if isinstance(listed, list) else [listed]:
        two = isinstance(limb, list) and len(limb) == 2
        if not two or not all(isinstance(k, int) and 1 <= k <= len(parts) for k in limb):
            raise DatasetError(
                f"{path}: categories[0].skeleton must be pairs of parts counted from 1 to "
                f"{len(parts)}, got {shown(limb)}"
            )
        ends = [parts[k - 1] for k in limb]
        limbs.setdefault(frozenset(ends), ends)
    if not limbs:
        return None
    name = category.get("name")
    named = name if isinstance(name, str) and name.strip() else path.stem
    table = {"name": named, "parts": parts, "limbs": [*limbs.values()]}
    try:
        return skeleton_from(table, f"{path}: categories[0]")
    except ConfigError as error:
        raise DatasetError(
            f"{error}; or name a skeleton with --skeleton, COCO_18 for a person's parts alone"
        ) from error


def keypoints(person: dict[str, Any], parts: tuple[str, ...], path: Path) -> list[float]:
    """3 K numbers: x, y, visibility of each part."""
    values = person.get("keypoints")
    if not isinstance(values, list) or len(values) != 3 * len(parts):
        got = len(values) if isinstance(values, list) else "none"
        raise DatasetError(
            f"{path}: annotation {person.get('id')} must have {3 * len(parts)} keypoint numbers, "
            f"x, y, visibility for {len(parts)} parts, got {got}"
        )
    return _finite(values, f"{path}: keypoints of annotation {person.get('id')}")


def box(person: dict[str, Any], key: str, path: Path) -> list[float]:
    """x, y, width, height."""
    values = person.get(key)
    if not isinstance(values, list) or len(values) != 4:
        raise DatasetError(
            f"{path}: {key} of annotation {person.get('id')} must be x, y, width, height"
        )
    return _finite(values, f"{path}: {key} of annotation {person.get('id')}")


def number(entry: dict[str, Any], key: str, path: Path) -> float:
    """A number not below 0."""
    value = entry.get(key)
    if not _is_number(value) or value < 0:
        raise DatasetError(
            f"{path}: {key} of entry {entry.get('id')} must be a number not below 0, got {value!r}"
        )
    return float(value)


def integer(entry: dict[str, Any], key: str, path: Path) -> int:
    """A whole number not below 0."""
    value = entry.get(key)
    if not _is_number(value) or value < 0 or int(value) != value:
        raise DatasetError(
            f"{path}: {key} of entry {entry.get('id')} must be a whole number not below 0, "
            f"got {value!r}"
        )
    return int(value)


def _finite(values: list[Any], what: str) -> list[float]:
    if not all(_is_number(value) for value in values):
        raise DatasetError(f"{what} must be finite numbers")
    return values


def _is_number(value: Any) -> TypeGuard[float]:
    # A comparison, because JSON holds whole numbers that no float can; NaN fails it too.
    return isinstance(value, int | float) and abs(value) <= _LARGEST
