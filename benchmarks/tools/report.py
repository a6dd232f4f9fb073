"""How results are shown: figures of a table, charts, text between markers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer

from benchmarks.tools.record import write_result

# One colour a stage in every chart; told apart by colour-blind readers too.
COLORS = {
    "read": "#56b4e9",
    "preprocess": "#009e73",
    "network": "#0072b2",
    "decoder": "#d55e00",
    "track": "#cc79a7",
    "rest": "#999999",
}


def number(value: float | None, digits: int = 1) -> str:
    """A figure for a table; nothing where there is none."""
    return "" if value is None or not np.isfinite(value) else f"{value:,.{digits}f}"


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile; the last is the worst of fewer than a hundred values."""
    return {f"p{q}": float(np.percentile(values, q)) for q in (50, 95, 99)}


def publish(
    path: Path, record: Mapping[str, Any], draw: Callable[[Mapping[str, Any], Any], Any]
) -> None:
    """Write a record as JSON and its chart beside it.

    Parameters
    ----------
    path : Path
        Of the JSON.
    record : mapping
    draw : callable
        Is given the record and `matplotlib.pyplot` and returns a figure.
    """
    write_result(path, record)
    typer.echo(f"written: {path}")
    try:
        import matplotlib as mpl
    except ImportError:
        typer.echo("no chart: matplotlib is not installed", err=True)
        return
    # Charts are files; a window would need a display.
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = draw(record, plt)
    figure.savefig(path.with_suffix(".png"), dpi=120)
    plt.close(figure)
    typer.echo(f"written: {path.with_suffix('.png')}")


def panel_grid(plt: Any, panels: Sequence[str]) -> tuple[Any, dict[str, Any]]:
    """A figure, and axes with shared scales for each panel by its name, two side by side."""
    lines = -(-len(panels) // 2) or 1
    figure, grid = plt.subplots(
        lines, 2, figsize=(9, 1 + 3 * lines), sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    for axes in grid.flat[len(panels) :]:
        axes.axis("off")
    for axes, panel in zip(grid.flat, panels, strict=False):
        axes.set_title(panel, fontsize=9)
    return figure, dict(zip(panels, grid.flat, strict=False))


def legend_below(figure: Any, columns: int) -> None:
    """One legend for all panels, with every name once."""
    named: dict[str, Any] = {}
    for axes in figure.axes:
        handles, labels = axes.get_legend_handles_labels()
        named |= dict(zip(labels, handles, strict=True))
    figure.legend(
        named.values(), named.keys(), loc="outside lower center", ncols=columns, fontsize=8
    )


def replace_between(text: str, begin: str, end: str, content: str) -> str:
    """Put content on lines of its own between two markers; nothing at all when it is empty.

    Raises
    ------
    ValueError
        When a marker is missing, or there twice.
    """
    for marker in (begin, end):
        if text.count(marker) != 1:
            raise ValueError(f"{marker} must be there once, is there {text.count(marker)} times")
    before, _, rest = text.partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise ValueError(f"{end} must come after {begin}")
    lines = f"\n{content.strip()}\n" if content.strip() else "\n"
    return f"{before}{begin}{lines}{end}{after}"
