"""The benchmarks that are run together, on the CPU or on a GPU, and what keeps each from it."""

from __future__ import annotations

import ast
import importlib.util
from dataclasses import dataclass

from benchmarks.tools.floors import has_cuda
from benchmarks.tools.places import ROOT
from benchmarks.tools.record import gpu_name


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
    options : str
        Options it is always run with; "{device}" is where it runs.
    minutes : float or None
        It is ended after so long; what it has written by then stays.
    """

    name: str
    quick: str
    needs: tuple[str, ...] = ()
    device: str = "cpu"
    options: str = ""
    minutes: float | None = None

    @property
    def module(self) -> str:
        return f"benchmarks.bench_{self.name}"

    @property
    def question(self) -> str:
        """What it answers, as its own file says: read, not imported, since it may not run here."""
        text = (ROOT / "benchmarks" / f"bench_{self.name}.py").read_text("utf-8")
        return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]

    def missing(self, *, rehearsed: bool = False) -> str:
        """Why it cannot run here, or not even be rehearsed on the CPU; empty when it can."""
        absent = [library for library in self.needs if importlib.util.find_spec(library) is None]
        if absent:
            return f"needs {', '.join(absent)}"
        if self.device == "cpu" or rehearsed:
            return ""
        if gpu_name() is None:
            return "no NVIDIA GPU"
        return "" if "torch" not in self.needs or has_cuda() else "PyTorch finds no CUDA GPU"


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
    # Those on a GPU, together 24 minutes at most: an hour of one can be short.
    Suite("gpu_checks", "", ("pytest",), device="cuda", minutes=4),
    Suite(
        "gpu_session",
        "--sizes 152x88 --batches 1 --repeats 1",
        device="cuda",
        options="--device {device}",
        minutes=8,
    ),
    Suite(
        "pipeline",
        "--sizes 152x88 --repeats 5 --frames 20 --passes 1 --batches 1,4",
        device="cuda",
        options="--devices {device}",
        minutes=3,
    ),
    Suite(
        "people",
        "--size 152x88 --people 1,10 --repeats 5 --scenes 2",
        device="cuda",
        options="--devices {device}",
        minutes=2,
    ),
    Suite(
        "gpu",
        "--networks compact --sizes 152x88 --batches 1 --precisions fp32 --modes eager",
        ("torch",),
        device="cuda",
        # torch.compile takes a minute a row; ask bench_gpu for it by itself.
        options="--modes eager,graph --device {device}",
        minutes=7,
    ),
)
