"""What gets installed: built from the sdist as an installer would, and used away from the tree."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import openpaf

ROOT = Path(__file__).resolve().parents[1]
SOURCE_ROOTS = (".", "kernels", "weights")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def run(*words: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, *map(str, words)], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with an sdist of the tree and the wheel built from that sdist."""
    pytest.importorskip("build")
    pytest.importorskip("hatchling")
    pytest.importorskip("hatch_fancy_pypi_readme")
    out = tmp_path_factory.mktemp("dist")
    run("-m", "build", "--no-isolation", "--outdir", out, ROOT, cwd=out)
    return out


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder holding nothing but what the wheel installs."""
    target = tmp_path_factory.mktemp("installed")
    (wheel,) = built.glob("*.whl")
    run("-m", "pip", "install", "--no-deps", "--no-index", "--target", target, wheel, cwd=built)
    return target


def import_from(folder: Path, script: str) -> str:
    # -I keeps the tree and PYTHONPATH out; the libraries openpaf needs come from site-packages.
    return run("-I", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{script}", cwd=folder)


def test_wheel_holds_the_three_packages_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"openpaf", "openpaf_kernels", "openpaf_weights"}
    for package in tops:
        assert f"{package}/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_every_tracked_package_file_is_in_the_wheel(built: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "openpaf", "kernels/openpaf_kernels", "weights/openpaf_weights"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = {path for path in listed.stdout.split() if (ROOT / path).exists()}
    inside = {path.removeprefix("kernels/").removeprefix("weights/") for path in tracked}
    assert inside - names == set()


def test_sdist_can_be_tested(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "tests/conftest.py"} <= names


def test_sdist_says_what_breaks_and_brings_the_pages(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"CHANGELOG.md", "mkdocs.yml", "docs/index.md", "docs/first-steps.ipynb"} <= names


def test_long_description_needs_no_other_file(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [one for one in archive.namelist() if one.endswith("METADATA")]
        text = archive.read(name).decode("utf-8").partition("\n\n")[2]
    assert text.startswith("# openpaf\n")
    assert re.findall(r"\]\((?!https?:)[^)\n]*\)|<img", text) == []
    assert 'pip install "openpaf[cpu]"' in text
    assert '".[' not in text


def test_what_is_not_ready_is_not_released() -> None:
    script = ROOT / ".ci" / "release"
    if not script.is_file():
        pytest.skip("the scripts of CI are not part of the sdist")
    if sys.platform == "win32":
        pytest.skip("a script for bash")
    done = subprocess.run([script, "v9.9"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"the tag is v9.9, openpaf/__init__.py says {openpaf.__version__}" in done.stderr
    assert "CHANGELOG.md has no" in done.stderr


def test_wheel_is_imported_from_where_it_was_installed(installed: Path) -> None:
    out = import_from(
        installed,
        "import openpaf, openpaf_kernels, openpaf_weights\n"
        "for package in (openpaf, openpaf_kernels, openpaf_weights):\n"
        "    print(list(package.__path__)[0])\n"
        "print(openpaf.__version__)",
    ).split()
    assert all(Path(path).parent == installed for path in out[:3])
    (metadata,) = installed.glob("openpaf-*.dist-info")
    assert metadata.name == f"openpaf-{out[3]}.dist-info"


def test_wheel_decodes_without_the_tree(installed: Path) -> None:
    out = import_from(
        installed,
        # As plain Python: compiling a new copy of the kernels is not what is tested here.
        "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'\n"
        "import numpy as np, openpaf\n"
        "fields = openpaf.Fields(np.zeros((18, 9, 7), 'f4'), np.zeros((38, 9, 7), 'f4'))\n"
        "print(openpaf.decode(fields).keypoints.shape)",
    )
    assert out == "(0, 18, 2)\n"


def test_wheel_finds_people_with_the_model_it_brings(installed: Path) -> None:
    pytest.importorskip("onnxruntime")
    out = import_from(
        installed,
        "import os; os.environ['NUMBA_DISABLE_JIT'] = '1'\n"
        "import numpy as np, openpaf\n"
        "engine = openpaf.Engine(net_height=64)\n"
        "print(engine.card.license, len(engine.detect(np.zeros((64, 64, 3), np.uint8))))",
    )
    assert out == "Apache-2.0 0\n"


def test_wheel_is_small(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    models = [one for one in zipfile.ZipFile(wheel).infolist() if one.filename.endswith(".onnx")]
    assert models
    assert all(one.file_size <= 16_000_000 for one in models)


def test_console_script_runs(installed: Path) -> None:
    out = import_from(
        installed,
        "from importlib.metadata import distribution\n"
        f"found = [d for d in [distribution('openpaf')] if {str(installed)!r} in str(d._path)]\n"
        "(script,) = [e for e in found[0].entry_points if e.group == 'console_scripts']\n"
        "sys.argv = ['openpaf', '--version']\n"
        "script.load()()",
    )
    assert out.startswith("openpaf ")


@pytest.mark.parametrize("extra", ["cpu", "gpu", "desktop", "desktop-gpu"])
def test_main_extras_bring_one_runtime_and_one_opencv(extra: str) -> None:
    names = [need.partition(">=")[0] for need in PROJECT["optional-dependencies"][extra]]
    assert sum(name.startswith("onnxruntime") for name in names) == 1
    assert sum(name.startswith("opencv-python") for name in names) == 1


def test_only_the_main_extras_bring_a_runtime_or_opencv() -> None:
    extras = PROJECT["optional-dependencies"]
    others = [extras[name] for name in extras.keys() - {"cpu", "gpu", "desktop", "desktop-gpu"}]
    needs = [need for group in [*others, PROJECT["dependencies"]] for need in group]
    assert not [need for need in needs if need.startswith(("onnxruntime", "opencv"))]


def test_python_of_the_readme_runs(tmp_path: Path) -> None:
    pytest.importorskip("supervision")
    pytest.importorskip("pandas")
    readme = (ROOT / "README.md").read_text("utf-8")
    # There need not be a display.
    readme = readme.replace("\nposes.show(frame)", "\n# poses.show(frame)")
    blocks = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    assert len(blocks) == 3
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((48, 64, 3), np.uint8))
    script = f"import sys; sys.path[:0] = {[str(ROOT / one) for one in SOURCE_ROOTS]!r}\n"
    run("-c", script + "".join(blocks), cwd=tmp_path)
    assert (tmp_path / "found.jpg").is_file()


def test_ci_runs_the_test_command_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    if not (ROOT / ".ci" / "run").is_file():
        pytest.skip("the CI script is not part of the sdist")
    assert "python -m pytest" in readme
    assert "python -m pytest" in (ROOT / ".ci" / "run").read_text("utf-8")
