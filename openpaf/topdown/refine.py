"""Look once more at each person that was found, with a network made for one window."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError
from openpaf.person import extents
from openpaf.poses import Poses
from openpaf.skeleton import Skeleton
from openpaf.topdown.agreement import DOUBT, Agreement, People, agree, calibrated, mix
from openpaf.topdown.kept_network import Bundled, KeptNetwork
from openpaf.topdown.network import WindowNetwork

LIMIT = 20
"""Most people of a frame that are looked at again, the largest first."""

GROWTH = 1.45
"""A person's box in boxes around the parts found: bodies go on beyond them, unseen parts too."""

_BUNDLED = Bundled("refine", "window.onnx", "window network")
_LEAST_PARTS = 2
_LEAST_EXTENT = 4.0


class Refiner:
    """A window network, and the rule by which its look is mixed with the first.

    Parameters
    ----------
    path : Path
        Of a network whose card has the head "window".
    limit : int
        Most people of a frame to look at, the largest first.
    options : mapping
        Of `open_runtime`: device, threads, spinning.
    mirror : bool
        Look at every window mirrored too; else only where the network's card says so.

    Raises
    ------
    ConfigError, MissingExtraError, ModelError, ModelNotFoundError
        See `open_window_network`.
    """

    def __init__(
        self, path: Path, limit: int, options: Mapping[str, Any], *, mirror: bool = False
    ) -> None:
        check_limit(limit)
        self.path, self.limit = path, limit
        self._mirror = mirror or None
        self._kept = KeptNetwork(path, options)

    @property
    def network(self) -> WindowNetwork:
        """The network as it runs in this process."""
        return self._kept.network

    def check_parts(self, skeleton: Skeleton) -> None:
        """Make sure that the first look, of this skeleton, finds the same kind of thing.

        Raises
        ------
        ConfigError
            When it does not: what a person's network sees in an animal are a person's parts.
        """
        theirs = self.network.skeleton
        if theirs.is_body != skeleton.is_body or not set(theirs.parts) & set(skeleton.parts):
            raise ConfigError(
                f"{self.path} looks for the parts of {theirs.name}, the first look for those of "
                f"{skeleton.name}; leave refine out, or name a window network of the same parts"
            )

    def refine(self, poses: Poses, frame: NDArray[np.uint8], min_score: float = 0.0) -> Poses:
        """Look at each of the largest people once more, all in one batch, and mix both looks.

        Parameters
        ----------
        poses : Poses
            Frame px.
        frame : (H, W, 3) uint8 BGR
        min_score : float
            Where scores are probabilities: whoever is less sure after the second look is left out.

        Returns
        -------
        Poses
            The same people in the same order; people too small to look at, or beyond the limit,
            keep their parts. `timings` has "refine", ms.
        """
        started = time.perf_counter()
        chosen = largest(poses, self.limit)
        keypoints, scores = poses.keypoints.astype(np.float64), poses.scores.astype(np.float64)
        card = self.network.card
        person_scores = poses.person_scores * (1.0 if card.person else DOUBT)
        if len(chosen):
            first, mixed, agreement = self.look_again(poses, chosen, frame)
            if card.person:
                mixed = calibrated(first, mixed, agreement, card.person, card.part)
            keypoints[chosen], scores[chosen], person_scores[chosen] = mixed
        kept = person_scores >= (min_score if card.person else 0)
        spent = 1000 * (time.perf_counter() - started)
        return replace(
            poses,
            keypoints=keypoints[kept].astype(np.float32),
            scores=scores[kept].astype(np.float32),
            person_scores=person_scores[kept].astype(np.float32),
            ids=None if poses.ids is None else poses.ids[kept],
            timings={**poses.timings, "refine": spent},
        )

    def look_again(
        self, poses: Poses, chosen: NDArray[np.intp], frame: NDArray[np.uint8]
    ) -> tuple[People, People, Agreement]:
        """The chosen people as they are, both looks at them mixed, and how these agree."""
        boxes = poses.boxes[chosen].astype(np.float64)
        first = People(
            poses.keypoints[chosen].astype(np.float64),
            poses.scores[chosen].astype(np.float64),
            poses.person_scores[chosen].astype(np.float64),
        )
        second = self.look(frame, boxes, poses.skeleton)
        agreement = agree(first, second, boxes, poses.skeleton.sigmas)
        return first, mix(first, second, agreement), agreement

    def look(
        self, frame: NDArray[np.uint8], boxes: NDArray[np.float64], skeleton: Skeleton
    ) -> People:
        """Parts of the people in boxes (N, 4), frame px, in the skeleton of the first look."""
        network = self.network
        windows = network.around(grown(boxes, GROWTH))
        found, sure = network.look(frame, windows, mirror=self._mirror)
        keypoints, scores = network.skeleton.convert(
            found.astype(np.float32), sure.astype(np.float32), skeleton
        )
        return People(keypoints.astype(np.float64), scores.astype(np.float64), np.ones(len(boxes)))

    def warm_up(self) -> None:
        """Do now what the first person would have to wait for."""
        network = self.network
        network.look(np.zeros((64, 64, 3), np.uint8), network.around(np.array([[0, 0, 63, 63]])))

    def after_fork(self) -> None:
        """Open the network anew in this process, a fork, when it is next needed."""
        self._kept.after_fork()


def check_limit(limit: object) -> None:
    """Make sure that a limit of people to look at is one.

    Raises
    ------
    ConfigError
        When it is no whole number from 1.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ConfigError(f"refine_limit must be a whole number from 1, got {limit!r}")


def refined(
    refiner: Refiner | None, poses: Poses, frame: NDArray[np.uint8] | None, min_score: float
) -> Poses:
    """People as they are, or as a second look at the frame has them where there is a refiner."""
    return poses if refiner is None or frame is None else refiner.refine(poses, frame, min_score)


def open_refiner(
    refine: bool | str | Path,
    first: Path,
    limit: int,
    options: Mapping[str, Any],
    *,
    mirror: bool = False,
) -> Refiner | None:
    """The refiner that `refine=` asks for, of the people that `first` finds; None for False.

    Raises
    ------
    ConfigError
        When it is no model, or `limit` is no positive whole number.
    MissingExtraError, ModelError, ModelNotFoundError
        When the network cannot be loaded.
    """
    if refine is False:
        return None
    return Refiner(find_window_network(refine, first), limit, options, mirror=mirror)


def find_window_network(refine: bool | str | Path, first: Path | None = None) -> Path:
    """File of the window network that `refine=` names, the bundled one for True.

    That is its copy in eight bits where `first`, which finds the people, is one too.

    Raises
    ------
    ConfigError
        When it is no name and none is bundled.
    ModelNotFoundError
        When there is no such file, or no model of that name on this machine.
    """
    return _BUNDLED.find(refine, first)


def largest(poses: Poses, limit: int) -> NDArray[np.intp]:
    """Places of at most `limit` people with enough parts to place a window, the largest first."""
    extent = extents(poses.boxes)
    usable = ((poses.scores > 0).sum(axis=1) >= _LEAST_PARTS) & (extent >= _LEAST_EXTENT)
    order = np.argsort(-extent, kind="stable")
    chosen: NDArray[np.intp] = order[usable[order]][:limit]
    return chosen


def grown(boxes: NDArray[np.float64], factor: float) -> NDArray[np.float64]:
    """(N, 4) boxes about their centres, so many times as large."""
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    return np.concatenate([centre - factor * half, centre + factor * half], axis=1)
