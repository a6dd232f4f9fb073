"""Smaller, faster copies of an ONNX network: half precision, or eight bits.

Both copies keep the original's input and outputs and carry its model card. Neither is proven here:
how much a copy loses depends on pictures, and `openpaf.evaluate.fidelity` measures it.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from openpaf.errors import ExportError, first_line
from openpaf.export.onnx import describe
from openpaf.models.parts_card import PartsCard
from openpaf.session.layout import to_input
from openpaf.session.onnxruntime import quiet_options


def to_fp16(source: Path, path: Path, card: PartsCard) -> None:
    """Write a copy whose weights and arithmetic are float16; input and outputs stay as they are.

    Parameters
    ----------
    source, path : Path
        The ONNX file to read and the one to write.
    card : ModelCard
        The original's.

    Raises
    ------
    ExportError
        When the file cannot be converted.
    """
    with _as_export_errors("half precision"):
        model = onnx.load(source)
        _leave_out_empty_inputs(model)
        model = convert_float_to_float16(model, keep_io_types=True)
    describe(model, dataclasses.replace(card, name=f"{card.name}-fp16"))
    onnx.save(model, path)


def to_int8(
    source: Path, path: Path, card: PartsCard, net_frames: Iterable[NDArray[np.uint8]]
) -> None:
    """Write a copy that computes with 8-bit integers between QuantizeLinear nodes (QDQ).

    Activations are unsigned with one scale a tensor, weights signed with one scale a channel: the
    pair that CPUs run fastest. The range of weights is 7 bits, so that no CPU's sums saturate.
    Channels that are much stronger than their neighbours are weakened first (`equalize`), and the
    opening of a MobileNet stays in floating point (`opening`).

    Parameters
    ----------
    source, path : Path
        The ONNX file to read and the one to write.
    card : ModelCard
        The original's.
    net_frames : iterable of (H, W, 3) uint8 BGR
        Typical frames as the network sees them; the range of every activation is taken from them.

    Raises
    ------
    ExportError
        When the file cannot be converted.
    """
    with tempfile.TemporaryDirectory() as folder, _as_export_errors("eight bits"):
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        model = onnx.load(prepared)
        inputs = [to_input(frame[None], card) for frame in net_frames]
        equalize(model, inputs)
        onnx.save(model, prepared)
        quantize_static(
            prepared,
            path,
            _Inputs(model.graph.input[0].name, inputs),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Seven bits for weights: without VNNI a CPU adds two u8 x s8 products in 16 bits, and
            # with eight they saturate there, which doubled the field error (measured, AVX2).
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
            nodes_to_exclude=opening(model.graph),
        )
    model = onnx.load(path)
    describe(model, dataclasses.replace(card, name=f"{card.name}-int8"))
    onnx.save(model, path)


def equalize(model: onnx.ModelProto, inputs: Sequence[NDArray[Any]]) -> None:
    """Bring the channels between convolutions closer together, in place; the outputs stay.

    Eight bits are spread over the strongest channel of a tensor: where one reaches 1,300 and most
    8, most are left with a step or two. Behind a ReLU a channel can be divided by any positive
    number that the next convolution multiplies it by (Nagel et al., "Data-free quantization through
    weight equalization and bias correction", 2019, section 4.1; here the ranges are measured). Half
    of the difference, in logarithms, is moved into the weights, which have bits to lose too.

    Parameters
    ----------
    model : onnx.ModelProto
    inputs : sequence of arrays
        What typical frames look like to the network; nothing is done without any.
    """
    steps = list(_between_convolutions(model.graph))
    if not (steps and inputs):
        return
    strongest = _strongest(model, [step.tensor for step in steps], inputs)
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for step in steps:
        largest = strongest[step.tensor]
        # What was never active stays as it is.
        scale = np.where(largest > 0, np.sqrt(largest / max(largest.max(), 1e-12)), 1)
        for name in step.before.input[1:]:
            _scale(weights[name], 1 / scale, axis=0)
        for convolution in step.after:
            is_depthwise = weights[convolution.input[1]].dims[1] == 1
            _scale(weights[convolution.input[1]], scale, axis=0 if is_depthwise else 1)


def opening(graph: onnx.GraphProto) -> list[str]:
    """Names of the nodes that are better off in floating point: none but a MobileNet has any.

    They are its first convolution and the separable block behind it. A depthwise convolution adds
    up nine products, so rounding errors hardly average out, and what goes wrong here goes wrong
    everywhere: 30 % of the default's field error in eight bits came from these three. They are
    1.5 % of its arithmetic, at four times the resolution of most, where converting to and fro costs
    ONNX Runtime more than eight bits save.
    """
    convolutions = [node for node in graph.node if node.op_type == "Conv"][:3]
    if not any(_groups(node) > 1 for node in convolutions[1:2]):
        return []
    outputs = {name for node in convolutions for name in node.output}
    relus = [node for node in graph.node if node.op_type == "Relu" and node.input[0] in outputs]
    return [node.name for node in (*convolutions, *relus)]


class _Step(NamedTuple):
    """A convolution, the ReLU tensor it gives, and the convolutions that alone take it."""

    before: onnx.NodeProto
    tensor: str
    after: list[onnx.NodeProto]


def _between_convolutions(graph: onnx.GraphProto) -> Iterator[_Step]:
    makers = {name: node for node in graph.node for name in node.output}
    takers: dict[str, list[onnx.NodeProto]] = {output.name: [] for output in graph.output}
    outputs = set(takers)
    for node in graph.node:
        for name in node.input:
            takers.setdefault(name, []).append(node)
    weights = {tensor.name: tensor for tensor in graph.initializer}

    def is_own(node: onnx.NodeProto) -> bool:
        """Whether it is a convolution, plain or depthwise, whose weights nothing else uses."""
        if node.op_type != "Conv" or not set(node.input[1:]) <= set(weights):
            return False
        return all(len(takers[name]) == 1 for name in node.input[1:]) and (
            _groups(node) in (1, weights[node.input[1]].dims[0])
        )

    for node in graph.node:
        before = makers.get(node.input[0]) if node.op_type == "Relu" else None
        if before is None or not is_own(before) or takers[before.output[0]] != [node]:
            continue
        after = takers.get(node.output[0], [])
        alone = not {before.output[0], node.output[0]} & outputs
        if after and alone and all(is_own(one) for one in after):
            yield _Step(before, node.output[0], after)


def _groups(convolution: onnx.NodeProto) -> int:
    return int(next((a.i for a in convolution.attribute if a.name == "group"), 1))


def _strongest(
    model: onnx.ModelProto, tensors: list[str], inputs: Sequence[NDArray[Any]]
) -> dict[str, NDArray[np.float32]]:
    """Largest value of each channel of each tensor over all inputs."""
    open_model = onnx.ModelProto()
    open_model.CopyFrom(model)
    open_model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(t) for t in tensors)
    options = quiet_options()
    session = onnxruntime.InferenceSession(
        open_model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    strongest: dict[str, NDArray[np.float32]] = {}
    for one in inputs:
        values = session.run(tensors, {model.graph.input[0].name: one})
        for tensor, value in zip(tensors, values, strict=True):
            found = value.max(axis=(0, 2, 3))
            strongest[tensor] = np.maximum(strongest.get(tensor, found), found)
    return strongest


def _scale(tensor: onnx.TensorProto, scale: NDArray[np.floating[Any]], axis: int) -> None:
    values = onnx.numpy_helper.to_array(tensor)
    shape = [1] * values.ndim
    shape[axis] = -1
    scaled = (values * scale.reshape(shape)).astype(values.dtype)
    tensor.CopyFrom(onnx.numpy_helper.from_array(scaled, tensor.name))


class _Inputs(CalibrationDataReader):  # type: ignore[misc]
    """Feeds inputs to the calibration, one by one."""

    def __init__(self, name: str, inputs: Sequence[NDArray[Any]]) -> None:
        self._feeds = ({name: one} for one in inputs)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        return next(self._feeds, None)


def _leave_out_empty_inputs(model: onnx.ModelProto) -> None:
    """Write optional inputs of Resize that are empty tensors as what they mean: left out.

    The float16 converter casts such a tensor, and a Resize that has sizes then has scales too.
    """
    empty = {tensor.name for tensor in model.graph.initializer if 0 in tensor.dims}
    for node in model.graph.node:
        if node.op_type == "Resize":
            for place, name in enumerate(node.input):
                if name in empty:
                    node.input[place] = ""


@contextmanager
def _as_export_errors(what: str) -> Iterator[None]:
    """Keep the converters' advice to developers off the user's screen, and name their failures."""
    logging.disable(logging.WARNING)
    try:
        yield
    except ExportError:
        raise
    except Exception as error:
        raise ExportError(
            f"the network cannot be brought to {what}: {first_line(error)}"
        ) from error
    finally:
        logging.disable(logging.NOTSET)
