"""How results are shown: files, charts, text between markers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer

from benchmarks.tools.record import VERSIONS, circumstances, result_path, write_result

# One colour a stage in every chart; told apart by colour-blind readers too.
COLORS = {
    "read": "#56b4e9",
    "preprocess": "#009e73",
    "network": "#0072b2",
    "decoder": "#d55e00",
    "track": "#cc79a7",
    "rest": "#999999",
}


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """Median, 95th and 99th percentile; the last is the worst of fewer than a hundred values."""
    return {f"p{q}": float(np.percentile(values, q)) for q in (50, 95, 99)}


def publish(
    suite: str,
    figures: Mapping[str, Any],
    out: Path | None,
    draw: Callable[[Mapping[str, Any], Any], Any] | None = None,
    *,
    versions: tuple[str, ...] = VERSIONS,
) -> None:
    """Write what was measured, and on what, as JSON and, where it has one, its chart beside it.

    Parameters
    ----------
    suite : str
        Names the file among the results.
    figures : mapping
    out : Path or None
        Another place for the JSON.
    draw : callable, optional
        Is given the record and `matplotlib.pyplot` and returns a figure, None for nothing to show.
    versions : tuple of str
        Modules to name the versions of.
    """
    record = {"suite": suite, "circumstances": circumstances(versions), **figures}
    path = out or result_path(suite)
    write_result(path, record)
    typer.echo(f"written: {path}")
    if draw is None:
        return
    try:
        import matplotlib as mpl
    except ImportError:
        typer.echo("no chart: matplotlib is not installed", err=True)
        return
    # Charts are files; a window would need a display.
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure = draw(record, plt)
    if figure is None:
        return
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


def count_along(axes: Any, counts: Iterable[int], label: str) -> None:
    """Let the horizontal axis be of counts, logarithmic, with a tick at each."""
    ticks = sorted(set(counts))
    axes.set(xscale="log", xlabel=label)
    axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.grid(alpha=0.3)


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
