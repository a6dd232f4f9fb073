"""What a million camera-hours of video a day take: arithmetic on stated assumptions.

    python docs/scale.py
    python docs/scale.py --frame-rate 5 --megabits 2

Assumptions are options or the tables below; measurements are read from benchmarks/results, where
bench_batch.py put them; a network's arithmetic is counted on the network itself (needs torch).
docs/scale.md holds what this prints: `--write` brings it up to date.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks.tools.arithmetic import torch_flops
from benchmarks.tools.places import RESULTS
from benchmarks.tools.report import replace_between
from benchmarks.tools.tables import table

PAGE = ROOT / "docs" / "scale.md"
BYTES_A_PERSON = (3 * 18 + 1) * 4
PART_FRAMES = 2000


@dataclass(frozen=True)
class Gpu:
    """What its maker says of a GPU, and a price to put your own in place of.

    tflops : dense fp16; decoders : NVDEC engines; dollars : an hour, with a share of its machine.
    """

    name: str
    tflops: float
    decoders: int
    dollars: float


@dataclass(frozen=True)
class Network:
    """utilisation : part of the GPU's peak that it is assumed to reach, until it is measured."""

    name: str
    net_size: tuple[int, int]
    utilisation: float


GPUS = (Gpu("L4", 121, 4, 0.80), Gpu("H100 SXM", 989, 7, 3.00))
NETWORKS = (
    Network("default", (456, 256), 0.25),
    Network("VGG-19, 6 stages", (656, 368), 0.50),
)
DECODER_FRAMES = 1000
CORE_DOLLARS = 0.04


def gflop(network: Network) -> float:
    """Multiplications and additions of one frame, counted by torch, in 10^9."""
    from benchmarks.tools.networks import COMPACT, build_network

    model: Any = build_network(COMPACT if network.name == "default" else "vgg19-coco")
    return torch_flops(model, network.net_size) / 1e9


def load(hours: float, frame_rate: float, megabits: float, people: float) -> str:
    """What comes in and what goes out."""
    cameras = hours / 24
    frames = hours * 3600 * frame_rate
    rows = [
        ["cameras at once", f"{cameras:,.0f}"],
        ["frames a day", f"{frames / 1e9:,.0f} thousand million"],
        ["frames a second", f"{frames / 86400:,.0f}"],
        ["video in", f"{cameras * megabits / 1000:,.0f} Gbit/s"],
        ["video a day", f"{hours * 3600 * megabits / 8e9:,.1f} PB"],
        [
            "the same as unpacked 1080p frames",
            f"{frames / 86400 * 1920 * 1080 * 3 * 8 / 1e12:,.0f} Tbit/s",
        ],
        ["rows a day, not compressed", f"{frames * people * BYTES_A_PERSON / 1e12:,.0f} TB"],
        [f"parts a day, of {PART_FRAMES:,} rows", f"{frames / PART_FRAMES / 1e6:,.0f} million"],
        ["shards a second, a file an hour of video", f"{hours / 86400:,.1f}"],
    ]
    return table("load | at this size", rows)


def on_gpus(hours: float, frame_rate: float, read: dict[str, float]) -> str:
    """GPUs with video decoded on them, and the cores it would take to decode beside them."""
    wanted = hours * 3600 * frame_rate / 86400
    rows = []
    for network in NETWORKS:
        cost = gflop(network)
        width, height = network.net_size
        for gpu in GPUS:
            seen = 1000 * gpu.tflops * network.utilisation / cost
            decoded = gpu.decoders * DECODER_FRAMES
            rate = min(seen, decoded)
            count = wanted / rate
            dollars = count * 24 * gpu.dollars
            rows.append(
                [
                    f"{network.name}, {gpu.name}",
                    f"{cost:,.1f}",
                    f"{seen:,.0f}",
                    f"{decoded:,.0f}",
                    "network" if seen < decoded else "NVDEC",
                    f"{count:,.0f}",
                    f"{dollars:,.0f}",
                    f"{dollars / hours:.4f}",
                    f"{seen / read['net frame']:,.0f}",
                    f"{seen * width * height * 3 / 1e9:,.2f}",
                    f"{seen * width * height / 64 * 57 * 4 / 1e9:,.2f}",
                ]
            )
    return table(
        "network, GPU | GFLOP a frame | network, frames/s | NVDEC, frames/s | bound by | GPUs | "
        "$ a day | $ a camera-hour | or cores to read for one GPU | GB/s up | GB/s down",
        rows,
    )


def on_cores(hours: float, frame_rate: float, read: dict[str, float], rate: float) -> str:
    """Cores alone, at what was measured."""
    wanted = hours * 3600 * frame_rate / 86400
    rows = []
    for name, a_core in (
        ("decode", read["decode"]),
        ("decode, to BGR, to net size", read["net frame"]),
        ("all of `openpaf batch`", rate),
    ):
        cores = wanted / a_core
        dollars = cores * 24 * CORE_DOLLARS
        rows.append(
            [name, f"{a_core:,.1f}", f"{cores:,.0f}", f"{dollars:,.0f}", f"{dollars / hours:.4f}"]
        )
    return table("on cores | frames a core-second | cores | $ a day | $ a camera-hour", rows)


def throughput() -> str:
    """The ways of running, as measured."""
    figures = measured("rows")
    rows = [
        [
            way,
            f"{row['frames_per_second']:.1f}",
            f"{row['iqr']:.1f}",
            f"{row['core_ms']:.1f}",
            f"{row['start_s']:.0f}",
        ]
        for way, row in figures.items()
        if isinstance(row, dict) and "core_ms" in row
    ]
    about = (
        f"{figures['network']} at net height {figures['net_height']}, {circumstances(figures)}:\n\n"
    )
    return about + table("way | frames/s | IQR | core ms a frame | start, s", rows)


def costs() -> str:
    """What reading and shards cost, as measured."""
    reading, shards = measured("reading"), measured("shards")
    rows = [
        [name, *(f"{row[key]:,.0f}" for key in ("decode", "to BGR", "net frame"))]
        for name, row in reading.items()
        if isinstance(row, dict) and "net frame" in row
    ]
    read = table("frames a core-second | decode | + to BGR | + to net height 368", rows)
    rows = [
        [name, f"{shards[name]:,}"]
        for name in (
            "files planned a second",
            "files found done or not a second",
            "ms a shard, processes",
            "ms a shard, local Ray",
        )
    ]
    about = circumstances(reading)
    return f"{about[0].upper()}{about[1:]}:\n\n{read}\n\n{table('machinery | figure', rows)}"


def circumstances(figures: dict[str, Any]) -> str:
    """Where and when something was measured."""
    return (
        f"{figures['processor']}, {figures['cores_allowed']} cores, load average "
        f"{figures['load_average']} from other work when it began, {figures['date']}"
    )


def measured(what: str) -> dict[str, Any]:
    """Figures that `bench_batch.py` wrote."""
    # One machine's; of several the first by name.
    path = min(RESULTS.glob(f"batch-{what}--*.json"))
    figures: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return figures


def sections(hours: float, frame_rate: float, megabits: float, people: float) -> dict[str, str]:
    """Everything that docs/scale.md shows, by the name of its place there."""
    read = measured("reading")["h264 1920x1080"]
    a_core = 1000 / measured("rows")["openpaf batch, processes, 2 workers"]["core_ms"]
    tables = (
        load(hours, frame_rate, megabits, people),
        on_gpus(hours, frame_rate, read),
        on_cores(hours, frame_rate, read, a_core),
    )
    return {"rows": throughput(), "costs": costs(), "scale": "\n\n".join(tables)}


def main(
    hours: Annotated[float, typer.Option(help="Camera-hours a day.")] = 1e6,
    frame_rate: Annotated[float, typer.Option(help="Frames a second, all looked at.")] = 15,
    megabits: Annotated[float, typer.Option(help="Mbit/s a camera, 1080p H.264.")] = 4,
    people: Annotated[float, typer.Option(help="People a frame.")] = 2,
    write: Annotated[bool, typer.Option(help="Write them into docs/scale.md too.")] = False,
) -> None:
    """Print the tables of docs/scale.md."""
    text = PAGE.read_text("utf-8")
    for name, section in sections(hours, frame_rate, megabits, people).items():
        print(section, end="\n\n")
        text = replace_between(text, f"<!-- {name}:begin -->", f"<!-- {name}:end -->", section)
    if write:
        PAGE.write_text(text, "utf-8")


if __name__ == "__main__":
    typer.run(main)
