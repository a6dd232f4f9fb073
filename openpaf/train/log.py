"""The run's log: losses and accuracy as CSV one can plot, and the plot."""

from __future__ import annotations

import csv
import time
from collections.abc import Mapping
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
        _append(self.path, row)
        self.losses, self.count, self.begun = {}, 0, time.monotonic()


def log_accuracy(folder: Path, images: int, ap: float, low: float, high: float) -> None:
    """Append OKS-AP and its 95 % interval after so many images to `val.csv`.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    row = {"AP": f"{ap:.4f}", "low": f"{low:.4f}", "high": f"{high:.4f}"}
    _append(folder / "val.csv", {"images": str(images)} | row)


def _append(path: Path, row: Mapping[str, object]) -> None:
    try:
        fresh = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def plot(folder: Path) -> Path | None:
    """Draw `curve.png` from the logs; None when matplotlib is not installed or nothing is logged.

    Losses on a logarithmic axis against images seen, and OKS-AP with its 95 % interval under them
    where the run was validated.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return None
    rows = _read(folder / "log.csv")
    if not rows:
        return None
    accuracy = _read(folder / "val.csv")
    figure = Figure(figsize=(8, 8 if accuracy else 5), layout="constrained")
    axes, *below = figure.subplots(2 if accuracy else 1, squeeze=False, sharex=True)[:, 0]
    images = [int(row["images"]) for row in rows]
    for name in list(rows[0])[3:]:
        axes.plot(images, [float(row[name] or "nan") for row in rows], label=name, linewidth=1)
    axes.set(ylabel="squared error a cell", yscale="log")
    axes.legend()
    for under in below:
        images = [int(row["images"]) for row in accuracy]
        ap, low, high = ([float(row[key]) for row in accuracy] for key in ("AP", "low", "high"))
        under.plot(images, ap, marker="o")
        under.fill_between(images, low, high, alpha=0.2)
        under.set(ylabel="OKS-AP and its 95 % interval", ylim=(0, None))
    for panel in (axes, *below):
        panel.grid(alpha=0.3)
    (below or [axes])[-1].set(xlabel="images seen")
    target = folder / "curve.png"
    figure.savefig(target, dpi=110)
    return target


def _read(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
