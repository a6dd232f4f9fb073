"""Who may use the GPUs of this process: everybody at once, but whoever records uses them alone.

While a CUDA graph is recorded, CUDA refuses to allocate memory for any other thread of the process,
which would then fail, or spoil what is being recorded.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Turns:
    """Work that may overlap, and work that must not; whoever waits to be alone comes next."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._waiting = 0
        self._is_alone = False

    @contextmanager
    def together(self) -> Iterator[None]:
        """Beside others who work together."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_alone and not self._waiting)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Beside nobody."""
        with self._changed:
            self._waiting += 1
            try:
                self._changed.wait_for(lambda: not self._is_alone and not self._together)
                self._is_alone = True
            finally:
                self._waiting -= 1
        try:
            yield
        finally:
            with self._changed:
                self._is_alone = False
                self._changed.notify_all()


GPU = Turns()
"""Of this process; a fork has no GPU."""
