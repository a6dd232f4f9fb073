"""Learn from human labels what the scores of a second look mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError, DatasetError
from openpaf.evaluate.calibration import FEWEST_PEOPLE, Floats, fit_logistic
from openpaf.evaluate.dataset import KeypointFolder
from openpaf.evaluate.folder import parts_from
from openpaf.evaluate.judging import judge
from openpaf.evaluate.predict import Progress, as_found
from openpaf.frame import to_frame
from openpaf.poses import Poses
from openpaf.skeleton import Skeleton
from openpaf.topdown.agreement import Agreement, People, part_features, person_features
from openpaf.topdown.refine import Refiner, largest

if TYPE_CHECKING:
    from openpaf.engine import Engine

LOWEST = 0.05
"""Probability of the least sure people of the first look that are looked at again."""

# However many there are; nobody waits for a calibration.
_LIMIT = 1000


@dataclass(frozen=True)
class SecondFit:
    """The weights of a window network's card, and what they were found from.

    Attributes
    ----------
    person, part : tuple of float
        See `WindowCard`.
    images, found : int
        Pictures, and people found in them and judged.
    """

    person: tuple[float, ...]
    part: tuple[float, ...]
    images: int
    found: int


def calibrate_second_look(
    engine: Engine, dataset: KeypointFolder, *, progress: Progress | None = None
) -> SecondFit:
    """Find the weights of the card of an engine's window network.

    Parameters
    ----------
    engine : Engine
        Made with `refine=`, of a network whose own scores are calibrated, and low `min_score`.
    dataset : KeypointFolder
        Labelled by humans.
    progress : callable, optional

    Raises
    ------
    ConfigError
        When the engine looks only once, or its first look gives raw scores.
    DatasetError
        When hardly anybody labelled is found.
    """
    if engine.refiner is None or not engine.card.calibration.person:
        raise ConfigError("a second look is calibrated on top of a first one that is calibrated")
    known = dataset.restricted(parts_from(engine.skeleton, dataset.parts))
    target = engine.skeleton.restricted(known.parts)
    columns = [engine.skeleton.parts.index(part) for part in target.parts]
    everyone = []
    for done, image in enumerate(known.images):
        if progress is not None:
            progress(done, len(known.images))
        seen = _look_twice(engine, engine.refiner, to_frame(image.path))
        found, kept = as_found(seen.poses(), target)
        everyone.append((seen, kept, judge(image, found, target.sigmas)))
    if progress is not None:
        progress(len(known.images), len(known.images))

    people = np.concatenate([seen.person_features()[kept][j.counts] for seen, kept, j in everyone])
    right = np.concatenate([judged.right[judged.counts] for *_, judged in everyone])
    if right.sum() < FEWEST_PEOPLE:
        raise DatasetError(
            f"of {dataset.folder} {int(right.sum())} people who are labelled were found; at least "
            f"{FEWEST_PEOPLE} are needed"
        )
    person = fit_logistic(people, right)
    parts = np.concatenate(
        [
            seen.part_features(person)[kept][:, columns][judged.part_counts]
            for seen, kept, judged in everyone
        ]
    )
    parts_right = np.concatenate([judged.part_right[judged.part_counts] for *_, judged in everyone])
    part = fit_logistic(parts, parts_right)
    return SecondFit(_rounded(person), _rounded(part), len(known.images), len(right))


@dataclass(frozen=True)
class _Seen:
    """The people of a frame: the first look, both mixed, and how they agree."""

    skeleton: Skeleton
    first: People
    mixed: People
    agreement: Agreement

    def poses(self) -> Poses:
        places, scores, people = (a.astype(np.float32) for a in self.mixed)
        return Poses(places, scores, people, self.skeleton)

    def person_features(self) -> Floats:
        return person_features(self.first, self.agreement)

    def part_features(self, person: Floats) -> Floats:
        return part_features(self.mixed, self.agreement, self.person_features() @ person)


def _look_twice(engine: Engine, refiner: Refiner, frame: NDArray[np.uint8]) -> _Seen:
    net_frame = engine.prepare(frame)
    poses = engine.decode(engine.predict([net_frame])[0], net_frame.placement)
    again = refiner.look_again(poses, largest(poses, _LIMIT), frame)
    return _Seen(poses.skeleton, *again)


def _rounded(weights: Floats) -> tuple[float, ...]:
    return tuple(round(float(w), 4) for w in weights)
