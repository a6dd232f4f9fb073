"""How much arithmetic a network takes: counted on the network itself, not taken from a paper.

A MAC is one multiplication with its addition, two floating-point operations. Additions of biases,
activations and resizing are left out: they are under a hundredth of a PAF network's arithmetic.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from openpaf.errors import ModelError
from openpaf.models.card import ModelCard

# Operators that multiply and that no PAF network met so far has; a count without them would be low.
_NOT_COUNTED = {"ConvTranspose", "ConvInteger", "QLinearConv", "Gemm", "MatMul", "FusedConv"}


def torch_flops(network: Any, net_size: tuple[int, int]) -> int:
    """Multiplications and additions of one frame, as torch counts them.

    Parameters
    ----------
    network : torch.nn.Module
        Takes (N, 3, H, W); it is moved to the meta device, where nothing is computed.
    net_size : (width, height)
    """
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    width, height = net_size
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.to("meta")(torch.zeros(1, 3, height, width, device="meta"))
    return int(counter.get_total_flops())


def file_macs(path: Path, card: ModelCard, net_size: tuple[int, int]) -> int:
    """MACs of one frame through an `.onnx` or `.xml` network.

    Parameters
    ----------
    path : Path
    card : ModelCard
        Says where the input's sides are.
    net_size : (width, height)

    Raises
    ------
    ModelError
        When the network multiplies in a way that is not counted, or its shapes stay unknown.
    """
    width, height = net_size
    shape = [1, height, width, 3] if card.input_layout == "NHWC" else [1, 3, height, width]
    return _openvino_macs(path, shape) if path.suffix == ".xml" else _onnx_macs(path, shape)


def _onnx_macs(path: Path, shape: list[int]) -> int:
    import onnx
    from onnx.shape_inference import infer_shapes

    model = onnx.load(path)
    for dimension, side in zip(model.graph.input[0].type.tensor_type.shape.dim, shape, strict=True):
        dimension.dim_value = side
    # Sizes that the file itself gives its values belong to another input, or are names.
    for value in model.graph.output:
        value.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    graph = infer_shapes(model, data_prop=True).graph
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer} | {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in [*graph.input, *graph.value_info, *graph.output]
    }
    macs = 0
    for node in graph.node:
        if node.op_type in _NOT_COUNTED:
            raise ModelError(f"{path} has a {node.op_type}, which is not counted")
        if node.op_type == "Conv":
            # Output (N, C, h, w), N of one frame being 1; weights (C, inputs of a group, kernel).
            output, weights = shapes.get(node.output[0], []), shapes.get(node.input[1], [])
            if not output or not weights or 0 in output[1:] or 0 in weights:
                raise ModelError(f"{path}: the shapes of {node.name} are not known")
            macs += math.prod(output[1:]) * math.prod(weights[1:])
    return macs


def _openvino_macs(path: Path, shape: list[int]) -> int:
    import openvino

    model = openvino.Core().read_model(path)
    model.reshape({model.inputs[0]: shape})
    macs = 0
    for operation in model.get_ops():
        kind = operation.get_type_name()
        if kind in ("MatMul", "ConvolutionBackpropData", "GroupConvolutionBackpropData"):
            raise ModelError(f"{path} has a {kind}, which is not counted")
        if kind in ("Convolution", "GroupConvolution"):
            # Weights (C, inputs, kernel), or (groups, C, inputs, kernel) of each group.
            weights = list(operation.input(1).get_shape())
            weights = weights[1:] if kind == "Convolution" else weights[2:]
            macs += math.prod(operation.output(0).get_shape()) * math.prod(weights)
    return macs
