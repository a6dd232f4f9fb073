"""One photograph to its labels: finders, windows, who is who, what is left open."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from openpaf.datasets.labels import SKELETON, PhotoLabels
from openpaf.engine import Engine
from openpaf.errors import ModelError
from openpaf.label.candidates import (
    FIELDS,
    GIVEN,
    Candidates,
    distinct,
    evidence,
    gather,
    part_mean,
    person_scores,
)
from openpaf.label.recipe import Networks, Recipe
from openpaf.label.shapes import stretched, surest_shape
from openpaf.label.sightings import (
    BoxFinder,
    FieldFinder,
    Finder,
    Sightings,
    surest,
    turned_back,
)
from openpaf.models import find_model
from openpaf.session import open_runtime
from openpaf.topdown import WindowNetwork, Windows, open_detector
from openpaf.topdown import boxes as box

Floats = NDArray[np.float64]

# Windows that go through the network together: caches like few.
_BATCH = 4
_PIECE = 0.8
_STOOD_FOR = 0.5
_SAME_REGION = 0.6
_NOBODY = Sightings.of_boxes(np.empty((0, 4)), np.empty(0))


class Labeller:
    """Labels photographs; made once, used by one thread.

    Parameters
    ----------
    networks : Networks, optional
    recipe : Recipe, optional

    Raises
    ------
    ConfigError, MissingExtraError, ModelError, ModelNotFoundError
        When a network cannot be loaded, or is of another kind than it is given as.
    """

    def __init__(self, networks: Networks | None = None, recipe: Recipe | None = None) -> None:
        networks, self.recipe = networks or Networks(), recipe or Recipe()
        self.engine = Engine(
            networks.model, looks=self.recipe.looks, card=networks.card, **networks.options
        )
        self._fields = FieldFinder(self.engine, self.recipe.max_enlargement)
        self._finders: dict[int, Finder] = {
            place: BoxFinder(open_detector(find_model(name), **networks.options))
            for place, name in enumerate(networks.detectors)
        }
        self._finders[FIELDS] = self._fields
        self._windows = None if networks.refine is None else _open_windows(networks)

    def label(self, frame: NDArray[np.uint8], boxes: Floats | None = None) -> PhotoLabels:
        """Label one photograph.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR
        boxes : (N, 4) float64, optional
            x0, y0, x1, y1, px, that somebody drew: one finder more, which is always sure.
        """
        if self.recipe.aspect == "keep":
            return self._label(frame, boxes)
        shape = surest_shape(frame, self._fields)
        own = frame.shape[1], frame.shape[0]
        there = np.array(shape) / own
        drawn = None if boxes is None else (boxes + 0.5) * np.tile(there, 2) - 0.5
        return _scaled(self._label(stretched(frame, shape), drawn), own)

    def _label(self, frame: NDArray[np.uint8], boxes: Floats | None) -> PhotoLabels:
        recipe = self.recipe
        size = frame.shape[1], frame.shape[0]
        candidates = self._candidates(frame, boxes)
        prior = (candidates.seen * recipe.score_weights).max(axis=1, initial=0)
        chosen = np.argsort(-prior, kind="stable")[: recipe.max_candidates]
        looked_at = candidates[chosen[prior[chosen] >= recipe.min_candidate]]
        keypoints, scores, turns = self._look(frame, looked_at)
        # Of several about one person the one that most finders see is right, and how right it is
        # the fit says: a fit to all candidates would like a lucky fragment as well.
        rank = evidence(looked_at.seen, recipe, [*self._finders]) * part_mean(scores)
        kept = distinct(keypoints, scores, looked_at.boxes, rank, recipe.alike)
        sure = person_scores(looked_at.seen, scores, recipe, [*self._finders])
        kept = kept[np.argsort(-sure[kept], kind="stable")]
        kept = kept[sure[kept] >= recipe.min_person]
        people = looked_at[kept]
        regions, region_scores = _regions(candidates, prior, people.boxes, sure[kept], recipe)
        span = np.sqrt(np.maximum(box.areas(people.boxes), 1))[:, None]
        apart = np.linalg.norm(keypoints[kept] - people.keypoints, axis=2) / span
        if self._windows is None:
            # Nobody looked again, so there is nobody to agree with.
            apart = np.where(scores[kept] > 0, 0.0, np.nan)
        return PhotoLabels(
            size,
            keypoints[kept],
            scores[kept],
            apart,
            box.clipped(people.boxes, size),
            sure[kept],
            people.seen,
            turns[kept],
            box.clipped(regions, size),
            region_scores,
        )

    def _candidates(self, frame: NDArray[np.uint8], boxes: Floats | None) -> Candidates:
        size = frame.shape[1], frame.shape[0]
        turns = range(4 if self.recipe.turns else 1)
        frames = [np.ascontiguousarray(np.rot90(frame, -turn)) for turn in turns]
        sightings = [_NOBODY] * (GIVEN + 1)
        for place, finder in self._finders.items():
            looks = [turned_back(finder.find(frames[turn]), turn, size) for turn in turns]
            sightings[place] = surest(looks)
        if boxes is not None and len(boxes):
            drawn = box.clipped(np.asarray(boxes, np.float64), size)
            sightings[GIVEN] = Sightings.of_boxes(drawn, np.ones(len(drawn)))
        return gather(sightings, self.recipe)

    def _look(
        self, frame: NDArray[np.uint8], people: Candidates
    ) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Parts (N, 17, 2), scores (N, 17) and quarter turns (N,) of the people in candidates."""
        count = len(people)
        turns = np.zeros(count, np.int64)
        if self._windows is None:
            centres = (people.boxes[:, None, :2] + people.boxes[:, None, 2:]) / 2
            missing = np.isnan(people.keypoints)
            return np.where(missing, centres, people.keypoints), people.part_scores, turns
        if self.recipe.turns and count:
            every = self._around(np.tile(people.boxes, (4, 1)), np.repeat(np.arange(4), count))
            _, once = self._windows.look(frame, every, mirror=False)
            turns = once.mean(axis=1).reshape(4, count).argmax(axis=0).astype(np.int64)
        keypoints, scores = self._windows.look(
            frame,
            self._around(people.boxes, turns),
            mirror=True,
            mirror_from=self.recipe.mirror_from,
        )
        return keypoints, scores, turns

    def _around(self, boxes: Floats, turns: NDArray[np.int64]) -> Windows:
        assert self._windows is not None
        # The frame turned clockwise is the window turned the other way.
        return self._windows.around(boxes, angles=-np.pi / 2 * turns)


def _open_windows(networks: Networks) -> WindowNetwork:
    assert networks.refine is not None
    runtime = open_runtime(find_model(networks.refine), **networks.options)
    network = WindowNetwork(runtime, batch=_BATCH)
    if network.skeleton.parts != SKELETON.parts:
        raise ModelError(
            f"{networks.refine} finds the parts of {network.skeleton.name}; labels are of "
            f"{SKELETON.name}, so the network that refines them must be too"
        )
    return network


def _regions(
    candidates: Candidates, prior: Floats, people: Floats, sure: Floats, recipe: Recipe
) -> tuple[Floats, Floats]:
    """Boxes of sightings that no kept person stands for.

    A weak one that lies within a sure person is a piece of it, and is left out.
    """
    likely = prior >= recipe.min_region
    boxes, scores = candidates.boxes[likely], prior[likely]
    if len(people):
        stood_for = (box.iou(boxes, people) >= _STOOD_FOR).any(axis=1)
        piece = (box.covered(boxes, people[sure >= recipe.sure_person]) >= _PIECE).any(axis=1)
        left = ~stood_for & ~(piece & (scores < recipe.sure_region))
        boxes, scores = boxes[left], scores[left]
    kept = box.best(box.iou(boxes, boxes), scores, _SAME_REGION)
    return boxes[kept], np.minimum(scores[kept], 1.0)


def _scaled(labels: PhotoLabels, size: tuple[int, int]) -> PhotoLabels:
    """Labels of a photograph brought to another shape, in the shape of (width, height)."""
    scale = np.array(size) / labels.size
    return replace(
        labels,
        size=size,
        keypoints=(labels.keypoints + 0.5) * scale - 0.5,
        boxes=(labels.boxes + 0.5) * np.tile(scale, 2) - 0.5,
        regions=(labels.regions + 0.5) * np.tile(scale, 2) - 0.5,
    )
