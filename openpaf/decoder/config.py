"""How the decoder is set: one frozen record, checked once."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

import numpy as np

from openpaf.errors import ConfigError, shown
from openpaf.keywords import class_knows_keywords
from openpaf.models.calibration import Calibration

Refinement = Literal["none", "quadratic", "log_quadratic", "quarter_offset", "centroid"]
REFINEMENTS: tuple[Refinement, ...] = get_args(Refinement)

Assembly = Literal["cpu", "cuda"]

Keep = Literal["score", "largest", "central"]


def _fraction(name: str, value: float) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ConfigError(f"{name} must be a number from 0 to 1, got {shown(value)}")


def _count(name: str, value: int, lowest: int, highest: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= highest:
        raise ConfigError(
            f"{name} must be a whole number from {lowest} to {highest}, got {shown(value)}"
        )


@dataclass(frozen=True, slots=True)
class OpenPoseRules:
    """Decode as OpenPose does, for those who migrate; see `DecoderConfig.openpose`.

    Raises
    ------
    ConfigError
        When an option has a value that cannot work.
    """

    assembly: Assembly = "cpu"
    maximize_positives: bool = False
    nms_threshold: float | None = None

    def __post_init__(self) -> None:
        if self.assembly not in get_args(Assembly):
            raise ConfigError(f'assembly must be "cpu" or "cuda", got {self.assembly!r}')
        if not isinstance(self.maximize_positives, bool):
            raise ConfigError(
                f"maximize_positives must be True or False, got {self.maximize_positives!r}"
            )
        if self.nms_threshold is not None:
            _fraction("nms_threshold", self.nms_threshold)


@class_knows_keywords("DecoderConfig()", "decoder=openpaf.DecoderConfig({}=...)")
@dataclass(frozen=True, slots=True)
class DecoderConfig:
    """Options of the decoder; the defaults suit networks trained the OpenPose way.

    Parameters
    ----------
    peak_threshold : float, optional
        A confidence-map maximum is a candidate when above this; None is the network's own value,
        from its card, and 0.07 where there is none.
    refinement : str
        How a candidate is placed between cells: "none", "quadratic", "log_quadratic",
        "quarter_offset" or "centroid".
    max_candidates : int
        At most so many candidates a part; the strongest stay.
    paf_threshold : float, optional
        A sample along a limb counts when the PAF along the limb is above this; None is the
        network's own value, else 0.05.
    paf_min_fraction : float
        Share of samples that must count for a pair of candidates to be connected.
    paf_samples : int
        Samples along a limb.
    min_parts : int
        People of fewer parts are dropped.
    min_score : float, optional
        People of a lower score are dropped, 0 to 1; None is the network's own value, else 0.2. A
        person's score is the probability that the person is right, where the network's card has
        it calibrated. Else it is the mean of its parts' and connections' scores times the square
        root of the share of parts found: 1 at best.
    join_fragments : bool
        Join fragments of one person that lie to each other as the parts of a body do, where the
        part between them was not found.
    complete : bool
        Look for the missing parts of everyone where the parts found let one expect them. Their
        scores are low and say how seldom they are right: many are hidden or outside the frame.
        Head, neck, arms and legs of any skeleton; not feet.
    max_people : int or None
        At most so many people.
    keep : {"score", "largest", "central"}
        Who stays where there are more than `max_people`: those of the highest score, those with
        the longest boxes, or those nearest the middle of the frame (of the net input, without a
        frame). Whoever stays is given in the order of scores all the same.
    openpose_rules : OpenPoseRules or None
        Decode by OpenPose's rules, which bring their own thresholds: every other option but
        `max_people` and `keep` must then be left alone.

    Raises
    ------
    ConfigError
        When an option has a value that cannot work.
    """

    peak_threshold: float | None = None
    refinement: Refinement = "log_quadratic"
    max_candidates: int = 256
    paf_threshold: float | None = None
    paf_min_fraction: float = 0.8
    paf_samples: int = 10
    min_parts: int = 3
    min_score: float | None = None
    join_fragments: bool = True
    complete: bool = False
    max_people: int | None = None
    keep: Keep = "score"
    openpose_rules: OpenPoseRules | None = None

    @classmethod
    def openpose(
        cls,
        assembly: Assembly = "cpu",
        maximize_positives: bool = False,
        nms_threshold: float | None = None,
    ) -> DecoderConfig:
        """Decode as OpenPose does: the same people for the same fields.

        Coordinates follow OpenPose too, the half pixel it adds included, and person scores are sums
        over the K + L of the skeleton.

        Parameters
        ----------
        assembly : {"cpu", "cuda"}
            OpenPose's builds put people together in two ways.
        maximize_positives : bool
            Lower thresholds: more people found, more of them false.
        nms_threshold : float, optional
            Threshold on the confidence maps, by default that of the skeleton's published model:
            0.05 (0.02 with `maximize_positives`), and 0.6 for MPI_15; give 0.3 for its four-stage
            model.

        Raises
        ------
        ConfigError
            When an option has a value that cannot work.
        """
        return cls(openpose_rules=OpenPoseRules(assembly, maximize_positives, nms_threshold))

    def __post_init__(self) -> None:
        for option in fields(self):
            value = getattr(self, option.name)
            # As arrays and tables of numbers give them.
            if isinstance(value, np.number):
                object.__setattr__(self, option.name, value.item())
        _fraction("paf_min_fraction", self.paf_min_fraction)
        for name in ("peak_threshold", "paf_threshold", "min_score"):
            if getattr(self, name) is not None:
                _fraction(name, getattr(self, name))
        if self.refinement not in REFINEMENTS:
            raise ConfigError(
                f"refinement must be one of {', '.join(REFINEMENTS)}, got {self.refinement!r}"
            )
        _count("max_candidates", self.max_candidates, 1, 4096)
        _count("paf_samples", self.paf_samples, 2, 100)
        _count("min_parts", self.min_parts, 1, 1000)
        for name in ("join_fragments", "complete"):
            if not isinstance(getattr(self, name), bool):
                got = shown(getattr(self, name))
                raise ConfigError(f"{name} must be True or False, got {got}")
        if self.max_people is not None:
            _count("max_people", self.max_people, 1, 1_000_000)
        self._check_keep()
        if self.openpose_rules is not None:
            self._check_only_rules()

    def with_given(self, **options: Any) -> DecoderConfig:
        """The same with the options that are given; None is one that is not.

        Raises
        ------
        ConfigError
            When an option has a value that cannot work.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return replace(self, **given) if given else self

    def read_by(self, calibration: Calibration) -> Calibration:
        """The calibration of a network with what the user set in place of its own values."""
        own = ("peak_threshold", "paf_threshold", "min_score")
        given = {name: getattr(self, name) for name in own if getattr(self, name) is not None}
        if "min_score" in given and not calibration.person:
            given["weakest"] = given["min_score"]
        return replace(calibration, **given)

    def _check_keep(self) -> None:
        if self.keep not in get_args(Keep):
            raise ConfigError(
                f"keep must be one of {', '.join(get_args(Keep))}, got {shown(self.keep)}"
            )
        if self.keep != "score" and self.max_people is None:
            raise ConfigError(
                f'keep="{self.keep}" says who stays where there are more than max_people; give '
                "that too, such as max_people=1"
            )

    def _check_only_rules(self) -> None:
        for option in fields(self):
            if option.name in ("max_people", "keep", "openpose_rules"):
                continue
            if getattr(self, option.name) != option.default:
                raise ConfigError(
                    f"{option.name} has no effect with openpose_rules, got "
                    f"{getattr(self, option.name)!r}; leave it out"
                )
