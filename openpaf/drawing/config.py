"""How people are drawn: one set of options for every place that draws them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

from openpaf.errors import ConfigError, shown
from openpaf.keywords import class_knows_keywords

_WIDEST = 1000
Coloring = Literal["side", "limb", "person"]
COLORINGS = get_args(Coloring)


@class_knows_keywords("DrawConfig()")
@dataclass(frozen=True, kw_only=True)
class DrawConfig:
    """How people are drawn.

    Parameters
    ----------
    color : "side", "limb" or "person"
        Warm colours on the person's right and cool ones on the left; a colour of its own for every
        limb; or one for every person, the same as long as they keep their id.
    line_width : float, optional
        Of limbs, px. A sixtieth of each person's height or width where nothing is said, so that
        pictures of every size look alike. Lines of hands and faces follow their sizes, and are
        never wider than this.
    boxes : bool
        A box around everyone's keypoints.
    ids : bool
        A badge with the id above the head, where people have ids.
    labels : bool
        A badge with the person's score.
    on_black : bool
        Draw on black instead of on the frame.
    blur_faces : bool
        Blur the head of everyone found, before anything is drawn. Who is not found is not blurred.

    Raises
    ------
    ConfigError
        When a value cannot be.
    """

    color: Coloring = "side"
    line_width: float | None = None
    boxes: bool = False
    ids: bool = True
    labels: bool = False
    on_black: bool = False
    blur_faces: bool = False

    def __post_init__(self) -> None:
        if self.color not in COLORINGS:
            raise ConfigError(
                f"color must be one of {', '.join(COLORINGS)}, got {shown(self.color)}"
            )
        for name in ("boxes", "ids", "labels", "on_black", "blur_faces"):
            if not isinstance(getattr(self, name), bool):
                raise ConfigError(f"{name} must be True or False, got {shown(getattr(self, name))}")
        if self.line_width is not None and not _is_width(self.line_width):
            raise ConfigError(
                f"line_width must be px above 0 and at most {_WIDEST}, got {shown(self.line_width)}"
            )


def _is_width(value: Any) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and 0 < value <= _WIDEST
