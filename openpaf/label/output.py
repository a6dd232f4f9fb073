"""The file of labels: COCO keypoint JSON, or the compact `.npz`; what is in it already stays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from openpaf import __version__
from openpaf.datasets import coco
from openpaf.datasets.label_file import LabelFile, write_label_file
from openpaf.datasets.labels import SKELETON, PhotoLabels, Teaching, coco_content
from openpaf.errors import ConfigError, DatasetError
from openpaf.files import replacing


class Output(Protocol):
    """A file of labels.

    Attributes
    ----------
    names : frozenset of str
        Photographs that are in it already, whoever has labelled or corrected them.
    """

    names: frozenset[str]

    def write(
        self, labels: Mapping[str, PhotoLabels], recipe: Mapping[str, Any], bad: Sequence[str]
    ) -> None:
        """Add labels, and the names of files that are no pictures; whole or not at all."""


class JsonOutput:
    """COCO keypoint JSON."""

    def __init__(self, path: Path, teaching: Teaching) -> None:
        self._path, self._teaching = path, teaching
        self._before: dict[str, Any] | None = None
        self.names: frozenset[str] = frozenset()
        if path.is_file():
            content, _ = coco.load(path)
            parts = coco.part_names(content, path)
            if parts != SKELETON.parts:
                raise DatasetError(
                    f"{path} has labels of another skeleton, of {len(parts)} parts ({parts[0]}, "
                    f"...); these are of {SKELETON.name}: pass another --out"
                )
            self._before = content
            self.names = frozenset(coco.file_name(image, path) for image in content["images"])

    def write(
        self, labels: Mapping[str, PhotoLabels], recipe: Mapping[str, Any], bad: Sequence[str]
    ) -> None:
        """See `Output.write`."""
        content = coco_content(labels.items(), self._teaching, before=self._before)
        content.setdefault("info", {"description": "labelled by openpaf", "version": __version__})
        with replacing(self._path) as partial:
            partial.write_text(json.dumps({**content, "recipe": recipe}) + "\n", "utf-8")


class CompactOutput:
    """The compact `.npz`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = LabelFile(path) if path.is_file() else None
        self.names = frozenset(self._before or ())

    def write(
        self, labels: Mapping[str, PhotoLabels], recipe: Mapping[str, Any], bad: Sequence[str]
    ) -> None:
        """See `Output.write`."""
        before = {} if self._before is None else dict(self._before.items())
        bad_before = () if self._before is None else self._before.unreadable
        all_bad = [name for name in dict.fromkeys([*bad_before, *bad]) if name not in labels]
        write_label_file(self._path, {**before, **labels}, recipe, all_bad)


def open_output(path: Path, teaching: Teaching) -> Output:
    """What is at a path, or will be.

    Raises
    ------
    ConfigError
        When its suffix says neither.
    DatasetError
        When the file that is there is damaged, or of another skeleton.
    """
    if path.suffix == ".json":
        return JsonOutput(path, teaching)
    if path.suffix == ".npz":
        return CompactOutput(path)
    raise ConfigError(f"--out must end in .json (COCO keypoints) or .npz (compact), got {path}")
