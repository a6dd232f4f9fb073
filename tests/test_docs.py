"""What the pages tell people to type, and where their links lead."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from openpaf.cli import VERBS, _application, main
from tests import films

pytest.importorskip("onnxruntime")

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGES = sorted(path.name for path in DOCS.glob("from-*.md"))
EVERY_PAGE = sorted(str(path.relative_to(DOCS.parent)) for path in DOCS.rglob("*.md"))
if not PAGES:
    pytest.skip("the pages are not part of the sdist", allow_module_level=True)


def ours(page: str, language: str) -> list[str]:
    """Blocks of a page that are about openpaf and not about the other."""
    text = (DOCS / page).read_text("utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [block for name, block in blocks if name == language and "openpaf" in block]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where there is a photo.jpg, a street.mp4 and an in.avi, with nobody in them."""
    cv2.imwrite(str(tmp_path / "photo.jpg"), np.zeros((48, 64, 3), np.uint8))
    films.save(tmp_path / "street.mp4", 3)
    films.save(tmp_path / "in.avi", 3)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("page", ["index.md", *PAGES])
def test_python_of_a_page_runs(page: str, folder: Path) -> None:
    for block in ours(page, "python"):
        exec(compile(block, page, "exec"), {})  # noqa: S102  (our own pages)


@pytest.mark.parametrize("page", PAGES)
def test_commands_of_a_page_run(page: str, folder: Path) -> None:
    lines = [line for block in ours(page, "") for line in block.splitlines()]
    commands = [line for line in lines if line.startswith("openpaf ")]
    assert commands
    for command in commands:
        with pytest.raises(SystemExit) as exit_:
            main(shlex.split(command, comments=True)[1:])
        assert exit_.value.code == 0, command


@pytest.mark.parametrize("page", ["README.md", *EVERY_PAGE])
def test_options_that_a_page_names_exist(page: str) -> None:
    text = (DOCS.parent / page).read_text("utf-8")
    typed = re.findall(r"(?:^|`|\| )openpaf ([a-z]+)((?: [^`\n#|]*)?)", text, re.MULTILINE)
    for verb, words in typed:
        if verb in VERBS:
            known = options_of(verb)
            for option in re.findall(r"(?<!\S)--?[a-z][a-z0-9-]*", words):
                assert option in known, f"openpaf {verb} {option}"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *EVERY_PAGE])
def test_links_of_a_page_lead_somewhere(page: str) -> None:
    path = DOCS.parent / page
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for link in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        target, _, anchor = "".join(link).partition("#")
        if "://" in target:
            continue
        found = path if not target else path.parent / target
        assert found.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors_of(found), f"{page}: {target}#{anchor}"


def anchors_of(page: Path) -> set[str]:
    """Names that headings get on GitHub and in the site."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def test_site_is_built_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("material")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)],
        cwd=DOCS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first = (tmp_path / "index.html").read_text("utf-8")
    assert "pictures/photograph.jpg" in first
    assert "weights/index.html" in first


def options_of(verb: str) -> set[str]:
    """Options of a verb, and of its own verbs where it has some."""
    command = typer.main.get_command(_application([verb])).commands[verb]  # type: ignore[attr-defined]
    commands = [command, *getattr(command, "commands", {}).values()]
    params = (param for one in commands for param in one.params)
    return {
        "-h",
        "--help",
        "--debug",
        *(name for param in params for name in (*param.opts, *param.secondary_opts)),
    }
