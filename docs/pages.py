"""Let the site hold every decision and what lies elsewhere in the repository; mend links to it."""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = (
    "CHANGELOG.md",
    "benchmarks/README.md",
    "weights/README.md",
    "weights/default-curve.png",
    "weights/labels/README.md",
)
_LINK = re.compile(r"(!?\[[^\]]*\])\(([^)\s#]*)(#[^)\s]*)?\)")


def on_config(config: Any) -> Any:
    """End the order of pages with the decisions."""
    names = sorted(path.name for path in (ROOT / "docs" / "design").glob("*.md"))
    config.nav.append({"Decisions": [f"design/{name}" for name in names]})
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the files that are not in docs/."""
    for place in ELSEWHERE:
        files.append(File.generated(config, place, abs_src_path=str(ROOT / place)))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Rewrite links between files of the repository as links between pages of the site."""
    source = page.file.src_uri
    here = posixpath.dirname(source if source in ELSEWHERE else f"docs/{source}")

    def rewritten(link: re.Match[str]) -> str:
        text, target, anchor = link[1], link[2], link[3] or ""
        if not target or "://" in target:
            return link[0]
        place = posixpath.normpath(posixpath.join(here, target)).removeprefix("docs/")
        if files.get_file_from_path(place) is None:
            # What is not part of the site is named without a link.
            return text.strip("![]") if (ROOT / here / target).exists() else link[0]
        return f"{text}({posixpath.relpath(place, posixpath.dirname(source) or '.')}{anchor})"

    return _LINK.sub(rewritten, markdown)
