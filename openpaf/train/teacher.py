"""A trained model whose soft fields a smaller network learns: every cell says something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openpaf.errors import MissingExtraError, ModelError, ModelNotFoundError
from openpaf.skeleton import COCO_18

_FEATURES, _PAFS, _MAPS = "relu4_4_CPM", "Mconv7_stage2_L1", "Mconv7_stage2_L2"


class OpenVinoTeacher:
    """human-pose-estimation-0001 (COCO_18), with its 128 feature channels as a third output.

    Parameters
    ----------
    path : Path
        The `.xml` of the model.
    batch, side : int
        Crops of a batch and their side, px.
    threads : int

    Raises
    ------
    ModelError
        When the file is another model.
    MissingExtraError
        When OpenVINO is not installed.
    """

    def __init__(self, path: Path, batch: int, side: int, threads: int) -> None:
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError(
                'a teacher needs OpenVINO: pip install "openpaf[openvino]"'
            ) from error
        if not path.is_file():
            raise ModelNotFoundError(f"teacher {path} does not exist; give the .xml of the model")
        core = openvino.Core()
        model = core.read_model(path)
        places = {op.get_friendly_name(): op for op in model.get_ops()}
        if not {_FEATURES, _PAFS, _MAPS} <= set(places):
            raise ModelError(f"teacher {path} is not human-pose-estimation-0001")
        model.add_outputs([places[_FEATURES].output(0)])
        model.reshape({0: [batch, 3, side, side]})
        self._model = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads})
        channels = np.array(COCO_18.paf_channels).reshape(-1)
        self._limb_order = torch.from_numpy(channels)

    def fields(self, frames: NDArray[np.uint8]) -> tuple[Tensor, Tensor, Tensor]:
        """Soft fields of a batch, on the cells of the crop.

        Parameters
        ----------
        frames : (B, S, S, 3) uint8 BGR

        Returns
        -------
        confidence maps : (B, K + 1, h, w) float32, clipped to 0..1
        pafs : (B, 2L, h, w) float32, limb order
        features : (B, 128, h, w) float32
        """
        outputs: Any = self._model(np.ascontiguousarray(frames.transpose(0, 3, 1, 2), np.float32))
        pafs, maps, features = (
            torch.from_numpy(np.array(outputs[i], np.float32)) for i in range(3)
        )
        return maps.clamp(0, 1), pafs[:, self._limb_order], features
