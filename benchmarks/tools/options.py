"""Options that several benchmarks share, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from openpaf.cli.options import read_size
from openpaf.errors import ConfigError

Out = Annotated[
    Path | None,
    typer.Option(
        help="JSON to write; a chart, where there is one, goes beside.", show_default="results"
    ),
]


def read_words(text: str) -> list[str]:
    """Words between commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def read_counts(text: str) -> list[int]:
    """Whole numbers between commas."""
    return [int(word) for word in read_words(text)]


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
