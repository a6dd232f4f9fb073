"""Sessions: every layout a card can describe gives the same fields; bad files give one line."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.errors import (
    ConfigError,
    FieldsError,
    ModelError,
    ModelNotFoundError,
    OpenPafWarning,
)
from openpaf.models.card import METADATA_KEY, ModelCard
from openpaf.session import open_session
from openpaf.skeleton import BODY_25, COCO_18, MPI_15, Skeleton

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from onnx import TensorProto, helper, numpy_helper

STRIDE = 8
OURS = ModelCard(name="net", skeleton=COCO_18)
CARDS = {
    "ours": OURS,
    "another skeleton": replace(OURS, skeleton=MPI_15),
    "float32 NCHW, normalised outside": replace(
        OURS, input_layout="NCHW", input_dtype="float32", scale=1 / 256, offset=-0.5
    ),
    "RGB, a mean a channel": replace(
        OURS,
        input_dtype="float32",
        colors="RGB",
        scale=(0.01, 0.02, 0.03),
        offset=(-1.0, -2.0, -3.0),
    ),
    "RGB uint8 NCHW": replace(OURS, colors="RGB", input_layout="NCHW"),
    "one NHWC output, published order": replace(
        OURS,
        output_layout="NHWC",
        confidence_maps="out",
        pafs="out",
        paf_channel=19,
        paf_order="published",
    ),
    "PAFs first, background before the maps": replace(
        OURS,
        skeleton=BODY_25,
        confidence_maps="out",
        confidence_channel=53,
        pafs="out",
        paf_order="published",
    ),
    "an order of its own": replace(OURS, paf_order=tuple(reversed(range(38)))),
}


def _weights(skeleton: Skeleton) -> NDArray[np.float32]:
    """(K + 2L, 3) weights of each channel of the fields, of the mean colour of its cell."""
    channels = len(skeleton.parts) + 2 * len(skeleton.limbs)
    return np.random.default_rng(3).normal(0, 0.01, (channels, 3)).astype(np.float32)


def _expected(net_frames: NDArray[np.uint8], card: ModelCard) -> NDArray[np.float64]:
    colors = net_frames[..., ::-1] if card.colors == "RGB" else net_frames
    n, height, width, _ = colors.shape
    cells = colors.reshape(n, height // STRIDE, STRIDE, width // STRIDE, STRIDE, 3).mean((2, 4))
    values = cells * np.array(card.scale) + np.array(card.offset)
    return np.einsum("nhwc,kc->nkhw", values, _weights(card.skeleton))


def _places(card: ModelCard) -> dict[str, list[tuple[int, int]]]:
    """For each output, which of its channels holds which channel of the fields."""
    parts, limbs = len(card.skeleton.parts), len(card.skeleton.limbs)
    published = [channel for pair in card.skeleton.paf_channels for channel in pair]
    order = {"limbs": list(range(2 * limbs)), "published": published}
    pafs = order[card.paf_order] if isinstance(card.paf_order, str) else card.paf_order
    outputs: dict[str, list[tuple[int, int]]] = {card.confidence_maps: [], card.pafs: []}
    outputs[card.confidence_maps] += [(card.confidence_channel + k, k) for k in range(parts)]
    outputs[card.pafs] += [(card.paf_channel + c, parts + n) for n, c in enumerate(pafs)]
    return outputs


def _network(
    path: Path,
    card: ModelCard,
    *,
    size: tuple[Any, Any, Any] = ("n", "h", "w"),
    spare: int = 1,
    factor: float = 1.0,
    metadata: str | None = None,
) -> Path:
    """Write a network laid out as the card says; `spare` background channels end each output."""
    weights = _weights(card.skeleton) * np.float32(factor)
    nodes = [helper.make_node("Cast", ["frames"], ["floats"], to=TensorProto.FLOAT)]
    last, constants, outputs = "floats", [], []
    if card.input_layout == "NHWC":
        nodes.append(helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]))
        last = "planes"
    nodes.append(
        helper.make_node("AveragePool", [last], ["cells"], kernel_shape=[8, 8], strides=[8, 8])
    )
    for name, places in _places(card).items():
        channels = 1 + max(channel for channel, _ in places) + spare
        kernel = np.zeros((channels, 3, 1, 1), np.float32)
        for channel, field in places:
            kernel[channel, :, 0, 0] = weights[field]
        used = [channel for channel, _ in places]
        bias = np.where(np.isin(np.arange(channels), used), 0, 99).astype(np.float32)
        constants += [(f"{name}_kernel", kernel), (f"{name}_bias", bias)]
        conv = name if card.output_layout == "NCHW" else f"{name}_planes"
        nodes.append(helper.make_node("Conv", ["cells", f"{name}_kernel", f"{name}_bias"], [conv]))
        if conv != name:
            nodes.append(helper.make_node("Transpose", [conv], [name], perm=[0, 2, 3, 1]))
        outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, [None] * 4))
    n, h, w = size
    shape = [n, h, w, 3] if card.input_layout == "NHWC" else [n, 3, h, w]
    dtype = {"uint8": TensorProto.UINT8, "float32": TensorProto.FLOAT}[card.input_dtype]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("frames", dtype, shape)],
        outputs,
        [numpy_helper.from_array(values, name) for name, values in constants],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata is not None:
        model.metadata_props.add(key=METADATA_KEY, value=metadata)
    onnx.save(model, str(path))
    return path


@pytest.fixture
def net_frames(rng: np.random.Generator) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (2, 32, 48, 3), np.uint8)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
@pytest.mark.parametrize("card", CARDS.values(), ids=CARDS.keys())
def test_every_layout_gives_the_same_fields(
    tmp_path: Path, net_frames: NDArray[np.uint8], card: ModelCard, device: str
) -> None:
    if device == "openvino":
        pytest.importorskip("openvino")
    session = open_session(_network(tmp_path / "net.onnx", card), device=device, card=card)
    assert (session.max_batch, session.net_size) == (None, None)
    parts = len(card.skeleton.parts)
    for frames in (net_frames, net_frames[:1, :8, :40]):
        expected = _expected(frames, card)
        found = session.run(frames)
        assert len(found) == len(frames)
        for fields, maps in zip(found, expected, strict=True):
            assert fields.skeleton == card.skeleton and fields.stride == STRIDE
            np.testing.assert_allclose(fields.confidence_maps, maps[:parts], atol=1e-4)
            np.testing.assert_allclose(fields.pafs, maps[parts:], atol=1e-4)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_a_file_describes_itself(tmp_path: Path, device: str) -> None:
    if device == "openvino":
        pytest.importorskip("openvino")
    card = replace(OURS, name="self-described", license="Apache-2.0")
    path = _network(tmp_path / "net.onnx", card, spare=0, metadata=card.to_json())
    assert open_session(path, device=device).card == card


def test_a_card_beside_the_file_and_one_given_come_first(tmp_path: Path) -> None:
    path = _network(tmp_path / "net.onnx", OURS, metadata=OURS.to_json())
    (tmp_path / "net.toml").write_text('name = "beside"\nskeleton = "COCO_18"\n')
    assert open_session(path).card.name == "beside"
    assert open_session(path, card=OURS).card is OURS


def test_the_recipe_that_trained_a_network_is_not_its_card(tmp_path: Path) -> None:
    path = _network(tmp_path / "mine.onnx", OURS, metadata=OURS.to_json())
    (tmp_path / "mine.toml").write_text('crop = 352\n[[sets]]\nannotations = "mine.json"\n')
    assert open_session(path).card == OURS


def test_a_fixed_size_is_known(tmp_path: Path) -> None:
    path = _network(tmp_path / "net.onnx", OURS, size=(1, 32, 48))
    session = open_session(path, card=OURS)
    assert (session.max_batch, session.net_size) == (1, (48, 32))


@pytest.mark.parametrize("device", ["cpu", "openvino"])
def test_half_precision_from_end_to_end(
    tmp_path: Path, net_frames: NDArray[np.uint8], device: str
) -> None:
    if device == "openvino":
        pytest.importorskip("openvino")
    # What converters to float16 make of a file: the card beside it stays as it was.
    card = replace(OURS, input_layout="NCHW", input_dtype="float32", scale=1 / 256, offset=-0.5)
    path = _network(tmp_path / "net.onnx", card)
    model = onnx.load(str(path))
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.elem_type = TensorProto.FLOAT16
    for value in model.graph.initializer:
        value.CopyFrom(
            numpy_helper.from_array(numpy_helper.to_array(value).astype(np.float16), value.name)
        )
    model.graph.node[0].attribute[0].i = TensorProto.FLOAT16
    onnx.save(model, str(path))
    (fields, _) = open_session(path, device=device, card=card).run(net_frames)
    assert fields.confidence_maps.dtype == fields.pafs.dtype == np.float32
    np.testing.assert_allclose(
        fields.confidence_maps, _expected(net_frames, card)[0, :18], atol=0.01
    )


def test_a_fixed_size_that_is_no_multiple_of_the_stride_names_it(tmp_path: Path) -> None:
    path = _network(tmp_path / "net.onnx", OURS, size=(1, 250, 450))
    with pytest.raises(ModelError, match="450x250 .*multiples of its stride 8"):
        open_session(path, device="cpu", card=OURS)


def test_wrong_files(tmp_path: Path) -> None:
    good = _network(tmp_path / "good.onnx", OURS).read_bytes()
    for name, data in {"empty": b"", "text": b"hello" * 99, "cut": good[: len(good) // 2]}.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        with pytest.raises(ModelError, match=f"{name}.onnx is not an ONNX network") as error:
            open_session(path, card=OURS)
        assert "\n" not in str(error.value)
    with pytest.raises(ModelNotFoundError, match="is not a file"):
        open_session(tmp_path / "none.onnx")
    with pytest.raises(ModelNotFoundError, match="is not a file"):
        open_session(tmp_path)
    (tmp_path / "net.h5").write_bytes(b"weights")
    with pytest.raises(ModelError, match=r"must be an \.onnx, \.xml or \.pt network, got \.h5"):
        open_session(tmp_path / "net.h5")


def test_wrong_openvino_files(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    for data in (b"", b"<net", b"<?xml version='1.0'?><net></net>"):
        path = tmp_path / "net.xml"
        path.write_bytes(data)
        with pytest.raises(ModelError, match="not a network that OpenVINO can load") as error:
            open_session(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("made", "said", "message"),
    [
        (OURS, None, r"does not say what it is \(outputs confidence_maps, pafs\)"),
        (OURS, replace(OURS, pafs="vectors"), "has no output vectors; it has confidence_maps"),
        (OURS, replace(OURS, input_layout="NCHW"), "must take NCHW with 3 channels"),
        (OURS, replace(OURS, input_dtype="float32"), r"one input of tensor\(float\)"),
    ],
)
def test_a_network_that_is_not_what_its_card_says_is_refused(
    tmp_path: Path, made: ModelCard, said: ModelCard | None, message: str
) -> None:
    path = _network(tmp_path / "net.onnx", made)
    with pytest.raises(ModelError, match=message) as error:
        open_session(path, card=said)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("device", ["cpu", "openvino"])
@pytest.mark.parametrize(
    ("said", "message"),
    [
        (replace(OURS, stride=4), "which is not stride 4"),
        (replace(OURS, skeleton=BODY_25), "needs 25 and 52"),
        (replace(OURS, output_layout="NHWC"), "channels"),
    ],
)
def test_what_only_a_run_shows(
    tmp_path: Path, net_frames: NDArray[np.uint8], said: ModelCard, message: str, device: str
) -> None:
    if device == "openvino":
        pytest.importorskip("openvino")
    session = open_session(_network(tmp_path / "net.onnx", OURS), card=said, device=device)
    with pytest.raises(ModelError, match=message):
        session.run(net_frames)


def test_a_network_that_fails_says_so(tmp_path: Path, net_frames: NDArray[np.uint8]) -> None:
    path = _network(tmp_path / "net.onnx", OURS, size=(1, 32, 48))
    session = open_session(path, card=OURS)
    with pytest.raises(ModelError, match="net failed:"):
        session.run(net_frames[:, :16])


def test_nan_in_fields_is_refused(tmp_path: Path, net_frames: NDArray[np.uint8]) -> None:
    path = _network(tmp_path / "net.onnx", OURS, factor=np.nan)
    with pytest.raises(FieldsError, match="must be finite"):
        open_session(path, card=OURS).run(net_frames)


def test_a_broken_card_names_its_file(tmp_path: Path) -> None:
    path = _network(tmp_path / "net.onnx", OURS, metadata='{"nmae": "x"}')
    with pytest.raises(ConfigError, match=r"net\.onnx: metadata openpaf has an unknown key nmae"):
        open_session(path)
    (tmp_path / "net.toml").write_text("stride = 8\n")
    with pytest.raises(ConfigError, match=r"net\.toml lacks name and skeleton"):
        open_session(path)


@pytest.mark.parametrize(
    "options",
    [{"device": "gpus"}, {"threads": 0}, {"threads": True}, {"threads": 10**6}, {"threads": 2.5}],
)
def test_options_that_cannot_work(tmp_path: Path, options: dict[str, Any]) -> None:
    path = _network(tmp_path / "net.onnx", OURS)
    with pytest.raises(ConfigError, match=next(iter(options))):
        open_session(path, card=OURS, **options)


def test_the_provider_is_the_one_in_use_and_a_missing_one_is_said(tmp_path: Path) -> None:
    import onnxruntime

    path = _network(tmp_path / "net.onnx", OURS)
    missing = {
        "cuda": "CUDAExecutionProvider",
        "tensorrt": "TensorrtExecutionProvider",
        "coreml": "CoreMLExecutionProvider",
        "directml": "DmlExecutionProvider",
    }
    available = onnxruntime.get_available_providers()
    for device, provider in missing.items():
        if provider in available:
            continue
        with pytest.warns(OpenPafWarning, match=f"'{device}' is not to be had") as warned:
            session = open_session(path, device=device, card=OURS)
        assert session.provider != provider
        assert len(warned) == 1 and "\n" not in str(warned[0].message)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_session(path, device="cpu", card=OURS).provider == "CPUExecutionProvider"


def test_openvino_reports_itself_and_says_what_it_cannot_do(shared: Path) -> None:
    pytest.importorskip("openvino")
    name = "human-pose-estimation-0001"
    path = shared / "models" / name / f"{name}.xml"
    with pytest.warns(OpenPafWarning, match="'cuda' is not to be had"):
        session = open_session(path, device="cuda")
    assert session.provider == "OpenVINO CPU"
    assert session.card.name == name and session.net_size is None


@pytest.mark.parametrize(
    ("module", "suffix", "extra"),
    [("onnxruntime", ".onnx", "cpu"), ("openvino", ".xml", "openvino")],
)
def test_a_missing_runtime_is_one_line(
    tmp_path: Path, module: str, suffix: str, extra: str
) -> None:
    path = tmp_path / f"net{suffix}"
    path.write_bytes(b"never read")
    script = (
        f"import sys; sys.modules[{module!r}] = None\n"
        "from openpaf.errors import MissingExtraError\n"
        "from openpaf.session import open_session\n"
        f"try:\n    open_session({str(path)!r})\n"
        "except MissingExtraError as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.count("\n") == 1
    assert f'pip install "openpaf[{extra}]"' in done.stdout
