"""What has been labelled so far, a line a photograph, so that a run that was killed goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from openpaf.datasets.labels import SKELETON, PhotoLabels
from openpaf.errors import OutputError
from openpaf.files import replacing

_DIGITS = 4


class Journal:
    """An open journal.

    Attributes
    ----------
    labels : dict
        Name to `PhotoLabels` of everything in it, what earlier runs wrote included.
    """

    def __init__(self, path: Path, file: BinaryIO, labels: dict[str, PhotoLabels]) -> None:
        self.path, self.labels = path, labels
        self._file = file

    def add(self, name: str, labels: PhotoLabels) -> None:
        """Write down the labels of a photograph.

        Raises
        ------
        OutputError
            When the disk is full, or the file cannot be written any more.
        """
        values = _plain(labels)
        line = json.dumps({"name": name, "labels": values}) + "\n"
        try:
            self._file.write(line.encode())
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"cannot write {self.path}: {error.strerror or error}; what it holds is kept: make "
                "room and run the same command again"
            ) from error
        # As a run that goes on reads them, so that both give the same file.
        self.labels[name] = _labels(values)

    def forget(self) -> None:
        """Remove the file: what it holds is somewhere else by now, or nothing."""
        self._file.close()
        self.path.unlink()


@contextmanager
def opened(path: Path, settings: Mapping[str, Any]) -> Iterator[Journal]:
    """Open the journal of a run, or go on with the one that is there.

    Parameters
    ----------
    path : Path
    settings : mapping
        What the labels are made with, as plain values; a journal goes on only with the same.

    Raises
    ------
    OutputError
        When it cannot be written, is held by another run, or was begun with other settings.
    """
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise OutputError(f"{path} is being written by another openpaf label") from None
    except OSError as error:
        raise _cannot_write(path, error) from error
    labels: dict[str, PhotoLabels] | None = None
    try:
        labels = _read(path, settings) if path.is_file() else {}
        if not labels:
            _begin(path, settings)
        try:
            file = path.open("ab")
        except OSError as error:
            raise _cannot_write(path, error) from error
        with file:
            yield Journal(path, file, labels)
    finally:
        if labels is not None and not labels:
            path.unlink(missing_ok=True)
        lock.release()
        with suppress(OSError):
            Path(lock.lock_file).unlink()


def _begin(path: Path, settings: Mapping[str, Any]) -> None:
    with replacing(path) as partial:
        partial.write_text(json.dumps({"settings": settings}) + "\n", "utf-8")


def _read(path: Path, settings: Mapping[str, Any]) -> dict[str, PhotoLabels]:
    try:
        raw = path.read_bytes()
        # A line that was being written when its run was killed is done again.
        whole = raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            with path.open("r+b") as file:
                file.truncate(len(whole))
        first, *lines = whole.decode().split("\n")[:-1]
        before = json.loads(first)["settings"]
        records = [json.loads(line) for line in lines]
        labels = {record["name"]: _labels(record["labels"]) for record in records}
    except OSError as error:
        raise _cannot_write(path, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path} is not a journal of labels: {error}; delete it") from error
    if not labels:
        # Whatever it was begun with, nothing has come of it.
        return {}
    wanted = json.loads(json.dumps(settings))
    for key in wanted.keys() | before.keys():
        if before.get(key) != wanted.get(key):
            raise OutputError(
                f"{path} was begun with {key} {before.get(key)!r}, not {wanted.get(key)!r}; use "
                "the same options to go on with it, or delete it"
            )
    return labels


def _plain(labels: PhotoLabels) -> dict[str, Any]:
    return {
        field.name: np.round(getattr(labels, field.name), _DIGITS).tolist()
        for field in fields(labels)
    }


def _labels(values: Mapping[str, Any]) -> PhotoLabels:
    arrays = {
        # Of nobody, a list does not say how many numbers each would have.
        key: np.array(values[key], np.float64).reshape(shape if values[key] else (0, *shape[1:]))
        for key, shape in _SHAPES.items()
    }
    width, height = values["size"]
    turns = arrays.pop("turns").astype(np.int64)
    return PhotoLabels(size=(int(width), int(height)), turns=turns, **arrays)


_PARTS = len(SKELETON.parts)
_SHAPES = {
    "keypoints": (-1, _PARTS, 2), "scores": (-1, _PARTS), "apart": (-1, _PARTS), "boxes": (-1, 4),
    "person_scores": (-1,), "seen": (-1, 4), "turns": (-1,), "regions": (-1, 4),
    "region_scores": (-1,),
}  # fmt: skip


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(f"cannot write {path}: {error.strerror or error}; pass another --out")
