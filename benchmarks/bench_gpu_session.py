"""What openpaf's own sessions take on a GPU: as frames come, recorded, and with TensorRT.

    python -m benchmarks.bench_gpu_session
    python -m benchmarks.bench_gpu_session --models default,my-net.onnx --batches 1,8

Uint8 net frames go in, arrays come out, copies and all: what an engine pays for its network.
`as it comes` lets cuDNN choose by its rules; `settled` lets it try every algorithm once a size, and
records a CUDA graph between fixed buffers; TensorRT builds an engine in half precision. `first` is
what the first frame of a size waits for. `photographs` are frames of many sizes, each new. The
error is the largest difference from the CPU's outputs, relative to their largest value. With
`--device cpu` it all runs on the CPU, to see that it works.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.bench_network import bundled_files, given_file
from benchmarks.scenes.clips import random_frames
from benchmarks.tools.options import Out, read_counts, read_sizes, read_words
from benchmarks.tools.record import circumstances, result_path, write_result
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import milliseconds
from openpaf.errors import OpenPafError, OpenPafWarning, first_line
from openpaf.export.agreement import relative_error
from openpaf.selftest.timing import measure
from openpaf.session import Runtime, open_runtime
from openpaf.session.found import nvidia_parts

Outputs = Mapping[str, NDArray[Any]]

AS_IT_COMES, SETTLED, TENSORRT = "as it comes", "settled", "TensorRT"
# The photographs' net heights; nobody sees one size twice.
_PHOTOGRAPHS = 24
# Runs before the first that counts: a size that comes again is recorded at its third.
_WARM_UP = 5

COLUMNS = columns(
    "network = file | size = net_size | batch | way | provider | "
    "first, ms = first_ms:,.0f | ms median = timing.median_ms:.3f | IQR = timing.iqr_ms:.3f | "
    "frames/s = frames_a_second:,.0f | error:.1e",
    file=lambda row: f"{row['network']}, {row['precision']}",
)


def open_way(path: Path, way: str, device: str) -> Runtime:
    """A network ready for one of the ways."""
    runtime = open_runtime(path, device="tensorrt" if way == TENSORRT else device)
    if way == SETTLED:
        runtime.settle()
    return runtime


def figures(
    runtime: Runtime, frames: NDArray[np.uint8], expected: Outputs, repeats: int
) -> dict[str, Any]:
    """What a batch takes, the first time and then; `expected` are its first frame's outputs."""
    first_ms, _ = milliseconds(partial(runtime.outputs, frames))
    timing = measure([partial(runtime.outputs, frames)], repeats=repeats, warm_up=_WARM_UP)
    found = runtime.outputs(frames)
    return {
        "provider": runtime.provider,
        "first_ms": first_ms,
        "timing": timing,
        "frames_a_second": 1000 * len(frames) / timing.median_ms,
        "error": max(relative_error(expected[name], found[name][:1]) for name in expected),
    }


def photographs(runtime: Runtime) -> dict[str, Any]:
    """What a frame of a size that was not seen before takes."""
    taken = [
        milliseconds(partial(runtime.outputs, random_frames(1, (496 + 8 * n, 368))))[0]
        for n in range(_PHOTOGRAPHS)
    ]
    # The first one starts libraries too.
    middle = median(taken[1:])
    return {"provider": runtime.provider, "new_size_ms": middle, "slowest_ms": max(taken[1:])}


def bench(
    files: Sequence[tuple[str, str, Path | str]],
    sizes: Sequence[tuple[int, int]],
    batches: Sequence[int],
    ways: Sequence[str],
    device: str,
    repeats: int,
) -> Iterator[dict[str, Any]]:
    """A row a network, way, size and batch; its reason where it does not run."""
    # What takes minutes to start comes last: a run that is cut off has the rest.
    for way in ways:
        for network, precision, path in files:
            about = {"network": network, "precision": precision, "way": way}
            if isinstance(path, str):
                yield about | {"reason": path}
                continue
            try:
                runtime = open_way(path, way, device)
                for size in sizes:
                    for batch in batches:
                        frames = random_frames(batch, size)
                        expected = open_runtime(path, device="cpu").outputs(frames[:1])
                        row = figures(runtime, frames, expected, repeats)
                        yield about | {"net_size": size, "batch": batch} | row
            except (OpenPafError, OpenPafWarning, RuntimeError) as error:
                yield about | {"reason": first_line(error)}


def main(
    models: Annotated[
        str, typer.Option(help="Files or names beside the bundled default, comma separated.")
    ] = "",
    sizes: Annotated[str, typer.Option(help="Net sizes, px.")] = "656x368,456x256",
    batches: Annotated[str, typer.Option(help="Frames a batch.")] = "1,4,16",
    ways: Annotated[
        str, typer.Option(help="Of: as it comes, settled, TensorRT.")
    ] = f"{AS_IT_COMES},{SETTLED},{TENSORRT}",
    device: Annotated[str, typer.Option(help="cuda, cuda:1, or cpu to try it out.")] = "cuda",
    repeats: Annotated[int, typer.Option(min=1, help="Of each batch; at least 30.")] = 100,
    out: Out = None,
) -> None:
    """Time sessions on a GPU; print a table and write JSON."""
    record: dict[str, Any] = {
        "suite": "gpu_session",
        "circumstances": circumstances(("numpy", "onnxruntime")),
        "nvidia": nvidia_parts(),
        "rows": [],
        "photographs": [],
    }
    path = out or result_path("gpu_session", record["nvidia"].get("cuda:0"), "cuda")

    # What runs otherwise than it was asked to has a reason in place of figures.
    warnings.simplefilter("error", OpenPafWarning)

    def kept(name: str, rows: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        # A long run that is cut off leaves what it has measured.
        for row in rows:
            record[name].append(row)
            write_result(path, record)
            yield row

    with tempfile.TemporaryDirectory() as folder:
        files = [*bundled_files(Path(folder)), *map(given_file, read_words(models))]
        for way in (AS_IT_COMES, SETTLED):
            for row in kept("photographs", _photographs(files, way, device)):
                typer.echo(f"new sizes, {row}")
        chosen = bench(
            files, read_sizes(sizes), read_counts(batches), read_words(ways), device, repeats
        )
        show(COLUMNS, kept("rows", chosen))
    typer.echo(f"written: {path}")


def _photographs(
    files: Sequence[tuple[str, str, Path | str]], way: str, device: str
) -> Iterator[dict[str, Any]]:
    network, _, path = files[0]
    if isinstance(path, Path):
        try:
            yield {"network": network, "way": way} | photographs(open_way(path, way, device))
        except (OpenPafError, OpenPafWarning) as error:
            yield {"network": network, "way": way, "reason": first_line(error)}


if __name__ == "__main__":
    typer.run(main)
