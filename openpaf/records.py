"""Frozen records out of TOML and JSON: an unknown key is refused, a missing one is named."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from openpaf.errors import ConfigError


def read_toml(path: str | Path, what: str) -> dict[str, Any]:
    """Read a TOML file; `what` says in errors what it should have been.

    Raises
    ------
    ConfigError
        When it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} is not a {what}: it cannot be read: {error}") from error


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
        raise ConfigError(f"{where} must be a table of keys and values, got {values!r}")
    unknown = sorted(map(str, values.keys() - set(known)))
    if unknown:
        raise ConfigError(
            f"{where} has an unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    missing = sorted(set(required) - values.keys())
    if missing:
        raise ConfigError(f"{where} lacks {' and '.join(missing)}")
    return values
