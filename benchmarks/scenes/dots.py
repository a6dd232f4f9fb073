"""A network of a few hundred weights, and frames it understands, to try everything around it.

Its confidence maps are the colours of the frame: blue is a neck, green a right shoulder, red a
right elbow, unless it is made for other parts; its PAFs point right everywhere. A row of three dots
is a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from openpaf.models.card import METADATA_KEY, ModelCard
from openpaf.skeleton import COCO_18

SIZE = (160, 120)
_PARTS = ("neck", "right_shoulder", "right_elbow")


def save_network(path: Path, parts: Sequence[str] = _PARTS) -> Path:
    """Write the network, for three parts in a row, as an ONNX file that describes itself."""
    maps = np.zeros((18, 3, 1, 1), np.float32)
    for channel, part in enumerate(parts):
        maps[COCO_18.index(part), channel] = 1 / 255
    constants = {
        "maps": maps,
        "nothing": np.zeros((38, 3, 1, 1), np.float32),
        "right": np.tile([1, 0], 19).astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["frames"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["colors"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["colors"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["cells", "maps"], ["confidence_maps"]),
        helper.make_node("Conv", ["cells", "nothing", "right"], ["pafs"]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "y", "x"])
        for name, channels in (("confidence_maps", 18), ("pafs", 38))
    ]
    graph = helper.make_graph(
        nodes,
        "dots",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["n", "h", "w", 3])],
        outputs,
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    card = ModelCard(name="dots", skeleton=COCO_18, net_height=SIZE[1])
    model.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    onnx.save(model, str(path))
    return path


def neck(index: int) -> tuple[int, int]:
    """Where the person of frame `index` has the neck, px."""
    return 20 + index % 40, 20 + index // 2 % 80


def frame(index: int, size: tuple[int, int] = SIZE) -> NDArray[np.uint8]:
    """Frame `index` of somebody who walks to the right and slowly down."""
    yy, xx = np.mgrid[: size[1], : size[0]]
    x, y = neck(index)
    distances = [np.square(xx - x - 32 * dot) + np.square(yy - y) for dot in range(3)]
    dots = 250 * np.exp(np.stack(distances, axis=2) / (-2 * 7.0**2))
    return dots.astype(np.uint8)
