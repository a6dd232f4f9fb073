"""The run's log: a CSV one can plot, and the plot."""

from __future__ import annotations

import csv
import time
from pathlib import Path
from statistics import fmean

from openpaf.errors import OutputError
from openpaf.train.fit import Progress

_EVERY_STEPS = 50


class Log:
    """Appends the mean of every 50 steps, each loss over the steps that had it, to `log.csv`.

    Parameters
    ----------
    folder : Path
    batch : int
        Pictures a step.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """

    def __init__(self, folder: Path, batch: int) -> None:
        self.path = folder / "log.csv"
        self.batch = batch
        self.losses: dict[str, list[float]] = {}
        self.count = 0
        self.begun = time.monotonic()

    def add(self, progress: Progress) -> None:
        """Take in one step."""
        for name, value in progress.losses.items():
            self.losses.setdefault(name, []).append(value)
        self.count += 1
        if self.count < _EVERY_STEPS:
            return
        seconds = time.monotonic() - self.begun
        row = {
            "images": progress.step * self.batch,
            "rate": f"{progress.rate:.3g}",
            "images_per_second": f"{self.count * self.batch / seconds:.2f}",
        } | {name: f"{fmean(values):.5f}" for name, values in self.losses.items()}
        self._append(row)
        self.losses, self.count, self.begun = {}, 0, time.monotonic()

    def _append(self, row: dict[str, object]) -> None:
        try:
            fresh = not self.path.exists()
            with self.path.open("a", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(row))
                if fresh:
                    writer.writeheader()
                writer.writerow(row)
        except OSError as error:
            raise OutputError(f"{self.path} cannot be written: {error.strerror}") from error


def plot(folder: Path) -> Path | None:
    """Draw `curve.png` from `log.csv`; None when matplotlib is not installed or nothing is logged.

    Losses are on a logarithmic axis against images seen.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    path = folder / "log.csv"
    if not path.exists():
        return None
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        return None
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    images = [int(row["images"]) for row in rows]
    for name in list(rows[0])[3:]:
        axes.plot(images, [float(row[name] or "nan") for row in rows], label=name, linewidth=1)
    axes.set(xlabel="images seen", ylabel="squared error a cell", yscale="log")
    axes.grid(alpha=0.3)
    axes.legend()
    target = folder / "curve.png"
    figure.savefig(target, dpi=110)
    return target
