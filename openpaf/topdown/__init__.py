"""Look at people one by one: the window of each goes through a network, its parts come back.

Where the windows are, a person detector may say too.
"""

from __future__ import annotations

from openpaf.topdown.detectors import Detector, open_detector
from openpaf.topdown.network import WindowNetwork, open_window_network
from openpaf.topdown.windows import Windows

__all__ = ["Detector", "WindowNetwork", "Windows", "open_detector", "open_window_network"]
