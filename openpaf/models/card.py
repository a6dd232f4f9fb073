"""What a PAF network file takes and gives, as data.

Files that openpaf exports carry their card in their ONNX metadata, under `METADATA_KEY`. Any other
network is described by a `net.toml` beside `net.onnx`, or by a card passed to the engine.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

from openpaf.errors import ConfigError, shown
from openpaf.models.calibration import UNCALIBRATED, Calibration
from openpaf.models.detector_card import PICODET_S, RTMDET_NANO
from openpaf.models.network_card import MOST, NetworkCard, check_choice, check_int, check_name
from openpaf.models.parts_card import PartsCard
from openpaf.models.window_card import PP_TINYPOSE
from openpaf.skeleton import COCO_18

METADATA_KEY = "openpaf"
"""Name of the ONNX metadata property that holds a card as JSON."""

_MOST_STRIDE = 256


@dataclass(frozen=True, kw_only=True)
class ModelCard(PartsCard):
    """Describe a PAF network; the defaults are the layout of files that openpaf exports.

    What it takes, and whose it is, is said as in every `NetworkCard`.

    Attributes
    ----------
    stride : int
        Net-input px a cell of the fields.
    output_layout : str
        NCHW or NHWC, of both outputs.
    confidence_maps, pafs : str
        Names of the outputs; the same name twice for one combined output.
    confidence_channel, paf_channel : int
        Where the K confidence maps and the 2L PAF channels begin in their output. A background
        map before or after the others is left out by this.
    paf_order : "limbs", "published" or (2L,) tuple of int
        The skeleton's limb order, x then y; the order of its published models
        (`Skeleton.paf_channels`); or, for each channel in limb order, its place after
        `paf_channel`.
    net_height : int
        Height of the network input this network works best at, px.
    calibration : Calibration
        How its fields are read; nothing is known where it is left out.

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    head: ClassVar[str] = "fields"

    stride: int = 8
    output_layout: str = "NCHW"
    confidence_maps: str = "confidence_maps"
    confidence_channel: int = 0
    pafs: str = "pafs"
    paf_channel: int = 0
    paf_order: str | tuple[int, ...] = "limbs"
    net_height: int = 368
    calibration: Calibration = UNCALIBRATED

    def __post_init__(self) -> None:
        super().__post_init__()
        check_choice("output_layout", self.output_layout, ("NHWC", "NCHW"))
        for key in ("confidence_maps", "pafs"):
            check_name(key, getattr(self, key))
        if not isinstance(self.calibration, Calibration):
            raise ConfigError(f"calibration must be a Calibration, got {shown(self.calibration)}")
        check_int("stride", self.stride, 1, _MOST_STRIDE)
        for key in ("confidence_channel", "paf_channel"):
            check_int(key, getattr(self, key), 0, MOST)
        check_int("net_height", self.net_height, self.stride, MOST)
        if isinstance(self.paf_order, list):
            object.__setattr__(self, "paf_order", tuple(self.paf_order))
        self._check_paf_order()

    def _check_paf_order(self) -> None:
        if self.paf_order in ("limbs", "published"):
            return
        channels = 2 * len(self.skeleton.limbs)
        order = self.paf_order
        whole = isinstance(order, tuple) and all(isinstance(channel, int) for channel in order)
        if not whole or sorted(order) != list(range(channels)):
            raise ConfigError(
                f"paf_order must be limbs, published, or 0..{channels - 1} once each, "
                f"got {shown(self.paf_order)}"
            )

    @property
    def confidence_channels(self) -> slice:
        """Channels of the K confidence maps in their output."""
        return slice(self.confidence_channel, self.confidence_channel + len(self.skeleton.parts))

    @property
    def paf_channels(self) -> slice | list[int]:
        """Channels of the 2L PAFs in their output, limb order; a slice where they are in order."""
        first, count = self.paf_channel, 2 * len(self.skeleton.limbs)
        if self.paf_order == "limbs":
            order = list(range(count))
        elif self.paf_order == "published":
            order = [channel for pair in self.skeleton.paf_channels for channel in pair]
        else:
            order = [int(channel) for channel in self.paf_order]
        if order == list(range(count)):
            return slice(first, first + count)
        return [first + channel for channel in order]

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs that are wanted of a run, each once."""
        return tuple(sorted({self.confidence_maps, self.pafs}))

    @property
    def input_size(self) -> tuple[int, int] | None:
        """None: any sides that are multiples of the stride will do."""
        return None

    def fits(self, width: int, height: int) -> bool:
        """Whether both sides, px, are multiples of the stride."""
        return width % self.stride == 0 and height % self.stride == 0

    @classmethod
    def _read(cls, values: dict[str, Any]) -> dict[str, Any]:
        calibration = Calibration.from_mapping(values.get("calibration", {}), "calibration")
        return {**super()._read(values), "calibration": calibration}

    def _head_key(self) -> dict[str, str]:
        # Files stay readable for versions that know no other head.
        return {}


HUMAN_POSE_ESTIMATION_0001 = ModelCard(
    name="human-pose-estimation-0001",
    skeleton=COCO_18,
    input_layout="NCHW",
    input_dtype="float32",
    confidence_maps="Mconv7_stage2_L2",
    pafs="Mconv7_stage2_L1",
    paf_order="published",
    license="Apache-2.0",
    training_data="COCO 2017 keypoints",
    # By `openpaf calibrate` on 3,421 people of COCO train, one look at net height 368.
    calibration=Calibration(
        offset=(0.11, 1.28),
        peak_threshold=0.05,
        paf_threshold=0.03,
        weakest=0.1,
        min_score=0.4,
        person=(-11.0406, 7.6082, 3.177, 0.7768, -1.7416),
        part=(-2.0325, 3.2202, 0.6885),
    ),
)
"""The Open Model Zoo's lightweight OpenPose; its files say what they are by output names only."""

BUILT_IN: tuple[NetworkCard, ...] = (
    HUMAN_POSE_ESTIMATION_0001,
    PP_TINYPOSE,
    PICODET_S,
    RTMDET_NANO,
)


def recognise(output_names: Collection[str]) -> NetworkCard | None:
    """Card of a well-known network that has these outputs, or None."""
    for card in BUILT_IN:
        if set(card.outputs) <= set(output_names):
            return card
    return None
