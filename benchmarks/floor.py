"""Print the floors of this machine: what nothing that computes on it can beat.

    python -m benchmarks.floor
    python -m benchmarks.floor --threads 1

What they are and how they are measured: `benchmarks.tools.floors`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.tools.floors import (
    MATRIX,
    CopyMegabytes,
    Matrix,
    Threads,
    cpu_floors,
    gpu_floors,
    has_cuda,
)
from benchmarks.tools.record import plain
from benchmarks.tools.report import publish
from openpaf.selftest.machine import processor, usable_cores


def main(
    threads: Threads = None,
    matrix: Matrix = MATRIX,
    copy_megabytes: CopyMegabytes = None,
    out: Annotated[Path | None, typer.Option(help="Also write the figures as JSON.")] = None,
) -> None:
    """Measure what this machine can do at best, and print it as JSON."""
    copy_bytes = copy_megabytes and copy_megabytes * 2**20
    cpu = cpu_floors(threads or usable_cores(), matrix=matrix, copy_bytes=copy_bytes)
    figures = {"cpu": {"processor": processor()} | cpu}
    if has_cuda():
        figures["gpu"] = gpu_floors()
    typer.echo(json.dumps(plain(figures), indent=1))
    if out is not None:
        publish("floor", figures, out, versions=("numpy", "torch"))


if __name__ == "__main__":
    typer.run(main)
