"""Hand things from one thread to the next, and end cleanly from either side."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Stopped(Exception):
    """The channel was stopped: whoever waits on it has nothing left to do."""


class Channel(Generic[T]):
    """A queue between two threads.

    Parameters
    ----------
    newest_only : bool
        Hold one thing; a newer one takes its place.
    """

    def __init__(self, *, newest_only: bool = False) -> None:
        self._things: deque[T] = deque(maxlen=1 if newest_only else None)
        self._changed = threading.Condition()
        self._ended = self._stopped = False
        self.dropped = 0

    def put(self, thing: T) -> None:
        """Add a thing without waiting.

        Raises
        ------
        Stopped
            When nobody will ever take it.
        """
        with self._changed:
            if self._stopped:
                raise Stopped
            self.dropped += len(self._things) == self._things.maxlen
            self._things.append(thing)
            self._changed.notify()

    def get(self) -> T:
        """Take the oldest thing, waiting for one.

        Raises
        ------
        Stopped
            When there is none and none will come.
        """
        with self._changed:
            while not self._things and not self._ended:
                self._changed.wait()
            if not self._things:
                raise Stopped
            return self._things.popleft()

    def __iter__(self) -> Iterator[T]:
        while True:
            try:
                yield self.get()
            except Stopped:
                return

    def end(self) -> None:
        """Say that nothing more will come; what is there can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def stop(self) -> None:
        """Throw away what is there, and let nobody wait or put any more."""
        with self._changed:
            self._ended = self._stopped = True
            self._things.clear()
            self._changed.notify_all()
