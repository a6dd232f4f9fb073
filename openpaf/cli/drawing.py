"""Options of every verb that draws people; together they are a `DrawConfig`."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from openpaf.drawing import DrawConfig

_PANEL = "Drawing"


class Color(str, Enum):
    """What has a colour of its own."""

    side = "side"
    limb = "limb"
    person = "person"


Coloring = Annotated[
    Color,
    typer.Option(
        help="side: warm colours on the person's right, cool ones on the left. limb: one a limb. "
        "person: one a person.",
        rich_help_panel=_PANEL,
    ),
]
LineWidth = Annotated[
    float | None,
    typer.Option(
        metavar="PX",
        help="Width of limbs.",
        show_default="by each person's size",
        rich_help_panel=_PANEL,
    ),
]
Boxes = Annotated[
    bool, typer.Option("--boxes", help="Draw a box around everyone.", rich_help_panel=_PANEL)
]
Ids = Annotated[bool, typer.Option(help="Write ids above heads.", rich_help_panel=_PANEL)]
Labels = Annotated[
    bool, typer.Option("--labels", help="Write scores above heads.", rich_help_panel=_PANEL)
]
OnBlack = Annotated[
    bool,
    typer.Option("--on-black", help="Draw on black, not on the frame.", rich_help_panel=_PANEL),
]
BlurFaces = Annotated[
    bool,
    typer.Option(
        "--blur-faces",
        help="Blur the heads of the people found; who is not found is not blurred.",
        rich_help_panel=_PANEL,
    ),
]


def draw_config(
    color: Color,
    line_width: float | None,
    boxes: bool,
    labels: bool,
    on_black: bool,
    blur_faces: bool,
    *,
    ids: bool = True,
) -> DrawConfig:
    """What the options mean together.

    Raises
    ------
    ConfigError
        When a value cannot be.
    """
    return DrawConfig(
        color=color.value,
        line_width=line_width,
        boxes=boxes,
        ids=ids,
        labels=labels,
        on_black=on_black,
        blur_faces=blur_faces,
    )
