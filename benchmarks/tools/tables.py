"""Tables as Markdown."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """Lay out a Markdown table; the first column is text, the others are numbers."""
    names = head.split(" | ")
    rule = ["---", *["---:"] * (len(names) - 1)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [names, rule, *rows])
