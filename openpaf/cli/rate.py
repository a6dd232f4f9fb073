"""`--target-fps` of `openpaf run`: try a few ways of looking, say which is taken."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from openpaf.cli.messages import say
from openpaf.cli.sources import opens_twice
from openpaf.engine import Engine
from openpaf.errors import ConfigError
from openpaf.models.registry import DEFAULT
from openpaf.selftest.fastest import EIGHT_BITS
from openpaf.selftest.rates import MODES, REFINED, Mode, Still, grey, pick
from openpaf.sources import Source
from openpaf.stream import Stream


class Trial(NamedTuple):
    """What ways of looking are tried on.

    open : opens it; shows_people : it has the people that cost a second look its time.
    """

    open: Callable[[], Source]
    shows_people: bool


def trial_of(
    place: str, opener: Callable[..., Source], reader: Source, size: tuple[int, int] | None
) -> Trial:
    """A source itself where it can be opened twice, else a frame of a live one, else a grey one."""
    if opens_twice(place):
        return Trial(partial(opener, live=False), shows_people=True)
    shot = reader.read() if reader.live else None
    if shot is None:
        return Trial(partial(Still, grey(size)), shows_people=False)
    return Trial(partial(Still, shot.frame), shows_people=True)


def options_for_rate(
    frame_rate: float,
    trial: Trial,
    engine: Mapping[str, Any],
    stream: Mapping[str, Any],
    *,
    any_precision: bool,
) -> dict[str, Any]:
    """Options of `Engine` that hold so many frames a second here.

    Parameters
    ----------
    frame_rate : float
    trial : Trial
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
        options = {**engine, **mode.options, "model": model}
        return Stream(Engine(**options), trial.open(), **stream)

    model = engine["model"]
    bundled = model in (None, EIGHT_BITS) and engine["card"] is None
    ladders: list[Sequence[Mode]] = [MODES]
    if bundled and trial.shows_people and "refine" not in engine:
        ladders.append(REFINED)
    picked = pick(partial(open_stream, model), frame_rate, *ladders)
    best = ladders[-1][-1:]
    if any_precision and model == EIGHT_BITS and picked.holds and picked.mode in best:
        exact = pick(partial(open_stream, None), frame_rate, best)
        if exact.holds:
            model, name, picked = None, DEFAULT, exact
    holds = "" if picked.holds else f", which does not hold {frame_rate:g}"
    rate = f"{picked.frame_rate:.1f} frames/s in a trial"
    told = rate if math.isfinite(picked.frame_rate) else "too few frames to try"
    say(f"{name} at {picked.mode}: {told}{holds}")
    return {**picked.mode.options, "model": model}
