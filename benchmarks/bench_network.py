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
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.floor import MATRIX, cores_allowed, cpu_floors
from benchmarks.tools.arithmetic import file_macs, torch_flops
from benchmarks.tools.options import read_sizes
from benchmarks.tools.record import circumstances, result_path, write_result
from benchmarks.tools.tables import table
from openpaf.errors import ModelError, OpenPafError
from openpaf.models import find_model
from openpaf.models.card import ModelCard
from openpaf.preprocess import check_net_size
from openpaf.selftest.timing import Timing, measure, processor
from openpaf.session import open_session
from openpaf.session.layout import first_line, to_input

# What openpaf, OpenVINO, torch and a missing library raise.
_REFUSALS = (OpenPafError, RuntimeError, ImportError)

OPENVINO_PRECISIONS = {"OpenVINO": None, "OpenVINO, f32": "f32"}
"""Precision that OpenVINO is told to compute in; None leaves it to choose by the processor."""

HEAD = (
    "network | size | runtime | floats in | ms median | IQR | best | through openpaf, ms | "
    "GMAC | GFLOP/s | of sgemm peak | times its floor"
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
class Row:
    """What came of a job: figures, or the reason why there are none.

    Attributes
    ----------
    job : Job
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

    job: Job
    timing: Timing | None = None
    floats_in: str = ""
    session: Timing | None = None
    macs: int | None = None
    reason: str = ""

    @property
    def gflops(self) -> float | None:
        """Achieved."""
        if self.timing is None or self.macs is None:
            return None
        return 2 * self.macs / self.timing.median_ms / 1e6

    def record(self, peak: float) -> dict[str, Any]:
        """For the JSON; `peak` is the sgemm peak in GFLOP/s."""
        return {
            **dataclasses.asdict(self.job),
            "floats_in": self.floats_in,
            "timing": self.timing,
            "session": self.session,
            "macs": self.macs,
            "gflops": self.gflops,
            "of_peak": None if self.gflops is None else self.gflops / peak,
            "floor_ms": None if self.macs is None else 2 * self.macs / peak / 1e6,
            "reason": self.reason,
        }

    def cells(self, peak: float) -> list[str]:
        """For the table."""
        width, height = self.job.net_size
        about = [f"{self.job.network}, {self.job.precision}", f"{width}x{height}", self.job.runtime]
        if self.timing is None:
            return [*about, self.reason.replace("|", "/"), *[""] * 8]
        gflops, macs = self.gflops, self.macs
        return [
            *about,
            self.floats_in,
            f"{self.timing.median_ms:.2f}",
            f"{self.timing.iqr_ms:.2f}",
            f"{self.timing.best_ms:.2f}",
            "" if self.session is None else f"{self.session.median_ms:.2f}",
            "" if macs is None else f"{macs / 1e9:.3f}",
            "" if gflops is None else f"{gflops:.1f}",
            "" if gflops is None else f"{gflops / peak:.0%}",
            "" if gflops is None else f"{peak / gflops:.2f}",
        ]


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
            yield Row(job, reason=first_line(error))


def _bench_runtime(job: Job, path: Path, threads: int, repeats: int) -> Row:
    frames = random_frames(job.net_size)
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
    row = Row(job, timing, floats_in, through_openpaf)
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

        from benchmarks.tools.networks import trained_compact
        from openpaf.network.graph import FramesToFields

        network = trained_compact()
        check_net_size(net_size[1], net_size, network.stride)
        graph = FramesToFields(network).eval()
        frames = torch.from_numpy(random_frames(net_size))
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            with torch.inference_mode():
                timing = measure([partial(graph, frames)], repeats=repeats)
        finally:
            torch.set_num_threads(before)
        return Row(job, timing, "f32", macs=torch_flops(network, net_size) // 2)
    except _REFUSALS as error:
        return Row(job, reason=first_line(error))


def random_frames(net_size: tuple[int, int]) -> NDArray[np.uint8]:
    """Seeded noise, (1, H, W, 3) uint8."""
    width, height = net_size
    return np.random.default_rng(0).integers(0, 256, (1, height, width, 3), np.uint8)


def draw_chart(rows: list[Row], peak: float, path: Path) -> None:
    """Milliseconds a frame by runtime, the floor beside each, a panel a size."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    measured = [row for row in rows if row.timing is not None]
    sizes = list(dict.fromkeys(row.job.net_size for row in measured))
    if not sizes:
        return
    most = max(sum(row.job.net_size == size for row in measured) for size in sizes)
    figure, panels = plt.subplots(
        1, len(sizes), squeeze=False, figsize=(6 * len(sizes), 1.5 + 0.3 * most),
        layout="constrained",
    )  # fmt: skip
    for axes, size in zip(panels[0], sizes, strict=True):
        chosen = [row for row in measured if row.job.net_size == size][::-1]
        names = [f"{r.job.network} {r.job.precision}, {r.job.runtime}" for r in chosen]
        times = [row.timing.median_ms for row in chosen if row.timing is not None]
        floors = [row.record(peak)["floor_ms"] or 0 for row in chosen]
        axes.barh(range(len(chosen)), times, color="#0072b2", label="median")
        axes.barh(
            range(len(chosen)), floors, 0.3, color="#e69f00", label="arithmetic at sgemm peak"
        )
        axes.set_yticks(range(len(chosen)), names, fontsize=8)
        axes.set(xlabel="ms a frame", title=f"{size[0]}x{size[1]}")
        axes.grid(axis="x", alpha=0.3)
    panels[0, 0].legend(fontsize=8)
    figure.suptitle(f"The network alone on {processor()}", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(
    sizes: Annotated[str, typer.Option(help="Net sizes, px.")] = "456x256,656x368",
    model: Annotated[
        list[str] | None,
        typer.Option(help="Another .onnx or .xml file, or a model's name; may be given again."),
    ] = None,
    bundled: Annotated[bool, typer.Option(help="Measure the bundled default too.")] = True,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads.", show_default="all cores allowed")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Of each network; at least 30.")] = 50,
    matrix: Annotated[int, typer.Option(min=1, help="Side of the floor's matrices.")] = MATRIX,
    copy_megabytes: Annotated[
        int | None,
        typer.Option(
            min=1, help="Size of the floor's copy.", show_default="4 times the last-level cache"
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="JSON to write; the chart goes beside.")] = None,
) -> None:
    """Time networks on this machine's CPU; print a table, write JSON and a chart."""
    net_sizes = read_sizes(sizes)
    threads = threads or cores_allowed()
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    copy_bytes = None if copy_megabytes is None else copy_megabytes * 2**20
    floors = cpu_floors(threads, matrix=matrix, copy_bytes=copy_bytes)
    peak = floors["sgemm_gflops"]
    options = {"threads": threads, "repeats": repeats}
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        files: list[tuple[str, str, Path | str]] = []
        if bundled:
            files += bundled_files(Path(folder))
        files += map(given_file, model or [])
        for size in net_sizes:
            for name, precision, path in files:
                if isinstance(path, str):
                    rows.append(Row(Job(name, precision, "any", size), reason=path))
                else:
                    rows += bench_file(name, precision, path, size, **options)
            if bundled:
                rows.append(bench_torch(size, **options))
    typer.echo(
        f"{processor()}, {threads} threads: {peak:.0f} GFLOP/s in a float32 matrix product, "
        f"{floors['memory_gb_s']:.1f} GB/s in a copy\n"
    )
    typer.echo(table(HEAD, [row.cells(peak) for row in rows]))
    record = {
        "suite": "network",
        "threads": threads,
        "load_average": load,
        "circumstances": circumstances(("numpy", "onnxruntime", "openvino", "torch")),
        "floors": floors,
        "rows": [row.record(peak) for row in rows],
    }
    path = out or result_path("network", processor())
    write_result(path, record)
    draw_chart(rows, peak, path.with_suffix(".png"))
    typer.echo(f"\nwritten: {path} and {path.with_suffix('.png').name}")


if __name__ == "__main__":
    typer.run(main)
