"""Ids that can be relied on: everybody has one, nobody shares one, and nobody leaps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import OpenPafWarning
from openpaf.motion.records import Record
from openpaf.poses import Poses
from openpaf.track import TrackConfig, Tracker

# Frames with people that are looked through for an id before they are given by us.
_LOOK_FOR_IDS = 1000
# How far somebody can be from where they were, in body heights: at once, and for each second.
_LEAP, _LEAP_A_SECOND = 0.7, 3.0


def with_ids(records: Iterator[Record]) -> Iterator[Record]:
    """Give everyone an id that is theirs alone.

    A recording without ids is tracked here. Of two people of one id, the one who goes on where that
    id was keeps it; people without an id in a recording that has them are left out. Whoever has the
    id of somebody who was far away a moment ago gets a new one.
    """
    head: list[Record] = []
    for record in records:
        head.append(record)
        if _has_ids(record) or len(head) >= _LOOK_FOR_IDS:
            break
    rest = chain(head, records)
    if any(map(_has_ids, head)) or not any(len(record.poses) for record in head):
        yield from _Ids().checked(rest)
    else:
        tracker = Tracker(TrackConfig(smooth=False, swap_guard=False))
        for record in rest:
            poses = tracker.update(record.poses, record.time)
            assert poses.ids is not None
            yield chosen(record, poses, poses.ids >= 0)


def chosen(record: Record, poses: Poses, keep: NDArray[np.bool_]) -> Record:
    """The record with some of these people, who are those of the record in the same order."""
    filled = None if record.filled is None else record.filled[keep]
    kept = poses if keep.all() else poses[keep]
    return Record(record.frame, record.time, kept, record.name, filled, record.where)


def _has_ids(record: Record) -> bool:
    return record.poses.ids is not None and bool((record.poses.ids >= 0).any())


class _Seen(NamedTuple):
    time: float
    keypoints: NDArray[np.float32]


class _Ids:
    """What is known of every id of a file while it is read."""

    def __init__(self) -> None:
        self._latest: dict[int, _Seen] = {}
        self._now: dict[int, int] = {}
        self._highest = -1
        self._twice = self._leaps = 0

    def checked(self, records: Iterator[Record]) -> Iterator[Record]:
        for record in records:
            yield self._check(record)
        if self._twice:
            _warn(
                f"{self._twice} frames have two people of one id; the one nearer to where that id "
                "was is kept"
            )
        if self._leaps:
            _warn(
                f"{self._leaps} times an id leaps further than a person can; who has it then is "
                "taken for somebody else"
            )

    def _check(self, record: Record) -> Record:
        ids = [-1] * len(record.poses) if record.poses.ids is None else record.poses.ids.tolist()
        keep = np.array([who >= 0 for who in ids], bool)
        if len({who for who in ids if who >= 0}) < keep.sum():
            self._twice += 1
            self._drop_doubles(ids, record.poses.keypoints, keep)
        new = list(ids)
        for n in np.flatnonzero(keep).tolist():
            keypoints = record.poses.keypoints[n]
            new[n] = self._id_now(ids[n], keypoints, record.time)
            self._latest[ids[n]] = _Seen(record.time, keypoints)
        if new != ids:
            poses = replace(record.poses, ids=np.array(new, np.int64))
            return chosen(record, poses, keep)
        return record if keep.all() else chosen(record, record.poses, keep)

    def _id_now(self, who: int, keypoints: NDArray[np.float32], time: float) -> int:
        was = self._latest.get(who)
        known = who in self._now
        if was is not None and _leaps(was, keypoints, time):
            self._leaps += 1
            known = False
            self._now[who] = self._highest + 1
        elif not known:
            # A number that was given to somebody who leapt is not given again.
            self._now[who] = who if who not in self._now.values() else self._highest + 1
        self._highest = max(self._highest, self._now[who], who)
        return self._now[who]

    def _drop_doubles(
        self, ids: list[int], keypoints: NDArray[np.float32], keep: NDArray[np.bool_]
    ) -> None:
        for one in sorted(set(ids) - {-1}):
            rows = [n for n, who in enumerate(ids) if who == one]
            was = self._latest.get(one, _Seen(0.0, keypoints[rows[0]]))
            away = [_apart(keypoints[row], was.keypoints) for row in rows]
            keep[rows] = False
            keep[rows[int(np.argmin(away))]] = True


def _leaps(was: _Seen, keypoints: NDArray[np.float32], time: float) -> bool:
    away = _apart(keypoints, was.keypoints)
    if not np.isfinite(away):
        return False
    low, high = np.fmin.reduce(was.keypoints), np.fmax.reduce(was.keypoints)
    height = max(float(np.hypot(*(high - low))), 20.0)
    return away > height * (_LEAP + _LEAP_A_SECOND * (time - was.time))


def _apart(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Mean px between the parts that both have; infinite where they have none in common."""
    ways = np.hypot(*(one - other).T)
    ways = ways[np.isfinite(ways)]
    return float(ways.mean()) if len(ways) else np.inf


def _warn(line: str) -> None:
    warnings.warn(line, OpenPafWarning, stacklevel=3)
