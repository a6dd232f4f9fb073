"""ONNX Runtime on a GPU that is pretended: order of calls, options, lines, the same numbers out."""

from __future__ import annotations

import gc
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf import Engine
from openpaf.errors import ModelError, OpenPafWarning
from openpaf.models import ModelCard
from openpaf.session import open_runtime
from openpaf.skeleton import COCO_18
from tests.networks import write_nobody, write_random
from tests.session.gpus import CPU, CUDA, TENSORRT, FakeRuntime, pretend

pytest.importorskip("onnxruntime")


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeRuntime:
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path / "cache"))
    return pretend(monkeypatch)


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return write_random(tmp_path / "net.onnx")


def frames(rng: np.random.Generator, *shape: int) -> NDArray[np.uint8]:
    return rng.integers(0, 256, (*shape, 3), np.uint8)


def test_libraries_are_loaded_before_the_first_session(
    gpu: FakeRuntime, network: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runtime = open_runtime(network, device="cuda:1")
    assert runtime.provider == CUDA
    *before, (word, providers) = gpu.calls
    assert before == ["driver", "preload", "CUDA", "cuDNN"] and word == "session"
    assert providers == [
        (CUDA, {"device_id": "1", "cudnn_conv_algo_search": "HEURISTIC"}),
        (CPU, {}),
    ]
    assert capfd.readouterr() == ("", "")


def test_few_sizes_are_searched_for_and_recorded(gpu: FakeRuntime, network: Path) -> None:
    runtime = open_runtime(network, device="gpu")
    runtime.settle()
    runtime.settle()
    first, second = gpu.sessions
    assert first[0][1]["cudnn_conv_algo_search"] == "HEURISTIC"
    assert second[0] == (
        CUDA,
        {"device_id": "0", "cudnn_conv_algo_search": "EXHAUSTIVE", "enable_cuda_graph": "1"},
    )


def test_what_is_recorded_gives_the_same_bits(
    gpu: FakeRuntime, network: Path, rng: np.random.Generator
) -> None:
    plain = open_runtime(network, device="cpu")
    runtime = open_runtime(network, device="cuda")
    runtime.settle()
    gpu.calls.clear()
    kept = []
    for turn in range(6):
        for batch in (frames(rng, 1, 32, 48), frames(rng, 2, 16, 24)):
            expected, found = plain.outputs(batch), runtime.outputs(batch)
            assert list(found) == list(expected)
            for name, value in expected.items():
                np.testing.assert_array_equal(found[name], value)
            kept.append((turn, found, {name: one.copy() for name, one in found.items()}))
    # Twice each plainly, the third time plainly and recorded, then recorded alone.
    assert gpu.graphs == ["-1"] * 4 + ["-1", "1", "-1", "2"]
    assert (gpu.calls.count("recording"), gpu.calls.count("bound run")) == (2, 6)
    assert gpu.calls[-6:] == ["up", "bound run", ("device", 0), "down", ("device", 0), "down"]
    # What was given stays as it was when the buffers are filled anew.
    for _, found, copies in kept:
        for name, one in copies.items():
            np.testing.assert_array_equal(found[name], one)


def test_sizes_beyond_the_eighth_run_plainly(
    gpu: FakeRuntime, network: Path, rng: np.random.Generator
) -> None:
    runtime = open_runtime(network, device="cuda")
    runtime.settle()
    for cells in range(1, 11):
        for _ in range(4):
            runtime.outputs(frames(rng, 1, 8, 8 * cells))
    assert {graph for graph in gpu.graphs if graph != "-1"} == set("12345678")


def test_page_locked_arrays_are_freed(
    gpu: FakeRuntime, network: Path, rng: np.random.Generator
) -> None:
    runtime = open_runtime(network, device="cuda")
    runtime.settle()
    for _ in range(3):
        runtime.outputs(frames(rng, 1, 16, 16))
    assert gpu.cudart.page_locked == 3
    del runtime
    gc.collect()
    assert gpu.cudart.page_locked == 0


def test_a_network_that_cannot_be_recorded_runs_without(
    gpu: FakeRuntime, network: Path, rng: np.random.Generator
) -> None:
    gpu.refuses["enable_cuda_graph"] = "This session cannot use the graph capture feature"
    runtime = open_runtime(network, device="cuda")
    with pytest.warns(OpenPafWarning, match="net runs without a CUDA graph, .*cannot use"):
        runtime.settle()
    assert gpu.sessions[-1][0][1] == {"device_id": "0", "cudnn_conv_algo_search": "EXHAUSTIVE"}
    batch = frames(rng, 1, 16, 16)
    expected = open_runtime(network, device="cpu").outputs(batch)
    np.testing.assert_array_equal(runtime.outputs(batch)["pafs"], expected["pafs"])


def test_a_recording_that_fails_is_given_up_and_the_frame_is_not_lost(
    gpu: FakeRuntime, network: Path, rng: np.random.Generator
) -> None:
    runtime = open_runtime(network, device="cuda")
    runtime.settle()
    gpu.cudart.memcpy_error = 700
    batch = frames(rng, 1, 16, 16)
    expected = open_runtime(network, device="cpu").outputs(batch)
    for _ in range(2):
        np.testing.assert_array_equal(runtime.outputs(batch)["pafs"], expected["pafs"])
    with pytest.warns(OpenPafWarning, match="without a CUDA graph, .*CUDA error 700"):
        found = runtime.outputs(batch)
    np.testing.assert_array_equal(found["pafs"], expected["pafs"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(runtime.outputs(batch)["pafs"], expected["pafs"])
    assert "enable_cuda_graph" not in gpu.sessions[-1][0][1]


def test_a_gpu_that_is_lost_on_the_way_is_said_and_no_longer_named(
    gpu: FakeRuntime, network: Path, rng: np.random.Generator
) -> None:
    engine = Engine(network, device="cuda")
    engine.settle()
    assert engine.provider == CUDA
    gpu.cudart.memcpy_error = 700
    gpu.refuses[CUDA] = "CUDA failure 700: an illegal memory access ; GPU=0"
    frame = frames(rng, 40, 40)
    with pytest.warns(OpenPafWarning) as warned:
        found = [engine.detect(frame) for _ in range(4)]
    assert len({people.keypoints.tobytes() for people in found}) == 1
    graph, device = (str(one.message) for one in warned)
    assert "without a CUDA graph" in graph
    assert device == (
        "device 'cuda' is not to be had: CUDA failure 700: an illegal memory access; "
        f"running on {CPU}"
    )
    assert engine.provider == engine.session.provider == CPU and CPU in repr(engine)


def test_what_records_is_never_run_without_a_graphs_number(
    gpu: FakeRuntime, network: Path, rng: np.random.Generator
) -> None:
    runtime = open_runtime(network, device="cuda")
    runtime.settle()
    gpu.cudart.memcpy_error = 700
    between: list[str] = []
    real = gpu.InferenceSession

    def slowly(*arguments: Any, **options: Any) -> Any:
        # Another thread's frame of another size, while the session is being replaced.
        gpu.InferenceSession = real  # type: ignore[method-assign]
        before = len(gpu.graphs)
        thread = threading.Thread(target=runtime.outputs, args=(frames(rng, 1, 24, 24),))
        thread.start()
        thread.join(60)
        between.extend(gpu.graphs[before:])
        return real(*arguments, **options)

    gpu.InferenceSession = slowly  # type: ignore[method-assign]
    batch = frames(rng, 1, 16, 16)
    for _ in range(2):
        runtime.outputs(batch)
    with pytest.warns(OpenPafWarning, match="without a CUDA graph"):
        runtime.outputs(batch)
    assert between == ["-1"]


def test_a_runtime_that_does_not_say_its_cuda_is_taken_as_it_is(
    gpu: FakeRuntime, network: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "cuda_version", "", raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_runtime(network, device="cuda").provider == CUDA
    assert "CUDA" not in gpu.calls


def test_a_frame_that_fails_is_the_frames_fault_also_when_settled(
    gpu: FakeRuntime, tmp_path: Path, rng: np.random.Generator
) -> None:
    runtime = open_runtime(write_nobody(tmp_path / "net.onnx"), device="cuda")
    runtime.settle()
    for _ in range(4):
        with pytest.raises(ModelError, match="nobody failed"):
            runtime.outputs(np.zeros((1, 16, 16, 4), np.uint8))
    assert len(gpu.sessions) == 2


@pytest.mark.parametrize("device", ["cuda", "tensorrt", "auto"])
@pytest.mark.parametrize("part", ["driver", "CUDA", "cuDNN"])
def test_what_is_missing_is_one_line(
    gpu: FakeRuntime, network: Path, part: str, device: str, capfd: pytest.CaptureFixture[str]
) -> None:
    gpu.missing[part] = f"{part} is not here; install it"
    with pytest.warns(OpenPafWarning) as warned:
        runtime = open_runtime(network, device=device)
    assert runtime.provider == CPU and gpu.sessions == [[(CPU, {})]]
    said = "no GPU is used" if device == "auto" else f"device '{device}' is not to be had"
    lines = [str(one.message) for one in warned]
    assert lines == [f"{said}: {part} is not here; install it; running on {CPU}"]
    assert capfd.readouterr() == ("", "")


def test_a_package_without_cuda_is_said_where_it_was_asked_for(
    gpu: FakeRuntime, network: Path
) -> None:
    gpu.available = [CPU]
    with pytest.warns(OpenPafWarning, match=r'built without CUDA.* pip install "openpaf\[gpu\]"'):
        open_runtime(network, device="cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_runtime(network, device="auto").provider == CPU


def test_the_reason_is_cut_out_of_what_the_provider_says(gpu: FakeRuntime, network: Path) -> None:
    gpu.refuses[CUDA] = (
        "/onnxruntime_src/cuda_call.cc:154 std::conditional_t<THRW> CudaCall(ERRTYPE) [with "
        "ERRTYPE = cudaError] CUDA failure 100: no CUDA-capable device is detected ; GPU=-1 ; "
        "hostname=h ; expr=cudaSetDevice(info_.device_id);"
    )
    with pytest.warns(OpenPafWarning) as warned:
        open_runtime(network, device="cuda")
    assert str(warned[0].message) == (
        "device 'cuda' is not to be had: CUDA failure 100: no CUDA-capable device is detected; "
        f"running on {CPU}"
    )


def test_tensorrt_keeps_engines_of_a_gpu_and_its_versions_apart(
    gpu: FakeRuntime, network: Path, tmp_path: Path
) -> None:
    def folder() -> Path:
        runtime = open_runtime(network, device="tensorrt:1")
        runtime.settle()
        assert runtime.provider == TENSORRT
        (name, options), cuda, cpu = gpu.sessions[-1]
        assert (name, options["device_id"], options["trt_fp16_enable"]) == (TENSORRT, "1", "1")
        assert (cuda[0], cpu[0]) == (CUDA, CPU)
        return Path(options["trt_engine_cache_path"])

    first = folder()
    assert first.is_dir() and first.parent == tmp_path / "cache" / "tensorrt"
    assert first.name == "nvidia-h100-80gb-hbm3-9.0-tensorrt-10.13.3-onnxruntime-1.31.1"
    gpu.__version__ = "1.32.0"
    assert folder() not in (first, None)


def test_without_tensorrt_cuda_runs_and_says_so(gpu: FakeRuntime, network: Path) -> None:
    gpu.missing["TensorRT"] = "TensorRT 10 is not complete here"
    with pytest.warns(OpenPafWarning, match=rf"'tensorrt' .* not complete here; running on {CUDA}"):
        assert open_runtime(network, device="tensorrt").provider == CUDA


def test_a_cache_that_cannot_be_made_is_done_without(
    gpu: FakeRuntime, network: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").write_text("a file")
    open_runtime(network, device="tensorrt")
    assert "trt_engine_cache_path" not in gpu.sessions[-1][0][1]


def test_engines_of_one_size_and_streams_settle(
    gpu: FakeRuntime, tmp_path: Path, rng: np.random.Generator
) -> None:
    cv2 = pytest.importorskip("cv2")
    network = write_nobody(tmp_path / "net.onnx")
    Engine(network, device="cuda", net_size=(48, 32))
    assert len(gpu.sessions) == 2
    gpu.calls.clear()

    photos = tmp_path / "photos"
    photos.mkdir()
    for n, side in enumerate((40, 48, 56)):
        cv2.imwrite(str(photos / f"{n}.png"), frames(rng, side, side))
    engine = Engine(network, device="cuda", net_height=32)
    assert len([*engine.stream(photos)]) == 3
    assert len(gpu.sessions) == 1

    film = tmp_path / "film.avi"
    writer = cv2.VideoWriter(str(film), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(6):
        writer.write(frames(rng, 48, 64))
    writer.release()
    assert len([*engine.stream(film)]) == 6
    assert gpu.sessions[-1][0][1]["cudnn_conv_algo_search"] == "EXHAUSTIVE"
    assert gpu.graphs[-1] == "1"


def test_a_real_failure_is_an_error_and_nothing_on_the_screen(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    onnx = pytest.importorskip("onnx")
    helper, names = onnx.helper, ("confidence_maps", "pafs")
    nodes = [helper.make_node("Cast", ["frames"], ["floats"], to=onnx.TensorProto.FLOAT)]
    nodes += [helper.make_node("Reshape", ["floats", "shape"], [name]) for name in names]
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("frames", onnx.TensorProto.UINT8, ["n", "h", "w", 3])],
        [helper.make_tensor_value_info(n, onnx.TensorProto.FLOAT, [None] * 4) for n in names],
        [helper.make_tensor("shape", onnx.TensorProto.INT64, [4], [7, 7, 7, 7])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path = tmp_path / "net.onnx"
    onnx.save(model, str(path))
    runtime = open_runtime(path, device="cpu", card=ModelCard(name="net", skeleton=COCO_18))
    with pytest.raises(ModelError, match="net failed: .*Reshape") as error:
        runtime.outputs(np.zeros((1, 16, 16, 3), np.uint8))
    assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")
