"""Networks of each kind, small enough to be written out here, and photographs they understand.

A person is a row of three dots: a blue neck, a green right shoulder, a red right elbow. The network
of fields sees the dots of a whole photograph, the window network those of a window, and the
detector sees one person, in the same place of every photograph that is not dark.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.label.recipe import Networks
from openpaf.models import DetectorCard, ModelCard, NetworkCard, WindowCard
from openpaf.models.card import METADATA_KEY
from openpaf.skeleton import COCO_17, COCO_18

WIDTH, HEIGHT = 160, 120
SHOULDER, ELBOW = COCO_17.index("right_shoulder"), COCO_17.index("right_elbow")
STEP = 24
BOX = (74.0, 57.5, 102.0, 61.5)


def photograph(*shoulders: tuple[int, int]) -> NDArray[np.uint8]:
    """(120, 160, 3) uint8 BGR with people whose right shoulders are there."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    frame = np.zeros((HEIGHT, WIDTH, 3))
    for at_x, at_y in shoulders:
        for channel, step in enumerate((-STEP, 0, STEP)):
            spot = np.exp(-((x - at_x - step) ** 2 + (y - at_y) ** 2) / 72)
            frame[..., channel] += 250 * spot
    return np.clip(frame, 0, 255).astype(np.uint8)


@pytest.fixture
def photographs(tmp_path: Path) -> Callable[..., Path]:
    """Writes photographs of one person each into a folder, `names` of them."""

    def write(*names: str, folder: str = "photos") -> Path:
        for place, name in enumerate(names):
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), photograph((60 + place % 40, 60)))
        return tmp_path / folder

    return write


def _save(
    path: Path, nodes: list[Any], outputs: dict[str, list[Any]], card: NetworkCard, **values: Any
) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["frames"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["floats"], ["colors"], perm=[0, 3, 1, 2]),
            *nodes,
        ],
        card.name,
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["n", "h", "w", 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in outputs.items()
        ],
        [numpy_helper.from_array(np.float32(value), name) for name, value in values.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    model.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    onnx.save(model, str(path))


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Networks:
    """A network of fields, a detector and a window network."""
    helper = pytest.importorskip("onnx").helper
    pytest.importorskip("onnxruntime")
    folder = tmp_path_factory.mktemp("networks")
    maps = np.zeros((18, 3, 1, 1), np.float32)
    for channel, part in enumerate(("neck", "right_shoulder", "right_elbow")):
        maps[COCO_18.index(part), channel] = 1 / 255
    _save(
        folder / "fields.onnx",
        [
            helper.make_node(
                "AveragePool", ["colors"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]
            ),
            helper.make_node("Conv", ["cells", "maps"], ["confidence_maps"]),
            helper.make_node("Conv", ["cells", "nothing", "right"], ["pafs"]),
        ],
        {"confidence_maps": ["n", 18, "y", "x"], "pafs": ["n", 38, "y", "x"]},
        ModelCard(name="fields", skeleton=COCO_18, net_height=HEIGHT),
        maps=maps,
        nothing=np.zeros((38, 3, 1, 1)),
        right=np.tile([1, 0], 19),
    )
    spots = np.zeros((17, 3, 1, 1), np.float32)
    spots[SHOULDER, 1] = spots[ELBOW, 2] = 1 / 255
    _save(
        folder / "window.onnx",
        [
            helper.make_node(
                "AveragePool", ["colors"], ["cells"], kernel_shape=[4, 4], strides=[4, 4]
            ),
            helper.make_node("Conv", ["cells", "spots"], ["maps"]),
        ],
        {"maps": ["n", 17, "y", "x"]},
        WindowCard(name="window", skeleton=COCO_17, size=(96, 128)),
        spots=spots,
    )
    scale = [320 / WIDTH, 320 / HEIGHT] * 2
    _save(
        folder / "detector.onnx",
        [
            helper.make_node("ReduceMax", ["colors"], ["bright"], axes=[2, 3], keepdims=0),
            helper.make_node("ReduceMax", ["bright"], ["brightest"], axes=[1], keepdims=1),
            helper.make_node("Mul", ["brightest", "share"], ["score"]),
            helper.make_node("Mul", ["score", "one"], ["scores"]),
            helper.make_node("Identity", ["box"], ["boxes"]),
        ],
        {"boxes": [1, 1, 4], "scores": [1, 1, 1]},
        DetectorCard(name="detector", boxes="boxes", scores="scores"),
        box=np.multiply(BOX, scale).reshape(1, 1, 4),
        share=1 / 255,
        one=np.ones((1, 1, 1)),
    )
    return Networks(
        model=str(folder / "fields.onnx"),
        detectors=(str(folder / "detector.onnx"),),
        refine=str(folder / "window.onnx"),
        device="cpu",
    )
