"""What turns the named arrays of a runtime into fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ModelError
from openpaf.fields import Fields
from openpaf.models import DetectorCard, ModelCard
from openpaf.session.runtime import Runtime


class FieldSession:
    """A runtime whose network gives fields; see `Session`.

    Raises
    ------
    ModelError
        When the network gives something else.
    """

    def __init__(self, runtime: Runtime, where: str) -> None:
        if isinstance(runtime.card, DetectorCard):
            raise ModelError(
                f"{where} gives boxes around people and no parts of theirs (its card's head is "
                f"{runtime.card.head!r}); it is for --detector of openpaf label, beside a network "
                "of fields"
            )
        if not isinstance(runtime.card, ModelCard):
            raise ModelError(
                f"{where} looks at one person at a time (its card's head is "
                f"{runtime.card.head!r}) and cannot find people in a frame; give it to refine=, "
                "or --refine, beside a network that can"
            )
        self.card = runtime.card
        self.net_size, self.max_batch = runtime.net_size, runtime.max_batch
        self._runtime = runtime

    @property
    def provider(self) -> str:
        """What runs the network now; see `Loaded`."""
        return self._runtime.provider

    def settle(self) -> None:
        """Prepare for few sizes; see `Runtime.settle`."""
        self._runtime.settle()

    def run(self, net_frames: NDArray[np.uint8]) -> list[Fields]:
        """Predict the fields of net frames; see `Session.run`."""
        return to_fields(self._runtime.outputs(net_frames), net_frames, self.card)


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
