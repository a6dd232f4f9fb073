"""How long, and how often, a live source that is gone is tried again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

# Seconds: before the first attempt, the longest time between two, and until it is given up.
FIRST_WAIT, LONGEST_WAIT, PATIENCE = 0.5, 8.0, 60.0


def attempts(closed: threading.Event) -> Iterator[float]:
    """Wait, longer each time, and give the seconds since it was lost; ends when closed."""
    lost, wait = time.monotonic(), FIRST_WAIT
    while (gone := time.monotonic() - lost) < PATIENCE:
        if closed.wait(min(wait, PATIENCE - gone)):
            return
        wait = min(2 * wait, LONGEST_WAIT)
        yield time.monotonic() - lost
