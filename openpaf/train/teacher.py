"""A trained model whose soft fields a smaller network learns: every cell says something."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from openpaf.errors import MissingExtraError, ModelError, ModelNotFoundError
from openpaf.fields import Fields
from openpaf.looks import mean_fields, mirrored, resampled
from openpaf.preprocess import fit, place
from openpaf.session.telemetry import import_openvino
from openpaf.skeleton import COCO_18

_FEATURES, _PAFS, _MAPS = "relu4_4_CPM", "Mconv7_stage2_L1", "Mconv7_stage2_L2"
_STRIDE = 8


class OpenVinoTeacher:
    """human-pose-estimation-0001 (COCO_18), with its 128 feature channels as a third output.

    Parameters
    ----------
    path : Path
        The `.xml` of the model.
    batch, side : int
        Crops of a batch and their side, px.
    threads : int
    second_look : float
        Look again at the mirrored crops, this many times their size, and teach the mean of both;
        0 for one look.

    Raises
    ------
    ModelError
        When the file is another model.
    MissingExtraError
        When OpenVINO is not installed.
    """

    def __init__(
        self, path: Path, batch: int, side: int, threads: int, second_look: float = 0.0
    ) -> None:
        try:
            openvino = import_openvino()
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

        def compiled(side: int) -> Any:
            model.reshape({0: [batch, 3, side, side]})
            return core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads})

        self._model = compiled(side)
        self._crop = place((side, side), net_size=(side, side), stride=_STRIDE)
        self._second = None
        if second_look:
            larger = round(side * second_look / _STRIDE) * _STRIDE
            self._second = compiled(larger)
            self._larger = place((side, side), net_size=(larger, larger), stride=_STRIDE)
        self._limb_order = np.array(COCO_18.paf_channels).reshape(-1)

    def fields(self, frames: NDArray[np.uint8]) -> tuple[Tensor, Tensor, Tensor]:
        """Soft fields of a batch, on the cells of the crop.

        Parameters
        ----------
        frames : (B, S, S, 3) uint8 BGR

        Returns
        -------
        confidence maps : (B, K, h, w) float32, clipped to 0..1, without background
        pafs : (B, 2L, h, w) float32, limb order
        features : (B, 128, h, w) float32
            Of the first look.
        """
        looks, features = self._look(self._model, frames)
        if self._second is not None:
            large = np.stack([fit(frame[:, ::-1], self._larger) for frame in frames])
            again = [
                resampled(mirrored(look), self._larger, self._crop)
                for look in self._look(self._second, large)[0]
            ]
            looks = [mean_fields(pair) for pair in zip(looks, again, strict=True)]
        maps = torch.from_numpy(np.stack([look.confidence_maps for look in looks]))
        pafs = torch.from_numpy(np.stack([look.pafs for look in looks]))
        return maps.clamp(0, 1), pafs, torch.from_numpy(features)

    def _look(
        self, model: Any, frames: NDArray[np.uint8]
    ) -> tuple[list[Fields], NDArray[np.float32]]:
        outputs = model(np.ascontiguousarray(frames.transpose(0, 3, 1, 2), np.float32))
        pafs, maps, features = (np.array(outputs[i], np.float32) for i in range(3))
        parts = len(COCO_18.parts)
        looks = [
            Fields(own_maps[:parts], own_pafs[self._limb_order], _STRIDE, COCO_18)
            for own_maps, own_pafs in zip(maps, pafs, strict=True)
        ]
        return looks, features
