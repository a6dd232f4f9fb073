"""Validation while a network trains: how well its averaged weights find people, now and then."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from openpaf.engine import Engine
from openpaf.errors import MissingExtraError
from openpaf.evaluate import Estimate, evaluate_folder, evaluate_windows, read_folder
from openpaf.topdown import open_window_network
from openpaf.train.config import WindowTrainConfig
from openpaf.train.fit import Trainer
from openpaf.train.log import log_accuracy


class _Stopped(Exception):  # not an error
    pass


class Validation:
    """OKS-AP of a run on pictures it does not train on; of a window network on annotated boxes.

    Parameters
    ----------
    folder : Path
        As for `openpaf val`.
    every : int
        Pictures seen between two validations.

    Raises
    ------
    DatasetError
        When the folder cannot be used.
    MissingExtraError
        When pycocotools is not installed.
    """

    def __init__(self, folder: Path, every: int) -> None:
        read_folder(folder)
        try:
            import pycocotools  # noqa: F401
        except ImportError as error:
            raise MissingExtraError(
                '--val needs pycocotools; install it with: pip install "openpaf[val]"'
            ) from error
        self.folder = folder
        self.every = every

    def due(self, trainer: Trainer) -> bool:
        """Whether the step just taken crossed a multiple of `every`, or was the last one."""
        seen = trainer.step * trainer.config.batch
        before = seen - trainer.config.batch
        return seen // self.every > before // self.every or trainer.step == trainer.config.steps

    def measure(self, trainer: Trainer, stop: Callable[[], bool]) -> Estimate | None:
        """Save the run, find the people of every picture with `last.pt`, and log the AP.

        None as soon as `stop()`; nothing is logged then.
        """

        def check(_done: int, _total: int) -> None:
            if stop():
                raise _Stopped

        trainer.save()
        try:
            ap = self._ap(trainer, check)
        except _Stopped:
            return None
        log_accuracy(trainer.folder, trainer.step * trainer.config.batch, ap.value, ap.low, ap.high)
        return ap

    def _ap(self, trainer: Trainer, progress: Callable[[int, int], None]) -> Estimate:
        path, device = trainer.folder / "last.pt", str(trainer.device)
        if isinstance(trainer.config, WindowTrainConfig):
            network = open_window_network(path, device=device)
            dataset = read_folder(self.folder)
            return evaluate_windows(network, dataset, progress=progress).report.ap
        with Engine(path, device=device) as engine:
            return evaluate_folder(engine, self.folder, progress=progress).ap
