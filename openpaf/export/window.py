"""A window network becomes an ONNX file that describes itself and is proven to agree with it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from openpaf.export.agreement import check_agreement
from openpaf.export.onnx import describe, trace
from openpaf.files import replacing
from openpaf.network.graph import FramesToParts
from openpaf.network.window import WindowNet
from openpaf.network.window.build import card_of

_PROOF_BATCHES = (1, 3)


def export_window_onnx(
    network: WindowNet, path: str | Path, *, name: str, license: str, training_data: str
) -> float:
    """Write a window network as an ONNX file and prove that ONNX Runtime agrees with torch.

    The file takes uint8 (N, H, W, 3) BGR windows of the network's size, any number of them.

    Parameters
    ----------
    network : WindowNet
        Batch norms are folded into their convolutions in the file, not in this object.
    path : str or Path
        File to write. It appears only once the proof has held.
    name, license, training_data : str
        Go into the file's card.

    Returns
    -------
    float
        The largest difference the proof saw, relative to the output's largest value.

    Raises
    ------
    ExportError
        When torch cannot export the network, or the two runtimes differ by more than `TOLERANCE`.
    OutputError
        When the file cannot be written.
    """
    card = card_of(network, name=name, license=license, training_data=training_data)
    network = copy.deepcopy(network).to("cpu").eval()
    with replacing(Path(path)) as partial:
        model = _to_onnx(FramesToParts(network.folded()), card.output, card.size)
        describe(model, card)
        partial.write_bytes(model.SerializeToString())
        return _prove(FramesToParts(network).eval(), partial, card.output, card.size)


def _to_onnx(graph: FramesToParts, output: str, size: tuple[int, int]) -> onnx.ModelProto:
    width, height = size
    model = trace(graph, torch.zeros(2, height, width, 3, dtype=torch.uint8), (0,), [output])
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def _prove(graph: FramesToParts, path: Path, output: str, size: tuple[int, int]) -> float:
    """Largest difference between torch and ONNX Runtime on random windows."""

    def run_torch(windows: NDArray[Any]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            return [maps.numpy() for maps in graph(torch.from_numpy(windows))]

    shapes = [(batch, size[1], size[0], 3) for batch in _PROOF_BATCHES]
    return check_agreement(path, run_torch, [output], np.uint8, shapes)
