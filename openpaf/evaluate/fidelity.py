"""How faithful a copy of a network is: its fields, its people, its speed, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from openpaf.errors import FieldsError
from openpaf.evaluate.metrics import oks
from openpaf.fields import Fields
from openpaf.frame import Frame
from openpaf.poses import Poses

if TYPE_CHECKING:
    from openpaf.engine import Engine, NetFrame

LEAST_AGREEMENT = 0.7
"""Below this share of people in common, a copy counts as broken."""

_SAME_PERSON = 0.5


@dataclass(frozen=True)
class Fidelity:
    """A copy of a network against the original, on the same pictures.

    Attributes
    ----------
    pictures : int
    people : (int, int)
        Found with the original and with the copy.
    shared : int
        People that both found: an OKS of 0.5 or more, each person paired once.
    confidence_error, paf_error : (float, float)
        Root mean square and largest difference of the fields.
    network_ms : (float, float)
        Median time of the network, original and copy, taken by turns.
    unusable : int
        Pictures on which the copy gave NaN or infinite values.
    """

    pictures: int
    people: tuple[int, int]
    shared: int
    confidence_error: tuple[float, float]
    paf_error: tuple[float, float]
    network_ms: tuple[float, float]
    unusable: int = 0

    @property
    def agreement(self) -> float:
        """People in common over people found (F1 of one against the other); 1 where nobody is."""
        return 2 * self.shared / sum(self.people) if sum(self.people) else 1.0

    @property
    def fault(self) -> str | None:
        """What makes the copy useless, in words; None where nothing does."""
        if self.unusable:
            return f"NaN or infinite values on {self.unusable} of {self.pictures} pictures"
        if self.agreement >= LEAST_AGREEMENT:
            return None
        before, after = self.people
        return (
            f"{after} people on {self.pictures} pictures where the original finds {before}, "
            f"{self.shared} of them the same"
        )


def compare_networks(
    original: Engine,
    copy: Engine,
    frames: Sequence[Frame],
    progress: Callable[[int], None] | None = None,
) -> Fidelity:
    """Run two networks over pictures and compare what they give.

    Parameters
    ----------
    original, copy : Engine
        With the same skeleton, stride and net size.
    frames : sequence of pictures
    progress : callable, optional
        Called with the number of pictures done.

    Raises
    ------
    FrameError, SourceError
        When one of the frames is not a picture.
    """
    people, shared, unusable = [0, 0], 0, 0
    times: tuple[list[float], list[float]] = ([], [])
    errors: dict[str, list[tuple[float, float]]] = {"confidence_maps": [], "pafs": []}
    for done, frame in enumerate(frames, 1):
        net_frame = original.prepare(frame)
        if done == 1:
            _timed_fields(original, net_frame)
            _timed_fields(copy, net_frame)
        before, before_ms = _timed_fields(original, net_frame)
        after, after_ms = _timed_fields(copy, net_frame)
        times[0].append(before_ms)
        times[1].append(after_ms)
        if progress is not None:
            progress(done)
        if before is None or after is None:
            unusable += 1
            continue
        for name, kept in errors.items():
            difference = np.abs(getattr(before, name) - getattr(after, name))
            kept.append((float(np.mean(difference**2)), float(difference.max())))
        first = original.decode(before, net_frame.placement)
        second = copy.decode(after, net_frame.placement)
        people[0] += len(first)
        people[1] += len(second)
        shared += count_shared(first, second)
    return Fidelity(
        len(frames),
        (people[0], people[1]),
        shared,
        _summary(errors["confidence_maps"]),
        _summary(errors["pafs"]),
        (float(np.median(times[0])), float(np.median(times[1]))),
        unusable,
    )


def count_shared(first: Poses, second: Poses) -> int:
    """Count the people that both hold, each paired once, the most alike first."""
    if not len(first) or not len(second):
        return 0
    boxes = first.boxes.astype(np.float64)
    sides = boxes[:, 2:] - boxes[:, :2]
    similarity = oks(
        first.keypoints.astype(np.float64),
        first.scores > 0,
        sides.prod(axis=1),
        np.concatenate([boxes[:, :2], sides], axis=1),
        second.keypoints.astype(np.float64),
        first.skeleton.sigmas,
    )
    pairs = linear_sum_assignment(similarity, maximize=True)
    return int((similarity[pairs] >= _SAME_PERSON).sum())


def time_network(engine: Engine, frame: Frame, repeats: int = 20) -> float:
    """Median time, ms, that a network takes for one frame, after two runs of warming up.

    Parameters
    ----------
    engine : Engine
    frame : picture
    repeats : int
    """
    net_frame = engine.prepare(frame)
    times = [_timed_fields(engine, net_frame)[1] for _ in range(repeats + 2)]
    return float(np.median(times[2:]))


def _timed_fields(engine: Engine, net_frame: NetFrame) -> tuple[Fields | None, float]:
    started = time.perf_counter()
    try:
        fields = engine.predict([net_frame])[0]
    except FieldsError:
        fields = None
    return fields, 1000 * (time.perf_counter() - started)


def _summary(errors: list[tuple[float, float]]) -> tuple[float, float]:
    """Root mean square and largest, over pictures of a size or nearly."""
    if not errors:
        return float("nan"), float("nan")
    squares, largest = zip(*errors, strict=True)
    return float(np.sqrt(np.mean(squares))), max(largest)
