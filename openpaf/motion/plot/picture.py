"""Curves as PNG, SVG or PDF, by matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import MissingExtraError
from openpaf.files import replacing
from openpaf.motion.plot.curves import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLORS = {"left": "#1f77d0", "right": "#e8590c", "": "#2b8a3e"}
"""As skeletons are drawn: warm on the person's right, cool on the left, green between."""


def write_picture(
    path: Path, panels: Sequence[Panel], times: NDArray[np.float64], title: str
) -> None:
    """Draw panels one below the other; filled stretches are dotted, gaps are shaded.

    Parameters
    ----------
    path : Path
        `.png`, `.svg` or `.pdf`.
    panels : sequence of Panel
    times : (T,) float64
        Seconds.
    title : str

    Raises
    ------
    MissingExtraError
        When matplotlib is not installed.
    OutputError
        When the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError(
            'pictures of curves need matplotlib; pip install "openpaf[motion]"'
        ) from error
    figure = Figure(figsize=(10, 1.2 + 1.9 * len(panels)), layout="constrained")
    figure.suptitle(title)
    rows: Any = figure.subplots(len(panels), 1, sharex=True, squeeze=False)
    for axes, panel in zip(rows[:, 0], panels, strict=True):
        _draw(axes, panel, times)
    rows[-1, 0].set_xlabel("seconds")
    with replacing(path) as partial:
        figure.savefig(partial, dpi=120, format=path.suffix.lower().removeprefix("."))


def _draw(axes: Axes, panel: Panel, times: NDArray[np.float64]) -> None:
    for curve in panel.curves:
        color = COLORS[curve.side]
        found = np.where(curve.filled, np.nan, curve.values)
        axes.plot(times, found, color=color, linewidth=1.4, label=curve.name)
        # One row more on both sides, so that dots meet the line.
        near = curve.filled.copy()
        near[1:] |= curve.filled[:-1]
        near[:-1] |= curve.filled[1:]
        filled = np.where(near, curve.values, np.nan)
        axes.plot(times, filled, color=color, linewidth=1.2, linestyle=":")
    for start, end in gaps(panel, times):
        axes.axvspan(start, end, color="#868e96", alpha=0.25, linewidth=0)
    axes.set_title(panel.title, loc="left", fontsize=10)
    axes.set_ylabel(panel.unit)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right", fontsize=8)
    if panel.downwards:
        axes.invert_yaxis()


def gaps(panel: Panel, times: NDArray[np.float64]) -> list[tuple[float, float]]:
    """Times between which a curve of a panel has no value."""
    missing = np.any([np.isnan(curve.values) for curve in panel.curves], axis=0)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], missing, [False]]).astype(int)))
    last = len(times) - 1
    return [
        (float(times[max(start - 1, 0)]), float(times[min(stop, last)]))
        for start, stop in edges.reshape(-1, 2).tolist()
    ]
