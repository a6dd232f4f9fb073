"""A window network becomes an ONNX file that describes itself and is proven to agree with it."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch

from openpaf.errors import ExportError, first_line
from openpaf.export.agreement import TOLERANCE, relative_error
from openpaf.export.onnx import OPSET, describe, quiet
from openpaf.files import replacing
from openpaf.network.graph import FramesToParts
from openpaf.network.window import WindowNet
from openpaf.network.window.build import card_of
from openpaf.session.onnxruntime import quiet_options

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
        return _prove(FramesToParts(network).eval(), partial, card.size)


def _to_onnx(graph: FramesToParts, output: str, size: tuple[int, int]) -> onnx.ModelProto:
    width, height = size
    try:
        with quiet(), torch.no_grad():
            program = torch.onnx.export(
                graph.eval(),
                (torch.zeros(2, height, width, 3, dtype=torch.uint8),),
                dynamo=True,
                dynamic_shapes={"frames": {0: torch.export.Dim.DYNAMIC}},
                input_names=["frames"],
                output_names=[output],
                opset_version=OPSET,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise ExportError(f"torch cannot export this network: {first_line(error)}") from error
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    del model.graph.value_info[:]
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    return model


def _prove(graph: FramesToParts, path: Path, size: tuple[int, int]) -> float:
    """Largest difference between torch and ONNX Runtime on random windows."""
    session = onnxruntime.InferenceSession(
        path, quiet_options(), providers=["CPUExecutionProvider"]
    )
    worst = 0.0
    for batch in _PROOF_BATCHES:
        shape = (batch, size[1], size[0], 3)
        frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        (got,) = session.run(None, {"frames": frames})
        with torch.inference_mode():
            (expected,) = graph(torch.from_numpy(frames))
        difference = relative_error(expected.numpy(), got)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"ONNX Runtime differs from the original by {difference:.2g} of its largest value "
                f"on windows {shape}; at most {TOLERANCE:g} is allowed"
            )
        worst = max(worst, difference)
    return worst
