"""Smaller, faster copies of an ONNX network: half precision, or eight bits.

Both copies keep the original's input and outputs and carry its model card. Neither is proven here:
how much a copy loses depends on pictures, and `openpaf.evaluate.fidelity` measures it.
"""

from __future__ import annotations

import dataclasses
import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
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

from openpaf.card import ModelCard
from openpaf.errors import ExportError
from openpaf.export import describe
from openpaf.session.layout import first_line, to_input


def to_fp16(source: Path, path: Path, card: ModelCard) -> None:
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
    source: Path, path: Path, card: ModelCard, net_frames: Iterable[NDArray[np.uint8]]
) -> None:
    """Write a copy that computes with 8-bit integers between QuantizeLinear nodes (QDQ).

    Activations are unsigned with one scale a tensor, weights signed with one scale a channel: the
    pair that CPUs run fastest. The range of weights is 7 bits, so that no CPU's sums saturate.

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
        quantize_static(
            prepared,
            path,
            _NetFrames(model.graph.input[0].name, card, net_frames),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            # Seven bits for weights: without VNNI a CPU adds two u8 x s8 products in 16 bits, and
            # with eight they saturate there, which doubled the field error (measured, AVX2).
            reduce_range=True,
            calibrate_method=CalibrationMethod.MinMax,
        )
    model = onnx.load(path)
    describe(model, dataclasses.replace(card, name=f"{card.name}-int8"))
    onnx.save(model, path)


class _NetFrames(CalibrationDataReader):  # type: ignore[misc]
    """Feeds net frames to the calibration, one by one, as the card says the network takes them."""

    def __init__(self, name: str, card: ModelCard, net_frames: Iterable[NDArray[np.uint8]]) -> None:
        self._feeds = ({name: to_input(frame[None], card)} for frame in net_frames)

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
