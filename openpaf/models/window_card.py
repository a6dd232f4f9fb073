"""What a network that looks at the window of one person takes and gives, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from openpaf.errors import ConfigError, shown
from openpaf.models.calibration import weights_for
from openpaf.models.network_card import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    check_choice,
    check_int,
    check_name,
    check_size,
    offset_for,
    scale_for,
)
from openpaf.models.parts_card import PartsCard
from openpaf.skeleton import COCO_17

READINGS = ("quarter", "quadratic", "soft_argmax", "coordinates")
CELLS = ("blocks", "corners")

SECOND_PERSON_FEATURES = ("constant", "log odds of the first look", "agreement", "clearness")
"""What the probability of a person looked at twice is a logistic of; see `topdown.agreement`."""
SECOND_PART_FEATURES = ("constant", "part score", "similarity", "log odds of the person")
"""What the probability of a part of such a person is a logistic of."""


@dataclass(frozen=True, kw_only=True)
class WindowCard(PartsCard):
    """Describe a window network; the defaults are the layout of files that openpaf exports.

    What it takes, and whose it is, is said as in every `NetworkCard`.

    Attributes
    ----------
    size : (width, height)
        Of the window, px.
    output : str
        Name of the output: (N, K, h, w) maps, or (N, K, 3) coordinates.
    reading : str
        How a part is read from its map: "quarter" (the highest cell, a quarter towards its higher
        neighbour), "quadratic" (the top of a quadratic laid through the map's logarithm),
        "soft_argmax" (the mean cell); or "coordinates": x, y in window px and a score are given.
    blur : int
        Side of the Gaussian, cells, that smooths a map before "quadratic"; 0 for none.
    cells : str
        Where cells lie: "blocks" (cell g is centred on its stride x stride block of window px) or
        "corners" (the centres of the outermost cells and of the outermost px coincide).
    logits : bool
        Maps are logits of a softmax over the cells and nowhere, whose logit is 0; it is taken
        before they are read, and a part is as sure as the cells about its highest together.
    box_factor : float
        Side of the window in sides of the box around a person's parts, once that has the window's
        aspect.
    mirror : bool
        Look at the mirrored window too: twice the time.
    person, part : tuple of float
        As the second look at a person: weights of `SECOND_PERSON_FEATURES` and of
        `SECOND_PART_FEATURES`, which `openpaf calibrate` finds; empty for scores that are no
        probabilities.

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    head: ClassVar[str] = "window"

    size: tuple[int, int] = (192, 256)
    output: str = "maps"
    reading: str = "quadratic"
    blur: int = 0
    cells: str = "blocks"
    logits: bool = False
    box_factor: float = 1.25
    mirror: bool = False
    person: tuple[float, ...] = ()
    part: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("size", self.size)
        object.__setattr__(self, "size", tuple(self.size))
        check_name("output", self.output)
        check_choice("reading", self.reading, READINGS)
        check_choice("cells", self.cells, CELLS)
        check_int("blur", self.blur, 0)
        if self.blur and self.blur % 2 == 0:
            raise ConfigError(f"blur must be odd, so that it has a middle, got {self.blur}")
        for key in ("logits", "mirror"):
            if not isinstance(getattr(self, key), bool):
                raise ConfigError(f"{key} must be true or false, got {shown(getattr(self, key))}")
        if not isinstance(self.box_factor, (int, float)) or not 0.5 <= self.box_factor <= 4:
            raise ConfigError(f"box_factor must lie in 0.5..4, got {shown(self.box_factor)}")
        for key, features in (("person", SECOND_PERSON_FEATURES), ("part", SECOND_PART_FEATURES)):
            object.__setattr__(self, key, weights_for(key, getattr(self, key), len(features)))
        if bool(self.person) != bool(self.part):
            raise ConfigError("person and part belong together: give both, or neither")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Name of the one output."""
        return (self.output,)

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(width, height) of the window, px."""
        return self.size

    def fits(self, width: int, height: int) -> bool:
        """Whether an input is of the window's size, px."""
        return (width, height) == self.size


PP_TINYPOSE = WindowCard(
    name="pp-tinypose",
    skeleton=COCO_17,
    input_layout="NCHW",
    input_dtype="float32",
    colors="RGB",
    scale=scale_for(IMAGENET_STD),
    offset=offset_for(IMAGENET_MEAN, IMAGENET_STD),
    size=(192, 256),
    output="conv2d_441.tmp_1",
    reading="quadratic",
    blur=11,
    cells="corners",
    box_factor=1.1,
    license="Apache-2.0",
    training_data="COCO 2017 keypoints, AI Challenger",
)
"""PaddleDetection's PP-TinyPose 256 x 192; its files say what they are by an output's name only."""
