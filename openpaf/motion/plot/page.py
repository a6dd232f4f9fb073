"""One HTML page: curves, and the video or the skeleton beside them, scrubbed together."""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError
from openpaf.files import replacing
from openpaf.motion.motion import Motion
from openpaf.motion.plot.curves import Panel
from openpaf.motion.plot.picture import COLORS, gaps

MOST_FRAMES = 20_000
"""A page holds all its numbers, and a browser draws them all."""


def write_page(
    path: Path, motion: Motion, panels: Mapping[int, Sequence[Panel]], video: Path | None = None
) -> None:
    """Write a page that needs no network and no other file than the video.

    Parameters
    ----------
    path : Path
        `.html`
    motion : Motion
    panels : mapping of int to sequence of Panel
        Of each person by id, those first who are shown first.
    video : Path, optional
        What the recording was made of, in a form that browsers play. Without it the skeleton alone
        is shown.

    Raises
    ------
    ConfigError
        When the recording is too long for a page.
    OutputError
        When the file cannot be written.
    """
    if len(motion) > MOST_FRAMES:
        raise ConfigError(
            f"a page holds {MOST_FRAMES:,} frames, this recording has {len(motion):,}; take a part "
            "with --start and --end"
        )
    skeleton = motion.skeleton
    drawn = [n for n in range(len(skeleton.limbs)) if n not in skeleton.redundant_limbs]
    data = {
        "times": _short(motion.times, 4),
        "size": motion.frame_size or _size(motion),
        "limbs": [skeleton.limbs[n] for n in drawn],
        "limbColors": ["rgb({2},{1},{0})".format(*skeleton.colors[n]) for n in drawn],
        "colors": COLORS,
        "video": None if video is None else _address(video, path),
        "people": [_person(motion, who, panels[who]) for who in panels],
    }
    template = resources.files(__package__).joinpath("page.html").read_text("utf-8")
    # A text that ends a script must not end this one.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    page = template.replace("{{title}}", html.escape(path.stem)).replace("{{data}}", text)
    with replacing(path) as partial:
        partial.write_text(page, "utf-8")


def _person(motion: Motion, who: int, panels: Sequence[Panel]) -> dict[str, Any]:
    trail = motion[who]
    return {
        "id": who,
        "start": trail.start,
        "keypoints": [_short(row.reshape(-1), 1) for row in trail.keypoints],
        "panels": [
            {
                "title": panel.title,
                "unit": panel.unit,
                "downwards": panel.downwards,
                "gaps": gaps(panel, trail.times),
                "curves": [
                    {
                        "name": curve.name,
                        "color": COLORS[curve.side],
                        "values": _short(curve.values, 2),
                        "filled": np.flatnonzero(curve.filled).tolist(),
                    }
                    for curve in panel.curves
                ],
            }
            for panel in panels
        ],
    }


def _short(values: NDArray[np.float64], digits: int) -> list[float | None]:
    rounded = values.round(digits).tolist()
    return [value if np.isfinite(value) else None for value in rounded]


def _size(motion: Motion) -> tuple[int, int]:
    """A frame around everybody, where the recording does not say how large it was."""
    highest = [np.nanmax(t.keypoints, axis=(0, 1)) for t in motion if t.found.any()]
    width, height = np.max(highest, axis=0) + 20 if highest else (640, 480)
    return int(width), int(height)


def _address(video: Path, page: Path) -> str:
    relative = os.path.relpath(video.absolute(), page.absolute().parent)
    return quote(Path(relative).as_posix())
