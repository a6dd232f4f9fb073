"""The parts that the network's benchmarks are made of, on networks that take no time."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from onnx import TensorProto, helper, save
from typer.testing import CliRunner

from benchmarks import bench_gpu, bench_network
from benchmarks.tools import floors as floor
from benchmarks.tools.arithmetic import file_macs, torch_flops
from benchmarks.tools.networks import build_network, seeded
from benchmarks.tools.record import result_path
from openpaf.errors import ModelError
from openpaf.export.onnx import describe
from openpaf.models.card import ModelCard
from openpaf.network.pafnet import PafNet
from openpaf.skeleton import COCO_18
from openpaf_weights import bundled_model
from tests.export.test_onnx import tiny_network

SMALL = (64, 48)


def _tiny_network() -> PafNet:
    network = seeded(tiny_network())
    assert isinstance(network, PafNet)
    return network


def _weights(name: str, *shape: int) -> TensorProto:
    values = [0.01] * (shape[0] * shape[1] * shape[2] * shape[3])
    return helper.make_tensor(name, TensorProto.FLOAT, shape, values)


@pytest.fixture
def tiny_onnx(tmp_path: Path) -> Path:
    """An eightfold smaller copy of the frame, a depthwise convolution, and both fields."""
    graph = helper.make_graph(
        [
            helper.make_node("Cast", ["frames"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node("Transpose", ["floats"], ["x"], perm=[0, 3, 1, 2]),
            helper.make_node("Conv", ["x", "w1"], ["y"], name="first", strides=[8, 8]),
            helper.make_node("Conv", ["y", "w2"], ["z"], group=4, pads=[1, 1, 1, 1]),
            helper.make_node("Conv", ["z", "w3"], ["confidence_maps"]),
            helper.make_node("Conv", ["z", "w4"], ["pafs"]),
        ],
        "tiny",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["n", "h", "w", 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "y", "x"])
            for name, channels in (("confidence_maps", 18), ("pafs", 38))
        ],
        [
            _weights("w1", 4, 3, 8, 8),
            _weights("w2", 4, 1, 3, 3),
            _weights("w3", 18, 4, 1, 1),
            _weights("w4", 38, 4, 1, 1),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    describe(model, ModelCard(name="tiny", skeleton=COCO_18))
    path = tmp_path / "tiny.onnx"
    save(model, path)
    return path


def test_arithmetic_is_counted_exactly(tiny_onnx: Path) -> None:
    card = ModelCard(name="tiny", skeleton=COCO_18)
    # 48 cells; each takes 4 x 3 x 8 x 8, then 4 x 1 x 3 x 3, then 18 x 4 and 38 x 4.
    assert file_macs(tiny_onnx, card, SMALL) == 48 * (768 + 36 + 72 + 152)
    assert file_macs(tiny_onnx, card, (128, 96)) == 4 * 48 * (768 + 36 + 72 + 152)


def test_openvino_counts_the_same(tiny_onnx: Path) -> None:
    openvino = pytest.importorskip("openvino")
    card = ModelCard(name="tiny", skeleton=COCO_18)
    path = tiny_onnx.with_suffix(".xml")
    openvino.save_model(openvino.Core().read_model(tiny_onnx), path)
    assert file_macs(path, card, SMALL) == file_macs(tiny_onnx, card, SMALL)


def test_torch_counts_the_same_as_its_export() -> None:
    card = ModelCard(name="default", skeleton=COCO_18)
    macs = {
        name: file_macs(bundled_model(f"{name}.onnx"), card, (456, 256))
        for name in ("default", "default-int8")
    }
    assert macs["default"] == macs["default-int8"]
    assert 2 * macs["default"] == torch_flops(build_network("compact"), (456, 256))


def test_what_is_not_counted_is_said(tmp_path: Path) -> None:
    frames = helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["n", "h", "w", 3])
    product = helper.make_node("MatMul", ["frames", "frames"], ["out"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    path = tmp_path / "product.onnx"
    save(helper.make_model(helper.make_graph([product], "product", [frames], [out])), path)
    with pytest.raises(ModelError, match="MatMul"):
        file_macs(path, ModelCard(name="product", skeleton=COCO_18), SMALL)


def test_floors_are_positive() -> None:
    floors = floor.cpu_floors(1, matrix=32, copy_bytes=4096)
    assert floors["sgemm_gflops"] == max(floors["sgemm_gflops_by_library"].values())
    assert min(floors["sgemm_gflops_by_library"].values()) > 0
    assert floors["memory_gb_s"] > 0
    assert floor.last_level_cache_bytes() >= 0


def test_results_are_named_after_machine_and_device() -> None:
    path = result_path("network", "AMD EPYC(TM) 9", "cpu")
    assert path.name == "network--amd-epyc-tm-9--cpu.json"


def test_bench_gpu_asks_for_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bench_gpu, "has_cuda", lambda: False)
    out = tmp_path / "gpu.json"
    result = CliRunner().invoke(_app(bench_gpu.main), ["--out", str(out)])
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        "bench_gpu needs a CUDA GPU and a torch that can use it; none is here"
    ]
    assert not out.exists()


def test_steps_of_a_batch_are_timed_on_the_cpu_too() -> None:
    rows = list(
        bench_gpu.measure_network(
            "tiny",
            _tiny_network(),
            SMALL,
            batches=[2],
            precisions=["fp32"],
            modes=["eager", "graph"],
            device="cpu",
            repeats=1,
        )
    )
    eager, graph = rows
    for step in ("upload", "network", "download", "decode a frame"):
        assert eager["timings"][step].median_ms > 0
        assert eager["timings"][step].repeats >= 30
    assert eager["frames_a_second"] > eager["frames_a_second_in_turn"] > 0
    assert eager["gflop"] == pytest.approx(torch_flops(_tiny_network(), SMALL) / 1e9)
    assert eager["tflops"] == pytest.approx(eager["frames_a_second"] * eager["gflop"] / 1000)
    assert eager["ready_s"] > 0
    assert eager["memory_mb"] is None
    assert eager["error"] < 1e-4
    assert "CUDA" in graph["reason"]
    columns = bench_gpu.HEAD.count(" | ") + 1
    assert [len(bench_gpu.cells(row, 1.0)) for row in rows] == [columns, columns]


def test_half_precision_computes_the_same_fields() -> None:
    from benchmarks.tools.gpu_stages import Batch, fields_of_first
    from openpaf.export.agreement import relative_error

    network, frames = _tiny_network(), bench_gpu.random_frames(2, SMALL)
    batch = Batch(network, frames, precision="fp16", device="cpu")
    batch.download()
    for expected, maps in zip(fields_of_first(network, frames, "cpu"), batch.fields, strict=True):
        assert 0 < relative_error(expected, maps[:1].numpy()) < 0.01


def test_bench_network_end_to_end(tiny_onnx: Path, tmp_path: Path) -> None:
    out = tmp_path / "results" / "network.json"
    options = "--no-bundled --sizes 64x48 --repeats 1 --threads 1 --matrix 32 --copy-megabytes 1"
    models = ["--model", str(tiny_onnx), "--model", "nowhere.onnx"]
    result = CliRunner().invoke(
        _app(bench_network.main), [*options.split(), *models, "--out", str(out)]
    )
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["suite"] == "network"
    assert record["threads"] == record["floors"]["threads"] == 1
    assert out.with_suffix(".png").is_file()
    first, *_, missing = record["rows"]
    assert (first["network"], first["runtime"]) == ("tiny", "ONNX Runtime")
    assert first["net_size"] == [64, 48]
    assert first["timing"]["repeats"] >= 30
    assert first["session"]["median_ms"] > 0
    assert first["macs"] == 48 * (768 + 36 + 72 + 152)
    assert first["gflops"] == pytest.approx(
        2e-6 * first["macs"] / first["timing"]["median_ms"], rel=0.01
    )
    assert first["of_peak"] > 0
    assert missing["timing"] is None
    assert missing["reason"] == "nowhere.onnx is not a file"
    lines = [line for line in result.output.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {13}


def _app(main: Any) -> Any:
    import typer

    app = typer.Typer()
    app.command()(main)
    return app
