"""What `openpaf run` calls its sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from openpaf.errors import ConfigError
from openpaf.files import fitting_name
from openpaf.sources import Source, is_url, open_source

# For the number of a frame, and the ending.
_ROOM = 40


def names_of(sources: Sequence[str]) -> dict[str, str]:
    """Sources by the names that their files and folders get, none of them twice.

    Raises
    ------
    ConfigError
        When standard input is to be read twice.
    """
    if sources.count("-") > 1:
        raise ConfigError("standard input can be one source only")
    names = [_name(source) for source in sources]
    # Pose2Sim puts cameras in order of the last number of their names.
    often = Counter(names)
    unique = [
        name if often[name] == 1 else f"{name}_{place}" for place, name in enumerate(names, 1)
    ]
    if len(set(unique)) < len(unique):
        unique = [f"{name}_{place}" for place, name in enumerate(names, 1)]
    return dict(zip(unique, sources, strict=True))


def openers_of(
    sources: Mapping[str, str], raw_size: tuple[int, int] | None, **options: Any
) -> dict[str, Callable[..., Source]]:
    """What opens each source, with the options of `open_source`; a raw size is standard input's."""
    piped = "-" in sources.values()
    return {
        name: partial(
            open_source,
            place,
            # Where nothing is piped it is refused.
            frame_size=raw_size if place == "-" or not piped else None,
            **options,
        )
        for name, place in sources.items()
    }


def opens_twice(source: str) -> bool:
    """Whether a second reader takes nothing away from the first."""
    return Path(source).is_dir() or (not is_url(source) and Path(source).is_file())


def _name(source: str) -> str:
    if source == "-":
        return "stdin"
    if source.isdecimal():
        return f"camera{source}"
    if is_url(source):
        return "stream"
    return fitting_name(Path(source).stem, _ROOM) or "frame"
