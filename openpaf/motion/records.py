"""What every recording is read as: one record a frame, in order, with sound times."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError, RecordingError
from openpaf.poses import Poses
from openpaf.skeleton import BODIES, SKELETONS, Skeleton
from openpaf.skeleton_table import skeleton_from

NO_NUMBERS = (TypeError, ValueError, OverflowError)
"""What is raised where something that somebody else wrote is no number."""

_BY_PARTS = {len(skeleton.parts): skeleton for skeleton in BODIES.values()}


@dataclass(frozen=True, eq=False, slots=True)
class Record:
    """One frame of a recording.

    frame : its number, from 0; time : seconds, NaN where the file has none; filled : (N, K) bool,
    keypoints that were not found but put in by an earlier pass, or None; where : for messages.
    """

    frame: int
    time: float
    poses: Poses
    name: str | None = None
    filled: NDArray[np.bool_] | None = None
    where: str = ""


class Recording(Protocol):
    """A recording that can be read several times over."""

    @property
    def share(self) -> float:
        """How much of it the reading that goes on has read, 0 to 1."""

    def records(self) -> Iterator[Record]:
        """Give its frames in the order of the file.

        Raises
        ------
        RecordingError
            When it is damaged or something else than a recording.
        """


def to_poses(
    rows: Any,
    ids: list[int],
    skeleton: Skeleton | None,
    where: str,
    frame_size: tuple[int, int] | None = None,
    *,
    scores: list[Any] | None = None,
    source: str | None = None,
) -> Poses:
    """Poses of flat x, y, score lists, one a person; not found is a score of 0 or NaN.

    `scores` are those of people, where the file has them; else, and for None among them, the mean
    of the scores of the parts.

    Raises
    ------
    RecordingError
        When the lists are no such numbers, or too many for the skeleton.
    """
    try:
        flat = np.array(rows, np.float32)
    except NO_NUMBERS as error:
        raise RecordingError(
            f"{where}: keypoints must be lists of x, y, score of one length: {error}"
        ) from None
    if not len(rows):
        nobody = Poses.empty(skeleton or SKELETONS["BODY_25"], frame_size)
        return nobody if source is None else replace(nobody, source=source)
    known = skeleton or (_BY_PARTS.get(flat.shape[1] // 3) if flat.ndim == 2 else None)
    if known is None or flat.ndim != 2 or flat.shape[1] != 3 * len(known.parts):
        expected = len(known.parts) if known else ", ".join(map(str, sorted(_BY_PARTS)))
        raise RecordingError(
            f"{where}: keypoints must be x, y, score of {expected} parts, got "
            f"{flat.shape[-1] if flat.ndim == 2 else 0} numbers a person"
        )
    triples = flat.reshape(len(flat), -1, 3)
    found = np.isfinite(triples).all(2) & (triples[..., 2] > 0)
    keypoints = np.where(found[..., None], triples[..., :2], np.float32(np.nan))
    parts = np.where(found, triples[..., 2], np.float32(0))
    mean = parts.sum(1) / np.maximum(found.sum(1), 1)
    people = mean if scores is None else _scores(scores, mean, where)
    return Poses(keypoints, parts, people, known, _ids(ids, where), frame_size, source=source)


def _scores(
    given: list[Any], mean: NDArray[np.floating[Any]], where: str
) -> NDArray[np.floating[Any]]:
    try:
        # JSON's null among them becomes NaN.
        people = np.array(given, np.float32)
    except NO_NUMBERS as error:
        raise RecordingError(f"{where}: scores of people must be numbers: {error}") from None
    if people.shape != mean.shape or np.isinf(people).any():
        raise RecordingError(f"{where}: scores of people must be finite numbers, one a person")
    return np.where(np.isnan(people), mean, people)


def _ids(given: list[int], where: str) -> NDArray[np.int64]:
    try:
        return np.array(given, np.int64)
    except OverflowError:
        raise RecordingError(f"{where}: an id has more than 64 bits") from None


def text_of(value: object) -> str | None:
    """What a file says something is called; None where it is no text."""
    return value if isinstance(value, str) and value else None


def skeleton_named(name: object, where: str) -> Skeleton | None:
    """The skeleton that a file names, or describes by a table; None where it says nothing.

    Raises
    ------
    RecordingError
        When there is no such skeleton.
    """
    if name is None:
        return None
    if isinstance(name, Mapping):
        try:
            return _described(json.dumps(name))
        except ConfigError as error:
            raise RecordingError(f"{where}: {error}") from error
    if not isinstance(name, str) or name not in SKELETONS:
        known = ", ".join(SKELETONS)
        raise RecordingError(f"{where}: no skeleton is called {name!r}; there are {known}")
    return SKELETONS[name]


@lru_cache(maxsize=16)
def _described(text: str) -> Skeleton:
    # Every line of a recording describes the same one.
    return skeleton_from(json.loads(text))


def in_order(records: Iterator[Record], frame_rate: float | None) -> Iterator[Record]:
    """Check that frames and times go forwards and that the skeleton stays the same.

    Parameters
    ----------
    records : iterator of Record
    frame_rate : float, optional
        Frames a second: times are then counted by frame number, whatever the file says.

    Raises
    ------
    RecordingError
        When they do not, or there is no time.
    """
    before: Record | None = None
    skeleton: Skeleton | None = None
    for record in records:
        if frame_rate is not None:
            record = _at(record, record.frame / frame_rate)
        elif not np.isfinite(record.time):
            raise RecordingError(
                f"{record.where}: no time; say how many frames a second there are with --fps "
                "(frame_rate in Python)"
            )
        if before is not None:
            _check_follows(before, record)
        if len(record.poses):
            skeleton = skeleton or record.poses.skeleton
            if skeleton.name != record.poses.skeleton.name:
                raise RecordingError(
                    f"{record.where}: {record.poses.skeleton.name} after {skeleton.name}; a "
                    "recording has one skeleton"
                )
        before = record
        yield record


def _at(record: Record, time: float) -> Record:
    return Record(record.frame, time, record.poses, record.name, record.filled, record.where)


def _check_follows(before: Record, record: Record) -> None:
    if record.frame <= before.frame:
        raise RecordingError(
            f"{record.where}: frame {record.frame} comes after frame {before.frame}; frames must "
            "go forwards, so sort them, and give recordings of two sources one by one"
        )
    if record.time <= before.time:
        raise RecordingError(
            f"{record.where}: the time goes back from {before.time:g} s to {record.time:g} s; "
            "count frames instead, with --fps (frame_rate in Python)"
        )
