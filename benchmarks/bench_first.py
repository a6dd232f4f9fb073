"""How long does a fresh installation take for its first picture, before a change and after it?

    python -m benchmarks.bench_first photo.jpg --before v0.1.0
    python -m benchmarks.bench_first photo.jpg --bytecode

This checkout and, with `--before`, an older commit are installed into environments of their own.
Then they take turns: `openpaf detect photo.jpg`, as a process timed from outside, with nothing kept
by Numba from earlier runs, and once more with what the first run may have left. `--bytecode` leaves
out what pip compiles of Python itself too, as other installers do: the wait is the longest then.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.tools.options import Out
from benchmarks.tools.places import ROOT
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import milliseconds

COLUMNS = columns("installed | round:.0f | first, s = first:.2f | again, s = again:.2f")


def install(folder: Path, commit: str | None) -> Path:
    """An environment with a commit, this checkout as it is when None; its `openpaf`."""
    tree = ROOT
    if commit is not None:
        tree = folder / "tree"
        tree.mkdir(parents=True)
        archive = subprocess.run(
            ["git", "-C", str(ROOT), "archive", commit], check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", str(tree)], check=True, input=archive.stdout)
        # Too large for the repository of some; the network is the same for both.
        for model in (ROOT / "weights").rglob("*.onnx"):
            here = tree / model.relative_to(ROOT)
            if not here.exists():
                here.write_bytes(model.read_bytes())
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-qq", f"{tree}[cpu]"], check=True)
    return folder / "venv" / "bin" / "openpaf"


def detect(command: Path, picture: Path, variables: Mapping[str, str], folder: Path) -> None:
    """One picture, from the shell's point of view."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("NUMBA_", "PYTHON"))}
    subprocess.run(
        [command, "detect", str(picture), "--out", str(folder / "found")],
        check=True, env=kept | variables, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def waits(
    commands: Mapping[str, Path], picture: Path, rounds: int, bytecode: bool
) -> Iterator[dict[str, Any]]:
    """A row a round and installation."""
    for number in range(rounds):
        for name, command in commands.items():
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as fresh:
                variables = {"NUMBA_CACHE_DIR": f"{fresh}/numba"}
                if bytecode:
                    variables["PYTHONPYCACHEPREFIX"] = f"{fresh}/bytecode"
                call = partial(detect, command, picture, variables, Path(fresh))
                first, again = (milliseconds(call)[0] / 1000 for _ in range(2))
                yield {"installed": name, "round": number + 1, "first": first, "again": again}


def main(
    picture: Annotated[Path, typer.Argument(help="A photograph.", exists=True)],
    before: Annotated[
        str | None, typer.Option(metavar="COMMIT", help="Compare with this one.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    bytecode: Annotated[
        bool, typer.Option("--bytecode", help="Python's own modules are not compiled either.")
    ] = False,
    out: Out = None,
) -> None:
    """Seconds from typing the command to its end."""
    with tempfile.TemporaryDirectory() as folder:
        commits = {"before": before} if before else {}
        commands = {
            name: install(Path(folder, name), commit)
            for name, commit in [*commits.items(), ("after", None)]
        }
        rows = show(COLUMNS, waits(commands, picture.resolve(), rounds, bytecode))
    medians = {
        name: {
            run: statistics.median(row[run] for row in rows if row["installed"] == name)
            for run in ("first", "again")
        }
        for name in commands
    }
    for name, median in medians.items():
        print(f"{name}: {median['first']:.2f} s, again {median['again']:.2f} s")
    publish("first", {"rows": rows, "medians": medians, "bytecode": bytecode}, out)


if __name__ == "__main__":
    typer.run(main)
