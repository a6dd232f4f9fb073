"""Run an engine over annotated pictures, once, and decode what it sees in as many ways as asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder.config import DecoderConfig
from openpaf.decoder.decoder import Decoder, People
from openpaf.errors import DatasetError
from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.frame import to_frame
from openpaf.looks import Look, seen_by
from openpaf.poses import Poses
from openpaf.preprocess import Placement
from openpaf.skeleton import Skeleton

if TYPE_CHECKING:
    from openpaf.engine import Engine

Progress = Callable[[int, int], None]
"""Called with how many pictures are done and how many there are."""


@dataclass
class Predictions:
    """What one decoder found in each picture, by its place, and the ms each picture took.

    `scales` are net px a frame px. The network's time has the preprocessing in it.
    """

    found: dict[int, FoundPeople] = field(default_factory=dict)
    scales: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    network_ms: list[float] = field(default_factory=list)
    decode_ms: list[float] = field(default_factory=list)


def predict(
    engine: Engine,
    images: Sequence[AnnotatedImage],
    target: Skeleton,
    configs: Mapping[str, DecoderConfig],
    *,
    looks: Sequence[Look],
    progress: Progress | None = None,
) -> dict[str, Predictions]:
    """Find the people of every picture; the network runs once a picture whatever is decoded.

    Parameters
    ----------
    engine : Engine
    images : pictures to look at
    target : Skeleton
        Parts the people are wanted in.
    configs : mapping of str to DecoderConfig
        Decoders by name.
    looks : sequence of Look
        How each picture is looked at.
    progress : callable, optional

    Raises
    ------
    DatasetError
        When a picture does not have the size its annotations give.
    FrameError, SourceError
        When a picture cannot be read.
    """
    predictions = {name: Predictions() for name in configs}
    calibration = engine.card.calibration
    decoders = {name: Decoder(config, calibration) for name, config in configs.items()}
    for decoder in decoders.values():
        decoder.warm_up(engine.skeleton)
    # Some runtimes compile the network for every size anew: one size after the other.
    order = sorted(range(len(images)), key=lambda place: images[place].size)
    for done, place in enumerate(order):
        image = images[place]
        if progress is not None:
            progress(done, len(images))
        frame = to_frame(image.path)
        height, width = frame.shape[:2]
        if (width, height) != image.size:
            raise DatasetError(
                f"{image.path} is {width}x{height}, its annotations are for "
                f"{image.size[0]}x{image.size[1]}; use the pictures they were made on"
            )
        started = time.perf_counter()
        fields, placement = seen_by(
            engine.session, frame, looks, engine.net_height, engine.net_size
        )
        network_ms = 1000 * (time.perf_counter() - started)
        # Each comes first in turn, because the first one finds the fields outside the cache.
        turn = done % len(decoders)
        for name in [*decoders][turn:] + [*decoders][:turn]:
            started = time.perf_counter()
            people = decoders[name].people(fields)
            moved = (0.0, 0.0) if configs[name].openpose_rules else calibration.offset
            poses = in_frame(people, placement, engine.skeleton, moved)
            poses = engine.finish(poses, frame, placement, decoders[name])
            predictions[name].decode_ms.append(1000 * (time.perf_counter() - started))
            predictions[name].network_ms.append(network_ms)
            predictions[name].found[place], _ = as_found(poses, target)
            predictions[name].scales[place] = placement.scale
    if progress is not None:
        progress(len(images), len(images))
    return predictions


def in_frame(
    people: People, placement: Placement, skeleton: Skeleton, offset: tuple[float, float]
) -> Poses:
    """People in frame px; `offset`, frame px, is the calibration's."""
    places = (placement.to_frame(people.keypoints) + offset).astype(np.float32)
    return Poses(places, people.scores, people.person_scores, skeleton)


def as_found(poses: Poses, target: Skeleton) -> tuple[FoundPeople, NDArray[np.bool_]]:
    """People in the parts of the annotations, and which of those found they are.

    Somebody of whom only parts are seen that are not annotated cannot be judged, and is left out.
    """
    keypoints, scores = poses.skeleton.convert(poses.keypoints, poses.scores, target)
    judged = np.asarray((scores > 0).any(axis=1))
    found = FoundPeople(
        keypoints[judged].astype(np.float64),
        scores[judged].astype(np.float64),
        poses.person_scores[judged].astype(np.float64),
    )
    return found, judged
