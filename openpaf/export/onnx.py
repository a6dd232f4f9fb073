"""A torch network becomes an ONNX file that describes itself and is proven to agree with it.

The file takes frames as they come from a camera: uint8 (N, H, W, 3) BGR, any batch, any sides that
are multiples of the stride. Colour order, normalisation, the dropped background map and the limb
order of the PAFs are part of the graph.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch
from torch import nn

from openpaf.errors import ExportError, first_line
from openpaf.export.agreement import prove
from openpaf.files import replacing
from openpaf.models import Calibration, ModelCard
from openpaf.models.calibration import UNCALIBRATED
from openpaf.models.card import METADATA_KEY
from openpaf.models.parts_card import PartsCard
from openpaf.network.graph import FramesToFields, PoseNetwork
from openpaf.network.stages import fold_batch_norms

_OPSET = 18


def export_onnx(
    network: PoseNetwork,
    path: str | Path,
    *,
    name: str,
    license: str,
    training_data: str,
    net_height: int = 368,
    calibration: Calibration = UNCALIBRATED,
) -> float:
    """Write a network as an ONNX file and prove that ONNX Runtime agrees with torch.

    Parameters
    ----------
    network : PafNet, PublishedNetwork or MobileNetOpenPose
        Batch norms are folded into their convolutions in the file, not in this object.
    path : str or Path
        File to write. It appears only once the proof has held.
    name, license, training_data : str
        Go into the file's model card.
    net_height : int
        Height of the network input this network works best at, px.
    calibration : Calibration
        How its fields are read, where that is known.

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
    card = ModelCard(
        name=name,
        skeleton=network.skeleton,
        stride=network.stride,
        net_height=net_height,
        license=license,
        training_data=training_data,
        calibration=calibration,
    )
    network = copy.deepcopy(network).to("cpu").eval()
    folded = copy.deepcopy(network)
    fold_batch_norms(folded)
    with replacing(Path(path)) as partial:
        model = _to_onnx(FramesToFields(folded), network.stride)
        describe(model, card)
        partial.write_bytes(model.SerializeToString())
        return prove(network, partial)


def _to_onnx(graph: FramesToFields, stride: int) -> onnx.ModelProto:
    # Sizes 0 and 1 would be taken for constants; these are neither, and no two of them are alike.
    example = torch.zeros(2, 6 * stride, 10 * stride, 3, dtype=torch.uint8)
    model = trace(graph, example, (0, 1, 2), ["confidence_maps", "pafs"])
    _name_sizes(model, stride)
    return model


def trace(
    graph: nn.Module, frames: torch.Tensor, free: tuple[int, ...], outputs: list[str]
) -> onnx.ModelProto:
    """Turn a graph into ONNX by following an example through it.

    Parameters
    ----------
    graph : nn.Module
        Of one input, which is called `frames` in the file.
    frames : (N, H, W, 3) uint8
        No free side may be 0 or 1.
    free : tuple of int
        Axes of `frames` whose sides the file leaves open.
    outputs : list of str

    Raises
    ------
    ExportError
        When torch cannot export it.
    """
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                graph.eval(),
                (frames,),
                dynamo=True,
                dynamic_shapes={"frames": dict.fromkeys(free, torch.export.Dim.DYNAMIC)},
                input_names=["frames"],
                output_names=outputs,
                opset_version=_OPSET,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        raise ExportError(f"torch cannot export this network: {first_line(error)}") from error
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    # What the tracer guessed of sizes in between; they are free.
    del model.graph.value_info[:]
    return model


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on its own optional libraries from the user."""
    logger = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _name_sizes(model: onnx.ModelProto, stride: int) -> None:
    """Give the free sizes names a reader understands instead of the tracer's symbols."""
    for value in model.graph.input:
        _set_sizes(value, {0: "batch", 1: "height", 2: "width"})
    for value in model.graph.output:
        _set_sizes(value, {0: "batch", 2: f"height/{stride}", 3: f"width/{stride}"})


def _set_sizes(value: onnx.ValueInfoProto, names: dict[int, str]) -> None:
    for axis, name in names.items():
        value.type.tensor_type.shape.dim[axis].dim_param = name


def describe(model: onnx.ModelProto, card: PartsCard) -> None:
    """Put a model card into an ONNX file's metadata, in place of any it has."""
    kept = [entry for entry in model.metadata_props if entry.key != METADATA_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    model.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    model.doc_string = f"{card.name}: {card.head} of {card.skeleton.name}, {card.license}"
    model.producer_name = "openpaf"
