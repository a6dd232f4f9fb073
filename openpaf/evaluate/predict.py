"""Run an engine over annotated pictures, once, and decode what it sees in as many ways as asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from openpaf.decoder import Decoder
from openpaf.decoder.config import DecoderConfig
from openpaf.errors import DatasetError
from openpaf.evaluate.average_precision import FoundPeople
from openpaf.evaluate.dataset import AnnotatedImage
from openpaf.frame import to_frame
from openpaf.looks import averaged_fields
from openpaf.poses import Poses
from openpaf.skeleton import Skeleton
from openpaf.topdown.refine import refined

if TYPE_CHECKING:
    from openpaf.engine import Engine

Progress = Callable[[int, int], None]
"""Called with how many pictures are done and how many there are."""


@dataclass
class Predictions:
    """What one decoder found in each picture, by its place, and the ms each picture took.

    The network's time has the preprocessing in it.
    """

    found: dict[int, FoundPeople] = field(default_factory=dict)
    network_ms: list[float] = field(default_factory=list)
    decode_ms: list[float] = field(default_factory=list)


def predict(
    engine: Engine,
    images: Sequence[AnnotatedImage],
    target: Skeleton,
    configs: Mapping[str, DecoderConfig],
    *,
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
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
    flip, scales
        See `openpaf.looks.averaged_fields`.
    progress : callable, optional

    Raises
    ------
    DatasetError
        When a picture does not have the size its annotations give.
    FrameError, SourceError
        When a picture cannot be read.
    """
    predictions = {name: Predictions() for name in configs}
    decoders = {name: Decoder(config) for name, config in configs.items()}
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
        fields, placement = averaged_fields(
            engine.session,
            frame,
            net_height=engine.net_height,
            net_size=engine.net_size,
            flip=flip,
            scales=scales,
        )
        network_ms = 1000 * (time.perf_counter() - started)
        # Each comes first in turn, because the first one finds the fields outside the cache.
        turn = done % len(decoders)
        for name in [*decoders][turn:] + [*decoders][:turn]:
            started = time.perf_counter()
            poses = decoders[name].decode(fields)
            poses = replace(poses, keypoints=placement.to_frame(poses.keypoints).astype(np.float32))
            poses = refined(engine.refiner, poses, frame)
            predictions[name].decode_ms.append(1000 * (time.perf_counter() - started))
            predictions[name].network_ms.append(network_ms)
            predictions[name].found[place] = _found(poses, target)
    if progress is not None:
        progress(len(images), len(images))
    return predictions


def _found(poses: Poses, target: Skeleton) -> FoundPeople:
    keypoints, scores = poses.skeleton.convert(poses.keypoints, poses.scores, target)
    # Somebody of whom only parts are seen that are not annotated cannot be judged.
    judged = (scores > 0).any(axis=1)
    return FoundPeople(
        keypoints[judged].astype(np.float64),
        scores[judged].astype(np.float64),
        poses.person_scores[judged].astype(np.float64),
    )
