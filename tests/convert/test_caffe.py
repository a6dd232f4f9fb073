"""Caffe's binary files: every way they were ever written, and the ways they are broken."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("google.protobuf")
torch = pytest.importorskip("torch")
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from openpaf.convert.caffe import caffe_tensors, net_message, read_caffemodel
from openpaf.errors import CheckpointError

WEIGHT = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
BIAS = np.float32([0.5, -1])


def packed_net(*, raw: bool = False) -> Any:
    """The same messages with packed numbers, as Caffe itself declares them.

    With `raw`, a blob's data is given as bytes, which are the same on the wire and fast to write.
    """
    file = descriptor_pb2.FileDescriptorProto()
    net_message().DESCRIPTOR.file.CopyToProto(file)
    for message in file.message_type:
        for field in message.field:
            if raw and field.name == "data":
                field.type, field.label = field.TYPE_BYTES, field.LABEL_OPTIONAL
            elif field.name in ("data", "double_data", "dim"):
                field.options.packed = True
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("openpaf.caffe.Net"))()


def add_layer(net: Any, generation: str, kind: str = "data", old_sizes: bool = False) -> None:
    layer = getattr(net, generation).add(name="conv1")
    for values in (WEIGHT, BIAS):
        blob = layer.blobs.add()
        getattr(blob, kind).extend(values.ravel().tolist())
        if old_sizes:
            sizes = (1,) * (4 - values.ndim) + values.shape
            blob.num, blob.channels, blob.height, blob.width = sizes
        else:
            blob.shape.dim.extend(values.shape)


def test_file_written_by_caffe(shared: Path) -> None:
    folder = shared / "models" / "lenet-caffe"
    layers = read_caffemodel(folder / "lenet_iter_10000.caffemodel")
    assert set(layers) == {"conv1", "conv2", "ip1", "ip2"}
    for key, expected in json.loads((folder / "blobs.json").read_text()).items():
        layer, place = key.split(".")
        blob = layers[layer][int(place)]
        assert blob.size == np.prod(expected["shape"])
        assert blob.sum(dtype=np.float64) == pytest.approx(expected["sum"], abs=1e-6)
        assert np.abs(blob).sum(dtype=np.float64) == pytest.approx(expected["abs_sum"], rel=1e-9)
        assert float(blob.flat[0]) == expected["first"]


@pytest.mark.parametrize("generation", ["layers", "layer"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("kind", ["data", "double_data"])
@pytest.mark.parametrize("old_sizes", [True, False])
def test_every_way_of_writing_a_layer(
    generation: str, packed: bool, kind: str, old_sizes: bool, tmp_path: Path
) -> None:
    net = packed_net() if packed else net_message()()
    add_layer(net, generation, kind, old_sizes)
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    tensors = caffe_tensors(path)
    assert set(tensors) == {"conv1.weight", "conv1.bias"}
    np.testing.assert_array_equal(tensors["conv1.weight"], WEIGHT)
    np.testing.assert_array_equal(tensors["conv1.bias"], BIAS)
    assert tensors["conv1.weight"].dtype == np.float32


def test_fields_that_carry_no_weights_are_skipped(tmp_path: Path) -> None:
    net = net_message()()
    add_layer(net, "layer")
    # Field 1 of a net is its name, field 3 an input's name; both are unknown to our description.
    extra = b"\x0a\x07LeNet-5" + b"\x1a\x04data"
    path = tmp_path / "net.caffemodel"
    path.write_bytes(extra + net.SerializeToString())
    assert set(read_caffemodel(path)) == {"conv1"}


def test_truncated_file(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "models" / "lenet-caffe" / "lenet_iter_10000.caffemodel").read_bytes()
    path = tmp_path / "short.caffemodel"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match="cut short"):
        read_caffemodel(path)


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"\x00" * 64])
def test_file_of_another_kind(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "page.caffemodel"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="caffemodel"):
        read_caffemodel(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_caffemodel(tmp_path / "none.caffemodel")


@pytest.mark.parametrize("shape", [(2, 3, 2, 3), (-2, 3, -2, 2), ()])
def test_blob_that_contradicts_its_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    net = net_message()()
    add_layer(net, "layer")
    net.layer[0].blobs[0].shape.dim[:] = shape
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    with pytest.raises(CheckpointError, match="blob 0 of layer 'conv1'"):
        read_caffemodel(path)


def test_two_layers_of_one_name(tmp_path: Path) -> None:
    net = net_message()()
    add_layer(net, "layer")
    add_layer(net, "layer")
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    with pytest.raises(CheckpointError, match="two layers"):
        read_caffemodel(path)
