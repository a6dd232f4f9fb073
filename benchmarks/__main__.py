"""Run every benchmark that this machine can run, one after the other.

    python -m benchmarks                   # all; then the README's tables
    python -m benchmarks --list            # what there is, and what cannot run here and why
    python -m benchmarks --only pipeline --only people
    python -m benchmarks --quick           # seconds each, to see that it works: no figures to keep

Each runs in a process of its own, so that none inherits the threads and caches of the one before.
"""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmarks import readme
from benchmarks.tools.floors import has_cuda
from benchmarks.tools.places import RESULTS, ROOT
from benchmarks.tools.record import load_average, result_path
from benchmarks.tools.tables import table

QUICK = RESULTS.parent / "quick"
# Half a core that something else keeps busy is seen in every figure.
_BUSY = 0.5


@dataclass(frozen=True)
class Suite:
    """A benchmark: a module of this package whose command line takes `--out`.

    Attributes
    ----------
    name : str
    quick : str
        Options that make it short.
    needs : tuple of str
        Libraries beyond what openpaf itself needs.
    device : str
        "cpu" or "cuda".
    """

    name: str
    quick: str
    needs: tuple[str, ...] = ()
    device: str = "cpu"

    @property
    def module(self) -> str:
        return f"benchmarks.bench_{self.name}"

    @property
    def question(self) -> str:
        """What it answers, as its own file says: read, not imported, since it may not run here."""
        text = (ROOT / "benchmarks" / f"bench_{self.name}.py").read_text("utf-8")
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]

    def missing(self) -> str:
        """Why it cannot run here; empty when it can."""
        absent = [library for library in self.needs if importlib.util.find_spec(library) is None]
        if absent:
            return f"needs {', '.join(absent)}"
        return "no CUDA GPU" if self.device == "cuda" and not has_cuda() else ""


SUITES = (
    Suite("decoder", "--people 1,20 --scenes 2 --repeats 5"),
    Suite(
        "network",
        "--sizes 152x88 --repeats 1 --matrix 512 --copy-megabytes 64",
        ("onnx", "onnxruntime", "torch"),
    ),
    Suite(
        "pipeline",
        "--sizes 152x88 --repeats 5 --frames 20 --passes 1 --batches 1,4",
    ),
    Suite("people", "--size 152x88 --people 1,10 --repeats 5 --scenes 2"),
    Suite("scaling", "--size 152x88 --in-flight 2 --seconds 0.3 --rounds 2"),
    Suite("stream", "--net-height 88 --frames 20 --repeats 1"),
    Suite("track", "--seeds 1", ("motmetrics",)),
    Suite("draw", "--people 1"),
    Suite(
        "gpu",
        "--networks compact --sizes 152x88 --batches 1 --modes eager",
        ("torch",),
        device="cuda",
    ),
)


def run(suite: Suite, folder: Path | None, quick: bool) -> bool:
    """Run a suite and say whether it succeeded; its own words go to stdout and stderr."""
    words = suite.quick.split() if quick else []
    if folder is not None:
        machine = None if suite.device == "cpu" else suite.device
        words += ["--out", str(folder / result_path(suite.name, machine, suite.device).name)]
    # Before what the other process prints, also where stdout is a file.
    print(f"\n## {suite.name}: {suite.question}\n", flush=True)
    command = [sys.executable, "-m", suite.module, *words]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def warn_of_load() -> None:
    """Say so when something else keeps the machine busy."""
    load = load_average()
    if load is not None and load > _BUSY:
        typer.echo(
            f"warning: the machine is busy (load {load:.1f}); figures will be slow and scattered",
            err=True,
        )


def chosen(only: list[str] | None) -> list[Suite]:
    """The suites asked for, all when none is."""
    names = [suite.name for suite in SUITES]
    for name in only or []:
        if name not in names:
            raise typer.BadParameter(f"--only takes {', '.join(names)}, got {name}")
    return [suite for suite in SUITES if not only or suite.name in only]


def main(
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Run this one; may be repeated.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help=f"Seconds each; written to {QUICK.name}/, not kept.")
    ] = False,
    listing: Annotated[bool, typer.Option("--list", help="Run nothing.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder for JSON and charts; the README then stays.")
    ] = None,
) -> None:
    """Run the benchmarks that this machine can run; write JSON, charts and the README's tables."""
    suites = chosen(only)
    reasons = {suite.name: suite.missing() for suite in suites}
    rows = [[suite.name, suite.question, reasons[suite.name] or "runs"] for suite in suites]
    typer.echo(table("name | question | here", rows))
    if listing:
        return
    warn_of_load()
    folder = out.resolve() if out else QUICK if quick else None
    here = [suite for suite in suites if not reasons[suite.name]]
    failed = [suite.name for suite in here if not run(suite, folder, quick)]
    if folder is None:
        readme.main()
    if failed:
        typer.echo(f"failed: {', '.join(failed)}", err=True)
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
