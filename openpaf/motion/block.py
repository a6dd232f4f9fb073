"""Frames that follow one another, and everybody's keypoints over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import RecordingError
from openpaf.motion.records import Record
from openpaf.motion.trail import FILLED, Trail, joined
from openpaf.poses import Poses
from openpaf.skeleton import Skeleton
from openpaf.wide import apart, body_and_sets, sets_of, wide_values, widened


@dataclass(frozen=True, eq=False)
class Block:
    """F frames of a recording and the people in them.

    `block[3]` is the trail of the person with id 3, iteration gives all of them.

    Attributes
    ----------
    frames : (F,) int64
        Numbers of the frames in their source.
    times : (F,) float64
        Seconds.
    names : tuple of str or None
        What the source calls each frame.
    trails : tuple of Trail
        In order of their ids.
    skeleton : Skeleton
        Of the trails: of bodies, with hands and faces beside them where the recording has these.
    frame_size : (width, height) or None
    """

    frames: NDArray[np.int64]
    times: NDArray[np.float64]
    names: tuple[str | None, ...]
    trails: tuple[Trail, ...]
    skeleton: Skeleton
    frame_size: tuple[int, int] | None = None

    @classmethod
    def of(cls, records: Sequence[Record]) -> Self:
        """Put records, in order and with ids, together.

        Raises
        ------
        RecordingError
            When there is none.
        """
        if not records:
            raise RecordingError("a motion needs at least one frame")
        times = np.array([record.time for record in records])
        rows: dict[int, list[tuple[int, int]]] = {}
        for row, record in enumerate(records):
            for n, who in enumerate([] if record.poses.ids is None else record.poses.ids.tolist()):
                rows.setdefault(who, []).append((row, n))
        people = next((r.poses for r in records if len(r.poses)), records[0].poses)
        sets = sets_of([record.poses for record in records])
        trails = (_trail(who, rows[who], records, times, sets) for who in sorted(rows))
        return cls(
            np.array([record.frame for record in records], np.int64),
            times,
            tuple(record.name for record in records),
            tuple(trails),
            widened(people.skeleton, sets),
            next((r.poses.frame_size for r in records if r.poses.frame_size), None),
        )

    @classmethod
    def concatenate(cls, blocks: Iterable[Block]) -> Self:
        """Put blocks that follow one another together; people of one id are one."""
        parts = list(blocks)
        if not parts:
            raise RecordingError("a motion needs at least one frame")
        starts = np.cumsum([0, *(len(part) for part in parts)])
        trails: dict[int, list[Trail]] = {}
        for start, part in zip(starts.tolist(), parts, strict=False):
            for trail in part:
                moved = trail.with_keypoints(trail.keypoints, start=trail.start + start)
                trails.setdefault(trail.id, []).append(moved)
        times = np.concatenate([part.times for part in parts])
        whole = (joined(trails[who]) for who in sorted(trails))
        return cls(
            np.concatenate([part.frames for part in parts]),
            times,
            tuple(name for part in parts for name in part.names),
            tuple(
                one.with_keypoints(one.keypoints, times=times[one.start : one.start + len(one)])
                for one in whole
            ),
            # Of a block without anybody it is the body's alone.
            next((trail.skeleton for part in parts for trail in part), parts[0].skeleton),
            parts[0].frame_size,
        )

    @property
    def share(self) -> float:
        """1: all of it has been read."""
        return 1.0

    def records(self) -> Iterator[Record]:
        """Give it frame by frame, so that a motion can be used as a recording."""
        body, sets = body_and_sets(self.skeleton)
        count = len(body.parts)
        for row in range(len(self)):
            there = [t for t in self.trails if t.start <= row < t.start + len(t)]
            there = [t for t in there if np.isfinite(t.keypoints[row - t.start]).any()]
            if there:
                every = np.array([t.keypoints[row - t.start] for t in there], np.float32)
                every_score = np.array([t.scores[row - t.start] for t in there], np.float32)
                keypoints, scores, part_sets = apart(every, every_score, count, sets)
                mean = scores.sum(1) / np.maximum((scores > 0).sum(1), 1)
                ids = np.array([t.id for t in there])
                poses = Poses(
                    keypoints, scores, mean, body, ids, self.frame_size, part_sets=part_sets
                )
                filled = np.array([(t.marks[row - t.start, :count] & FILLED) > 0 for t in there])
            else:
                poses, filled = Poses.empty(body, self.frame_size), None
            frame, time = int(self.frames[row]), float(self.times[row])
            yield Record(frame, time, poses, self.names[row], filled, f"frame {frame}")

    def __len__(self) -> int:
        return len(self.times)

    def __iter__(self) -> Iterator[Trail]:
        return iter(self.trails)

    def __getitem__(self, who: int) -> Trail:
        """Give the trail of a person by id.

        Raises
        ------
        RecordingError
            When nobody has that id.
        """
        for trail in self.trails:
            if trail.id == who:
                return trail
        ids = ", ".join(str(trail.id) for trail in self.trails[:20]) or "nobody"
        raise RecordingError(f"nobody has the id {who}; there are {ids}")

    def __repr__(self) -> str:
        seconds = self.times[-1] - self.times[0]
        frames, people = len(self), len(self.trails)
        return f"<{type(self).__name__} {frames} frames, {seconds:.1f} s, {people} people>"


def _trail(
    who: int,
    places: list[tuple[int, int]],
    records: Sequence[Record],
    times: NDArray[np.float64],
    sets: tuple[str, ...],
) -> Trail:
    first, last = places[0][0], places[-1][0]
    body = records[first].poses.skeleton
    skeleton = widened(body, sets)
    count, parts = last - first + 1, len(skeleton.parts)
    keypoints = np.full((count, parts, 2), np.nan)
    scores, marks = np.zeros((count, parts)), np.zeros((count, parts), np.uint8)
    for row, n in places:
        record = records[row]
        one = wide_values(record.poses[n : n + 1], sets)
        keypoints[row - first], scores[row - first] = one[0][0], one[1][0]
        if record.filled is not None:
            marks[row - first, : len(body.parts)] = record.filled[n] * np.uint8(FILLED)
    return Trail(who, first, times[first : last + 1], keypoints, scores, marks, skeleton)
