"""Do sessions on a real GPU do what their tests on a pretended one say?

    python -m benchmarks.bench_gpu_checks

Runs the tests that are marked `gpu`, each of which says itself why it cannot run where it cannot,
and writes what became of them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from benchmarks.tools.options import Out
from benchmarks.tools.places import ROOT
from benchmarks.tools.record import circumstances, result_path, write_result
from benchmarks.tools.tables import columns, table_of
from openpaf.session.found import nvidia_parts

COLUMNS = columns("test | outcome | seconds:.1f | about")


class Outcomes:
    """What became of each test, written as soon as it is known: a hanging one hides no other."""

    def __init__(self, path: Path, about: dict[str, Any]) -> None:
        self.rows: list[dict[str, Any]] = []
        self._path, self._about = path, about

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a row a test: pytest reports its beginning and end apart."""
        if report.when != "call" and report.passed:
            return
        lines = report.longreprtext.strip().splitlines()
        if isinstance(report.longrepr, tuple):
            # Of a skipped one: file, line and the reason.
            lines = [str(report.longrepr[2])]
        row = {
            "test": report.nodeid,
            "outcome": report.outcome,
            "seconds": report.duration,
            "about": lines[-1] if lines else "",
        }
        self.rows.append(row)
        write_result(self._path, self._about | {"rows": self.rows})


def main(out: Out = None) -> None:
    """Run the tests that need a GPU; print a table and write JSON."""
    parts = nvidia_parts()
    path = out or result_path("gpu_checks", parts.get("cuda:0"), "cuda")
    about = {
        "suite": "gpu_checks",
        "circumstances": circumstances(("numpy", "onnxruntime", "torch")),
        "nvidia": parts,
    }
    outcomes = Outcomes(path, about)
    where = ["--rootdir", str(ROOT), str(ROOT / "tests" / "session")]
    pytest.main(["-q", "-m", "gpu", "-p", "no:cacheprovider", *where], [outcomes])
    typer.echo(table_of(COLUMNS, outcomes.rows))
    if not outcomes.rows:
        typer.echo("no test was run", err=True)
        raise typer.Exit(2)
    typer.echo(f"written: {path}")
    if any(row["outcome"] == "failed" for row in outcomes.rows):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
