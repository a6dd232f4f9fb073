"""Labels of a set of photographs in one compact `.npz`, and out of it again.

Arrays, for I photographs, N people, R regions:

| name | type | is |
| --- | --- | --- |
| `names` | (I,) bytes | file names, UTF-8 |
| `sizes` | (I, 2) uint16 | width, height |
| `people_from`, `regions_from` | (I + 1,) int32 | rows of photograph i: from [i] to [i + 1] |
| `boxes` | (N, 4) int16 | x0, y0, x1, y1, quarter px |
| `places` | (2, N, 17, 2) uint8 | low and high byte of int16: x, y less the box's x0, y0, 1/8 px |
| `scores` | (N, 17) uint8 | part scores, 1/200 |
| `apart` | (N, 17) uint8 | see `PhotoLabels`, 1/500; 255: the fields have no such part |
| `person_scores` | (N,) uint8 | 1/255 |
| `seen` | (N, 4) uint8 | see `PhotoLabels`, 1/255 |
| `turns` | (N,) uint8 | quarter turns clockwise that bring the person upright |
| `regions` | (R, 4) int16 | x0, y0, x1, y1, px |
| `region_scores` | (R,) uint8 | 1/255 |
| `unreadable` | (U,) bytes | names of files that are no pictures |
| `recipe` | str | JSON of what made them |
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from openpaf.datasets.compact import joined, load_arrays, split, starts
from openpaf.datasets.labels import SKELETON, PhotoLabels
from openpaf.datasets.packing import pack, unpack
from openpaf.errors import DatasetError
from openpaf.files import replacing

_PARTS = len(SKELETON.parts)
_PEOPLE = {
    "boxes": (4,), "places": (_PARTS, 2), "scores": (_PARTS,), "apart": (_PARTS,),
    "person_scores": (), "seen": (4,), "turns": (),
}  # fmt: skip
_REGIONS = {"regions": (4,), "region_scores": ()}


class LabelFile(Mapping[str, PhotoLabels]):
    """Labels out of a file; a mapping of names, in the order of the file, to `PhotoLabels`.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DatasetError
        When it cannot be read, is no file of labels, or its labels are of another skeleton.
    """

    def __init__(self, path: Path) -> None:
        arrays = load_arrays(path)
        try:
            self.recipe: dict[str, Any] = json.loads(str(arrays["recipe"]))
            self.unreadable = tuple(name.decode() for name in arrays["unreadable"])
            self._rows = {name.decode(): row for row, name in enumerate(arrays["names"])}
            shape = arrays["places"].shape
            if shape[2:] != _PEOPLE["places"]:
                raise DatasetError(
                    f"{path} has labels of another skeleton, places {shape}; these must be of the "
                    f"{_PARTS} parts of {SKELETON.name}"
                )
            self._arrays = arrays | {"places": joined(arrays["places"])}
            self._check(path)
        except (KeyError, ValueError, IndexError) as error:
            if isinstance(error, DatasetError):
                raise
            raise DatasetError(f"{path} is damaged, or no file of labels: {error}") from error

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> PhotoLabels:
        row, arrays = self._rows[name], self._arrays
        people, regions = (
            slice(*arrays[key][row : row + 2]) for key in ("people_from", "regions_from")
        )
        return unpack(
            {
                "size": arrays["sizes"][row],
                **{key: arrays[key][people] for key in _PEOPLE},
                **{key: arrays[key][regions] for key in _REGIONS},
            }
        )

    def _check(self, path: Path) -> None:
        counts = {"people_from": _PEOPLE, "regions_from": _REGIONS}
        for start, columns in counts.items():
            rows = int(self._arrays[start][-1])
            short = [key for key in columns if len(self._arrays[key]) != rows]
            if short or len(self._arrays[start]) != len(self._rows) + 1:
                raise DatasetError(f"{path} is damaged: {start} does not fit {short or 'names'}")


def write_label_file(
    path: Path,
    photographs: Mapping[str, PhotoLabels],
    recipe: Mapping[str, Any],
    unreadable: Sequence[str] = (),
) -> None:
    """Write labels as `LabelFile` reads them; the file is there whole or not at all.

    Raises
    ------
    DatasetError
        When a photograph is too large for this file's small numbers.
    OutputError
        When it cannot be written.
    """
    rows = [pack(labels, name) for name, labels in photographs.items()]
    arrays: dict[str, Any] = {
        key: np.concatenate([row[key] for row in rows] or [np.empty((0, *shape), np.uint8)])
        for key, shape in {**_PEOPLE, **_REGIONS}.items()
    }
    arrays["places"] = split(arrays["places"].astype(np.int16))
    with replacing(path) as partial:
        np.savez_compressed(
            partial,
            names=np.array([name.encode() for name in photographs], "S"),
            unreadable=np.array([name.encode() for name in unreadable], "S"),
            sizes=np.array([row["size"] for row in rows], np.uint16).reshape(-1, 2),
            people_from=starts(len(row["boxes"]) for row in rows),
            regions_from=starts(len(row["regions"]) for row in rows),
            recipe=np.array(json.dumps(recipe)),
            **arrays,
        )
