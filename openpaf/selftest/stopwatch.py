"""The measuring behind `openpaf bench`: one engine, frame after frame, every stage timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder import Decoder
from openpaf.engine import Engine
from openpaf.fields import Fields
from openpaf.selftest.crowd import make_crowd
from openpaf.selftest.timing import Timing

FRAME_SIZE = (1280, 720)
"""(width, height) of the frame that is made up where no picture is given."""

_SEED = 0
# The first of them is reported on its own; the processor's clock and caches settle in the others.
_WARM_UP = 3
# Shortest and tallest person, as shares of the net height: from the back of a hall to the front.
_HEIGHTS = (1 / 6, 1 / 2)


@dataclass(frozen=True)
class Run:
    """What one engine took.

    Attributes
    ----------
    model, provider : str
        The network, and what really ran it.
    net_size : (width, height)
        Net px.
    open_ms, first_frame_ms : float
        Loading the network; the first frame, on which kernels are loaded and memory is laid out.
    preprocess, network, decoder, frame : Timing
        The stages, and all of them one after the other.
    second_look : Timing, optional
        At the people of the made-up crowd; of an engine that refines.
    hands, face : Timing, optional
        Looks at those of the made-up crowd; of an engine that looks at them.
    people_found : int
        How many people the decoder found in the made-up crowd.
    """

    model: str
    provider: str
    net_size: tuple[int, int]
    open_ms: float
    first_frame_ms: float
    preprocess: Timing
    network: Timing
    decoder: Timing
    frame: Timing
    people_found: int
    second_look: Timing | None = None
    hands: Timing | None = None
    face: Timing | None = None

    @property
    def frames_per_second(self) -> float:
        """Frames that follow one another; a stream, whose stages overlap, does better."""
        return 1000 / self.frame.median_ms


def made_up_frame() -> NDArray[np.uint8]:
    """(720, 1280, 3) uint8 noise: what is in a frame changes nothing about the network's time."""
    width, height = FRAME_SIZE
    return np.random.default_rng(_SEED).integers(0, 256, (height, width, 3), np.uint8)


def time_engine(
    open_engine: Callable[[], Engine],
    frame: NDArray[np.uint8],
    people: int,
    repeats: int,
    advance: Callable[[], object],
) -> Run:
    """Open an engine and time its stages on a frame.

    The decoder gets the fields of a seeded crowd instead of the network's own: in an empty picture
    it would have nothing to do, and in any other its time would depend on the picture. The stages
    follow one another as they do in `Engine.detect`: each finds in the caches what the one before
    left there, so the decoder takes longer than one that runs alone.

    Parameters
    ----------
    open_engine : callable
    frame : (H, W, 3) uint8 BGR
    people : int
        In the crowd.
    repeats : int
        Frames that count.
    advance : callable
        Called after each of them.
    """
    started = time.perf_counter()
    with open_engine() as engine:
        open_ms = 1000 * (time.perf_counter() - started)
        crowd = _crowd_for(engine, frame, people)
        started = time.perf_counter()
        # Compiled, not plain Python: who measures has more than a picture or two to decode.
        Decoder().warm_up(engine.skeleton)
        kernels_ms = 1000 * (time.perf_counter() - started)
        warm_up = [_time_stages(engine, frame, crowd) for _ in range(_WARM_UP)]
        taken = np.empty((repeats, len(warm_up[0])))
        for n in range(repeats):
            taken[n] = _time_stages(engine, frame, crowd)
            advance()
        preprocess, network, decoder, *others = (Timing.of(stage) for stage in taken.T)
        looks = [] if engine.refiner is None else ["second_look"]
        looks += [look.name for look in engine.closer_looks()]
        placement = engine.placement(frame.shape[1], frame.shape[0])
        return Run(
            engine.card.name,
            engine.provider,
            placement.net_size,
            open_ms,
            kernels_ms + 1000 * sum(warm_up[0]),
            preprocess,
            network,
            decoder,
            Timing.of(taken.sum(axis=1)),
            len(engine.decode(crowd, placement)),
            **dict(zip(looks, others, strict=True)),
        )


def _crowd_for(engine: Engine, frame: NDArray[np.uint8], people: int) -> Fields:
    """Fields of a crowd on the grid that the network would give for this frame."""
    width, height = engine.placement(frame.shape[1], frame.shape[0]).net_size
    stride = engine.card.stride
    return make_crowd(
        people,
        _SEED,
        skeleton=engine.skeleton,
        grid=(width // stride, height // stride),
        stride=stride,
        heights=(_HEIGHTS[0] * height, _HEIGHTS[1] * height),
    ).fields


def _time_stages(engine: Engine, frame: NDArray[np.uint8], crowd: Fields) -> tuple[float, ...]:
    """Seconds of preprocessing, network, decoder, and of second and closer looks, if there are."""
    started = time.perf_counter()
    net_frame = engine.prepare(frame)
    prepared = time.perf_counter()
    engine.predict([net_frame])
    predicted = time.perf_counter()
    poses = engine.decode(crowd, net_frame.placement)
    decoded = time.perf_counter()
    taken = [prepared - started, predicted - prepared, decoded - predicted]
    if engine.refiner is not None:
        poses = engine.refiner.refine(poses, frame)
        taken.append(poses.timings["refine"] / 1000)
    for look in engine.closer_looks():
        poses = look.look(poses, frame)
        taken.append(poses.timings[look.name] / 1000)
    return tuple(taken)
