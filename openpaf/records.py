"""Frozen records out of TOML and JSON: an unknown key is refused, a missing one is named."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from openpaf.errors import ConfigError, shown

_MOST_BYTES = 1 << 14
"""Of a record: far more than any has, and few enough for a reader that may be slow."""


def read_toml(path: str | Path, what: str) -> dict[str, Any]:
    """Read a TOML file; `what` says in errors what it should have been.

    Raises
    ------
    ConfigError
        When it cannot be read or is not TOML.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):
            raise ConfigError(f"{path} is not a {what}: it is not a file")
        with Path(path).open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
        _check_length(len(data), str(path))
        return tomllib.loads(data.decode("utf-8-sig"))
    except ConfigError:
        raise
    except FileNotFoundError as error:
        raise ConfigError(f"there is no {what} {path}") from error
    # ValueError of what is not TOML or UTF-8, and of numbers with more digits than Python reads.
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not a {what}: it cannot be read: {error}") from error


def parse_json(text: str, where: str) -> Any:
    """Read JSON that somebody else may have written; `where` names it in errors.

    Raises
    ------
    ConfigError
        When it is not JSON, or is larger, deeper or of longer numbers than any record.
    """
    _check_length(len(text), where)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{where} is not JSON: {error}") from error


def check_keys(
    values: Any, where: str, known: Collection[str], required: Collection[str] = ()
) -> Mapping[str, Any]:
    """Make sure that a table is one, of these keys; `where` names it in errors.

    Raises
    ------
    ConfigError
        When it is no table, has an unknown key, or lacks a required one.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} must be a table of keys and values, got {shown(values)}")
    unknown = sorted(map(str, values.keys() - set(known)))
    if unknown:
        names = ", ".join(unknown[:5])[:200]
        raise ConfigError(
            f"{where} has an unknown key {names}; known are {', '.join(sorted(known))}"
        )
    missing = sorted(set(required) - values.keys())
    if missing:
        raise ConfigError(f"{where} lacks {' and '.join(missing)}")
    return values


def _check_length(length: int, where: str) -> None:
    if length > _MOST_BYTES:
        raise ConfigError(f"{where} is larger than any record is, {_MOST_BYTES:,} bytes")
