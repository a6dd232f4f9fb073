"""Learn from human labels how a network's fields are read: where parts lie, and what scores mean.

Everything is chosen on the pictures given, so the figures that judge it must come from others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

from openpaf.decoder.config import DecoderConfig
from openpaf.decoder.decoder import Decoder, People
from openpaf.errors import DatasetError
from openpaf.evaluate.average_precision import FoundPeople, PrecisionCounter, match_people
from openpaf.evaluate.dataset import AnnotatedImage, KeypointFolder
from openpaf.evaluate.folder import parts_from
from openpaf.evaluate.judging import Judged, judge
from openpaf.evaluate.predict import Progress, as_found, in_frame
from openpaf.frame import to_frame
from openpaf.models.calibration import Calibration
from openpaf.preprocess import Placement
from openpaf.skeleton import Skeleton

if TYPE_CHECKING:
    from openpaf.engine import Engine

PEAK_THRESHOLDS = (0.03, 0.04, 0.05, 0.07, 0.1)
PAF_THRESHOLDS = (0.03, 0.05)
# Of both, what the decoder takes where a card says nothing: the shift is measured with these.
_USUAL = (0.07, 0.05)
# Raw score of the least sure people looked at: half of what the decoder takes uncalibrated.
WEAKEST = 0.1
FEWEST_PEOPLE = 50
"""Fewer say nothing about five weights."""
# Keeps weights finite where every person found is right; far too little to move them otherwise.
_RIDGE = 1e-3
# AP: on a thousand pictures a hundredth of its interval.
_NOTHING_TO_SPEAK_OF = 0.001

Floats = NDArray[np.float64]
_Frames = list[tuple[People, Placement]]


@dataclass(frozen=True)
class Fit:
    """A calibration and what it was found from.

    Attributes
    ----------
    calibration : Calibration
    images, people, found : int
        Pictures, people annotated in them, and people found.
    shift : (float, float)
        Median of where parts were found less where they are labelled, frame px.
    ap : dict of (float, float) to float
        AP on the same pictures by peak and PAF threshold.
    """

    calibration: Calibration
    images: int
    people: int
    found: int
    shift: tuple[float, float]
    ap: dict[tuple[float, float], float]


def calibrate(engine: Engine, dataset: KeypointFolder, *, progress: Progress | None = None) -> Fit:
    """Find the calibration of an engine's network, for the engine's net height and looks.

    Parameters
    ----------
    engine : Engine
    dataset : KeypointFolder
        Labelled by humans.
    progress : callable, optional

    Raises
    ------
    DatasetError
        When too few people are labelled, or found, to learn from.
    """
    known = dataset.restricted(parts_from(engine.skeleton, dataset.parts))
    target = engine.skeleton.restricted(known.parts)
    people = int(sum((~image.ignored).sum() for image in known.images))
    if people < FEWEST_PEOPLE:
        raise DatasetError(
            f"{dataset.annotations} labels {people} people; at least {FEWEST_PEOPLE} are needed"
        )
    seen = _look(engine, known.images, progress)
    shift = _shift(seen[_USUAL], known.images, target, engine.skeleton)
    fits = {}
    for thresholds, frames in seen.items():
        rows = _Rows(frames, known.images, target, engine.skeleton, shift)
        if rows.right.sum() >= FEWEST_PEOPLE:
            person = fit_logistic(rows.features, rows.right)
            fits[thresholds] = rows, person, rows.ap(known.images, target, person)
    if not fits:
        raise DatasetError(f"hardly anybody of {dataset.folder} was found; nothing can be learnt")
    best = max(ap for *_, ap in fits.values())
    # The highest that lose nothing to speak of: lower ones cost the decoder time.
    (peak, paf), (rows, person, _) = max(
        fit for fit in fits.items() if fit[1][2] >= best - _NOTHING_TO_SPEAK_OF
    )
    part = fit_logistic(rows.part_features(person), rows.part_right)
    calibration = Calibration(
        offset=(round(-shift[0], 2), round(-shift[1], 2)),
        peak_threshold=peak,
        paf_threshold=paf,
        weakest=WEAKEST,
        min_score=best_f1(expit(rows.features @ person), rows.right, people),
        person=tuple(round(float(w), 4) for w in person),
        part=tuple(round(float(w), 4) for w in part),
    )
    ap = {thresholds: fit[2] for thresholds, fit in fits.items()}
    return Fit(calibration, len(known.images), people, len(rows.right), shift, ap)


def _look(
    engine: Engine, images: Sequence[AnnotatedImage], progress: Progress | None
) -> dict[tuple[float, float], _Frames]:
    """What every pair of thresholds finds in every picture, in raw scores and at the cells."""
    decoders = {
        (peak, paf): Decoder(
            DecoderConfig(peak_threshold=peak, paf_threshold=paf, min_score=WEAKEST)
        )
        for peak, paf in product(PEAK_THRESHOLDS, PAF_THRESHOLDS)
    }
    seen: dict[tuple[float, float], _Frames] = {thresholds: [] for thresholds in decoders}
    for done, image in enumerate(images):
        if progress is not None:
            progress(done, len(images))
        net_frame = engine.prepare(to_frame(image.path))
        fields = engine.predict([net_frame])[0]
        for thresholds, decoder in decoders.items():
            seen[thresholds].append((decoder.people(fields), net_frame.placement))
    if progress is not None:
        progress(len(images), len(images))
    return seen


def _shift(
    frames: _Frames, images: Sequence[AnnotatedImage], target: Skeleton, skeleton: Skeleton
) -> tuple[float, float]:
    """Median of found less labelled, frame px, over the parts of people who are right."""
    differences = []
    for (people, placement), image in zip(frames, images, strict=True):
        found, _ = as_found(in_frame(people, placement, skeleton, (0.0, 0.0)), target)
        judged = judge(image, found, target.sigmas)
        for n in np.flatnonzero(judged.right):
            truth = judged.truth[n]
            both = image.labelled[truth] & (found.scores[n] > 0)
            differences.append(found.keypoints[n, both] - image.keypoints[truth, both])
    if sum(map(len, differences)) < FEWEST_PEOPLE:
        raise DatasetError("hardly anybody who is labelled was found; nothing can be learnt")
    x, y = np.median(np.concatenate(differences), axis=0)
    return float(x), float(y)


class _Rows:
    """Everyone found, a row each: what is known of them, and whether they are right."""

    def __init__(
        self,
        frames: _Frames,
        images: Sequence[AnnotatedImage],
        target: Skeleton,
        skeleton: Skeleton,
        shift: tuple[float, float],
    ) -> None:
        self.found: list[FoundPeople] = []
        self.judged: list[Judged] = []
        features = []
        for (people, placement), image in zip(frames, images, strict=True):
            moved = in_frame(people, placement, skeleton, (-shift[0], -shift[1]))
            found, kept = as_found(moved, target)
            self.found.append(found)
            self.judged.append(judge(image, found, target.sigmas))
            features.append(person_features(people)[kept])
        self._all = np.concatenate(features)
        self._counts = np.concatenate([judged.counts for judged in self.judged])
        self.features = self._all[self._counts]
        self.right = np.concatenate([judged.right for judged in self.judged])[self._counts]
        self._part_counts = np.concatenate([judged.part_counts for judged in self.judged])
        part_right = np.concatenate([judged.part_right for judged in self.judged])
        self.part_right = part_right[self._part_counts]

    def part_features(self, person: Floats) -> Floats:
        """Rows of a constant, a part's score and its person's log odds."""
        scores = np.concatenate([found.scores for found in self.found])[self._part_counts]
        odds = np.broadcast_to((self._all @ person)[:, None], self._part_counts.shape)
        return np.stack([np.ones(len(scores)), scores, odds[self._part_counts]], axis=1)

    def ap(self, images: Sequence[AnnotatedImage], target: Skeleton, person: Floats) -> float:
        """AP when people are ranked by their probability."""
        scores = np.split(expit(self._all @ person), np.cumsum([len(f.scores) for f in self.found]))
        ranked = [
            replace(found, person_scores=row)
            for found, row in zip(self.found, scores, strict=False)
        ]
        return PrecisionCounter(match_people(images, ranked, target.sigmas)).summarize()["AP"]


def person_features(people: People) -> Floats:
    """(N, 5) `PERSON_FEATURES` of people in the order of their raw scores.

    The same as `openpaf_kernels.people.calibrate` works out, slow and obvious.
    """
    rows = []
    boxes: list[Floats] = []
    for points, scores in zip(people.keypoints, people.scores, strict=True):
        found = scores > 0
        low, high = points[found].min(axis=0), points[found].max(axis=0)
        area = float(np.prod(high - low))
        overlap = 0.0
        for box in boxes:
            shared = np.minimum(high, box[1]) - np.maximum(low, box[0])
            overlap = max(overlap, float(np.prod(np.maximum(shared, 0))) / max(area, 1.0))
        boxes.append(np.stack([low, high]))
        rows.append([1, scores[found].mean(), found.mean(), np.log(max(area, 1.0)), overlap])
    return np.array(rows, np.float64).reshape(-1, 5)


def fit_logistic(features: Floats, right: NDArray[np.bool_]) -> Floats:
    """Weights of a logistic by maximum likelihood, held a little towards 0."""
    signs = np.where(right, 1.0, -1.0)

    def loss(weights: Floats) -> tuple[float, Floats]:
        margins = signs * (features @ weights)
        gradient = -(signs * expit(-margins)) @ features
        total = np.logaddexp(0, -margins).sum() + _RIDGE * (weights @ weights) / 2
        return float(total), gradient + _RIDGE * weights

    found: Floats = minimize(loss, np.zeros(features.shape[1]), jac=True, method="L-BFGS-B").x
    return found


def best_f1(probabilities: Floats, right: NDArray[np.bool_], people: int) -> float:
    """Lowest probability to keep for the highest F1, in steps of 0.01."""
    levels = np.arange(0.01, 1.0, 0.01)
    kept = probabilities >= levels[:, None]
    hits = (kept & right).sum(axis=1)
    f1 = 2 * hits / np.maximum(kept.sum(axis=1) + people, 1)
    return float(round(levels[f1.argmax()], 2))
