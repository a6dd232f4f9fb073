"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Record = Mapping[str, Any]
Columns = Mapping[str, str | Callable[[Any], str]]
"""Headings, and what stands below each: a path and format in the record, or a function of it."""


def columns(text: str, **functions: Callable[[Any], str]) -> Columns:
    """Read columns from headings and what stands below them: `people | IQR, ms = time.iqr:.2f`.

    A path that is the heading too is said once; one that is a name among `functions` gives way to
    that function.
    """
    read: dict[str, str | Callable[[Any], str]] = {}
    for column in text.split(" | "):
        head, _, place = column.partition(" = ")
        head, place = head if place else head.partition(":")[0], place or head
        read[head] = functions.get(place, place)
    return read


def number(value: float | None, digits: int = 1) -> str:
    """A figure for a table; nothing where there is none."""
    return "" if value is None or not np.isfinite(value) else f"{value:,.{digits}f}"


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table; the first column is text, the others are numbers."""
    names = head.split(" | ")
    return "\n".join(map(_line, [names, ["---", *["---:"] * (len(names) - 1)], *rows]))


def table_of(columns: Columns, rows: Iterable[Record]) -> str:
    """Lay out records, a line each."""
    return table(" | ".join(columns), [cells(columns, row) for row in rows])


def show(columns: Columns, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Print the table line by line, as the records come, and give them all."""
    print(table_of(columns, []), flush=True)
    shown = []
    for row in rows:
        print(_line(cells(columns, row)), flush=True)
        shown.append(row)
    return shown


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def cells(columns: Columns, row: Record) -> list[str]:
    """A line of the table; a `reason` stands where the figures that it explains would begin."""
    shown = [_cell(place, row) for place in columns.values()]
    if row.get("reason") and None in shown:
        shown[shown.index(None)] = row["reason"].replace("|", "/")
    return [cell or "" for cell in shown]


def _cell(place: str | Callable[[Any], str], row: Record) -> str | None:
    """None where there is no value; only a record that says why may lack one altogether."""
    try:
        if callable(place):
            return place(row)
        path, _, form = place.partition(":")
        value: Any = row
        for step in path.split("."):
            value = value[step] if isinstance(value, Mapping) else getattr(value, step)
            if value is None:
                return None
    except KeyError:
        if "reason" in row:
            return None
        raise
    if isinstance(value, float) and not np.isfinite(value):
        return ""
    # Sizes are pairs.
    return "x".join(map(str, value)) if isinstance(value, (list, tuple)) else format(value, form)
