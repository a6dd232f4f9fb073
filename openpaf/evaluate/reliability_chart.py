"""Reliability drawn: what scores say against what is right, as SVG for a page."""

from __future__ import annotations

from collections.abc import Mapping

from openpaf.evaluate.reliability import Reliability

_SIDE = 220
_MARGIN = 34
_COLORS = ("#0072b2", "#d55e00")


def reliability_chart(reliability: Mapping[str, Reliability]) -> str:
    """A square chart with a line a kind of score; on the diagonal scores mean what they say.

    Parameters
    ----------
    reliability : mapping of str to Reliability
        As `Report.reliability` has it.

    Returns
    -------
    str
        An `svg` element.
    """
    size = _SIDE + 2 * _MARGIN
    corner, low, high = _MARGIN, _MARGIN + _SIDE, _MARGIN + _SIDE
    lines = [
        (
            f'<rect x="{corner}" y="{corner}" width="{_SIDE}" height="{_SIDE}" fill="none" '
            'stroke="currentColor" opacity=".4"/>'
        ),
        (
            f'<line x1="{corner}" y1="{low}" x2="{high}" y2="{corner}" stroke="currentColor" '
            'stroke-dasharray="4" opacity=".4"/>'
        ),
    ]
    for share in (0.0, 0.5, 1.0):
        x, y = _place(share, share)
        lines.append(f'<text x="{x:.0f}" y="{low + 16}" text-anchor="middle">{share:g}</text>')
        lines.append(f'<text x="{corner - 6}" y="{y + 4:.0f}" text-anchor="end">{share:g}</text>')
    lines.append(
        f'<text x="{size / 2}" y="{size - 4}" text-anchor="middle">score</text>'
        f'<text x="{corner}" y="{corner - 8}">share right</text>'
    )
    shown = {name: one for name, one in reliability.items() if one.scores}
    for n, ((name, one), color) in enumerate(zip(shown.items(), _COLORS, strict=False)):
        places = [_place(*pair) for pair in zip(one.scores, one.right, strict=True)]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{color}"/>')
        lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in places]
        lines.append(
            f'<text x="{corner + 8}" y="{corner + 18 + 16 * n}" fill="{color}">'
            f"{name}, error {one.error:.3f}</text>"
        )
    return (
        f'<svg width="{size}" height="{size}" viewBox="0 0 {size} {size}" font-size="12" '
        'fill="currentColor" role="img" aria-label="scores against the share that is right">'
        + "".join(lines)
        + "</svg>"
    )


def _place(score: float, right: float) -> tuple[float, float]:
    return _MARGIN + _SIDE * score, _MARGIN + _SIDE * (1 - right)
