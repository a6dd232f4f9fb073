"""What a network that gives boxes around people takes and gives, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from openpaf.errors import ConfigError, shown
from openpaf.models.network_card import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    NetworkCard,
    check_choice,
    check_int,
    check_name,
    check_size,
    offset_for,
    scale_for,
)

FITS = ("stretch", "pad")


@dataclass(frozen=True, kw_only=True)
class DetectorCard(NetworkCard):
    """Describe a person detector: boxes of one class, before or after non-maximum suppression.

    What it takes, and whose it is, is said as in every `NetworkCard`.

    Attributes
    ----------
    size : (width, height)
        Of the network's input, px.
    fit : str
        "stretch" (the frame fills the input whatever its aspect) or "pad" (its aspect is kept, at
        the top left).
    padding : int
        Grey of what "pad" leaves over.
    boxes, scores : str
        Outputs (1, M, 4): x0, y0, x1, y1, edges in net px, and (1, 1, M): 0 to 1.
    grids : tuple of str
        Outputs (1, h, w, 5) instead, one a stride, the finest first: the logit of a person, and how
        far left, above, right and below of the cell's corner the edges are, net px.
    strides : tuple of int
        Net px a cell of each grid.
    min_score : float
        Weaker boxes are left out.
    overlap : float
        Of boxes that overlap by more (IoU) the stronger one stays.

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    head: ClassVar[str] = "boxes"

    size: tuple[int, int] = (320, 320)
    fit: str = "stretch"
    padding: int = 114
    boxes: str = ""
    scores: str = ""
    grids: tuple[str, ...] = ()
    strides: tuple[int, ...] = ()
    min_score: float = 0.1
    overlap: float = 0.6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("size", self.size)
        check_choice("fit", self.fit, FITS)
        check_int("padding", self.padding, 0, 255)
        for key in ("size", "grids", "strides"):
            if not isinstance(getattr(self, key), (tuple, list)):
                raise ConfigError(f"{key} must be a list, got {shown(getattr(self, key))}")
            object.__setattr__(self, key, tuple(getattr(self, key)))
        for name in self.outputs:
            check_name("an output", name)
        for stride in self.strides:
            check_int("a stride", stride, 1)
        if bool(self.grids) == bool(self.boxes or self.scores):
            raise ConfigError("a detector needs either boxes and scores, or grids and strides")
        if len(self.grids) != len(self.strides):
            raise ConfigError(
                f"strides must be one a grid, got {len(self.strides)} for {len(self.grids)}"
            )
        for key in ("min_score", "overlap"):
            value = getattr(self, key)
            if not isinstance(value, (int, float)) or not 0 <= value <= 1:
                raise ConfigError(f"{key} must be a number from 0 to 1, got {shown(value)}")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that are wanted of a run."""
        return self.grids or (self.boxes, self.scores)

    @property
    def input_size(self) -> tuple[int, int] | None:
        """(width, height) of the input, px."""
        return self.size

    def fits(self, width: int, height: int) -> bool:
        """Whether an input is of the network's size, px."""
        return (width, height) == self.size


PICODET_S = DetectorCard(
    name="picodet-s-320-pedestrian",
    input_layout="NCHW",
    input_dtype="float32",
    colors="RGB",
    scale=scale_for(IMAGENET_STD),
    offset=offset_for(IMAGENET_MEAN, IMAGENET_STD),
    boxes="concat_8.tmp_0",
    scores="transpose_8.tmp_0",
    license="Apache-2.0",
    training_data="COCO 2017, AI Challenger",
)
"""PaddleDetection's PicoDet-S for people; its files say what they are by output names only."""

# BGR, as MMDetection's RTMDet takes them.
_COCO_MEAN, _COCO_STD = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)

RTMDET_NANO = DetectorCard(
    name="rtmdet-nano-person-320",
    input_layout="NCHW",
    input_dtype="float32",
    colors="BGR",
    scale=scale_for(_COCO_STD),
    offset=offset_for(_COCO_MEAN, _COCO_STD),
    fit="pad",
    grids=("1211", "1213", "1215"),
    strides=(8, 16, 32),
    license="Apache-2.0",
    training_data="COCO 2017, Objects365 (person)",
)
"""OpenMMLab's RTMDet-nano for people; its files say what they are by output names only."""
