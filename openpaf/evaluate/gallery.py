"""The page that shows an evaluation: figures, tables, and the worst failures as pictures."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from openpaf.evaluate.bootstrap import Estimate
from openpaf.evaluate.failure_pictures import draw_failure
from openpaf.evaluate.failures import KINDS, Failure, cost_in_ap
from openpaf.evaluate.folder import Evaluation
from openpaf.evaluate.reliability_chart import reliability_chart
from openpaf.optional import cv2

_JPEG_QUALITY = 85

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
.big { font-size: 2.6rem; font-weight: 600; margin: 0; }
.soft, figcaption { opacity: .75; font-size: .9rem; }
.tables { display: flex; flex-wrap: wrap; gap: 1rem 3rem; align-items: start; }
table { border-collapse: collapse; } caption { text-align: left; font-weight: 600; }
td, th { padding: .15rem .8rem .15rem 0; text-align: right; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; } th { font-weight: 500; opacity: .75; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(15rem, 1fr)); }
.pictures { gap: 1rem; }
figure { margin: 0; } img { width: 100%; border-radius: 4px; display: block; }
"""


def write_page(evaluation: Evaluation, title: str, *, each: int = 12) -> str:
    """Write the page.

    Parameters
    ----------
    evaluation : Evaluation
    title : str
    each : int
        Pictures of each kind of failure, worst first.

    Returns
    -------
    str
        HTML with its pictures inside; it needs no other file.
    """
    report = evaluation.report
    ap = report.ap
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="big">AP {ap.value:.3f}</p>',
        _soft(
            f"95 % interval {interval(ap)} over {report.data.images} pictures with "
            f"{report.data.people} people of {report.data.folder}"
        ),
        '<div class="tables">',
        _table("Figures", ("", "value", "95 % interval"), _figure_rows(evaluation)),
        _table(
            "Parts", ("", "labelled", "found", "PCK", "error px", "OKS"), _part_rows(evaluation)
        ),
        _table("Failures", ("", "people", "AP won if mended"), _failure_rows(evaluation)),
        _table("Speed", ("", ""), ((k, f"{v:.2f}") for k, v in report.speed.items())),
        _table("Settings", ("", ""), _setting_rows(report.settings)),
        (
            f'<figure class="chart">{reliability_chart(report.reliability)}'
            "<figcaption>Scores, in five groups of equal count</figcaption></figure>"
        ),
        "</div>",
        _soft("White: annotated. Coloured: the skeleton in question. Grey: others found."),
    ]
    for kind, meaning in KINDS.items():
        worst = _worst(evaluation.failures, kind, each)
        body.append(
            f'<h2>{kind.capitalize()} <span class="soft">{meaning}; '
            f"{len(worst)} of {report.failures[kind]}, worst first</span></h2>"
        )
        body.append('<div class="pictures">')
        body.extend(_figure(evaluation, failure) for failure in worst)
        body.append("</div>")
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style>\n<body>\n" + "\n".join(body) + "\n</body></html>\n"
    )


def _worst(failures: Sequence[Failure], kind: str, count: int) -> list[Failure]:
    of_kind = [failure for failure in failures if failure.kind == kind]
    return sorted(of_kind, key=lambda failure: -failure.severity)[:count]


def _figure_rows(evaluation: Evaluation) -> Iterable[tuple[str, ...]]:
    for name, e in evaluation.report.figures.items():
        yield name, number(e.value), interval(e)


def _part_rows(evaluation: Evaluation) -> Iterable[tuple[str, ...]]:
    for row in evaluation.report.parts:
        yield (
            row.part.replace("_", " "),
            str(row.labelled),
            number(row.found),
            number(row.pck),
            number(row.error_px),
            number(row.similarity),
        )


def _failure_rows(evaluation: Evaluation) -> Iterable[tuple[str, ...]]:
    costs = cost_in_ap(
        evaluation.images, evaluation.found, evaluation.skeleton.sigmas, evaluation.failures
    )
    for kind, count in evaluation.report.failures.items():
        yield kind, str(count), f"+{costs[kind]:.3f}"


def _setting_rows(settings: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _setting_rows(value)
        else:
            yield name.replace("_", " "), str(value)


def number(value: float) -> str:
    """A figure to three digits after the point, a dash where there is none."""
    return "-" if math.isnan(value) else f"{value:.3f}" if abs(value) < 1.5 else f"{value:.2f}"


def interval(estimate: Estimate) -> str:
    """Its ends, or a dash."""
    if math.isnan(estimate.low):
        return "-"
    return f"{number(estimate.low)} to {number(estimate.high)}"


def _soft(text: str) -> str:
    return f'<p class="soft">{escape(text)}</p>'


def _table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    lines = [line("th", head), *(line("td", row) for row in rows)]
    return f"<table><caption>{escape(caption)}</caption>{''.join(lines)}</table>"


def _figure(evaluation: Evaluation, failure: Failure) -> str:
    picture = draw_failure(evaluation, failure)
    encoded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))[1]
    data = base64.b64encode(encoded.tobytes()).decode("ascii")
    name = escape(evaluation.images[failure.image].path.name)
    return (
        f'<figure><img loading="lazy" alt="{failure.kind} in {name}" '
        f'src="data:image/jpeg;base64,{data}">'
        f"<figcaption>{name}: {escape(failure.note)}</figcaption></figure>"
    )
