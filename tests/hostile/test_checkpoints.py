"""Checkpoints that are odd or mean harm: converted, or one line that says what is wrong."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("google.protobuf")

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from openpaf.convert.caffe import caffe_tensors, net_message
from openpaf.convert.convert import _READERS
from openpaf.convert.torch_files import torch_tensors
from openpaf.errors import CheckpointError
from openpaf.network import checkpoint

from .test_cards import one_line

_WEIGHT = torch.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize(
    "content",
    [
        {"a.weight": torch.nn.Parameter(_WEIGHT)},
        OrderedDict([("a.weight", torch.nn.Parameter(_WEIGHT.half()))]),
        {"state_dict": {"a.weight": _WEIGHT.double().requires_grad_()}, "epoch": 3},
        {"a.weight": _WEIGHT.t().contiguous().t(), 7: _WEIGHT},
        {"a.weight": _WEIGHT.bfloat16(), "a.count": torch.tensor(1)},
    ],
)
def test_ordinary_ways_to_save_convert(content: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(content, path)
    (value,) = torch_tensors(path).values()
    assert value.dtype == np.float32
    assert value.tolist() == _WEIGHT.tolist()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": _WEIGHT.to_sparse()}, "to_dense"),
        ({"a": _WEIGHT.to_sparse_csr()}, "to_dense"),
        ({"a": torch.sparse_coo_tensor([[0]], [1.0], (1 << 40,))}, "to_dense"),
        ({"a": _WEIGHT.to("meta")}, "no values"),
        ({"a": torch.zeros(1, dtype=torch.half).expand(1 << 20, 1 << 20)}, "fewer values"),
        ({"a": torch.nested.nested_tensor([_WEIGHT, _WEIGHT[:1]])}, ""),
        ({"a": torch.quantize_per_tensor(_WEIGHT, 0.1, 0, torch.qint8)}, ""),
        ({7: _WEIGHT}, "no tensors by name"),
        ({"a": _WEIGHT.to(torch.complex64)}, "no tensors by name"),
        (_WEIGHT, "state dict"),
        ([_WEIGHT], "state dict"),
        ({"state_dict": {}}, "no tensors by name"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_odd_tensors_are_named(content: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match=said) as error:
        torch_tensors(path)
    assert one_line(error.value)


@st.composite
def caffemodels(draw: Any) -> bytes:
    """Bytes of a Caffe file with layers of any shape, perhaps spoilt."""
    net = net_message()()
    sizes = st.integers(-3, 3) | st.sampled_from([1, 2**31, 2**62, 2**63 - 1, -(2**63)])
    for generation in draw(st.lists(st.sampled_from(["layer", "layers"]), max_size=3)):
        layer = getattr(net, generation).add(name=draw(st.text(max_size=9)))
        for _ in range(draw(st.integers(0, 3))):
            blob = layer.blobs.add()
            shape = draw(st.lists(sizes, max_size=5) | st.just([1] * 100) | st.just([0] * 70))
            blob.shape.dim.extend(shape)
            blob.data.extend(draw(st.lists(st.floats(width=32), max_size=6)))
            blob.double_data.extend(draw(st.lists(st.floats(), max_size=2)))
    data = net.SerializeToString()
    cut = draw(st.integers(0, len(data)))
    return draw(st.just(data) | st.just(data[:cut] + draw(st.binary(max_size=4)) + data[cut:]))


@seed(20170725)
@settings(max_examples=300, deadline=None, database=None)
@given(data=caffemodels())
def test_any_caffemodel_at_all(data: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.caffemodel"
    path.write_bytes(data)
    try:
        tensors = caffe_tensors(path)
    except CheckpointError as error:
        assert one_line(error)
    else:
        assert all(value.dtype == np.float32 for value in tensors.values())


@pytest.mark.parametrize("shape", [[1] * 100, [2**62, 4], [2**62] * 4, [0] * 100, [2**62, 0]])
def test_a_shape_that_cannot_be(shape: list[int], tmp_path: Path) -> None:
    net = net_message()()
    blob = net.layer.add(name="conv1\x1b[31m").blobs.add()
    blob.shape.dim.extend(shape)
    blob.data.extend([1.0] if 0 not in shape else [])
    path = tmp_path / "net.caffemodel"
    path.write_bytes(net.SerializeToString())
    with pytest.raises(CheckpointError, match="conv1") as error:
        caffe_tensors(path)
    assert one_line(error.value)


@st.composite
def spoilt(draw: Any, whole: bytes) -> bytes:
    """Bytes of a file of which some were changed, left out or put in."""
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(whole)))
        new = draw(st.binary(max_size=4))
        whole = whole[:place] + new + whole[place + draw(st.integers(0, 4)) :]
    return whole


@pytest.mark.parametrize("suffix", [".pth", ".ckpt", ".safetensors"])
def test_any_spoilt_file_at_all(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"net{suffix}"
    if suffix == ".safetensors":
        pytest.importorskip("safetensors.torch").save_file({"a.weight": _WEIGHT}, path)
    else:
        torch.save({"a.weight": _WEIGHT}, path, _use_new_zipfile_serialization=suffix == ".pth")
    whole = path.read_bytes()

    @seed(20170725)
    @settings(max_examples=150, deadline=None, database=None)
    @given(data=spoilt(whole))
    def try_it(data: bytes) -> None:
        path.write_bytes(data)
        try:
            _READERS[suffix](path)
        except CheckpointError as error:
            assert "\n" not in str(error)

    try_it()


@pytest.mark.parametrize(
    ("skeleton", "said"),
    [
        ("COCO_19", "must be one of COCO_17"),
        ("/etc/passwd.toml", "must be one of COCO_17"),
        ({"name": "x", "parts": ["a", "b"], "limbs": [["a", "c"]]}, "names 'c', which is no part"),
        ({"name": "x", "parts": ["a"] * 10**6, "limbs": []}, "2 to 256 entries, got 1000000"),
        ({"parts": {}}, "lacks limbs and name"),
        ([1], "must be one of"),
        (None, "must be one of"),
        (_WEIGHT, "must be one of"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_skeleton_that_cannot_be(skeleton: Any, said: str, tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    checkpoint.save(path, {"recipe": {"network": {"skeleton": skeleton}}, "average": {}})
    with pytest.raises(CheckpointError, match=said) as error:
        checkpoint.load_network(path)
    assert one_line(error.value)
