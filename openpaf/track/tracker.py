"""Ids that stay with people: predict, compare by OKS, assign one to one, smooth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from openpaf.errors import ConfigError, SkeletonError
from openpaf.poses import Poses
from openpaf.skeleton import Skeleton
from openpaf.track.config import TrackConfig
from openpaf.track.parts import GROUPS, Parts
from openpaf.track.tracks import UNCONFIRMED, Tracks
from openpaf_kernels.track import expect, follow, measure, put_sides_right, similarity

# Seconds between two frames, where a source says that there are none.
_SHORTEST_STEP = 1e-3


class Tracker:
    """Follow people through the frames of one source.

    A newcomer is tentative (id -1) until seen in `confirm_hits` frames; a confirmed person who is
    not found is lost, and either comes back within `reentry` seconds or is forgotten. An id is
    never given to two people.

    Parameters
    ----------
    config : TrackConfig, optional
    """

    def __init__(self, config: TrackConfig | None = None) -> None:
        self.config = config or TrackConfig()
        self._skeleton: Skeleton | None = None
        self._parts: Parts
        self._tracks: Tracks
        self._next_id = 1
        self._time = -math.inf
        self._latest: Poses | None = None
        self._latest_rows: NDArray[np.intp]

    def update(self, poses: Poses, time: float) -> Poses:
        """Give the people of the next frame their ids, and smooth their keypoints.

        Parameters
        ----------
        poses : Poses
            Of the skeleton of the first frame.
        time : float
            Seconds at which the frame was taken; later than the frame before.

        Returns
        -------
        Poses
            The same people in the same order, with ids; -1 for a newcomer not yet confirmed.

        Raises
        ------
        ConfigError
            When the time is not finite.
        SkeletonError
            When the skeleton is not that of the frames before.
        """
        if not math.isfinite(time):
            raise ConfigError(f"time must be finite, got {time!r}")
        self._start(poses.skeleton)
        previous, self._time = self._time, max(time, self._time + _SHORTEST_STEP)
        self._forget(previous)

        scores = poses.scores.copy()
        found = scores > 0
        keypoints = np.where(found[..., None], poses.keypoints, np.float32(0))
        scale = np.empty(len(poses), np.float32)
        measure(keypoints, found, scale)
        expected, known = self._expect(self._time, poses.frame_size)
        rows, people = self._match(expected, known, keypoints, found)
        if len(rows):
            self._continue(rows, people, expected, known, keypoints, scores, found, scale)
        person_rows = np.full(len(poses), -1)
        person_rows[people] = rows
        new = person_rows < 0
        if new.any():
            person_rows[new] = self._begin(keypoints[new], found[new], scale[new])
        self._confirm(1 if previous == -math.inf else self.config.confirm_hits)

        if self.config.smooth:
            keypoints = self._tracks.position[person_rows]
        keypoints[~found] = np.nan
        ids = self._tracks.id[person_rows]
        self._latest_rows = person_rows
        self._latest = replace(poses, keypoints=keypoints, scores=scores, ids=ids)
        return self._latest

    def predict(self, time: float, frame_size: tuple[int, int] | None = None) -> Poses | None:
        """Where the people of the latest frame should be by now; None before the first frame.

        For frames that are not sent through the network.

        Parameters
        ----------
        time : float
            Seconds, not before the latest frame.
        frame_size : (width, height), optional
            Of the frame the prediction is for.
        """
        if self._latest is None:
            return None
        expected, _ = self._expect(time, None)
        moved = (expected - self._tracks.position)[self._latest_rows]
        return replace(
            self._latest,
            keypoints=self._latest.keypoints + moved,
            frame_size=frame_size or self._latest.frame_size,
        )

    def _start(self, skeleton: Skeleton) -> None:
        if self._skeleton is None:
            self._skeleton = skeleton
            self._parts = Parts.of(skeleton, self.config.swinging_weight)
            self._tracks = Tracks.new(0, len(skeleton.parts), GROUPS)
        elif skeleton.name != self._skeleton.name:
            raise SkeletonError(
                f"a tracker follows one skeleton, got {skeleton.name} after "
                f"{self._skeleton.name}; make a new Tracker for another source"
            )

    def _forget(self, previous: float) -> None:
        tracks = self._tracks
        memory = np.where(
            tracks.id == UNCONFIRMED, self.config.newcomer_memory, self.config.reentry
        )
        # However slow the source, whoever was there in the frame before may still be there.
        keep = (tracks.seen >= previous) | (self._time - tracks.seen <= memory)
        if not keep.all():
            tracks.keep(keep)

    def _expect(
        self, time: float, frame_size: tuple[int, int] | None
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Where the parts of everybody should be, (T, K, 2), and which can be told, (T, K)."""
        tracks = self._tracks
        expected = np.empty_like(tracks.position)
        known = np.empty(tracks.part_seen.shape, bool)
        width, height = frame_size or (0, 0)
        expect(
            time, tracks.position, tracks.part_seen, tracks.seen, tracks.pace,
            float(width), float(height), expected, known,
        )  # fmt: skip
        return expected, known

    def _match(
        self,
        expected: NDArray[np.float32],
        known: NDArray[np.bool_],
        keypoints: NDArray[np.float32],
        found: NDArray[np.bool_],
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pair tracks with people: those in sight first, then the lost, then newcomers."""
        tracks = self._tracks
        oks = np.empty((len(tracks), len(keypoints)), np.float32)
        similarity(
            self._time, expected, known, tracks.seen, tracks.hits, tracks.scale,
            self._parts.sigmas, keypoints, found, oks,
        )  # fmt: skip
        # A pair below the gate is never made, not even to make room for others.
        oks[oks < self.config.min_oks] = 0
        stages = np.where(self._time - tracks.seen <= self.config.recent, 0, 1)
        stages[tracks.id == UNCONFIRMED] = 2
        rows, people = np.empty(0, np.intp), np.empty(0, np.intp)
        for stage in np.unique(stages).tolist():
            members = np.flatnonzero(stages == stage)
            a, b = linear_sum_assignment(oks[members], maximize=True)
            a = members[a]
            good = oks[a, b] > 0
            rows, people = np.concatenate([rows, a[good]]), np.concatenate([people, b[good]])
            oks[:, people] = 0
        return rows, people

    def _continue(
        self,
        rows: NDArray[np.intp],
        people: NDArray[np.intp],
        expected: NDArray[np.float32],
        known: NDArray[np.bool_],
        keypoints: NDArray[np.float32],
        scores: NDArray[np.float32],
        found: NDArray[np.bool_],
        scale: NDArray[np.float32],
    ) -> None:
        """Put left and right of M people in place, and move their tracks to them."""
        tracks, parts, config = self._tracks, self._parts, self.config
        if config.swap_guard:
            put_sides_right(
                self._time, config.swap_patience, rows, people, expected, known, tracks.scale,
                parts.left, parts.right, parts.group, tracks.exchanged_since, tracks.part_seen,
                keypoints, scores, found,
            )  # fmt: skip
        follow(
            self._time, rows, people, expected, keypoints, found, scale, parts.steadiness,
            config.still_cutoff, config.moving_cutoff, tracks.position, tracks.velocity,
            tracks.part_seen, tracks.seen, tracks.pace, tracks.scale, tracks.hits,
        )  # fmt: skip

    def _begin(
        self,
        keypoints: NDArray[np.float32],
        found: NDArray[np.bool_],
        scale: NDArray[np.float32],
    ) -> NDArray[np.intp]:
        """Open a track for each of M newcomers and give their rows."""
        first = len(self._tracks)
        new = Tracks.new(len(keypoints), keypoints.shape[1], GROUPS)
        new.seen[:] = self._time
        new.scale[:] = scale
        new.position[:] = keypoints
        new.part_seen[found] = self._time
        self._tracks.add(new)
        return np.arange(first, first + len(keypoints))

    def _confirm(self, hits: int) -> None:
        tracks = self._tracks
        rows = np.flatnonzero((tracks.id == UNCONFIRMED) & (tracks.hits >= hits))
        tracks.id[rows] = np.arange(self._next_id, self._next_id + len(rows))
        self._next_id += len(rows)


def warm_up(skeleton: Skeleton) -> None:
    """Compile or load the kernels now, which the first two frames would have to wait for."""
    parts = len(skeleton.parts)
    keypoints = np.arange(2 * parts, dtype=np.float32).reshape(1, parts, 2)
    ones = np.ones((1, parts), np.float32)
    poses = Poses(keypoints, ones, ones[:, 0], skeleton, frame_size=(64, 64))
    tracker = Tracker()
    for time in (0.0, 1.0):
        tracker.update(poses, time)
