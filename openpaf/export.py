"""A torch network becomes an ONNX file that describes itself and is proven to agree with it.

The file takes frames as they come from a camera: uint8 (N, H, W, 3) BGR, any batch, any sides that
are multiples of the stride. Colour order, normalisation, the dropped background map and the limb
order of the PAFs are part of the graph.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray

from openpaf.card import METADATA_KEY, ModelCard
from openpaf.errors import ExportError
from openpaf.files import replacing
from openpaf.network.frames import FramesToFields, PoseNetwork
from openpaf.network.stages import fold_batch_norms

TOLERANCE = 1e-4
"""Largest difference allowed between torch and ONNX Runtime, relative to the largest value."""

PROOF_SHAPES = ((1, 64, 96, 3), (3, 56, 40, 3))
"""Frames that the two are compared on; odd multiples of the stride among them, on purpose."""

_OPSET = 18
_LOG_ERRORS_ONLY = 3


def export_onnx(
    network: PoseNetwork,
    path: str | Path,
    *,
    name: str,
    license: str,
    training_data: str,
    net_height: int = 368,
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
    dynamic = torch.export.Dim.DYNAMIC
    # Sizes 0 and 1 would be taken for constants; these are neither, and no two of them are alike.
    example = torch.zeros(2, 6 * stride, 10 * stride, 3, dtype=torch.uint8)
    try:
        with _quiet(), torch.no_grad():
            program = torch.onnx.export(
                graph.eval(),
                (example,),
                dynamo=True,
                dynamic_shapes={"frames": {0: dynamic, 1: dynamic, 2: dynamic}},
                input_names=["frames"],
                output_names=["confidence_maps", "pafs"],
                opset_version=_OPSET,
                verbose=False,
            )
    except (torch.onnx.OnnxExporterError, RuntimeError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise ExportError(f"torch cannot export this network: {first_line}") from error
    assert program is not None
    model: onnx.ModelProto = program.model_proto
    _name_sizes(model, stride)
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
    del model.graph.value_info[:]
    for value in model.graph.input:
        _set_sizes(value, {0: "batch", 1: "height", 2: "width"})
    for value in model.graph.output:
        _set_sizes(value, {0: "batch", 2: f"height/{stride}", 3: f"width/{stride}"})


def _set_sizes(value: onnx.ValueInfoProto, names: dict[int, str]) -> None:
    for axis, name in names.items():
        value.type.tensor_type.shape.dim[axis].dim_param = name


def describe(model: onnx.ModelProto, card: ModelCard) -> None:
    """Put a model card into an ONNX file's metadata, in place of any it has."""
    kept = [entry for entry in model.metadata_props if entry.key != METADATA_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    model.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    model.doc_string = f"{card.name}: {card.skeleton.name}, stride {card.stride}, {card.license}"
    model.producer_name = "openpaf"


def prove(network: PoseNetwork, path: Path) -> float:
    """Run a network and its exported file on the same random frames.

    Parameters
    ----------
    network : PafNet, PublishedNetwork or MobileNetOpenPose
        On the CPU, in evaluation mode.
    path : Path
        ONNX file with the input and outputs of `FramesToFields`.

    Returns
    -------
    float
        The largest difference, relative to the output's largest value.

    Raises
    ------
    ExportError
        When it exceeds `TOLERANCE`, or ONNX Runtime cannot run the file.
    """
    graph = FramesToFields(network).eval()

    def run_torch(frames: NDArray[Any]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            return [maps.numpy() for maps in graph(torch.from_numpy(frames))]

    return check_agreement(path, run_torch, ["confidence_maps", "pafs"], np.uint8)


def check_agreement(
    path: Path,
    run: Callable[[NDArray[Any]], list[NDArray[np.float32]]],
    outputs: list[str],
    dtype: type[np.generic],
) -> float:
    """Compare ONNX Runtime on a file with the framework the file came from.

    Both get the same random frames, of the sizes and batches of `PROOF_SHAPES`.

    Parameters
    ----------
    path : Path
        ONNX file with one NHWC input.
    run : callable
        The framework: (N, H, W, 3) frames, 0 to 255, to the outputs in order.
    outputs : list of str
    dtype : type
        uint8 or float32, of the frames.

    Returns
    -------
    float
        The largest difference, relative to the output's largest value.

    Raises
    ------
    ExportError
        When it exceeds `TOLERANCE`, or ONNX Runtime cannot run the file.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public base class
        raise ExportError(f"ONNX Runtime cannot load the file: {error}") from error
    worst = 0.0
    for shape in PROOF_SHAPES:
        frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8).astype(dtype)
        try:
            got = session.run(outputs, {session.get_inputs()[0].name: frames})
        except Exception as error:
            raise ExportError(f"ONNX Runtime cannot run the file: {error}") from error
        for output, a, b in zip(outputs, run(frames), got, strict=True):
            difference = relative_error(a, b)
            # A NaN on either side must fail too, so the comparison is not turned round.
            if not difference <= TOLERANCE:
                raise ExportError(
                    f"ONNX Runtime differs from the original in {output} by {difference:.2g} of "
                    f"its largest value on frames {shape}; at most {TOLERANCE:g} is allowed"
                )
            worst = max(worst, difference)
    return worst


def relative_error(expected: NDArray[np.float32], got: NDArray[np.float32]) -> float:
    """Largest difference of two arrays relative to the largest expected value."""
    if expected.shape != got.shape:
        raise ExportError(f"expected an output of shape {expected.shape}, got {got.shape}")
    largest = float(np.abs(expected).max())
    return float(np.abs(expected - got).max()) / max(largest, 1e-12)
