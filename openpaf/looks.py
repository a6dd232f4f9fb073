"""Look at a frame more than once: at several sizes, and mirrored; the mean is what is seen.

Larger looks find smaller people, smaller ones those who fill the frame. The plain mean on the grid
of the largest look was the best way of putting looks together that was tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError
from openpaf.fields import Fields
from openpaf.preprocess import MAX_NET_SIDE, Placement, fit, place
from openpaf.session import Session

_LARGEST_SCALE = 8.0
_MOST_LOOKS = 32


class Look(NamedTuple):
    """One look: the net size times `scale`, and whether the mirrored net input is looked at."""

    scale: float = 1.0
    mirrored: bool = False


NAMED = {"one": "1", "close": "0.5+1", "accurate": "0.5+1+1.5", "best": "0.5+1+2"}
"""Looks by name: the fastest; for people who fill the frame; what is worth its cost; the best."""

ONE = (Look(),)


def read_looks(looks: str | Sequence[Look]) -> tuple[Look, ...]:
    """Looks that somebody means, the largest first.

    Parameters
    ----------
    looks : str or sequence of Look
        A name of `NAMED`, or scales with a plus between them, "0.5+1+1.5"; "+flip" at the end for
        the mirrored net input of each too.

    Raises
    ------
    ConfigError
        When it is neither, or a scale cannot work.
    """
    if isinstance(looks, str):
        words = NAMED.get(looks, looks).split("+")
        mirrored = (False, True) if words[-1] == "flip" else (False,)
        scales = [_scale(word, looks) for word in (words[:-1] if len(mirrored) > 1 else words)]
        looks = [Look(scale, flip) for scale in scales for flip in mirrored]
    chosen = {Look(float(scale), bool(flip)) for scale, flip in looks}
    if not 1 <= len(chosen) <= _MOST_LOOKS:
        raise ConfigError(f"looks must be 1 to {_MOST_LOOKS}, got {len(chosen)}")
    for look in chosen:
        if not (math.isfinite(look.scale) and 0 < look.scale <= _LARGEST_SCALE):
            raise ConfigError(
                f"scales must be numbers above 0 and at most {_LARGEST_SCALE:g}, got {look.scale:g}"
            )
    # Of one size, the look that is not mirrored comes first: the grid is its.
    return tuple(sorted(chosen, key=lambda look: (-look.scale, look.mirrored)))


def _scale(word: str, looks: str) -> float:
    try:
        return float(word)
    except ValueError:
        raise ConfigError(
            f"looks must be {', '.join(NAMED)}, or scales such as 0.5+1+1.5+flip, got {looks!r}"
        ) from None


def check_looks(looks: Sequence[Look], session: Session) -> None:
    """Make sure that a network can look so.

    Raises
    ------
    ConfigError
        When the network takes one size only.
    SkeletonError
        When a mirrored look is wanted and limbs have no mirror images.
    """
    if any(look.mirrored for look in looks):
        _ = session.card.skeleton.flip_limbs
    if session.net_size is not None and any(look.scale != 1 for look in looks):
        raise ConfigError(
            f"{session.card.name} takes {session.net_size[0]}x{session.net_size[1]} only, so "
            f"scales must be 1, got {tuple(look.scale for look in looks)}"
        )


class NetInput(NamedTuple):
    """What the network sees of a frame in one look.

    pixels : (net height, net width, 3) uint8 BGR.
    """

    pixels: NDArray[np.uint8]
    placement: Placement
    mirrored: bool = False


def net_inputs(
    frame: NDArray[np.uint8], looks: Sequence[Look], place: Callable[[float], Placement]
) -> tuple[NetInput, ...]:
    """Net inputs of a frame, one a look.

    Parameters
    ----------
    frame : (H, W, 3) uint8 BGR
    looks : sequence of Look
    place : callable
        Placement of the frame in the net input of a scale.
    """
    fitted = {scale: _fit(frame, place(scale)) for scale in {look.scale: None for look in looks}}
    return tuple(
        # The whole net input is mirrored, padding and all, so that cells fall on cells.
        NetInput(pixels[:, ::-1].copy() if look.mirrored else pixels, placement, look.mirrored)
        for look in looks
        for pixels, placement in [fitted[look.scale]]
    )


def _fit(frame: NDArray[np.uint8], placement: Placement) -> tuple[NDArray[np.uint8], Placement]:
    if max(placement.net_size) > 2 * MAX_NET_SIDE:
        raise ConfigError(
            f"a look asks for a net input of {placement.net_size[0]}x{placement.net_size[1]} px, "
            f"more than {2 * MAX_NET_SIDE} a side; pass a smaller scale or net_height"
        )
    return fit(frame, placement), placement


def predict(session: Session, inputs: Sequence[Sequence[NetInput]]) -> list[Fields]:
    """Fields of frames that have one net size, each the mean of its looks.

    All looks of one net size share a run of the network.

    Parameters
    ----------
    session : Session
    inputs : sequence, one a frame, of its net inputs
        As `net_inputs` gives them, alike for all frames.

    Returns
    -------
    list of Fields
        One a frame, on the grid of its first look.
    """
    runs: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for n, looks in enumerate(inputs):
        for m, look in enumerate(looks):
            runs.setdefault(look.placement.net_size, []).append((n, m))
    seen: dict[tuple[int, int], Fields] = {}
    for places in runs.values():
        size = session.max_batch or len(places)
        for first in range(0, len(places), size):
            batch = places[first : first + size]
            pixels = [inputs[n][m].pixels for n, m in batch]
            stacked = pixels[0][None] if len(pixels) == 1 else np.stack(pixels)
            seen |= dict(zip(batch, session.run(stacked), strict=True))
    return [
        mean_fields([_laid(seen[n, m], look, looks[0]) for m, look in enumerate(looks)])
        for n, looks in enumerate(inputs)
    ]


def _laid(fields: Fields, look: NetInput, first: NetInput) -> Fields:
    """Fields of a look on the grid of the first one."""
    if look.mirrored:
        fields = mirrored(fields)
    return resampled(fields, look.placement, first.placement)


def averaged_fields(
    session: Session,
    frame: NDArray[np.uint8],
    *,
    net_height: int = 368,
    net_size: tuple[int, int] | None = None,
    flip: bool = False,
    scales: Sequence[float] = (1.0,),
) -> tuple[Fields, Placement]:
    """Predict the fields of a frame as the mean over its mirror image and over net sizes.

    Parameters
    ----------
    session : Session
    frame : (H, W, 3) uint8 BGR
    net_height, net_size
        As for the engine; what scale 1 means.
    flip : bool
        Look at the mirrored net input as well.
    scales : sequence of float
        Net sizes to look at, times the one above.

    Returns
    -------
    fields : Fields
        On the grid of the largest scale.
    placement : Placement
        Of the frame in that scale's net input.

    Raises
    ------
    ConfigError
        When a scale cannot work, or the network takes one size only.
    """
    looks = looks_of(scales, flip)
    check_looks(looks, session)
    return seen_by(session, frame, looks, net_height, net_size)


def seen_by(
    session: Session,
    frame: NDArray[np.uint8],
    looks: Sequence[Look],
    net_height: int,
    net_size: tuple[int, int] | None,
) -> tuple[Fields, Placement]:
    """Fields of one frame, (H, W, 3) uint8 BGR, and its placement in the first look's net input."""
    size = (frame.shape[1], frame.shape[0])

    def place_at(scale: float) -> Placement:
        return placed(size, scale, net_height, net_size, session.card.stride)

    inputs = net_inputs(frame, looks, place_at)
    return predict(session, [inputs])[0], inputs[0].placement


def looks_of(scales: Sequence[float], flip: bool = False) -> tuple[Look, ...]:
    """Looks at these scales, mirrored too if asked.

    Raises
    ------
    ConfigError
        When there is no scale, or one cannot work.
    """
    usable = [isinstance(scale, int | float) and not isinstance(scale, bool) for scale in scales]
    if not usable or not all(usable):
        raise ConfigError(
            f"scales must be numbers above 0 and at most {_LARGEST_SCALE:g}, got {tuple(scales)}"
        )
    flips = (False, True) if flip else (False,)
    return read_looks([Look(scale, mirrored) for scale in scales for mirrored in flips])


def placed(
    frame_size: tuple[int, int],
    scale: float,
    net_height: int,
    net_size: tuple[int, int] | None,
    stride: int,
) -> Placement:
    """Where a frame lies in the net input of a scale; scale 1 is the size given."""
    if scale == 1:
        return place(frame_size, net_height=net_height, net_size=net_size, stride=stride)
    return place(
        frame_size,
        net_height=max(round(net_height * scale), 1),
        net_size=net_size and _scaled(net_size, scale, stride),
        stride=stride,
    )


def mean_fields(looks: Sequence[Fields]) -> Fields:
    """Mean of several looks at the same cells."""
    if len(looks) == 1:
        return looks[0]
    return Fields(
        np.mean([fields.confidence_maps for fields in looks], axis=0, dtype=np.float32),
        np.mean([fields.pafs for fields in looks], axis=0, dtype=np.float32),
        looks[0].stride,
        looks[0].skeleton,
    )


def mirrored(fields: Fields) -> Fields:
    """Fields of the mirrored net input, from those of the net input; undoes itself.

    Left and right parts change places, limbs with them, and PAFs point the other way in x.
    """
    skeleton = fields.skeleton
    maps = fields.confidence_maps[list(skeleton.flip), :, ::-1]
    limbs, directions = np.array(skeleton.flip_limbs).reshape(-1, 2).T
    height, width = maps.shape[1:]
    pafs = fields.pafs.reshape(-1, 2, height, width)[limbs, :, :, ::-1]
    signs = np.stack([-directions, directions], axis=1)[:, :, None, None]
    flat = (pafs * signs.astype(np.float32)).reshape(-1, height, width)
    return Fields(maps, flat, fields.stride, skeleton)


def resampled(fields: Fields, source: Placement, target: Placement) -> Fields:
    """Bring fields from the grid of one placement of a frame to that of another, bicubically."""
    if source == target:
        return fields
    stride = fields.stride
    columns, rows = (
        _cubic_weights(
            _cells_in(source, target, stride, axis),
            fields.confidence_maps.shape[2 - axis],
        )
        for axis in (0, 1)
    )
    return Fields(
        np.asarray(rows @ fields.confidence_maps @ columns.T, np.float32),
        np.asarray(rows @ fields.pafs @ columns.T, np.float32),
        stride,
        fields.skeleton,
    )


def _scaled(net_size: tuple[int, int], scale: float, stride: int) -> tuple[int, int]:
    width, height = (max(round(side * scale / stride), 1) * stride for side in net_size)
    return width, height


def _cells_in(source: Placement, target: Placement, stride: int, axis: int) -> NDArray[np.float64]:
    """Where the centres of the target's cells lie, in cells of the source, along x or y."""
    centre = (stride - 1) / 2
    target_net = np.arange(target.net_size[axis] // stride) * stride + centre
    frame = (target_net - target.offset[axis]) / target.scale[axis]
    source_net = frame * source.scale[axis] + source.offset[axis]
    cells: NDArray[np.float64] = (source_net - centre) / stride
    return cells


def _cubic_weights(positions: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """(positions, count) weights of Catmull-Rom interpolation; the border cells go on for ever."""
    weights = np.zeros((len(positions), count), np.float32)
    rows = np.arange(len(positions))
    first = np.floor(positions).astype(int)
    t = positions - first
    taps = (
        ((2 - t) * t - 1) * t / 2,
        ((3 * t - 5) * t**2 + 2) / 2,
        ((4 - 3 * t) * t + 1) * t / 2,
        (t - 1) * t**2 / 2,
    )
    for place_, tap in enumerate(taps, -1):
        np.add.at(weights, (rows, np.clip(first + place_, 0, count - 1)), tap)
    return weights
