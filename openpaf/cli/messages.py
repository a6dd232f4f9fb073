"""What the verbs say while they work: on stderr, so that stdout holds results alone."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

_quiet = False
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def warn(line: str) -> None:
    """Print one line on stderr, in the form of the error messages."""
    print(f"openpaf: {plain(' '.join(line.split()))}", file=sys.stderr)


def quieten(quiet: bool) -> bool:
    """Leave out what `say` says and progress bars, until told otherwise; the option's callback."""
    global _quiet
    _quiet = quiet
    return quiet


def say(line: str) -> None:
    """Print a line that is neither an error nor a warning: not where `--quiet` was typed."""
    if not _quiet:
        warn(line)


def count(number: int, one: str, many: str) -> str:
    """A number with its word."""
    return f"{number} {one if number == 1 else many}"


def plain(text: str) -> str:
    """Show what a terminal would obey instead of showing it: escape codes, controls, turned text.

    Names of models and files are somebody else's words.
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def progress_bar(*amounts: ProgressColumn) -> Progress:
    """Give a `rich` progress bar on stderr, silent where that is no terminal, and by `--quiet`.

    Use it as a context manager and `track` or `add_task` and `advance` inside. `amounts` stand
    behind the bar instead of "done/total" and the time taken.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        *(amounts or (MofNCompleteColumn(), TimeElapsedColumn())),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=_quiet or not sys.stderr.isatty(),
    )
