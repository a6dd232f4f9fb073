"""Look at a frame more than once: mirrored, and at several sizes; average what is seen.

Slower by as many looks, and a point or two of AP better; for measuring and for teaching, hardly
for live video.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError
from openpaf.fields import Fields
from openpaf.preprocess import Placement, fit, place
from openpaf.session import Session

_LARGEST_SCALE = 8.0


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
    scales = check_scales(scales, session)
    height, width = frame.shape[:2]
    stride = session.card.stride
    # Largest first: its grid is the one that all others are brought to.
    placements = [
        place(
            (width, height),
            net_height=round(net_height * scale),
            net_size=net_size and _scaled(net_size, scale, stride),
            stride=stride,
        )
        for scale in sorted(scales, reverse=True)
    ]
    looks: list[Fields] = [
        resampled(fields, placement, placements[0])
        for placement in placements
        for fields in _look(session, fit(frame, placement), flip)
    ]
    return mean_fields(looks), placements[0]


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


def check_scales(scales: Sequence[float], session: Session) -> tuple[float, ...]:
    """Check test-time scales before anything runs.

    Raises
    ------
    ConfigError
        When there is none, one is not a positive number, or the network takes one size only.
    """
    usable = [isinstance(scale, int | float) and 0 < scale <= _LARGEST_SCALE for scale in scales]
    if not scales or not all(usable):
        raise ConfigError(
            f"scales must be numbers above 0 and at most {_LARGEST_SCALE:g}, got {tuple(scales)}"
        )
    if session.net_size is not None and set(scales) != {1.0}:
        raise ConfigError(
            f"{session.card.name} takes {session.net_size[0]}x{session.net_size[1]} only, so "
            f"scales must be 1, got {tuple(scales)}"
        )
    return tuple(float(scale) for scale in scales)


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


def _look(session: Session, net_frame: NDArray[np.uint8], flip: bool) -> list[Fields]:
    looks = session.run(net_frame[None])
    if flip:
        # The whole net input is mirrored, padding and all, so that cells fall on cells.
        looks += [mirrored(fields) for fields in session.run(net_frame[None, :, ::-1].copy())]
    return looks


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
