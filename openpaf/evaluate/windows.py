"""Measure a window network by itself: on the boxes of the annotations, nobody need be found."""

from __future__ import annotations

import time

import numpy as np

from openpaf import __version__
from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.dataset import AnnotatedImage, KeypointFolder
from openpaf.evaluate.folder import Evaluation, describe_data, make_evaluation, parts_from
from openpaf.evaluate.predict import Predictions, Progress
from openpaf.frame import to_frame
from openpaf.skeleton import Skeleton
from openpaf.topdown import WindowNetwork

_CLEAR = 0.2


def evaluate_windows(
    network: WindowNetwork,
    dataset: KeypointFolder,
    *,
    mirror: bool | None = None,
    resamples: int = 1000,
    seed: int = 0,
    progress: Progress | None = None,
) -> Evaluation:
    """OKS-AP, PCK and the rest of a window network on annotated boxes.

    Parameters
    ----------
    network : WindowNetwork
    dataset : KeypointFolder
    mirror : bool, optional
        Look at mirrored windows too; what the network's card says when None.
    resamples, seed : int
        Of the bootstrap over images.
    progress : callable, optional
        Called with pictures done and pictures in all.

    Raises
    ------
    FrameError, SourceError
        When a picture cannot be read.
    """
    known = dataset.restricted(parts_from(network.skeleton, dataset.parts))
    target = network.skeleton.restricted(known.parts)
    predictions = Predictions()
    for place, image in enumerate(known.images):
        if progress is not None:
            progress(place, len(known.images))
        started = time.perf_counter()
        predictions.found[place] = _people(network, image, target, mirror)
        predictions.network_ms.append(1000 * (time.perf_counter() - started))
        predictions.decode_ms.append(0.0)
        predictions.scales[place] = np.ones(2)
    if progress is not None:
        progress(len(known.images), len(known.images))
    settings = {
        "openpaf": __version__,
        "model": network.card.name,
        "file": "annotated boxes",
        "provider": network.provider,
        "net": "window {}x{}".format(*network.card.size),
        "flip": network.card.mirror if mirror is None else mirror,
        "scales": [1.0],
    }
    return make_evaluation(
        known.images,
        target,
        describe_data(dataset, known),
        settings,
        predictions,
        0.0,
        resamples,
        seed,
    )


def _people(
    network: WindowNetwork, image: AnnotatedImage, target: Skeleton, mirror: bool | None
) -> FoundPeople:
    """The people in the boxes, as sure as the parts of each that are seen clearly."""
    boxes = image.boxes.copy()
    boxes[:, 2:] += boxes[:, :2]
    found, sure = network.look(to_frame(image.path), network.around(boxes), mirror=mirror)
    keypoints, scores = network.skeleton.convert(
        found.astype(np.float32), sure.astype(np.float32), target
    )
    keypoints[scores == 0] = np.nan
    clear = scores > _CLEAR
    people = (scores * clear).sum(axis=1) / np.maximum(clear.sum(axis=1), 1)
    return FoundPeople(
        keypoints.astype(np.float64), scores.astype(np.float64), people.astype(np.float64)
    )
