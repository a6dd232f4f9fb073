"""Look closely at hands and faces: a window of each, placed by the body, through a network."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError, SkeletonError
from openpaf.part_set import KINDS, LEFT, RIGHT, PartSet
from openpaf.poses import Poses
from openpaf.skeleton import Skeleton
from openpaf.topdown.kept_network import Bundled, KeptNetwork
from openpaf.topdown.network import WindowNetwork
from openpaf.topdown.part_windows import face_windows, hand_windows
from openpaf.topdown.refine import check_limit, largest
from openpaf.topdown.windows import Windows

LEAST_PRESENCE = 0.3
"""Mean score of its parts below which a window is thought to show no hand, or no face."""

# Windows of fewer frame px across show nothing.
_SMALLEST = 10.0

_WindowsOf = Callable[
    [NDArray[np.float32], NDArray[np.float32], Skeleton], tuple[Windows, NDArray[np.intp]]
]
_WINDOWS: Mapping[str, _WindowsOf] = {"hands": hand_windows, "face": face_windows}
_BUNDLED = {
    "hands": Bundled("hands", "hand.onnx", "network for hands"),
    "face": Bundled("face", "face.onnx", "network for faces"),
}


Asked = bool | str | Path
"""What `hands=` and `face=` take: whether, or with which network."""


class Places(NamedTuple):
    """Where to look: M windows, whose each is, and which of theirs: `LEFT`, `RIGHT`, or 0."""

    windows: Windows
    people: NDArray[np.intp]
    sides: NDArray[np.intp]

    def chosen(self, rows: NDArray[Any]) -> Places:
        """Some of them: by a mask, or by places."""
        return Places(self.windows[rows], self.people[rows], self.sides[rows])

    def within(self, frame_size: tuple[int, int]) -> Places:
        """Those whose middle lies within a (width, height), and that are worth looking into."""
        windows = self.windows
        inside = (windows.centres >= -0.5) & (windows.centres < np.array(frame_size) - 0.5)
        large = windows.sides.min(axis=1, initial=np.inf) >= _SMALLEST
        return self.chosen(inside.all(axis=1) & large)


class CloserLook:
    """A window network that looks at the hands, or at the faces, of people found.

    Parameters
    ----------
    name : {"hands", "face"}
    path : Path
        Of a network whose card has the head "window", of the parts of a hand or a face.
    limit : int
        Most people of a frame to look at, the largest first.
    options : mapping
        Of `open_runtime`: device, threads, spinning.

    Raises
    ------
    ConfigError
        When the network looks for other parts.
    MissingExtraError, ModelError, ModelNotFoundError
        See `open_window_network`.
    """

    def __init__(self, name: str, path: Path, limit: int, options: Mapping[str, Any]) -> None:
        check_limit(limit)
        self.name, self.path, self.limit = name, path, limit
        self._kept = KeptNetwork(path, options)
        self._kind = KINDS[name]
        theirs, wanted = self.network.skeleton, self._kind.skeleton
        if theirs.parts != wanted.parts:
            raise ConfigError(
                f"{path} looks for the parts of {theirs.name}, {name} needs a network for those of "
                f"{wanted.name}"
            )

    @property
    def network(self) -> WindowNetwork:
        """The network as it runs in this process."""
        return self._kept.network

    def people(self, poses: Poses) -> NDArray[np.intp]:
        """Whom to look at: the largest, in their order."""
        return np.sort(largest(poses, self.limit))

    def by_body(self, poses: Poses) -> Places:
        """Where the bodies of those people say that theirs are."""
        chosen = self.people(poses)
        windows, rows = _WINDOWS[self.name](
            poses.keypoints[chosen], poses.scores[chosen], poses.skeleton
        )
        sides = np.where(windows.mirrored, LEFT, RIGHT) if self._kind.axes else 0 * rows
        return Places(windows, chosen[rows], sides.astype(np.intp))

    def look(self, poses: Poses, frame: NDArray[np.uint8], places: Places | None = None) -> Poses:
        """Look into all windows of a frame, in one batch.

        Parameters
        ----------
        poses : Poses
            Frame px.
        frame : (H, W, 3) uint8 BGR
        places : Places, optional
            Where to look; by their bodies where nothing is said.

        Returns
        -------
        Poses
            The same people, with a `PartSet` of this name. `timings` has its name, ms.
        """
        started = time.perf_counter()
        if places is None:
            places = self.by_body(poses)
        places = places.within((frame.shape[1], frame.shape[0]))
        found = self._found(frame, places, len(poses))
        spent = 1000 * (time.perf_counter() - started)
        return replace(
            poses,
            part_sets={**poses.part_sets, self.name: found},
            timings={**poses.timings, self.name: spent},
        )

    def warm_up(self) -> None:
        """Do now what the first window would have to wait for."""
        network = self.network
        network.look(np.zeros((64, 64, 3), np.uint8), network.around(np.array([[0, 0, 63, 63]])))

    def after_fork(self) -> None:
        """Open the network anew in this process, a fork, when it is next needed."""
        self._kept.after_fork()

    def _found(self, frame: NDArray[np.uint8], places: Places, people: int) -> PartSet:
        skeleton, axes = self._kind.skeleton, (people, *self._kind.axes)
        slots, parts = len(self._kind.words), len(skeleton.parts)
        keypoints = np.full((people, slots, parts, 2), np.nan, np.float32)
        scores = np.zeros((people, slots, parts), np.float32)
        presence = np.zeros((people, slots), np.float32)
        if len(places.people):
            points, sure = self.network.look(frame, places.windows)
            seen = sure.mean(axis=1).astype(np.float32)
            there = seen >= LEAST_PRESENCE
            at = places.people[there], places.sides[there]
            presence[at] = seen[there]
            scores[at] = np.maximum(sure[there], 0)
            keypoints[at] = np.where(scores[at][..., None] > 0, points[there], np.nan)
        return PartSet(
            keypoints.reshape(*axes, parts, 2),
            scores.reshape(*axes, parts),
            presence.reshape(axes),
            skeleton,
        )


def check_body(name: str, skeleton: Skeleton) -> None:
    """Make sure that bodies of a skeleton say where "hands", or the "face", are.

    Raises
    ------
    ConfigError
        When they do not.
    """
    nobody = Poses.empty(skeleton)
    try:
        _WINDOWS[name](nobody.keypoints, nobody.scores, skeleton)
    except SkeletonError as error:
        raise ConfigError(f"{name} cannot be looked for: {error}") from None


def find_closer_network(name: str, asked: Asked, first: Path | None = None) -> Path:
    """File of the network that `hands=` or `face=` names, the bundled one for True.

    That is its copy in eight bits where `first`, which finds the people, is one too.

    Raises
    ------
    ConfigError
        When it is no name and none is bundled.
    ModelNotFoundError
        When there is no such file, or no model of that name on this machine.
    """
    return _BUNDLED[name].find(asked, first)


def closer(looks: Sequence[CloserLook], poses: Poses, frame: NDArray[np.uint8] | None) -> Poses:
    """People with the hands and faces that closer looks at the frame find, where there are any."""
    if frame is None:
        return poses
    for look in looks:
        poses = look.look(poses, frame)
    return poses


class CloserNetworks:
    """Networks for closer looks at the people of one engine, each loaded when it is first asked.

    Parameters
    ----------
    first : Path
        The network that finds the bodies.
    skeleton : Skeleton
        Of those.
    limit, options
        As for `CloserLook`.
    """

    def __init__(
        self, first: Path, skeleton: Skeleton, limit: int, options: Mapping[str, Any]
    ) -> None:
        self.limit = limit
        self._first, self._skeleton, self._options = first, skeleton, options
        self._opened: dict[tuple[str, Path], CloserLook] = {}
        self._lock = threading.Lock()

    def looks(self, asked: Mapping[str, Asked]) -> tuple[CloserLook, ...]:
        """Those that are asked for, by name.

        Raises
        ------
        ConfigError, MissingExtraError, ModelError, ModelNotFoundError
            See `check_body`, `find_closer_network` and `CloserLook`.
        """
        return tuple(self._look(name, one) for name, one in asked.items() if one is not False)

    def after_fork(self) -> None:
        """Open them anew in this process, a fork, when they are next needed."""
        self._lock = threading.Lock()
        for look in self._opened.values():
            look.after_fork()

    def close(self) -> None:
        """Free them."""
        self._opened = {}

    def _look(self, name: str, asked: Asked) -> CloserLook:
        check_body(name, self._skeleton)
        path = find_closer_network(name, asked, self._first)
        with self._lock:
            if (name, path) not in self._opened:
                self._opened[name, path] = CloserLook(name, path, self.limit, self._options)
            return self._opened[name, path]
