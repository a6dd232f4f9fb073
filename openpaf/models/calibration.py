"""What was learnt about a network from human labels: where it puts parts, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from openpaf.errors import ConfigError, shown
from openpaf.records import check_keys

PERSON_FEATURES = ("constant", "mean part score", "share of parts", "log area", "overlap")
"""What a person's probability is a logistic of; `openpaf_kernels.people.calibrate` computes it.

The mean score of the parts found; the share of the skeleton's parts that they are; the natural
logarithm of the area of the box around them, net px^2; the largest share of that box that lies in
the box of one person of a higher score.
"""
PART_FEATURES = ("constant", "part score", "log odds of the person")
"""What a part's probability is a logistic of."""

# More is not how people label, but a mistake.
_LARGEST_OFFSET = 8.0
_LARGEST_WEIGHT = 1000.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """How the fields of a network are read; `openpaf calibrate` finds it, the model card keeps it.

    Attributes
    ----------
    offset : (float, float)
        Frame px, in x and y, from where parts are found to where humans label them.
    peak_threshold, paf_threshold : float
        What the decoder's options of these names are where the user leaves them alone.
    weakest : float
        People of a lower raw score (the decoder's, before it is made a probability) are nobody.
    min_score : float
        As the thresholds: a probability where `person` is given, else a raw score.
    person : tuple of float
        Weights of `PERSON_FEATURES`; empty for raw scores.
    part : tuple of float
        Weights of `PART_FEATURES`; empty for raw scores.

    Raises
    ------
    ConfigError
        When a value cannot work.
    """

    offset: tuple[float, float] = (0.0, 0.0)
    peak_threshold: float = 0.07
    paf_threshold: float = 0.05
    weakest: float = 0.2
    min_score: float = 0.2
    person: tuple[float, ...] = ()
    part: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for key in ("peak_threshold", "paf_threshold", "weakest", "min_score"):
            value = getattr(self, key)
            if not _is_number(value) or not 0 <= value <= 1:
                raise ConfigError(f"{key} must be a number from 0 to 1, got {shown(value)}")
        object.__setattr__(self, "offset", _numbers("offset", self.offset, (2,), _LARGEST_OFFSET))
        for key, features in (("person", PERSON_FEATURES), ("part", PART_FEATURES)):
            object.__setattr__(self, key, weights_for(key, getattr(self, key), len(features)))
        if self.part and not self.person:
            raise ConfigError("part needs person: a part is as sure as the person it belongs to")

    @classmethod
    def from_mapping(cls, values: Any, where: str) -> Calibration:
        """Make one from plain values; `where` names them in errors.

        Raises
        ------
        ConfigError
            When a key is unknown, or a value cannot work.
        """
        table: Mapping[str, Any] = check_keys(values, where, [f.name for f in fields(cls)])
        try:
            return cls(**table)
        except ConfigError as error:
            raise ConfigError(f"{where}: {error}") from error


def weights_for(key: str, values: Any, features: int) -> tuple[float, ...]:
    """Weights of a logistic of so many features, or none.

    Raises
    ------
    ConfigError
        When they are neither.
    """
    return _numbers(key, values, (0, features), _LARGEST_WEIGHT)


def _numbers(key: str, values: Any, sizes: tuple[int, ...], largest: float) -> tuple[float, ...]:
    good = isinstance(values, (tuple, list)) and len(values) in sizes
    if not good or not all(_is_number(v) and abs(v) <= largest for v in values):
        raise ConfigError(
            f"{key} must be {' or '.join(map(str, sizes))} numbers from -{largest:g} to "
            f"{largest:g}, got {shown(values)}"
        )
    return tuple(float(v) for v in values)


def _is_number(value: object) -> bool:
    # A comparison, because JSON holds whole numbers that no float can.
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


UNCALIBRATED = Calibration()
"""Of a network of which nothing is known: raw scores, cells that mean their centres."""
