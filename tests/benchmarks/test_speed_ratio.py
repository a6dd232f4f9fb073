"""Speed that must not be lost, as ratios within one process: never a time on a clock.

What is compared takes turns and each side's best turn counts, so that whatever else the machine
does meets both alike. The bounds leave room for a busy machine; they catch a lost order of
magnitude, such as a kernel that is no longer compiled, or maps that are enlarged again. Smaller
losses are for `benchmarks/bench_decoder.py` to show.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import cv2
import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.tools.upsampling_decoder import decode_upsampled
from openpaf.decoder import Decoder
from openpaf.preprocess import Placement, fit, place
from openpaf.selftest.crowd import make_crowd

pytestmark = pytest.mark.skipif(
    bool(numba.config.DISABLE_JIT), reason="kernels that are not compiled are slow on purpose"
)


def ratio(
    slow: Callable[[], object], fast: Callable[[], object], *, turns: int, fast_calls: int = 1
) -> float:
    """Best time of `slow` over the best time of `fast`, which is called several times a turn."""
    best = [np.inf, np.inf]
    for turn in range(turns + 1):
        for side, (call, count) in enumerate(((slow, 1), (fast, fast_calls))):
            for _ in range(count):
                started = time.perf_counter()
                call()
                taken = time.perf_counter() - started
                # The first turn warms caches up.
                best[side] = min(best[side], taken if turn else np.inf)
    return best[0] / best[1]


def test_the_decoder_is_far_ahead_of_one_that_enlarges_maps() -> None:
    fields = make_crowd(10, seed=0).fields
    ours = partial(Decoder().people, fields)
    # Measured: 500 on an idle machine, 1000 to 2500 on a busy one, where the rival's large maps
    # suffer most. Kernels run as plain Python, or maps enlarged again, are below 10.
    assert ratio(partial(decode_upsampled, fields), ours, turns=8, fast_calls=10) > 60


def test_the_decoder_grows_slower_than_the_pairs_of_candidates() -> None:
    many, few = (partial(Decoder().people, make_crowd(n, seed=0).fields) for n in (100, 20))
    # From 20 to 100 people (on the larger grid that they need) there are 5 times the candidates, 4
    # times the cells and 25 times the pairs. Measured: 8 on an idle machine, up to 10 on a busy
    # one; above 15 wrong pairs are no longer refused early.
    assert ratio(many, few, turns=100, fast_calls=4) < 15


def float_net_frame(frame: NDArray[np.uint8], placement: Placement) -> NDArray[np.float32]:
    """(1, 3, net height, net width), the frame normalised and padded as floats, as ports do it."""
    inner_width, inner_height = placement.inner_size
    net_width, net_height = placement.net_size
    # As free of aliasing as ours, for the same work.
    interpolation = cv2.INTER_AREA if placement.halvings else cv2.INTER_LINEAR
    inner = cv2.resize(frame, placement.inner_size, interpolation=interpolation)
    net_frame = np.zeros((net_height, net_width, 3), np.float32)
    net_frame[:inner_height, :inner_width] = inner.astype(np.float32) / 256 - 0.5
    return np.ascontiguousarray(net_frame.transpose(2, 0, 1)[None])


@pytest.mark.parametrize("size", [(1280, 720), (3840, 2160)], ids=str)
def test_preprocessing_is_no_slower_than_making_floats(
    size: tuple[int, int], rng: np.random.Generator
) -> None:
    frame = rng.integers(0, 256, (*size[::-1], 3), np.uint8)
    placement = place(size)
    rival, ours = partial(float_net_frame, frame, placement), partial(fit, frame, placement)
    # Measured: 3.6 to 6 at 1280x720, 7 to 12 at 3840x2160. Floats on our side would be 1 at most;
    # the rest is room for OpenCV builds that resize differently.
    assert ratio(rival, ours, turns=20) > 0.8
