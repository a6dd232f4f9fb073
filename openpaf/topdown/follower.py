"""Hands and faces from frame to frame of a stream: where to look next, and calmer points."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from openpaf.part_set import KINDS, PartSet
from openpaf.poses import Poses
from openpaf.topdown.closer import CloserLook, Places
from openpaf.topdown.own_windows import faces_again, hands_again
from openpaf.topdown.windows import Windows
from openpaf.track.config import TrackConfig
from openpaf.track.tracks import Tracks
from openpaf_kernels.track import follow, measure

SURE = 0.5
"""Presence from which a window follows the hand, or the face, that was in it."""

# Seconds after which it is looked for by the body again, and is forgotten.
_RECENT, _MEMORY = 0.3, 2.5
# Seconds between two frames, where a source says that there are none.
_SHORTEST_STEP = 1e-3
# Speeds count in these: a hand moves further, for its size, than a person.
_HANDS_A_BODY = 4.0
# A window may be so far from where the body says, in its sides, before it has lost its hand.
_ASTRAY = 0.5

_AGAIN = {"hands": hands_again, "face": faces_again}
_ANCHORS = {"hands": ("left_wrist", "right_wrist"), "face": ("nose",)}


class Follower:
    """Closer looks at the people of one stream, who have ids that stay with them.

    Parameters
    ----------
    looks : sequence of CloserLook
    config : TrackConfig, optional
        How points are smoothed.

    Attributes
    ----------
    looks : tuple of CloserLook
    """

    def __init__(self, looks: Sequence[CloserLook], config: TrackConfig | None = None) -> None:
        self.looks = tuple(looks)
        self._known = {look.name: _Known(look.name, config or TrackConfig()) for look in looks}
        self._latest: Poses | None = None
        self._time = -math.inf

    def look(self, poses: Poses, frame: NDArray[np.uint8], time: float) -> Poses:
        """Look closely at the people of the next frame, (H, W, 3) uint8 BGR.

        Parameters
        ----------
        poses : Poses
            As `Tracker.update` gives them.
        frame : (H, W, 3) uint8 BGR
        time : float
            Seconds; later than the frame before.
        """
        self._time = max(time, self._time + _SHORTEST_STEP)
        for look in self.looks:
            known = self._known[look.name]
            places = known.followed(look.by_body(poses), poses, look.people(poses), self._time)
            poses = look.look(poses, frame, places)
            calmer = known.update(poses, self._time)
            poses = replace(poses, part_sets={**poses.part_sets, look.name: calmer})
        self._latest = poses
        return poses

    def foretold(self, poses: Poses) -> Poses:
        """Those of the latest frame where its people should be by now, by `Tracker.predict`."""
        if self._latest is None:
            return poses
        moved = {}
        for name, part_set in self._latest.part_sets.items():
            way = np.nan_to_num(_anchors(name, poses) - _anchors(name, self._latest))
            way = way.reshape(*part_set.presence.shape, 1, 2)
            keypoints = (part_set.keypoints + way).astype(np.float32)
            moved[name] = replace(part_set, keypoints=keypoints)
        return replace(poses, part_sets=moved)


class _Known:
    """What is known of the hands, or the faces, of everybody followed; rows as in `Tracks`."""

    def __init__(self, name: str, config: TrackConfig) -> None:
        self._name, self._config = name, config
        self._slots = len(KINDS[name].words)
        self._parts = len(KINDS[name].skeleton.parts)
        self._tracks = Tracks.new(0, self._parts, 0)
        # By the id of a person and which of theirs it is.
        self._row: dict[tuple[int, int], int] = {}
        self._presence, self._anchor = np.zeros(0, np.float32), np.zeros((0, 2))

    def followed(self, places: Places, poses: Poses, of: NDArray[np.intp], time: float) -> Places:
        """The same places by the points of the last frame, and those that bodies do not tell.

        `of` says of whom at most.
        """
        rows, people, sides = self._to_follow(poses, of, time)
        if not len(rows):
            return places
        moved = _anchors(self._name, poses)[people, sides] - self._anchor[rows]
        points = self._tracks.position[rows] + np.nan_to_num(moved)[:, None]
        mirrored = (sides == 0) & (self._slots == 2)
        own = _AGAIN[self._name](points.astype(np.float64), mirrored)
        place_of = {key: n for n, key in enumerate(zip(*places[1:], strict=True))}
        by_body = np.array([place_of.get(key, -1) for key in zip(people, sides, strict=True)])
        known = by_body >= 0
        # Bodies tell sizes best.
        body_sides = places.windows.sides[by_body[known]]
        own.sides[known] = body_sides
        away = np.linalg.norm(own.centres[known] - places.windows.centres[by_body[known]], axis=1)
        stays = np.ones(len(rows), bool)
        stays[known] = away <= _ASTRAY * body_sides[:, 0]
        others = np.setdiff1d(np.arange(len(places.people)), by_body[known & stays])
        kept = Places(own, people, sides).chosen(stays)
        rest = places.chosen(others)
        return Places(
            _both(rest.windows, kept.windows),
            np.concatenate([rest.people, kept.people]),
            np.concatenate([rest.sides, kept.sides]),
        )

    def update(self, poses: Poses, time: float) -> PartSet:
        """Take in what was found of people with ids, and give it back, smoothed where asked for."""
        found = poses.part_sets[self._name]
        self._forget(time)
        if poses.ids is None or not len(poses):
            return found
        keypoints = np.nan_to_num(found.keypoints).reshape(-1, self._parts, 2)
        there = found.scores.reshape(-1, self._parts) > 0
        presence = found.presence.reshape(-1)
        anchors = _anchors(self._name, poses).reshape(-1, 2)
        keys = [(who, side) for who in poses.ids.tolist() for side in range(self._slots)]
        places = [
            n
            for n, (who, _) in enumerate(keys)
            if who >= 0 and (keys[n] in self._row or presence[n] > 0)
        ]
        if not places:
            return found
        self._begin([keys[n] for n in places if keys[n] not in self._row])
        rows = np.array([self._row[keys[n]] for n in places])
        self._follow(rows, np.array(places), keypoints, there, time)
        self._presence[rows], self._anchor[rows] = presence[places], anchors[places]
        if not self._config.smooth:
            return found
        calm = found.keypoints.reshape(-1, self._parts, 2).copy()
        calm[places] = np.where(there[places][..., None], self._tracks.position[rows], np.nan)
        return replace(found, keypoints=calm.reshape(found.keypoints.shape))

    def _to_follow(
        self, poses: Poses, of: NDArray[np.intp], time: float
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Rows that can be followed, whose they are, and which of theirs."""
        ids = [] if poses.ids is None else poses.ids.tolist()
        triples = [
            (self._row[ids[n], side], n, side)
            for n in (of.tolist() if ids else [])
            for side in range(self._slots)
            if (ids[n], side) in self._row
        ]
        rows, people, sides = np.array(triples, np.intp).reshape(-1, 3).T
        sure = (self._presence[rows] >= SURE) & (time - self._tracks.seen[rows] <= _RECENT)
        return rows[sure], people[sure], sides[sure]

    def _begin(self, keys: list[tuple[int, int]]) -> None:
        first = len(self._tracks)
        self._tracks.add(Tracks.new(len(keys), self._parts, 0))
        self._row |= {key: first + n for n, key in enumerate(keys)}
        self._presence = np.concatenate([self._presence, np.zeros(len(keys), np.float32)])
        self._anchor = np.concatenate([self._anchor, np.full((len(keys), 2), np.nan)])

    def _forget(self, time: float) -> None:
        keep = time - self._tracks.seen <= _MEMORY
        if keep.all():
            return
        self._tracks.keep(keep)
        self._presence, self._anchor = self._presence[keep], self._anchor[keep]
        place = np.cumsum(keep) - 1
        self._row = {key: int(place[row]) for key, row in self._row.items() if keep[row]}

    def _follow(
        self,
        rows: NDArray[np.intp],
        places: NDArray[np.intp],
        keypoints: NDArray[np.float32],
        there: NDArray[np.bool_],
        time: float,
    ) -> None:
        tracks, config = self._tracks, self._config
        scales = np.empty(len(keypoints), np.float32)
        measure(keypoints, there, scales)
        scales *= np.float32(_HANDS_A_BODY)
        new = ~np.isfinite(tracks.part_seen[rows]).any(axis=1)
        tracks.scale[rows[new]] = scales[places[new]]
        # Nothing is learned of the size of what is not there.
        gone = ~there[places].any(axis=1)
        scales[places[gone]] = tracks.scale[rows[gone]]
        follow(
            time, rows, places, tracks.position.copy(), keypoints, there, scales,
            np.ones(self._parts, np.float32), config.still_cutoff, config.moving_cutoff,
            tracks.position, tracks.velocity, tracks.part_seen, tracks.seen, tracks.pace,
            tracks.scale, tracks.hits,
        )  # fmt: skip


def _anchors(name: str, poses: Poses) -> NDArray[np.float64]:
    """(N, slots, 2) where the parts of bodies are that hands, or faces, hang on; NaN if unknown."""
    places = [poses.skeleton.index(part) for part in _ANCHORS[name]]
    return poses.keypoints[:, places].astype(np.float64)


def _both(one: Windows, other: Windows) -> Windows:
    return Windows(
        np.concatenate([one.centres, other.centres]),
        np.concatenate([one.sides, other.sides]),
        np.concatenate([one.angles, other.angles]),
        np.concatenate([one.mirrored, other.mirrored]),
    )
