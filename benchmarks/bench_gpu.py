"""How fast networks run on a CUDA GPU, and how far that is from what the GPU can do.

    python -m benchmarks.bench_gpu
    python -m benchmarks.bench_gpu --networks vgg19-coco --precisions fp16 --modes graph

Batches of random uint8 frames go up, through the network and down again as stride-8 fields; CUDA
events time each step apart. The fields of a seeded crowd are decoded on one thread of the CPU.
Weights are seeded too: they change what is found, not how fast. TFLOP/s stand beside what the same
GPU reaches in a float16 matrix product, measured first. Needs torch with CUDA.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmarks.scenes.clips import random_frames
from benchmarks.tools import tables
from benchmarks.tools.floors import gpu_floors, has_cuda
from benchmarks.tools.options import Out, read_counts, read_sizes, read_words
from benchmarks.tools.record import circumstances, result_path, write_result
from benchmarks.tools.tables import columns
from openpaf.decoder import Decoder
from openpaf.errors import OpenPafError, first_line
from openpaf.fields import Fields
from openpaf.selftest.crowd import STRIDE, make_crowd
from openpaf.selftest.timing import Timing, measure
from openpaf.skeleton import Skeleton

if TYPE_CHECKING:
    from openpaf.network.graph import PoseNetwork

PEOPLE = 10
"""People in the crowds that are decoded; the random weights' own fields show nobody."""

COLUMNS = columns(
    "network | size = net_size | batch | precision | mode | "
    "upload, ms = timings.upload.median_ms:.3f | "
    "network, ms = timings.network.median_ms:.3f | IQR = timings.network.iqr_ms:.3f | "
    "download, ms = timings.download.median_ms:.3f | decode, ms = decoding | "
    "frames/s, network = frames_a_second:.1f | "
    "frames/s, in turn = frames_a_second_in_turn:.1f | TFLOP/s = tflops:.2f | "
    "of fp16 peak = of_peak:.1% | memory, MB = memory_mb:.0f | error:.1e",
    decoding=lambda row: f"{row['batch'] * row['timings']['decode a frame'].median_ms:.3f}",
)
HEAD = " | ".join(COLUMNS)
# What torch, its compiler and openpaf raise where something is not to be had; no memory among them.
_REFUSALS = (RuntimeError, OpenPafError, ImportError, OSError)


def measure_network(
    name: str,
    network: PoseNetwork,
    net_size: tuple[int, int],
    *,
    batches: list[int],
    precisions: list[str],
    modes: list[str],
    device: str,
    repeats: int,
) -> Iterator[dict[str, Any]]:
    """One row a batch size, precision and mode; where one cannot run, its row has a reason.

    Parameters
    ----------
    name : str
    network : PafNet, PublishedNetwork or MobileNetOpenPose
    net_size : (width, height)
    batches : list of int
    precisions, modes : list of str
        As `benchmarks.tools.gpu_stages` names them.
    device : str
        "cuda" or "cpu".
    repeats : int
    """
    from benchmarks.tools.gpu_stages import fields_of_first, measure_batch

    frames = random_frames(max(batches), net_size)
    expected = fields_of_first(network, frames, device)
    decode = decode_timing(network.skeleton, net_size, repeats)
    for batch, precision, mode in product(batches, precisions, modes):
        how = {"precision": precision, "mode": mode}
        row = {"network": name, "net_size": net_size, "batch": batch, **how}
        try:
            figures = measure_batch(
                network, frames[:batch], device=device, repeats=repeats, expected=expected, **how
            )
        except _REFUSALS as error:
            row["reason"] = first_line(error)
        else:
            figures["timings"]["decode a frame"] = decode
            row |= figures | {"frames_a_second_in_turn": in_turn(figures["timings"], batch)}
        yield row
        _free_memory(device)


def decode_timing(skeleton: Skeleton, net_size: tuple[int, int], repeats: int) -> Timing:
    """What making people of downloaded fields takes a frame, on one thread."""
    grid = (net_size[0] // STRIDE, net_size[1] // STRIDE)
    heights = (net_size[1] / 6, net_size[1] / 2)
    crowds = [
        make_crowd(PEOPLE, seed, skeleton=skeleton, grid=grid, heights=heights).fields
        for seed in range(4)
    ]
    decoder = Decoder()

    def decode(fields: Fields) -> object:
        # As after a download: fields are checked when they are made.
        return decoder.people(Fields(fields.confidence_maps, fields.pafs, STRIDE, skeleton))

    return measure([partial(decode, fields) for fields in crowds], repeats=repeats)


def in_turn(timings: dict[str, Timing], batch: int) -> float:
    """Frames a second where each step waits for the one before it."""
    steps = sum(timings[step].median_ms for step in ("upload", "network", "download"))
    return 1000 * batch / (steps + batch * timings["decode a frame"].median_ms)


def cells(row: dict[str, Any], peak: float | None) -> list[str]:
    """A row of the table; `peak` is the fp16 matrix product's TFLOP/s where it is known."""
    reached = {} if "reason" in row else {"of_peak": peak and row["tflops"] / peak}
    return tables.cells(COLUMNS, row | reached)


def _free_memory(device: str) -> None:
    gc.collect()
    if device == "cuda":
        import torch

        torch.cuda.empty_cache()


def main(
    networks: Annotated[
        str, typer.Option(help="Published layouts and `compact`, comma separated.")
    ] = "vgg19-coco,vgg19-body25,compact",
    sizes: Annotated[str, typer.Option(help="Net sizes, px.")] = "656x368,368x368",
    batches: Annotated[str, typer.Option(help="Frames a batch.")] = "1,4,16,64",
    precisions: Annotated[str, typer.Option(help="Of fp32, tf32, fp16, bf16.")] = "fp32,fp16",
    modes: Annotated[str, typer.Option(help="Of eager, graph, compile.")] = "eager,graph,compile",
    repeats: Annotated[int, typer.Option(min=1, help="Of each batch; at least 30.")] = 30,
    device: Annotated[str, typer.Option(help="cuda, or cpu to see that it works.")] = "cuda",
    out: Out = None,
) -> None:
    """Time networks on this machine's CUDA GPU; print a table and write JSON."""
    if device == "cuda" and not has_cuda():
        typer.echo("bench_gpu needs a CUDA GPU and a torch that can use it; none is here", err=True)
        raise typer.Exit(2)
    import torch

    from benchmarks.tools.networks import NAMES, build_network, seeded

    net_sizes = read_sizes(sizes)
    for name in read_words(networks):
        if name not in NAMES:
            raise typer.BadParameter(f"--networks takes {', '.join(NAMES)}, got {name}")
    # Frames of one size come again and again: let cuDNN try its algorithms and keep the fastest.
    torch.backends.cudnn.benchmark = True
    # A rehearsal on the CPU has nothing to be measured by.
    floors = gpu_floors() if device == "cuda" else {"device": device, "fp16_tflops": None}
    peak = floors["fp16_tflops"]
    path = out or result_path("gpu", floors["device"], "cuda")
    record = {
        "suite": "gpu",
        "circumstances": circumstances(("numpy", "numba", "torch")),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version(),
        "floors": floors,
        "people_decoded": PEOPLE,
    }
    rows: list[dict[str, Any]] = []
    ways: dict[str, Any] = {
        "batches": read_counts(batches),
        "precisions": read_words(precisions),
        "modes": read_words(modes),
    }
    for name in read_words(networks):
        network = seeded(build_network(name))
        for size in net_sizes:
            for row in measure_network(name, network, size, device=device, repeats=repeats, **ways):
                rows.append(row)
                # A long run that is cut off leaves what it has measured.
                write_result(path, record | {"rows": rows})
                typer.echo(" ".join(cells(row, peak)[:11]), err=True)
    if peak is not None:
        typer.echo(f"{floors['device']}: {peak:.0f} TFLOP/s in a float16 matrix product\n")
    typer.echo(tables.table(HEAD, [cells(row, peak) for row in rows]))
    typer.echo(f"\nwritten: {path}")


if __name__ == "__main__":
    typer.run(main)
