"""A Ray Data actor that turns a column of frames into a column of people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from openpaf.decoder.config import DecoderConfig
from openpaf.engine import Engine
from openpaf.errors import ConfigError
from openpaf.writers.rows import arrow, people_column

if TYPE_CHECKING:
    import pyarrow


class Detector:
    """Find people in batches of frames; the callable class that `Dataset.map_batches` wants.

    Every other column goes through; the frames give way to `people`, a list of {score, keypoints}
    a row. Keypoints are flat: x, y, score a part in the skeleton's order, frame px, zeros where a
    part is missing.

    Parameters
    ----------
    model, device, net_height, decoder, threads
        As for `openpaf.Engine`. Give it as many `threads` as the actor has `num_cpus`.
    column : str
        The column of frames, (H, W, 3) uint8; Ray's `read_images` calls it "image".
    colors : {"BGR", "RGB"}
        Order of the frames' channels; RGB where `read_images` made them.
    batch_size : int
        Most frames a run of the network; a batch of Ray's may be larger.

    Raises
    ------
    ConfigError
        When an option has a value that cannot work.
    """

    def __init__(
        self,
        model: str | Path | None = None,
        *,
        device: str = "auto",
        net_height: int | None = None,
        decoder: DecoderConfig | None = None,
        threads: int = 1,
        column: str = "image",
        colors: str = "BGR",
        batch_size: int = 8,
    ) -> None:
        if colors not in ("BGR", "RGB"):
            raise ConfigError(f"colors must be BGR or RGB, got {colors!r}")
        arrow()
        self._column = column
        self._turned = colors == "RGB"
        self._batch_size = batch_size
        self._engine = Engine(
            model,
            device=device,
            net_height=net_height,
            decoder=decoder,
            threads=threads,
            spinning=False,
        )

    def __call__(self, batch: Mapping[str, NDArray[Any]]) -> pyarrow.Table:
        """Turn a batch in Ray's "numpy" format into a table.

        Raises
        ------
        ConfigError
            When there is no such column.
        FrameError
            When one of its rows is not a frame.
        """
        if self._column not in batch:
            raise ConfigError(
                f"there is no column {self._column!r} of frames; there are {', '.join(batch)}"
            )
        frames = [np.asarray(frame) for frame in batch[self._column]]
        if self._turned:
            frames = [frame[..., ::-1] for frame in frames]
        people = self._engine.detect_batch(frames, batch_size=self._batch_size)
        pa = arrow()
        others = {
            name: pa.array(list(values)) for name, values in batch.items() if name != self._column
        }
        return pa.table({**others, "people": people_column(people)})
