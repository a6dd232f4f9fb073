"""Between openpaf's one layout of frames and the many that networks take, as their cards say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ModelError
from openpaf.models.card import METADATA_KEY, recognise
from openpaf.models.cards import card_from_json
from openpaf.models.network_card import NetworkCard


def find_card(
    path: Path, card: NetworkCard | None, metadata: str | None, output_names: list[str]
) -> NetworkCard:
    """Card of a network: the one given, else the file's own, else a well-known network's.

    Raises
    ------
    ConfigError
        When the file's own card cannot work.
    ModelError
        When there is none, or it names outputs that the network does not have.
    """
    if card is None and metadata is not None:
        card = card_from_json(metadata, f"{path}: metadata {METADATA_KEY}")
    card = card or recognise(output_names)
    if card is None:
        raise ModelError(
            f"{path} does not say what it is (outputs {', '.join(output_names)}); describe it in "
            f"{path.with_suffix('.toml').name} beside it, or pass card=ModelCard(...)"
        )
    missing = sorted(set(card.outputs) - set(output_names))
    if missing:
        raise ModelError(
            f"{path} has no output {', '.join(missing)}; it has {', '.join(output_names)}, "
            "and its card must name those"
        )
    return card


def fixed_size(
    shape: list[int | None], card: NetworkCard, path: Path
) -> tuple[int | None, tuple[int, int] | None]:
    """Batch and (width, height) that an input of this shape is bound to; None where it is free.

    Raises
    ------
    ModelError
        When the shape is not that of a batch of frames in the card's layout.
    """
    height_axis, channel_axis = (1, 3) if card.input_layout == "NHWC" else (2, 1)
    height, width = shape[height_axis : height_axis + 2]
    free = height is None and width is None
    if height is not None and width is not None and len(shape) == 4:
        _check_fit(width, height, card, path)
    # One free side beside a fixed one, or sides off the stride, are channels taken for sides.
    possible = free or (height and width and card.fits(width, height))
    if len(shape) != 4 or shape[channel_axis] not in (3, None) or not possible:
        raise ModelError(
            f"{path} must take {card.input_layout} with 3 channels as its card says, "
            f"got an input of shape {tuple('?' if side is None else side for side in shape)}"
        )
    return shape[0], None if height is None or width is None else (width, height)


def _check_fit(width: int, height: int, card: NetworkCard, path: Path) -> None:
    # Three channels there mean another layout, which has a message of its own.
    if not card.fits(width, height) and 3 not in (width, height):
        wanted = getattr(card, "stride", None)
        of = f"multiples of its stride {wanted}" if wanted else "what its card says"
        raise ModelError(
            f"{path} takes frames of {width}x{height} px only, which must be {of}; make it with "
            "another size or a free one"
        )


def to_input(net_frames: NDArray[np.uint8], card: NetworkCard) -> NDArray[Any]:
    """Turn (N, H, W, 3) uint8 BGR into what the card says the network takes."""
    values: NDArray[Any] = net_frames[..., ::-1] if card.colors == "RGB" else net_frames
    if (card.scale, card.offset) != (1.0, 0.0):
        values = values * np.array(card.scale, np.float32) + np.array(card.offset, np.float32)
    if card.input_layout == "NCHW":
        values = values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(values, np.dtype(card.input_dtype))
