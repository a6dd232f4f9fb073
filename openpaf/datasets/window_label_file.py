"""Labels of hands or faces, each in a window of its photograph, in one compact `.npz`.

Arrays, for I photographs, N windows, K parts:

| name | type | is |
| --- | --- | --- |
| `names` | (I,) bytes | file names, UTF-8 |
| `sizes` | (I, 2) uint16 | width, height |
| `windows_from` | (I + 1,) int32 | rows of photograph i: from [i] to [i + 1] |
| `centres` | (2, N, 2) uint8 | low and high byte of int16: x, y, 1/8 px |
| `sides` | (2, N) uint8 | low and high byte of int16: 1/8 px |
| `angles` | (2, N) uint8 | low and high byte of int16: pi / 32768 |
| `mirrored` | (N,) bool | whether the window is mirrored |
| `presence` | (N,) uint8 | 1/255 |
| `points` | (2, N, K, 2) uint8 | low and high byte of int16: 1/1024 of the window's side |
| `skeleton` | str | name of the built-in skeleton whose parts they are |
| `recipe` | str | JSON of what made them |
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets.compact import joined, load_arrays, small, small_bytes, split, starts
from openpaf.errors import DatasetError
from openpaf.files import replacing
from openpaf.skeleton import SKELETONS, Skeleton

Floats = NDArray[np.float64]

_PX, _TURN, _UNIT, _SHARE = 8, 32768 / math.pi, 255, 1024
_LARGEST = 32767 // _PX


@dataclass(frozen=True, eq=False)
class WindowLabels:
    """Square windows of one photograph, and what is in each.

    Attributes
    ----------
    size : (width, height)
        Of the photograph, px.
    centres : (N, 2) float64
        x, y, photograph px.
    sides : (N,) float64
        Photograph px.
    angles : (N,) float64
        Radians that each is turned clockwise, as `openpaf.topdown.windows.Windows` says.
    mirrored : (N,) bool
        Whether it is mirrored: left hands are, so that all look like right ones.
    presence : (N,) float64
        How sure it is that there is a hand, or a face, 0 to 1.
    points : (N, K, 2) float64
        x, y as shares of the window, 0 to 1 within it; they mean nothing where presence is low.
    """

    size: tuple[int, int]
    centres: Floats
    sides: Floats
    angles: Floats
    mirrored: NDArray[np.bool_]
    presence: Floats
    points: Floats

    def __len__(self) -> int:
        return len(self.centres)


class WindowLabelFile(Mapping[str, WindowLabels]):
    """Labels out of a file; a mapping of names, in the order of the file, to `WindowLabels`.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    skeleton : Skeleton
    recipe : dict

    Raises
    ------
    DatasetError
        When it cannot be read, or is no file of labelled windows.
    """

    def __init__(self, path: Path) -> None:
        arrays = load_arrays(path)
        try:
            self.recipe: dict[str, Any] = json.loads(str(arrays["recipe"]))
            self.skeleton = _skeleton(str(arrays["skeleton"]), path)
            self._rows = {name.decode(): row for row, name in enumerate(arrays["names"])}
            self._sizes, self._from = arrays["sizes"], arrays["windows_from"]
            self._windows: dict[str, NDArray[Any]] = {
                "centres": joined(arrays["centres"]) / _PX,
                "sides": joined(arrays["sides"]) / _PX,
                "angles": joined(arrays["angles"]) / _TURN,
                "mirrored": arrays["mirrored"].astype(bool),
                "presence": arrays["presence"] / _UNIT,
                "points": joined(arrays["points"]) / _SHARE,
            }
            self._check(path)
        except (KeyError, ValueError, IndexError) as error:
            if isinstance(error, DatasetError):
                raise
            raise DatasetError(f"{path} is damaged, or holds no windows: {error}") from error

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __contains__(self, name: object) -> bool:
        return name in self._rows

    def __getitem__(self, name: str) -> WindowLabels:
        row = self._rows[name]
        width, height = (int(side) for side in self._sizes[row])
        windows = slice(*self._from[row : row + 2])
        return WindowLabels(
            (width, height), **{key: values[windows] for key, values in self._windows.items()}
        )

    def _check(self, path: Path) -> None:
        rows = int(self._from[-1])
        short = [key for key, values in self._windows.items() if len(values) != rows]
        if short or not len(self._from) == len(self._sizes) + 1 == len(self._rows) + 1:
            raise DatasetError(f"{path} is damaged: windows_from does not fit {short or 'names'}")
        shape, parts = self._windows["points"].shape, len(self.skeleton.parts)
        if shape[1:] != (parts, 2):
            raise DatasetError(
                f"{path} is damaged: points {shape} of {self.skeleton.name}, which has {parts} "
                "parts"
            )


def holds_windows(path: Path) -> bool:
    """Whether an `.npz` holds labelled windows rather than labels of people.

    Raises
    ------
    DatasetError
        When it cannot be read.
    """
    return "windows_from" in load_arrays(path, "windows_from")


def write_window_label_file(
    path: Path,
    photographs: Mapping[str, WindowLabels],
    skeleton: Skeleton,
    recipe: Mapping[str, Any],
) -> None:
    """Write labels as `WindowLabelFile` reads them; the file is there whole or not at all.

    Raises
    ------
    DatasetError
        When a photograph or window is too large for this file's small numbers.
    OutputError
        When it cannot be written.
    """
    for name, one in photographs.items():
        largest = max(*one.size, *np.abs(one.centres).ravel(), *one.sides)
        if largest > _LARGEST:
            raise DatasetError(
                f"{name} has {largest:.0f} px, more than the {_LARGEST:,} a side that an .npz of "
                "windows holds"
            )
    labels = list(photographs.values())

    def column(key: str, *shape: int) -> NDArray[Any]:
        return np.concatenate([np.empty((0, *shape)), *(getattr(one, key) for one in labels)])

    with replacing(path) as partial:
        np.savez_compressed(
            partial,
            names=np.array([name.encode() for name in photographs], "S"),
            sizes=np.array([one.size for one in labels], np.uint16).reshape(-1, 2),
            windows_from=starts(len(one) for one in labels),
            centres=split(small(column("centres", 2), _PX)),
            sides=split(small(column("sides"), _PX)),
            angles=split(small(_wrapped(column("angles")), _TURN)),
            mirrored=column("mirrored").astype(bool),
            presence=small_bytes(column("presence"), _UNIT),
            points=split(small(column("points", len(skeleton.parts), 2), _SHARE)),
            skeleton=np.array(skeleton.name),
            recipe=np.array(json.dumps(recipe)),
        )


def _skeleton(name: str, path: Path) -> Skeleton:
    if name not in SKELETONS:
        raise DatasetError(f"{path} has labels of {name!r}, which is no built-in skeleton")
    return SKELETONS[name]


def _wrapped(angles: Floats) -> Floats:
    """From -pi to pi."""
    result: Floats = np.remainder(angles + math.pi, 2 * math.pi) - math.pi
    return result
