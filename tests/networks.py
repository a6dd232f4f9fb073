"""Small network files for tests that need one that really runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray


def write_nobody(path: Path) -> Path:
    """Write an `.onnx` network that never finds anybody; skip the test where ONNX is missing."""
    return _write(path, "nobody", lambda *shape: np.zeros(shape, np.float32))


def write_random(path: Path) -> Path:
    """Write an `.onnx` network called "net" of seeded weights; skip the test likewise."""
    rng = np.random.default_rng(5)
    return _write(path, "net", lambda *shape: rng.normal(0, 0.01, shape).astype(np.float32))


def _write(path: Path, called: str, weights_of: Callable[..., NDArray[np.float32]]) -> Path:
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from openpaf.models.card import METADATA_KEY, ModelCard
    from openpaf.skeleton import COCO_18

    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    outputs = {"confidence_maps": 18, "pafs": 38}
    nodes = [
        helper.make_node("Cast", ["frames"], ["floats"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["pixels"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["pixels"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
    ]
    weights = []
    for name, channels in outputs.items():
        kernel = weights_of(channels, 3, 1, 1)
        weights.append(numpy_helper.from_array(kernel, f"{name}_weight"))
        nodes.append(helper.make_node("Conv", ["cells", f"{name}_weight"], [name]))
    graph = helper.make_graph(
        nodes,
        "nobody",
        [helper.make_tensor_value_info("frames", onnx.TensorProto.UINT8, ["n", "h", "w", 3])],
        [
            helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", c, "y", "x"])
            for name, c in outputs.items()
        ],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    card = ModelCard(name=called, skeleton=COCO_18)
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.save(model, str(path))
    return path
