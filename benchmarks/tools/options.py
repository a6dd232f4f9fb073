"""How several benchmarks read lists from their command line."""

from __future__ import annotations

import typer

from openpaf.cli.options import read_size
from openpaf.errors import ConfigError


def read_words(text: str) -> list[str]:
    """Words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def read_sizes(text: str) -> list[tuple[int, int]]:
    """(width, height) of net sizes such as "456x256,656x368".

    Raises
    ------
    typer.BadParameter
        When one is no size.
    """
    try:
        sizes = [read_size(word, "--sizes") for word in read_words(text)]
    except ConfigError as error:
        raise typer.BadParameter(str(error)) from error
    return [size for size in sizes if size is not None]
