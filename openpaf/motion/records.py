"""What every recording is read as: one record a frame, in order, with sound times and ids."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import OpenPafWarning, RecordingError
from openpaf.poses import Poses
from openpaf.skeleton import SKELETONS, Skeleton
from openpaf.track import TrackConfig, Tracker

_BY_PARTS = {len(skeleton.parts): skeleton for skeleton in SKELETONS.values()}
# Frames with people that are looked through for an id before they are given by us.
_LOOK_FOR_IDS = 1000


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
) -> Poses:
    """Poses of flat x, y, score lists, one a person; not found is a score of 0 or NaN.

    Raises
    ------
    RecordingError
        When the lists are no such numbers, or too many for the skeleton.
    """
    try:
        flat = np.array(rows, np.float32)
    except (TypeError, ValueError) as error:
        raise RecordingError(
            f"{where}: keypoints must be lists of x, y, score of one length: {error}"
        ) from None
    if not len(rows):
        return Poses.empty(skeleton or SKELETONS["BODY_25"], frame_size)
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
    scores = np.where(found, triples[..., 2], np.float32(0))
    mean = scores.sum(1) / np.maximum(found.sum(1), 1)
    return Poses(keypoints, scores, mean, known, np.array(ids, np.int64), frame_size)


def skeleton_named(name: object, where: str) -> Skeleton | None:
    """A skeleton by the name that a file gives; None where it gives none.

    Raises
    ------
    RecordingError
        When there is no such skeleton.
    """
    if name is None:
        return None
    if name not in SKELETONS:
        known = ", ".join(SKELETONS)
        raise RecordingError(f"{where}: no skeleton is called {name!r}; there are {known}")
    return SKELETONS[str(name)]


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


def with_ids(records: Iterator[Record]) -> Iterator[Record]:
    """Give everyone an id that nobody else in the frame has.

    A recording without ids is tracked here. Of two people of one id, the one who goes on where that
    id was keeps it; people without an id in a recording that has them are left out.
    """
    head: list[Record] = []
    for record in records:
        head.append(record)
        if _has_ids(record) or len(head) >= _LOOK_FOR_IDS:
            break
    rest = chain(head, records)
    if any(map(_has_ids, head)) or not any(len(record.poses) for record in head):
        yield from _one_each(rest)
    else:
        tracker = Tracker(TrackConfig(smooth=False, swap_guard=False))
        for record in rest:
            poses = tracker.update(record.poses, record.time)
            yield _only(record, poses, _known(poses.ids) >= 0)


def _has_ids(record: Record) -> bool:
    return record.poses.ids is not None and bool((record.poses.ids >= 0).any())


def _known(ids: NDArray[np.int64] | None) -> NDArray[np.int64]:
    return np.empty(0, np.int64) if ids is None else ids


def _only(record: Record, poses: Poses, keep: NDArray[np.bool_]) -> Record:
    filled = None if record.filled is None else record.filled[keep]
    kept = poses if keep.all() else poses[keep]
    return Record(record.frame, record.time, kept, record.name, filled, record.where)


def _one_each(records: Iterator[Record]) -> Iterator[Record]:
    latest: dict[int, NDArray[np.float32]] = {}
    twice = 0
    for record in records:
        ids = [] if record.poses.ids is None else record.poses.ids.tolist()
        keep = np.array([who >= 0 for who in ids], bool)
        if len(set(ids)) < len(ids):
            twice += _drop_doubles(record.poses, latest, keep)
        if not keep.all():
            record = _only(record, record.poses, keep)
        if record.poses.ids is not None:
            latest.update(zip(record.poses.ids.tolist(), record.poses.keypoints, strict=True))
        yield record
    if twice:
        warnings.warn(
            f"{twice} frames have two people of one id; the one nearer to where that id was is "
            "kept",
            OpenPafWarning,
            stacklevel=2,
        )


def _drop_doubles(
    poses: Poses, latest: dict[int, NDArray[np.float32]], keep: NDArray[np.bool_]
) -> bool:
    """Keep one person of each id, and tell whether there were more."""
    ids = _known(poses.ids)
    before = keep.sum()
    for one in np.unique(ids[keep]).tolist():
        rows = np.flatnonzero(ids == one)
        was = latest.get(one, poses.keypoints[rows[0]])
        away = [_apart(poses.keypoints[row], was) for row in rows.tolist()]
        keep[rows] = False
        keep[rows[int(np.argmin(away))]] = True
    return bool(keep.sum() < before)


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean px between the parts that both have."""
    ways = np.linalg.norm(one - other, axis=1)
    ways = ways[np.isfinite(ways)]
    return float(ways.mean()) if len(ways) else np.inf
