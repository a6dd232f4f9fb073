"""Between openpaf's one layout and the many that networks have, as their cards say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ModelError
from openpaf.fields import Fields
from openpaf.models.card import METADATA_KEY, ModelCard, recognise


def find_card(
    path: Path, card: ModelCard | None, metadata: str | None, output_names: list[str]
) -> ModelCard:
    """Card of a network: the one given, else the file's own, else a well-known network's.

    Raises
    ------
    ConfigError
        When the file's own card cannot work.
    ModelError
        When there is none, or it names outputs that the network does not have.
    """
    if card is None and metadata is not None:
        card = ModelCard.from_json(metadata, f"{path}: metadata {METADATA_KEY}")
    card = card or recognise(output_names)
    if card is None:
        raise ModelError(
            f"{path} does not say what it is (outputs {', '.join(output_names)}); describe it in "
            f"{path.with_suffix('.toml').name} beside it, or pass card=ModelCard(...)"
        )
    missing = sorted({card.confidence_maps, card.pafs} - set(output_names))
    if missing:
        raise ModelError(
            f"{path} has no output {', '.join(missing)}; it has {', '.join(output_names)}, "
            "and its card must name those"
        )
    return card


def fixed_size(
    shape: list[int | None], card: ModelCard, path: Path
) -> tuple[int | None, tuple[int, int] | None]:
    """Batch and (width, height) that an input of this shape is bound to; None where it is free.

    Raises
    ------
    ModelError
        When the shape is not that of a batch of frames in the card's layout.
    """
    height_axis, channel_axis = (1, 3) if card.input_layout == "NHWC" else (2, 1)
    sides = shape[height_axis : height_axis + 2]
    if all(isinstance(side, int) for side in sides) and len(shape) == 4:
        _check_stride(sides, card, path)
    # One free side beside a fixed one, or sides off the stride, are channels taken for sides.
    possible = sides == [None, None] or all(side and side % card.stride == 0 for side in sides)
    if len(shape) != 4 or shape[channel_axis] not in (3, None) or not possible:
        raise ModelError(
            f"{path} must take {card.input_layout} with 3 channels as its card says, "
            f"got an input of shape {tuple('?' if side is None else side for side in shape)}"
        )
    height, width = sides
    return shape[0], None if height is None or width is None else (width, height)


def _check_stride(sides: list[int | None], card: ModelCard, path: Path) -> None:
    off = [side for side in sides if side is not None and side % card.stride]
    # Three channels there mean another layout, which has a message of its own.
    if off and 3 not in sides:
        raise ModelError(
            f"{path} takes frames of {sides[1]}x{sides[0]} px only, which must be multiples of its "
            f"stride {card.stride}; make it with another size or a free one"
        )


def to_input(net_frames: NDArray[np.uint8], card: ModelCard) -> NDArray[Any]:
    """Turn (N, H, W, 3) uint8 BGR into what the card says the network takes."""
    values: NDArray[Any] = net_frames[..., ::-1] if card.colors == "RGB" else net_frames
    if (card.scale, card.offset) != (1.0, 0.0):
        values = values * np.array(card.scale, np.float32) + np.array(card.offset, np.float32)
    if card.input_layout == "NCHW":
        values = values.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(values, np.dtype(card.input_dtype))


def to_fields(
    outputs: Mapping[str, NDArray[Any]], net_frames: NDArray[np.uint8], card: ModelCard
) -> list[Fields]:
    """Pick confidence maps and PAFs out of a run's outputs, in the skeleton's order.

    Raises
    ------
    FieldsError
        When there are NaN or infinite values, or too few channels.
    ModelError
        When the grid does not have the card's stride.
    """
    confidence_maps = _channels_first(outputs[card.confidence_maps], card)
    pafs = _channels_first(outputs[card.pafs], card)
    channels = (card.confidence_channels.stop, card.paf_channel + 2 * len(card.skeleton.limbs))
    if confidence_maps.shape[1] < channels[0] or pafs.shape[1] < channels[1]:
        raise ModelError(
            f"{card.name} gives {confidence_maps.shape[1]} and {pafs.shape[1]} channels; "
            f"{card.skeleton.name} as its card describes it needs {channels[0]} and {channels[1]}"
        )
    height, width = net_frames.shape[1:3]
    grid = (height // card.stride, width // card.stride)
    if confidence_maps.shape[2:] != grid:
        raise ModelError(
            f"{card.name} gives {confidence_maps.shape[2:]} cells for a net input of "
            f"{(height, width)} px, which is not stride {card.stride}; mend its card"
        )
    return [
        Fields(
            maps[card.confidence_channels], vectors[card.paf_channels], card.stride, card.skeleton
        )
        for maps, vectors in zip(confidence_maps, pafs, strict=True)
    ]


def _channels_first(output: NDArray[Any], card: ModelCard) -> NDArray[Any]:
    if output.ndim != 4:
        raise ModelError(f"{card.name} must give fields of 4 axes, got shape {output.shape}")
    return output if card.output_layout == "NCHW" else output.transpose(0, 3, 1, 2)
