"""What a network loaded into a runtime is: frames in, its outputs out by name."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from openpaf.models.network_card import NetworkCard


class Runtime(Protocol):
    """A network loaded for one device; `outputs` may be called by several threads at once.

    Attributes
    ----------
    card : NetworkCard
        What the network takes and gives.
    provider : str
        What really runs the network, as the runtime itself reports it.
    net_size : (width, height) or None
        The only input size the network takes, px; None when it takes any.
    max_batch : int or None
        Most frames a run takes; None when there is no limit.
    """

    card: NetworkCard
    provider: str
    net_size: tuple[int, int] | None
    max_batch: int | None

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The outputs that the card names, of (N, H, W, 3) uint8 BGR, by name.

        Raises
        ------
        ModelError
            When the network fails.
        """
