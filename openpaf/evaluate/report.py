"""What an evaluation found: figures with intervals, a table of parts, and enough to compare it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import DatasetError
from openpaf.evaluate.average_precision import Matches, PrecisionCounter
from openpaf.evaluate.bootstrap import Difference, Estimate, Measure, bootstrap, paired_bootstrap
from openpaf.evaluate.pairing import PartRow, Ratios
from openpaf.evaluate.reliability import Reliability

_SCHEMA = 1


@dataclass(frozen=True)
class Data:
    """What was measured on.

    `left_out` are annotated parts that the model cannot give; they are not held against it.
    """

    folder: str
    annotations: str
    sha256: str
    images: int
    people: int
    parts: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Report:
    """One evaluation.

    Attributes
    ----------
    data : Data
    settings : dict
        Model, provider, net size, decoder options: what must be the same to get this again.
    figures : dict of str to Estimate
        OKS-AP family, PCK, PCKh, PCP, MPJPE, share of parts found.
    parts : list of PartRow
    failures : dict of str to int
        How many of each kind.
    speed : dict of str to float
        Milliseconds a picture.
    matches, ratios
        The same by image, for resampling.
    reliability : dict of str to Reliability
        Of the scores of "people" and "parts".
    shift : dict of str to Estimate
        "x" and "y": median of found less labelled, net px.
    """

    data: Data
    settings: Mapping[str, Any]
    figures: Mapping[str, Estimate]
    parts: list[PartRow]
    failures: Mapping[str, int]
    speed: Mapping[str, float]
    matches: Matches
    ratios: Ratios
    reliability: Mapping[str, Reliability] = field(default_factory=dict)
    shift: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def ap(self) -> Estimate:
        """OKS-AP."""
        return self.figures["AP"]

    def to_json(self) -> str:
        """One JSON object; NaN is null."""
        content = {
            "schema": _SCHEMA,
            "data": asdict(self.data),
            "settings": dict(self.settings),
            "figures": {name: asdict(estimate) for name, estimate in self.figures.items()},
            "parts": [asdict(row) for row in self.parts],
            "failures": dict(self.failures),
            "speed": dict(self.speed),
            "reliability": {name: asdict(row) for name, row in self.reliability.items()},
            "shift": {axis: asdict(estimate) for axis, estimate in self.shift.items()},
            "by_image": {
                "detections": {
                    "image": self.matches.images.tolist(),
                    "score": self.matches.scores.tolist(),
                    "matched": _to_bits(self.matches.matched),
                    "ignored": _to_bits(self.matches.ignored),
                },
                "people": self.matches.people.tolist(),
                "sums": {name: sums.tolist() for name, sums in self.ratios.sums.items()},
            },
        }
        return json.dumps(_without_nan(content), allow_nan=False)

    @classmethod
    def from_json(cls, path: Path) -> Report:
        """Read what `to_json` wrote.

        Raises
        ------
        DatasetError
            When the file cannot be read or is not such a report.
        """
        try:
            content = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise DatasetError(f"report {path} cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise DatasetError(f"report {path} is not JSON: {error}") from error
        try:
            return cls._from_content(content)
        except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
            raise DatasetError(
                f"{path} is not a report of this version; write it with openpaf val --json"
            ) from error

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Report:
        if content["schema"] != _SCHEMA:
            raise ValueError(f"schema {content['schema']}")
        data, by_image = content["data"], content["by_image"]
        data |= {key: tuple(data[key]) for key in ("parts", "left_out")}
        detections = by_image["detections"]
        report = cls(
            Data(**data),
            content["settings"],
            {name: Estimate(**_with_nan(row)) for name, row in content["figures"].items()},
            [PartRow(**_with_nan(row)) for row in content["parts"]],
            content["failures"],
            content["speed"],
            Matches(
                np.array(detections["image"], np.int64),
                np.array(detections["score"], np.float64),
                _from_bits(detections["matched"]),
                _from_bits(detections["ignored"]),
                np.array(by_image["people"], np.int64),
            ),
            Ratios({name: np.array(sums, float) for name, sums in by_image["sums"].items()}),
            {
                name: Reliability(**{key: _as_tuple(value) for key, value in row.items()})
                for name, row in content.get("reliability", {}).items()
            },
            {axis: Estimate(**_with_nan(row)) for axis, row in content.get("shift", {}).items()},
        )
        # Arrays that do not belong together fail here rather than in the middle of a comparison.
        _measure(report.matches, report.ratios)(np.ones(report.data.images))
        return report


def estimate_figures(
    matches: Matches, ratios: Ratios, *, resamples: int, seed: int
) -> dict[str, Estimate]:
    """Every figure with its interval."""
    return bootstrap(
        _measure(matches, ratios), matches.people.shape[1], resamples=resamples, seed=seed
    )


def compare_reports(
    a: Report, b: Report, *, resamples: int = 1000, seed: int = 0
) -> dict[str, Difference]:
    """B minus A by paired bootstrap over images.

    Raises
    ------
    DatasetError
        When the two were not measured on the same annotations and parts.
    """
    for key in ("sha256", "images", "parts"):
        if getattr(a.data, key) != getattr(b.data, key):
            raise DatasetError(
                f"the reports differ in {key}: {getattr(a.data, key)} and {getattr(b.data, key)}; "
                "a paired comparison needs the same annotations and parts"
            )
    return paired_bootstrap(
        _measure(a.matches, a.ratios),
        _measure(b.matches, b.ratios),
        a.data.images,
        resamples=resamples,
        seed=seed,
    )


def _measure(matches: Matches, ratios: Ratios) -> Measure:
    counter = PrecisionCounter(matches)
    return lambda weights: counter.summarize(weights) | ratios.summarize(weights)


def _to_bits(flags: NDArray[np.bool_]) -> list[list[int]]:
    """(3, 10, D) bool as one number a person and area, its bit t for OKS threshold t."""
    bits: list[list[int]] = np.tensordot(flags, 1 << np.arange(flags.shape[1]), (1, 0)).tolist()
    return bits


def _from_bits(rows: list[list[int]]) -> NDArray[np.bool_]:
    bits = np.array(rows, np.int64)[:, None, :]
    return (bits >> np.arange(10)[None, :, None] & 1).astype(bool)


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else math.nan if value is None else value


def _with_nan(row: dict[str, Any]) -> dict[str, Any]:
    return {key: math.nan if value is None else value for key, value in row.items()}
