"""Weights out of Caffe's binary files.

Only the handful of messages and fields that carry weights is described here, so nothing of Caffe is
needed and everything else in a file is skipped unread. Packed and unpacked numbers, layer records
of both generations (V1 and V2), blobs with a shape or with the four sizes of old, float and double:
the protobuf library and the fields below take them all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError
from numpy.typing import NDArray

from openpaf.errors import CheckpointError, shown

_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
    "string": _Field.TYPE_STRING,
}

# message: {field: (number, type, repeated)}
_SCHEMA: dict[str, dict[str, tuple[int, str, bool]]] = {
    "BlobShape": {"dim": (1, "int64", True)},
    "Blob": {
        "num": (1, "int32", False),
        "channels": (2, "int32", False),
        "height": (3, "int32", False),
        "width": (4, "int32", False),
        "data": (5, "float", True),
        "shape": (7, "BlobShape", False),
        "double_data": (8, "double", True),
    },
    "LayerV1": {"name": (4, "string", False), "blobs": (6, "Blob", True)},
    "LayerV2": {"name": (1, "string", False), "blobs": (7, "Blob", True)},
    "Net": {"layers": (2, "LayerV1", True), "layer": (100, "LayerV2", True)},
}


@cache
def net_message() -> Any:
    """The message class of a whole Caffe file."""
    file = descriptor_pb2.FileDescriptorProto(
        name="openpaf/caffe.proto", package="openpaf.caffe", syntax="proto2"
    )
    for message_name, fields in _SCHEMA.items():
        message = file.message_type.add(name=message_name)
        for name, (number, kind, repeated) in fields.items():
            field = message.field.add(
                name=name,
                number=number,
                label=_Field.LABEL_REPEATED if repeated else _Field.LABEL_OPTIONAL,
            )
            if kind in _TYPES:
                field.type = _TYPES[kind]
            else:
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".openpaf.caffe.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("openpaf.caffe.Net"))


def read_caffemodel(path: Path) -> dict[str, list[NDArray[np.float32]]]:
    """Read the weights of every layer that has any.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to list of float32 arrays
        By layer name: for a convolution its weight (C_out, C_in, kh, kw) and its bias, for a PReLU
        its slope.

    Raises
    ------
    CheckpointError
        When the file is missing, cut short, not a Caffe file, or a blob contradicts its shape.
    """
    try:
        net = net_message().FromString(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
    except DecodeError as error:
        raise CheckpointError(
            f"{path} is cut short or not a caffemodel; compare its size and checksum"
        ) from error
    layers: dict[str, list[NDArray[np.float32]]] = {}
    for layer in (*net.layers, *net.layer):
        if not layer.blobs:
            continue
        if layer.name in layers:
            raise CheckpointError(f"{path} has two layers called {shown(layer.name)}")
        layers[layer.name] = [
            _array(blob, f"{path}: blob {place} of layer {shown(layer.name)}")
            for place, blob in enumerate(layer.blobs)
        ]
    if not layers:
        raise CheckpointError(f"{path} holds no layer with weights; is it a caffemodel?")
    return layers


def _array(blob: Any, where: str) -> NDArray[np.float32]:
    shape = _shape(blob)
    with np.errstate(over="ignore"):  # infinite values are named when the network is built
        values = np.array(blob.double_data or blob.data, dtype=np.float32)
    if any(size < 0 for size in shape) or math.prod(shape) != values.size:
        raise CheckpointError(
            f"{where} says shape {shown(tuple(shape))} and holds {values.size} values"
        )
    try:
        return values.reshape(shape)
    except (ValueError, OverflowError) as error:  # no values, in more axes than arrays can have
        raise CheckpointError(f"{where} has a shape that cannot be: {shown(shape)}") from error


def _shape(blob: Any) -> Sequence[int]:
    if blob.HasField("shape"):
        return tuple(blob.shape.dim)
    return blob.num, blob.channels, blob.height, blob.width


def caffe_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read a caffemodel's weights under the names torch would give them.

    Returns
    -------
    dict of str to float32 array
        `<layer>.weight` and, where there is a second blob, `<layer>.bias`. The singleton axes that
        old files put before a bias or a slope are gone.

    Raises
    ------
    CheckpointError
        See `read_caffemodel`.
    """
    tensors = {}
    for layer, blobs in read_caffemodel(path).items():
        for kind, blob in zip(("weight", "bias"), blobs, strict=False):
            is_vector = blob.size == blob.shape[-1] if blob.ndim else True
            tensors[f"{layer}.{kind}"] = blob.reshape(-1) if is_vector else blob
    return tensors
