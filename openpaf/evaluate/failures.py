"""What went wrong, person by person, and what each kind of failure costs in AP.

The kinds follow Ronchi & Perona, "Benchmarking and error diagnosis in multi-instance pose
estimation" (ICCV 2017), at the level of whole people.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.evaluate import metrics
from openpaf.evaluate.average_precision import FoundPeople, PrecisionCounter, match_people
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.evaluate.pairing import assign

KINDS = {
    "false person": "a skeleton where nobody is annotated, or a second one on somebody",
    "missed person": "nobody was found here",
    "half found": "found, but with OKS below 0.5: parts missing or astray",
    "missed parts": "found, but labelled parts are missing",
    "left-right swap": "at least two parts are where their mirror part should be",
    "merged people": "at least two parts belong to somebody else",
}
"""Every kind of failure and what it means."""

_FOUND = 0.5
_ON_THE_PART = 0.5
_FEWEST_PARTS = 2


@dataclass(frozen=True)
class Failure:
    """One failure.

    Attributes
    ----------
    kind : str
    image : int
        Place of the image.
    predicted, truth : int or None
        Which predicted and which true person of the image.
    severity : float
        Worse is higher; comparable within one kind.
    note : str
    parts : tuple of int
        The parts that are wrong.
    """

    kind: str
    image: int
    predicted: int | None
    truth: int | None
    severity: float
    note: str
    parts: tuple[int, ...] = ()


def find_failures(
    images: Sequence[AnnotatedImage],
    found: Sequence[FoundPeople],
    sigmas: Sequence[float],
    flip: Sequence[int],
) -> list[Failure]:
    """Every failure in every image.

    Parameters
    ----------
    images, found : I images and the predictions in each
    sigmas : (K,) float
    flip : (K,) int
        For each part, its mirror part.
    """
    return [
        failure
        for place, (image, people) in enumerate(zip(images, found, strict=True))
        for failure in _in_image(place, image, people, sigmas, flip)
    ]


def _in_image(
    place: int,
    image: AnnotatedImage,
    people: FoundPeople,
    sigmas: Sequence[float],
    flip: Sequence[int],
) -> Iterator[Failure]:
    oks = metrics.oks(
        image.keypoints, image.labelled, image.areas, image.boxes, people.keypoints, sigmas
    )
    on_part = metrics.keypoint_similarity(
        image.keypoints, image.areas, people.keypoints, sigmas
    ) * (image.labelled & ~image.ignored[:, None])
    counting = np.flatnonzero(~image.ignored)
    pairs = [(n, int(counting[p])) for n, p in assign(oks[:, counting])]
    yield from _false_people(place, people, oks, {n for n, _ in pairs}, image.ignored)
    for p in counting.tolist():
        if p not in {truth for _, truth in pairs}:
            side, labelled = image.areas[p] ** 0.5, int(image.labelled[p].sum())
            note = f"{labelled} labelled parts, {side:.0f} px across"
            yield Failure("missed person", place, None, p, side * labelled, note)
    for n, p in pairs:
        yield from _in_pair(place, image, people, n, p, float(oks[n, p]))
        yield from _swap(place, n, p, image, people, sigmas, flip)
        yield from _merge(place, n, p, on_part[n])


def _false_people(
    place: int,
    people: FoundPeople,
    oks: NDArray[np.float64],
    assigned: set[int],
    ignored: NDArray[np.bool_],
) -> Iterator[Failure]:
    for n, score in enumerate(people.person_scores.tolist()):
        if n in assigned or (oks[n, ignored] >= _FOUND).any():
            continue
        best = float(oks[n].max(initial=0))
        where = "on nobody annotated" if best < 0.1 else f"somebody found twice, OKS {best:.2f}"
        yield Failure("false person", place, n, None, score, f"score {score:.2f}, {where}")


def _in_pair(
    place: int, image: AnnotatedImage, people: FoundPeople, n: int, p: int, oks: float
) -> Iterator[Failure]:
    labelled = image.labelled[p]
    missing = np.flatnonzero(labelled & np.isnan(people.keypoints[n, :, 0]))
    if oks < _FOUND:
        parts = tuple(np.flatnonzero(labelled).tolist())
        note = f"OKS {oks:.2f}, {len(missing)} of {len(parts)} labelled parts missing"
        yield Failure("half found", place, n, p, 1 - oks, note, parts)
    elif len(missing):
        share = len(missing) / int(labelled.sum())
        note = f"{len(missing)} of {int(labelled.sum())} labelled parts missing, OKS {oks:.2f}"
        yield Failure("missed parts", place, n, p, share, note, tuple(missing.tolist()))


def _swap(
    place: int,
    n: int,
    p: int,
    image: AnnotatedImage,
    people: FoundPeople,
    sigmas: Sequence[float],
    flip: Sequence[int],
) -> Iterator[Failure]:
    predicted, truth = people.keypoints[n], image.keypoints[p]
    order = list(flip)
    both = image.labelled[p] & image.labelled[p, order] & (np.arange(len(order)) != order)
    area = image.areas[p : p + 1]
    here = metrics.similarity_at(((predicted - truth) ** 2).sum(axis=1), area, sigmas)[0]
    mirrored = metrics.similarity_at(((predicted - truth[order]) ** 2).sum(axis=1), area, sigmas)[0]
    parts = np.flatnonzero(both & (mirrored >= _ON_THE_PART) & (here < _ON_THE_PART))
    if len(parts) >= _FEWEST_PARTS:
        note = f"{len(parts)} parts on their mirror part"
        yield Failure("left-right swap", place, n, p, len(parts), note, tuple(parts.tolist()))


def _merge(place: int, n: int, p: int, on_part: NDArray[np.float64]) -> Iterator[Failure]:
    """`on_part` (P, K): how well each part of the predicted person sits on each true person's."""
    own = on_part[p] >= _ON_THE_PART
    others = np.delete(np.arange(len(on_part)), p)
    if not len(others):
        return
    foreign = (on_part[others] >= _ON_THE_PART) & ~own
    worst = int(np.argmax(foreign.sum(axis=1)))
    parts = np.flatnonzero(foreign[worst])
    if len(parts) >= _FEWEST_PARTS:
        note = f"{len(parts)} parts on somebody else"
        yield Failure("merged people", place, n, p, len(parts), note, tuple(parts.tolist()))


def mended(
    images: Sequence[AnnotatedImage], found: Sequence[FoundPeople], failures: Sequence[Failure]
) -> list[FoundPeople]:
    """The predictions as they would be without these failures.

    False people are gone, missed people are there with the highest score, and wrong parts are
    where they are annotated.
    """
    best = max((people.person_scores.max(initial=0) for people in found), default=0.0)
    result = []
    for place, (image, people) in enumerate(zip(images, found, strict=True)):
        here = [failure for failure in failures if failure.image == place]
        keypoints, scores = people.keypoints.copy(), people.scores.copy()
        for failure in here:
            if failure.predicted is not None and failure.truth is not None:
                parts = list(failure.parts)
                right = np.where(
                    image.labelled[failure.truth, parts, None],
                    image.keypoints[failure.truth, parts],
                    np.nan,
                )
                keypoints[failure.predicted, parts] = right
                scores[failure.predicted, parts] = np.isfinite(right[:, 0])
        false = [f.predicted for f in here if f.truth is None and f.predicted is not None]
        missed = [f.truth for f in here if f.predicted is None and f.truth is not None]
        truth = np.where(image.labelled[missed][..., None], image.keypoints[missed], np.nan)
        result.append(
            FoundPeople(
                np.concatenate([np.delete(keypoints, false, axis=0), truth]),
                np.concatenate([np.delete(scores, false, axis=0), image.labelled[missed]]),
                np.concatenate(
                    [np.delete(people.person_scores, false), np.full(len(missed), best)]
                ),
            )
        )
    return result


def cost_in_ap(
    images: Sequence[AnnotatedImage],
    found: Sequence[FoundPeople],
    sigmas: Sequence[float],
    failures: Sequence[Failure],
) -> dict[str, float]:
    """For each kind, how far AP would rise if that kind of failure alone did not happen."""

    def ap(people: Sequence[FoundPeople]) -> float:
        return PrecisionCounter(match_people(images, people, sigmas)).summarize()["AP"]

    now = ap(found)
    return {
        kind: ap(mended(images, found, [f for f in failures if f.kind == kind])) - now
        for kind in KINDS
    }
