"""Small network files for tests that need one that really runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.skeleton import Skeleton


def write_nobody(path: Path) -> Path:
    """Write an `.onnx` network that never finds anybody; skip the test where ONNX is missing."""
    return _write(path, "nobody", lambda *shape: np.zeros(shape, np.float32))


def write_random(path: Path) -> Path:
    """Write an `.onnx` network called "net" of seeded weights; skip the test likewise."""
    rng = np.random.default_rng(5)
    return _write(path, "net", lambda *shape: rng.normal(0, 0.01, shape).astype(np.float32))


def write_window(path: Path, skeleton: Skeleton, channel: int = 2) -> Path:
    """Write an `.onnx` window network for which a colour is all parts; skip the test likewise.

    Red by default. Every part is sure, and where the window is reddest, or not there at all.
    """
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from openpaf.models import WindowCard
    from openpaf.models.card import METADATA_KEY

    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    parts = len(skeleton.parts)
    kernel = np.zeros((parts, 3, 1, 1), np.float32)
    kernel[:, channel] = 60 / 255
    constants = {"kernel": kernel, "dark": np.full(parts, -20, np.float32)}
    nodes = [
        helper.make_node("Cast", ["windows"], ["floats"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["pixels"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["pixels"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Conv", ["cells", "kernel", "dark"], ["maps"]),
    ]
    floats, uint8 = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
    graph = helper.make_graph(
        nodes,
        "window",
        [helper.make_tensor_value_info("windows", uint8, ["n", 64, 64, 3])],
        [helper.make_tensor_value_info("maps", floats, ["n", parts, 16, 16])],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 9
    card = WindowCard(
        name=skeleton.name.lower(), skeleton=skeleton, size=(64, 64), logits=True, box_factor=1.0
    )
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.save(model, str(path))
    return path


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
