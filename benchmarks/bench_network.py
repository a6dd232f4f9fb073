"""How fast the network alone runs on the CPU, and how far that is from the machine's floor.

    python -m benchmarks.bench_network
    python -m benchmarks.bench_network --threads 1 --sizes 456x256 --model other.xml

The bundled default in float32, its copies in float16 and eight bits, and files given with --model,
on ONNX Runtime, OpenVINO and torch. Each runtime is called directly; beside it stands what
openpaf's own session takes, which also prepares the input and checks the fields. The floor is
the network's arithmetic at the float32 matrix product's speed, measured first on as many threads.
It binds float32 without tricks: Winograd's convolutions multiply less than is counted, and
bfloat16 or eight bits do more at once, so those may go below it.
"""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scenes.clips import random_frames
from benchmarks.tools.arithmetic import file_macs, torch_flops
from benchmarks.tools.floors import MATRIX, CopyMegabytes, Matrix, Threads, cpu_floors
from benchmarks.tools.options import Out, read_sizes
from benchmarks.tools.report import COLORS, publish
from benchmarks.tools.tables import columns, number, show
from openpaf.errors import ModelError, OpenPafError, first_line
from openpaf.models import find_model
from openpaf.models.card import ModelCard
from openpaf.preprocess import check_net_size
from openpaf.selftest.machine import processor, usable_cores
from openpaf.selftest.timing import Timing, measure
from openpaf.session import open_session
from openpaf.session.layout import to_input

# What openpaf, OpenVINO, torch and a missing library raise.
_REFUSALS = (OpenPafError, RuntimeError, ImportError)

OPENVINO_PRECISIONS = {"OpenVINO": None, "OpenVINO, f32": "f32"}
"""Precision that OpenVINO is told to compute in; None leaves it to choose by the processor."""

COLUMNS = columns(
    "network = file | size = net_size | runtime | floats in = floats_in | "
    "ms median = timing.median_ms:.2f | IQR = timing.iqr_ms:.2f | "
    "best = timing.best_ms:.2f | through openpaf, ms = session.median_ms:.2f | GMAC = gmac | "
    "GFLOP/s = gflops:.1f | of sgemm peak = of_peak:.0% | times its floor = of_floor",
    file=lambda row: f"{row['network']}, {row['precision']}",
    gmac=lambda row: number(row["macs"] and row["macs"] / 1e9, 3),
    of_floor=lambda row: number(row["of_peak"] and 1 / row["of_peak"], 2),
)


@dataclass(frozen=True)
class Job:
    """One network on one runtime at one size.

    Attributes
    ----------
    network : str
    precision : str
        Of the file: "fp32", "fp16", "int8", or "as given".
    runtime : str
    net_size : (width, height)
    """

    network: str
    precision: str
    runtime: str
    net_size: tuple[int, int]


@dataclass(frozen=True)
class Row(Job):
    """A job and what came of it: figures, or the reason why there are none.

    Attributes
    ----------
    timing : Timing or None
    floats_in : str
        Precision of floating-point arithmetic, eight-bit layers apart, as the runtime reports it;
        empty where it does not say.
    session : Timing or None
        The same through `openpaf.session`, where it runs the network so.
    macs : int or None
        Of one frame.
    reason : str
    """

    timing: Timing | None = None
    floats_in: str = ""
    session: Timing | None = None
    macs: int | None = None
    reason: str = ""

    def record(self, peak: float) -> dict[str, Any]:
        """For the JSON; `peak` is the sgemm peak in GFLOP/s."""
        gflops = floor_ms = None
        if self.macs is not None:
            floor_ms = 2 * self.macs / peak / 1e6
            gflops = self.timing and 2 * self.macs / self.timing.median_ms / 1e6
        reached = {"gflops": gflops, "of_peak": gflops and gflops / peak, "floor_ms": floor_ms}
        return vars(self) | reached


def bundled_files(folder: Path) -> Iterator[tuple[str, str, Path | str]]:
    """Name, precision and file of the default model's copies, or the reason why there is none."""
    yield "default", "fp32", find_model(None)
    try:
        yield "default", "fp16", _halved(find_model(None), folder)
    except _REFUSALS as error:
        yield "default", "fp16", first_line(error)
    yield "default", "int8", find_model("default-int8")


def given_file(model: str) -> tuple[str, str, Path | str]:
    """The same of a file or model name from the command line."""
    try:
        path = find_model(model)
    except OpenPafError as error:
        return model, "as given", first_line(error)
    return path.stem, "as given", path if path.is_file() else f"{path} is not a file"


def _halved(path: Path, folder: Path) -> Path:
    from openpaf.export.quantize import to_fp16

    halved = folder / f"{path.stem}-fp16.onnx"
    to_fp16(path, halved, open_session(path, device="cpu").card)
    return halved


def bench_file(
    name: str,
    precision: str,
    path: Path,
    net_size: tuple[int, int],
    *,
    threads: int,
    repeats: int,
) -> Iterator[Row]:
    """A file on every runtime that reads it."""
    runtimes = [*OPENVINO_PRECISIONS]
    if path.suffix == ".onnx":
        runtimes.insert(0, "ONNX Runtime")
    for runtime in runtimes:
        job = Job(name, precision, runtime, net_size)
        try:
            yield _bench_runtime(job, path, threads, repeats)
        except _REFUSALS as error:
            yield Row(**vars(job), reason=first_line(error))


def _bench_runtime(job: Job, path: Path, threads: int, repeats: int) -> Row:
    frames = random_frames(1, job.net_size)
    device = "openvino" if job.runtime in OPENVINO_PRECISIONS else "cpu"
    session = open_session(path, device=device, threads=threads)
    check_net_size(session.card.net_height, job.net_size, session.card.stride)
    # What fails here fails as openpaf's error; the runtimes' own have no class in common.
    session.run(frames)
    if job.runtime == "ONNX Runtime":
        call, floats_in = onnxruntime_call(path, session.card, frames, threads), ""
    else:
        hint = OPENVINO_PRECISIONS[job.runtime]
        call, floats_in = openvino_call(path, session.card, frames, threads, hint)
    timing = measure([call], repeats=repeats)
    through_openpaf = None
    if job.runtime != "OpenVINO, f32":  # openpaf leaves the precision to OpenVINO
        through_openpaf = measure([partial(session.run, frames)], repeats=repeats)
    row = Row(**vars(job), timing=timing, floats_in=floats_in, session=through_openpaf)
    try:
        return dataclasses.replace(row, macs=file_macs(path, session.card, job.net_size))
    except (ModelError, ImportError) as error:
        return dataclasses.replace(row, reason=f"arithmetic not counted: {first_line(error)}")


def onnxruntime_call(
    path: Path, card: ModelCard, frames: NDArray[np.uint8], threads: int
) -> Callable[[], object]:
    """A call that runs a file on ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: to_input(frames, card)}
    return partial(session.run, sorted({card.confidence_maps, card.pafs}), feed)


def openvino_call(
    path: Path, card: ModelCard, frames: NDArray[np.uint8], threads: int, precision: str | None
) -> tuple[Callable[[], object], str]:
    """A call that runs a file on OpenVINO, shaped for these frames, and its choice of precision."""
    import openvino

    values = to_input(frames, card)
    core = openvino.Core()
    model = core.read_model(path)
    model.reshape({model.inputs[0]: list(values.shape)})
    config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
    if precision is not None:
        config["INFERENCE_PRECISION_HINT"] = precision
    compiled = core.compile_model(model, "CPU", config)
    chosen = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    return partial(compiled.create_infer_request().infer, {0: values}), chosen


def bench_torch(net_size: tuple[int, int], *, threads: int, repeats: int) -> Row:
    """The default's network in eager torch, from the weights in the repository."""
    job = Job("default", "fp32", "torch", net_size)
    try:
        import torch

        from benchmarks.tools.networks import torch_threads, trained_compact
        from openpaf.network.graph import FramesToFields

        network = trained_compact()
        check_net_size(net_size[1], net_size, network.stride)
        graph = FramesToFields(network).eval()
        frames = torch.from_numpy(random_frames(1, net_size))
        with torch_threads(threads), torch.inference_mode():
            timing = measure([partial(graph, frames)], repeats=repeats)
        macs = torch_flops(network, net_size) // 2
        return Row(**vars(job), timing=timing, floats_in="f32", macs=macs)
    except _REFUSALS as error:
        return Row(**vars(job), reason=first_line(error))


def bench(
    sizes: list[tuple[int, int]], models: list[str], bundled: bool, **options: int
) -> Iterator[Row]:
    """Every file, the bundled ones too if wanted, on everything that runs it, size by size."""
    with tempfile.TemporaryDirectory() as folder:
        files = [*(bundled_files(Path(folder)) if bundled else ()), *map(given_file, models)]
        for size in sizes:
            for name, precision, path in files:
                if isinstance(path, str):
                    yield Row(name, precision, "any", size, reason=path)
                else:
                    yield from bench_file(name, precision, path, size, **options)
            if bundled:
                yield bench_torch(size, **options)


def draw_chart(record: Mapping[str, Any], plt: Any) -> Any:
    """Milliseconds a frame by runtime, the floor beside each, a panel a size."""
    by_size: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for row in record["rows"]:
        if row["timing"] is not None:
            by_size.setdefault(row["net_size"], []).append(row)
    if not by_size:
        return None
    tall = 1.5 + 0.3 * max(map(len, by_size.values()))
    figure, panels = plt.subplots(
        1, len(by_size), squeeze=False, figsize=(6 * len(by_size), tall), layout="constrained"
    )
    for axes, (size, rows) in zip(panels[0], by_size.items(), strict=True):
        chosen = rows[::-1]
        names = ["{network} {precision}, {runtime}".format(**row) for row in chosen]
        times = [row["timing"].median_ms for row in chosen]
        floors = [row["floor_ms"] or 0 for row in chosen]
        axes.barh(range(len(chosen)), times, color=COLORS["network"], label="median")
        axes.barh(
            range(len(chosen)), floors, 0.3, color="#e69f00", label="arithmetic at sgemm peak"
        )
        axes.set_yticks(range(len(chosen)), names, fontsize=8)
        axes.set(xlabel="ms a frame", title="{}x{}".format(*size))
        axes.grid(axis="x", alpha=0.3)
    panels[0, 0].legend(fontsize=8)
    figure.suptitle(f"The network alone on {processor()}", fontsize=10)
    return figure


def main(
    sizes: Annotated[str, typer.Option(help="Net sizes, px.")] = "456x256,656x368",
    model: Annotated[
        list[str] | None,
        typer.Option(help="Another .onnx or .xml file, or a model's name; may be given again."),
    ] = None,
    bundled: Annotated[bool, typer.Option(help="Measure the bundled default too.")] = True,
    threads: Threads = None,
    repeats: Annotated[int, typer.Option(min=1, help="Of each network; at least 30.")] = 50,
    matrix: Matrix = MATRIX,
    copy_megabytes: CopyMegabytes = None,
    out: Out = None,
) -> None:
    """Time networks on this machine's CPU; print a table, write JSON and a chart."""
    threads = threads or usable_cores()
    copy_bytes = copy_megabytes and copy_megabytes * 2**20
    floors = cpu_floors(threads, matrix=matrix, copy_bytes=copy_bytes)
    peak = floors["sgemm_gflops"]
    typer.echo(
        f"{processor()}, {threads} threads: {peak:.0f} GFLOP/s in a float32 matrix product, "
        f"{floors['memory_gb_s']:.1f} GB/s in a copy\n"
    )
    rows = bench(read_sizes(sizes), model or [], bundled, threads=threads, repeats=repeats)
    records = show(COLUMNS, (row.record(peak) for row in rows))
    figures = {"threads": threads, "floors": floors, "rows": records}
    versions = ("numpy", "onnxruntime", "openvino", "torch")
    publish("network", figures, out, draw_chart, versions=versions)


if __name__ == "__main__":
    typer.run(main)
