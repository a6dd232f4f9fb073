"""Run every benchmark that this machine can run, one after the other.

    python -m benchmarks                   # all; then the README's tables
    python -m benchmarks --list            # what there is, and what cannot run here and why
    python -m benchmarks --only pipeline --only people
    python -m benchmarks --quick           # seconds each, to see that it works: no figures to keep
    python -m benchmarks --device cuda     # every check and benchmark of a GPU, within 25 minutes
    python -m benchmarks --device cuda --rehearse --quick   # the same on the CPU, to try it out

Each runs in a process of its own, so that none inherits the threads and caches of the one before.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks import readme
from benchmarks.suites import SUITES, Suite
from benchmarks.tools.places import RESULTS, ROOT
from benchmarks.tools.record import (
    circumstances,
    gpu_name,
    load_average,
    result_path,
    write_result,
)
from benchmarks.tools.tables import table

QUICK = RESULTS.parent / "quick"
# Half a core that something else keeps busy is seen in every figure.
_BUSY = 0.5


def run(suite: Suite, folder: Path | None, *, quick: bool, rehearse: bool) -> dict[str, Any]:
    """Run a suite and say what became of it; its own words go to stdout and stderr."""
    words = suite.options.format(device="cpu" if rehearse else suite.device).split()
    words += suite.quick.split() if quick else []
    if folder is not None or suite.device != "cpu":
        out = result_path(suite.name, _machine(suite, folder), suite.device)
        words += ["--out", str(out if folder is None else folder / out.name)]
    # Before what the other process prints, also where stdout is a file.
    print(f"\n## {suite.name}: {suite.question}\n", flush=True)
    command = [sys.executable, "-m", suite.module, *words]
    started, limit = time.perf_counter(), None if suite.minutes is None else 60 * suite.minutes
    try:
        code = subprocess.run(command, cwd=ROOT, check=False, timeout=limit).returncode
        outcome = "done" if code == 0 else f"failed with {code}"
    except subprocess.TimeoutExpired:
        outcome = f"ended after {suite.minutes:g} minutes"
        print(f"{suite.name} was {outcome}; what it has written stays", flush=True)
    seconds = round(time.perf_counter() - started, 1)
    return {"suite": suite.name, "outcome": outcome, "seconds": seconds, "options": words}


def _machine(suite: Suite, folder: Path | None) -> str | None:
    """What names a suite's file: the processor where None."""
    if suite.device == "cpu":
        return None
    return suite.device if folder is not None else gpu_name()


def warn_of_load() -> None:
    """Say so when something else keeps the machine busy."""
    load = load_average()
    if load is not None and load > _BUSY:
        typer.echo(
            f"warning: the machine is busy (load {load:.1f}); figures will be slow and scattered",
            err=True,
        )


def chosen(only: list[str] | None, device: str | None) -> list[Suite]:
    """The suites asked for, all when none is."""
    of_device = [suite for suite in SUITES if device in (None, suite.device)]
    names = list(dict.fromkeys(suite.name for suite in of_device))
    for name in only or []:
        if name not in names:
            raise typer.BadParameter(f"--only takes {', '.join(names)}, got {name}")
    return [suite for suite in of_device if not only or suite.name in only]


def main(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Run this one; may be repeated.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Run those of cpu or cuda only.", show_default="both")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help=f"Seconds each; written to {QUICK.name}/, not kept.")
    ] = False,
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help=f"Run those of cuda on the CPU; written to {QUICK.name}/."),
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="Run nothing.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for JSON and charts; the README then stays.")
    ] = None,
) -> None:
    """Run the benchmarks that this machine can run; write JSON, charts and the README's tables."""
    if device not in (None, "cpu", "cuda"):
        raise typer.BadParameter(f"--device takes cpu or cuda, got {device}")
    suites = chosen(only, device)
    reasons = [suite.missing(rehearsed=rehearse) for suite in suites]
    rows = [
        [suite.name, suite.device, suite.question, reason or "runs"]
        for suite, reason in zip(suites, reasons, strict=True)
    ]
    typer.echo(table("name | on | question | here", rows))
    if listing:
        return
    warn_of_load()
    folder = out.resolve() if out else QUICK if quick or rehearse else None
    here = [suite for suite, reason in zip(suites, reasons, strict=True) if not reason]
    done = [run(suite, folder, quick=quick, rehearse=rehearse) for suite in here]
    if device == "cuda":
        _write_summary(suites, reasons, done, folder)
        if not done:
            raise typer.Exit(1)
    if folder is None:
        readme.main()
    failed = [row["suite"] for row in done if row["outcome"] != "done"]
    if failed:
        typer.echo(f"failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


def _write_summary(
    suites: list[Suite], reasons: list[str], done: list[dict[str, Any]], folder: Path | None
) -> None:
    """What became of each suite of a GPU, also of those that could not run."""
    rows = done + [
        {"suite": suite.name, "outcome": f"not run: {reason}"}
        for suite, reason in zip(suites, reasons, strict=True)
        if reason
    ]
    name = gpu_name()
    file = result_path("gpu_run", name or "none", "cuda")
    record = {
        "suite": "gpu_run",
        "circumstances": circumstances(("numpy", "onnxruntime", "torch")),
        "gpu": name,
        "seconds": sum(row["seconds"] for row in done),
        "rows": rows,
    }
    # Where nothing ran there is nothing to keep.
    where = folder or (RESULTS if done else QUICK)
    write_result(where / file.name, record)


if __name__ == "__main__":
    typer.run(main)
