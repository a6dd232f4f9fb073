"""Which part of a recording is wanted: from where, to where, every how many frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from openpaf.errors import ConfigError

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d*)?|\.\d+)")


@dataclass(frozen=True)
class Moment:
    """A place in a recording: seconds since its first frame, or the number of a frame from 0."""

    seconds: float | None = None
    frame: int | None = None

    @classmethod
    def of(cls, value: str | float | Moment, name: str) -> Self:
        """Read a number of seconds, "1:02:03.5", or "250f" for frame 250.

        Raises
        ------
        ConfigError
            When it is none of these.
        """
        if isinstance(value, cls):
            return value
        text = str(value).strip().lower()
        if re.fullmatch(r"\d+f", text):
            return cls(frame=int(text[:-1]))
        found = _CLOCK.fullmatch(text.removesuffix("s"))
        if isinstance(value, bool) or found is None:
            raise ConfigError(
                f"{name} must be seconds (12.5), hours, minutes and seconds (1:02:03) or a frame "
                f"(250f), got {value!r}"
            )
        hours, minutes, seconds = (float(part or 0) for part in found.groups())
        return cls(seconds=3600 * hours + 60 * minutes + seconds)

    def reached(self, index: int, seconds: float) -> bool:
        """Whether a frame is at this place or after it."""
        if self.frame is not None:
            return index >= self.frame
        # Times are rounded to a container's ticks.
        return self.seconds is None or seconds >= self.seconds - 5e-4


@dataclass(frozen=True)
class Span:
    """The frames from `start` on, before `end`, and of these every `step`-th.

    Places and times stay those of the recording. The first `skip` of these are left out, because
    they have been done before.
    """

    start: Moment = Moment()
    end: Moment | None = None
    step: int = 1
    skip: int = 0

    @classmethod
    def of(
        cls,
        start: str | float | None = None,
        end: str | float | None = None,
        step: int = 1,
        skip: int = 0,
    ) -> Self:
        """Read what a user says.

        Raises
        ------
        ConfigError
            When it cannot be, or holds no frame.
        """
        if isinstance(step, bool) or not isinstance(step, int) or step < 1:
            raise ConfigError(f"step must be a whole number from 1, got {step!r}")
        first = Moment() if start is None else Moment.of(start, "start")
        last = None if end is None else Moment.of(end, "end")
        if last is not None and _nothing_between(first, last):
            raise ConfigError(f"end must come after start, got {start} and {end}")
        return cls(first, last, step, skip)

    def over(self, index: int, seconds: float) -> bool:
        """Whether a frame, and so every later one, comes after the end."""
        return self.end is not None and self.end.reached(index, seconds)


class Chooser:
    """Tell, frame after frame, which ones are within a span."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._first: int | None = None
        self._chosen = 0

    def wants(self, index: int, seconds: float) -> bool:
        """Whether a frame is one of the span's; asked in order."""
        if self._first is None:
            if not self._span.start.reached(index, seconds):
                return False
            self._first = index
        if (index - self._first) % self._span.step:
            return False
        self._chosen += 1
        return self._chosen > self._span.skip


def _nothing_between(start: Moment, end: Moment) -> bool:
    if end.frame is not None:
        return end.frame <= (start.frame or 0)
    seconds = end.seconds or 0.0
    return seconds <= (start.seconds or 0.0)
