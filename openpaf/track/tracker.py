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
from openpaf.track.swap import GROUPS, SwapGuard
from openpaf.track.tracks import UNCONFIRMED, Tracks
from openpaf_kernels.track import one_euro, similarity

# A body scale is half the diagonal of the keypoints: about 0.9 m of a standing adult. It follows
# a person slowly, because somebody half hidden is not smaller.
_SCALE_OF_DIAGONAL, _SCALE_GAIN = 0.5, 0.1
# Body scales by which somebody may be off the prediction: at once, for each second out of sight,
# and for each second while their speed is not known. And how far their parts may have moved
# against each other, for each second and at most.
_STRAY, _STRAY_LOST, _STRAY_NEWCOMER = 0.2, 0.5, 1.5
_LOOSE, _LOOSEST = 1.0, 0.15
# Lost for longer than this, a person no longer competes with those in sight. Seconds.
_RECENT = 0.5
_NEWCOMER_MEMORY = 0.2
# A body's pace is that of its steady parts, averaged over so many seconds.
_SWINGING = ("elbow", "wrist", "knee", "ankle", "toe", "heel")
_LEAST_WEIGHT, _PACE_MEMORY = 0.01, 0.05
_SHORTEST_STEP = 1e-3
# Hz, of the speed estimate: the paper proposes 1, a little less lets still people be calmer.
_SPEED_CUTOFF = 0.7


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
        self._tracks: Tracks
        self._guard: SwapGuard
        self._sigmas: NDArray[np.float32]
        self._steadiness: NDArray[np.float32]
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
        time = self._time
        self._forget(time, previous)

        scores, found = poses.scores, poses.scores > 0
        keypoints = np.where(found[..., None], poses.keypoints, np.float32(0))
        scale = _scale(poses)
        tracks = self._tracks
        expected = tracks.position + tracks.shift(time, poses.frame_size)[:, None]
        known = tracks.known()
        rows, people = self._match(expected, known, keypoints, found, time)
        if len(rows) and self.config.swap_guard:
            order = self._guard.order(
                tracks, rows, expected[rows], known[rows], keypoints[people], found[people], time
            )
            if order is not None:
                scores = scores.copy()
                keypoints[people] = np.take_along_axis(keypoints[people], order[..., None], 1)
                scores[people] = np.take_along_axis(scores[people], order, 1)
                found = scores > 0
        smoothed = self._continue(
            rows, expected[rows], keypoints[people], found[people], scale[people], time
        )
        if self.config.smooth:
            keypoints[people] = smoothed
        person_rows = np.full(len(poses), -1)
        person_rows[people] = rows
        new = person_rows < 0
        if new.any():
            person_rows[new] = self._begin(keypoints[new], found[new], scale[new], time)
        self._confirm(1 if previous == -math.inf else self.config.confirm_hits)
        keypoints[~found] = np.nan
        self._latest_rows = person_rows
        self._latest = replace(
            poses, keypoints=keypoints, scores=scores, ids=tracks.id[person_rows]
        )
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
        shift = self._tracks.shift(time, None)[self._latest_rows]
        return replace(
            self._latest,
            keypoints=self._latest.keypoints + shift[:, None],
            frame_size=frame_size or self._latest.frame_size,
        )

    def _start(self, skeleton: Skeleton) -> None:
        if self._skeleton is None:
            self._skeleton = skeleton
            self._guard = SwapGuard(skeleton, self.config.swap_patience)
            swinging = [name.endswith(_SWINGING) for name in skeleton.parts]
            self._steadiness = np.where(swinging, _LEAST_WEIGHT, 1).astype(np.float32)[:, None]
            self._sigmas = np.array(skeleton.sigmas, np.float32)
            self._tracks = Tracks.new(0, len(skeleton.parts), GROUPS)
        elif skeleton.name != self._skeleton.name:
            raise SkeletonError(
                f"a tracker follows one skeleton, got {skeleton.name} after "
                f"{self._skeleton.name}; make a new Tracker for another source"
            )

    def _forget(self, time: float, previous: float) -> None:
        tracks = self._tracks
        memory = np.where(tracks.id == UNCONFIRMED, _NEWCOMER_MEMORY, self.config.reentry)
        # However slow the source, whoever was there in the frame before may still be there.
        keep = (tracks.seen >= previous) | (time - tracks.seen <= memory)
        if not keep.all():
            tracks.keep(keep)

    def _match(
        self,
        expected: NDArray[np.float32],
        known: NDArray[np.bool_],
        keypoints: NDArray[np.float32],
        found: NDArray[np.bool_],
        time: float,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Pair tracks with people: those in sight first, then the lost, then newcomers."""
        tracks = self._tracks
        elapsed = (time - tracks.seen).astype(np.float32)
        stray = _STRAY + elapsed * np.where(tracks.hits > 1, _STRAY_LOST, _STRAY_NEWCOMER)
        stray = (stray * tracks.scale).astype(np.float32)
        loose = (np.minimum(_LOOSE * elapsed, _LOOSEST) * tracks.scale).astype(np.float32)
        oks = np.empty((len(tracks), len(keypoints)), np.float32)
        similarity(expected, known, tracks.scale, stray, loose, self._sigmas, keypoints, found, oks)
        oks[oks < self.config.min_oks] = 0

        confirmed = tracks.id != UNCONFIRMED
        recent = elapsed <= _RECENT
        rows, people = np.empty(0, np.intp), np.empty(0, np.intp)
        for stage in (confirmed & recent, confirmed & ~recent, ~confirmed):
            if stage.any():
                a, b = linear_sum_assignment(np.where(stage[:, None], oks, 0), maximize=True)
                good = oks[a, b] * stage[a] > 0
                rows, people = np.concatenate([rows, a[good]]), np.concatenate([people, b[good]])
                oks[:, people] = 0
        return rows, people

    def _continue(
        self,
        rows: NDArray[np.intp],
        expected: NDArray[np.float32],
        keypoints: NDArray[np.float32],
        found: NDArray[np.bool_],
        scale: NDArray[np.float32],
        time: float,
    ) -> NDArray[np.float32]:
        """Move M tracks to where their people are now, and give the smoothed keypoints."""
        tracks = self._tracks
        tracks.scale[rows] += _SCALE_GAIN * (scale - tracks.scale[rows])
        known = tracks.known()[rows]
        position, velocity = tracks.position[rows], tracks.velocity[rows]
        velocity = np.where(known[..., None], velocity, tracks.pace[rows][:, None])
        elapsed = np.where(known, time - tracks.part_seen[rows], np.inf).astype(np.float32)
        one_euro(
            position, velocity, elapsed, tracks.scale[rows], keypoints, found,
            self.config.still_cutoff, self.config.moving_cutoff, _SPEED_CUTOFF,
        )  # fmt: skip
        seen = found[..., None]
        tracks.position[rows] = np.where(seen, position, expected)
        tracks.velocity[rows] = velocity
        tracks.part_seen[rows] = np.where(found, time, tracks.part_seen[rows])
        weight = seen * self._steadiness
        pace = (velocity * weight).sum(1) / np.maximum(weight.sum(1), _LEAST_WEIGHT)
        step = (time - tracks.seen[rows])[:, None]
        tracks.pace[rows] += (step / (step + _PACE_MEMORY)) * (pace - tracks.pace[rows])
        tracks.seen[rows] = time
        tracks.hits[rows] += 1
        return position

    def _begin(
        self,
        keypoints: NDArray[np.float32],
        found: NDArray[np.bool_],
        scale: NDArray[np.float32],
        time: float,
    ) -> NDArray[np.intp]:
        """Open a track for each of M newcomers and give their rows."""
        first = len(self._tracks)
        new = Tracks.new(len(keypoints), keypoints.shape[1], GROUPS)
        new.seen[:] = time
        new.scale[:] = scale
        new.position[:] = keypoints
        new.part_seen[found] = time
        self._tracks.add(new)
        return np.arange(first, first + len(keypoints))

    def _confirm(self, hits: int) -> None:
        tracks = self._tracks
        rows = np.flatnonzero((tracks.id == UNCONFIRMED) & (tracks.hits >= hits))
        tracks.id[rows] = np.arange(self._next_id, self._next_id + len(rows))
        self._next_id += len(rows)


def _scale(poses: Poses) -> NDArray[np.float32]:
    """(N,) px; at least 1, which only a person of a single part comes near."""
    boxes = poses.boxes
    diagonal = np.sqrt(np.square(boxes[:, 2:] - boxes[:, :2]).sum(1))
    scale: NDArray[np.float32] = np.fmax(_SCALE_OF_DIAGONAL * diagonal, np.float32(1))
    return scale
