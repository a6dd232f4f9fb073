"""`--target-fps` of `openpaf run`: try a few ways of looking, say which is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from openpaf.cli.messages import say
from openpaf.engine import Engine
from openpaf.errors import ConfigError
from openpaf.models.registry import DEFAULT
from openpaf.selftest.fastest import EIGHT_BITS
from openpaf.selftest.rates import MODES, Mode, pick
from openpaf.sources import Source
from openpaf.stream import Stream


def options_for_rate(
    frame_rate: float,
    open_source: Callable[[], Source],
    engine: Mapping[str, Any],
    stream: Mapping[str, Any],
    *,
    any_precision: bool,
) -> dict[str, Any]:
    """Options of `Engine` that hold so many frames a second here.

    Parameters
    ----------
    frame_rate : float
    open_source : callable
        Opens what the trials look at.
    engine, stream : mapping
        Options of `Engine` and `Stream`.
    any_precision : bool
        The bundled network may run in fp32 too, where even the slowest mode in eight bits is faster
        than asked for.

    Raises
    ------
    ConfigError
        When a size or looks were asked for as well, or there can be no such rate.
    """
    typed = [
        f"--{key.replace('_', '-')}"
        for key, default in (("net_height", None), ("net_size", None), ("looks", "one"))
        if engine[key] != default
    ]
    if typed:
        raise ConfigError(f"--target-fps chooses size and looks; leave out {' and '.join(typed)}")
    with Engine(**engine) as first:
        # Trials are to differ by their mode alone, not by who compiles the decoder.
        first.warm_up()
        if first.session.net_size is not None:
            raise ConfigError(f"{first.card.name} has one size, so --target-fps has no choice")

        name = first.card.name

    def open_stream(model: str | None, mode: Mode) -> Stream:
        options = {**engine, **mode._asdict(), "model": model}
        return Stream(Engine(**options), open_source(), **stream)

    model = engine["model"]
    picked = pick(partial(open_stream, model), frame_rate)
    if any_precision and model == EIGHT_BITS and picked.holds and picked.mode == MODES[-1]:
        exact = pick(partial(open_stream, None), frame_rate, MODES[-1:])
        if exact.holds:
            model, name, picked = None, DEFAULT, exact
    holds = "" if picked.holds else f", which does not hold {frame_rate:g}"
    rate = f"{picked.frame_rate:.1f} frames/s in a trial"
    told = rate if math.isfinite(picked.frame_rate) else "too few frames to try"
    say(f"{name} at {picked.mode}: {told}{holds}")
    return {**picked.mode._asdict(), "model": model}
