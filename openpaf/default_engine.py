"""`openpaf.detect`: one engine with the bundled network, made when it is first needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from typing import Any, overload

from openpaf.decoder.config import Keep
from openpaf.engine import Engine
from openpaf.frame import Frame
from openpaf.keywords import knows_keywords
from openpaf.poses import Poses
from openpaf.topdown.closer import Asked


@overload
def detect(
    frame: Frame,
    *,
    channels: str | None = None,
    min_score: float | None = None,
    max_people: int | None = None,
    keep: Keep | None = None,
    hands: Asked | None = None,
    face: Asked | None = None,
) -> Poses: ...
@overload
def detect(
    frame: Sequence[Any] | Iterator[Any],
    *,
    channels: str | None = None,
    min_score: float | None = None,
    max_people: int | None = None,
    keep: Keep | None = None,
    hands: Asked | None = None,
    face: Asked | None = None,
) -> list[Poses]: ...
@knows_keywords("openpaf.detect()")
def detect(
    frame: Any,
    *,
    channels: str | None = None,
    min_score: float | None = None,
    max_people: int | None = None,
    keep: Keep | None = None,
    hands: Asked | None = None,
    face: Asked | None = None,
) -> Poses | list[Poses]:
    """Find everyone in a frame with the bundled default model; see `Engine.detect`."""
    found: Poses | list[Poses] = default_engine().detect(
        frame,
        channels=channels,
        min_score=min_score,
        max_people=max_people,
        keep=keep,
        hands=hands,
        face=face,
    )
    return found


def default_engine() -> Engine:
    """The engine behind `openpaf.detect`, made when it is first needed and then kept."""
    global _default
    if _default is None:
        with _default_lock:
            if _default is None:
                _default = Engine()
    return _default


_default: Engine | None = None
_default_lock = threading.Lock()


def _after_fork_in_child() -> None:
    global _default_lock
    _default_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
