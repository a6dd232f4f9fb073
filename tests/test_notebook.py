"""The notebook of first steps, run as a reader runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("onnxruntime")
pytest.importorskip("ipykernel")
pytest.importorskip("matplotlib")
pytest.importorskip("skimage")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "first-steps.ipynb"
if not NOTEBOOK.is_file():
    pytest.skip("the notebook is not part of the sdist", allow_module_level=True)


def printed(notebook: nbformat.NotebookNode) -> str:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    return "".join(output.get("text", "") for output in outputs)


def test_first_steps_run_and_print_what_the_notebook_shows(tmp_path: Path) -> None:
    shown = nbformat.read(NOTEBOOK, 4)
    run = nbformat.read(NOTEBOOK, 4)
    roots = os.pathsep.join(str(ROOT / name) for name in (".", "kernels", "weights"))
    client = nbclient.NotebookClient(
        run, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env=os.environ | {"PYTHONPATH": roots})
    for line in ("<Poses 1 person", "<Poses 0 people", "found.ndjson", "found in 30 of 30 frames"):
        assert line in printed(shown)
        assert line in printed(run)
    kinds = [
        kind for cell in run.cells for o in cell.get("outputs", []) for kind in o.get("data", {})
    ]
    assert kinds.count("image/png") == 2
