"""What `openpaf smooth` says of what it did."""

from __future__ import annotations

from openpaf.cli.tables import figures, show
from openpaf.motion import Report

_SHOWN = 20


def show_report(report: Report) -> None:
    """Print who was kept, and what was done to them."""
    table = figures(
        "person", "from s", "to s", "frames", "joined", "keypoints", "exchanged", "outliers",
        "filled", "missing", "cut-off Hz",
    )  # fmt: skip
    for one in report.kept[:_SHOWN]:
        table.add_row(
            str(one.id), f"{one.first:.2f}", f"{one.last:.2f}", f"{one.seen:,}",
            " ".join(map(str, one.joined)) or "-", f"{one.keypoints:,}", f"{one.exchanged:,}",
            f"{one.outliers:,}", f"{one.filled:,}", f"{one.missing:,}",
            "-" if one.cutoff is None else f"{one.cutoff:.1f}",
        )  # fmt: skip
    lines = [f"{report.frames:,} frames, {report.frame_rate:.2f} a second"]
    if report.missing_frames:
        lines[0] += f"; {report.missing_frames:,} that the recording lacks were put in"
    if len(report.kept) > _SHOWN:
        lines.append(f"{len(report.kept) - _SHOWN:,} people more; --report FILE lists all")
    reasons: dict[str, list[str]] = {}
    for one in report.people:
        if one.dropped is not None:
            reasons.setdefault(one.dropped, []).append(str(one.id))
    for reason, ids in reasons.items():
        more = f" and {len(ids) - _SHOWN:,} more" if len(ids) > _SHOWN else ""
        lines.append(f"dropped {' '.join(ids[:_SHOWN])}{more}: {reason}")
    show(table, *lines)
