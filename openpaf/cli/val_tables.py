"""What `openpaf val` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from openpaf.cli.tables import figures, show

if TYPE_CHECKING:
    from openpaf.evaluate import Difference, Report

_SWEEP_COLUMNS = ("AP", "AP50", "AP75", "APM", "APL", "AR")


def print_report(report: Report) -> None:
    """Figures, parts, failures and speed."""
    from openpaf.evaluate.gallery import interval, number

    values = figures("", "value", "95 % interval")
    for name, estimate in report.figures.items():
        values.add_row(name, number(estimate.value), interval(estimate))
    parts = figures("part", "labelled", "found", "PCK", "error px", "OKS")
    for row in report.parts:
        shares = (row.found, row.pck, row.error_px, row.similarity)
        parts.add_row(row.part, str(row.labelled), *(number(value) for value in shares))
    failures = ", ".join(f"{count} x {kind}" for kind, count in report.failures.items())
    data, settings, speed = report.data, report.settings, report.speed
    heading = (
        f"{settings['model']} ({settings['file']}) at net {settings['net']} on {data.images} "
        f"pictures with {data.people} people of {data.folder}"
    )
    timing = (
        f"{settings['provider']}: preprocessing and network {speed['network ms']:.1f} ms, "
        f"decoder {speed['decoder ms']:.2f} ms (medians), {speed['frames/s']:.1f} frames/s"
    )
    scores = figures("scores", "mean score / share right, lowest to highest", "error")
    for name, one in report.reliability.items():
        pairs = zip(one.scores, one.right, strict=True)
        scores.add_row(name, "  ".join(f"{s:.2f}/{r:.2f}" for s, r in pairs), number(one.error))
    shift = ", ".join(
        f"{axis} {number(estimate.value)} ({interval(estimate)})"
        for axis, estimate in report.shift.items()
    )
    show(heading, values, "", parts, "", scores, "")
    show(f"parts lie off their labels by {shift} net px (medians)", failures, timing)
    if data.left_out:
        show(f"left out, the model has no such part: {', '.join(data.left_out)}")


def print_sweep(reports: Mapping[str, Report]) -> None:
    """One line a decoder setting."""
    from openpaf.evaluate.gallery import number

    table = figures("", "AP 95 % interval", *_SWEEP_COLUMNS, "MPJPE px", "decoder ms")
    for name, report in reports.items():
        table.add_row(
            name,
            f"{report.ap.low:.3f} to {report.ap.high:.3f}",
            *(number(report.figures[column].value) for column in _SWEEP_COLUMNS),
            number(report.figures["MPJPE px"].value),
            f"{report.speed['decoder ms']:.2f}",
        )
    show(table)


def print_comparison(names: tuple[str, str], differences: Mapping[str, Difference]) -> None:
    """B minus A, one line a figure."""
    from openpaf.evaluate.gallery import number

    table = figures("", f"A {names[0]}", f"B {names[1]}", "B - A", "95 % interval", "p")
    for name, row in differences.items():
        if math.isnan(row.difference.value):
            continue
        table.add_row(
            name,
            number(row.a),
            number(row.b),
            f"{row.difference.value:+.3f}",
            f"{row.difference.low:+.3f} to {row.difference.high:+.3f}",
            f"{row.p:.3f}",
        )
    show(table)
