"""Tables on stdout, as several verbs print them."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table


def figures(*columns: str) -> Table:
    """Give an empty table: the first column holds names, the others figures."""
    table = Table(box=None, pad_edge=False)
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=True)
    return table


def show(*tables: Table | str) -> None:
    """Print tables and lines of text, one below the other."""
    # Tables are not cut off in a file or a pipe, and a folder named [red] is no markup.
    width = None if sys.stdout.isatty() else 120
    console = Console(width=width, markup=False, emoji=False, highlight=False)
    for table in tables:
        console.print(table, soft_wrap=isinstance(table, str))
