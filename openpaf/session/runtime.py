"""What a network loaded into a runtime is: frames in, its outputs out by name."""

from __future__ import annotations

import warnings
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import OpenPafWarning
from openpaf.models.network_card import NetworkCard
from openpaf.session.device import Device


class Loaded(Protocol):
    """A network loaded for one device, whatever it gives.

    Attributes
    ----------
    net_size : (width, height) or None
        The only input size the network takes, px; None when it takes any.
    max_batch : int or None
        Most frames a run takes; None when there is no limit.
    """

    net_size: tuple[int, int] | None
    max_batch: int | None

    @property
    def provider(self) -> str:
        """What really runs the network now, as the runtime itself reports it."""

    def settle(self) -> None:
        """Spend time on each size of input once, since few sizes will come, again and again.

        What a GPU is prepared for so, runs faster; elsewhere nothing changes.
        """


class Runtime(Loaded, Protocol):
    """A network as a runtime has it; `outputs` may be called by several threads at once.

    Attributes
    ----------
    card : NetworkCard
        What the network takes and gives.
    """

    card: NetworkCard

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The outputs that the card names, of (N, H, W, 3) uint8 BGR, by name.

        Raises
        ------
        ModelError
            When the network fails.
        """


def warn_of_fallback(device: Device, reason: str, instead: str) -> None:
    """Say once that the device asked for is not to be had."""
    # Nobody asked for a GPU by name, but whoever installs what one needs has one.
    what = "no GPU is used" if device.name == "auto" else f"device '{device}' is not to be had"
    warnings.warn(f"{what}: {reason}; running on {instead}", OpenPafWarning, stacklevel=2)
