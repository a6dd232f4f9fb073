"""Look at people one by one: the window of each goes through a network, its parts come back."""

from __future__ import annotations

from openpaf.topdown.network import WindowNetwork, open_window_network
from openpaf.topdown.windows import Windows

__all__ = ["WindowNetwork", "Windows", "open_window_network"]
