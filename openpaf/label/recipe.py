"""How photographs are labelled: the networks that look, and every constant."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from openpaf.errors import ConfigError, ModelNotFoundError
from openpaf.models import ModelCard
from openpaf.models.download import cache_folder

_THOROUGH = {
    "human-pose-estimation-0001.xml": "openpaf weights pull human-pose-estimation-0001-int8",
    "picodet-s-320-pedestrian.xml": "PaddleDetection's PicoDet-S 320 for people, OpenVINO IR",
    "rtmdet-nano-person-320.onnx": "OpenMMLab's RTMDet-nano 320 for people, ONNX",
    "pp-tinypose-256x192.xml": "PaddleDetection's PP-TinyPose 256x192, OpenVINO IR",
}


@dataclass(frozen=True, kw_only=True)
class Networks:
    """Who looks at a photograph; each by path or by the name of a pulled model.

    Attributes
    ----------
    model : str, optional
        A network of fields; the bundled one when None.
    detectors : tuple of str
        At most two person detectors.
    refine : str, optional
        A window network of COCO_17's parts that looks at each person again; none when None.
    card : ModelCard, optional
        Of a `model` that does not describe itself.
    device : str
    threads : int
        Of each network.
    """

    model: str | None = None
    detectors: tuple[str, ...] = ()
    refine: str | None = None
    card: ModelCard | None = None
    device: str = "auto"
    threads: int = 1

    def __post_init__(self) -> None:
        if len(self.detectors) > 2:
            raise ConfigError(f"at most two detectors can look, got {len(self.detectors)}")

    @property
    def options(self) -> dict[str, Any]:
        """Options of `open_runtime`; the cores are shared with other workers."""
        return {"device": self.device, "threads": self.threads, "spinning": False}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How labels are made; the constants were chosen on human labels of COCO train2017.

    Attributes
    ----------
    looks : str
        Sizes the network of fields looks at; see `openpaf.looks`.
    max_enlargement : float
        Sizes that would make the photograph larger by more are left out, but for the smallest.
    box_weights : tuple of float
        Of both detectors', the fields' and given boxes in a candidate's.
    score_weights : tuple of float
        Of their scores, when candidates are chosen.
    same : float
        IoU from which two finders' boxes are one candidate.
    min_candidate : float
        Candidates of a lower weighted score get no window.
    max_candidates : int
        At most so many windows a photograph.
    alike : float
        OKS from which two people are one.
    min_person : float
        People of a lower score are not kept; what they stood for becomes a region.
    min_region : float
        Sightings of a lower score are forgotten.
    sure_person, sure_region : float
        Within a person this sure, sightings less sure than this are pieces of it.
    mirror_from : float
        Windows whose parts are this sure, on average, are looked at mirrored as well.
    confidence : (constant, finders, parts)
        Of the person score.
    turns : bool
        Find, and look through each window, in four quarter turns; each person keeps the surest.
    aspect : str
        "keep", or "auto": look at square photographs in the shape in which people are surest.
    """

    looks: str = "0.5+1+2"
    max_enlargement: float = 2.6
    box_weights: tuple[float, float, float, float] = (1.0, 1.0, 0.3, 1.0)
    score_weights: tuple[float, float, float, float] = (1.0, 1.0, 1.3, 1.0)
    same: float = 0.5
    min_candidate: float = 0.2
    max_candidates: int = 30
    alike: float = 0.6
    min_person: float = 0.05
    min_region: float = 0.2
    sure_person: float = 0.3
    sure_region: float = 0.3
    mirror_from: float = 0.25
    confidence: tuple[float, float, float] = (1.49, 1.93, 4.01)
    turns: bool = False
    aspect: str = "keep"

    def __post_init__(self) -> None:
        if self.aspect not in ("keep", "auto"):
            raise ConfigError(f"aspect must be keep or auto, got {self.aspect!r}")

    def turned(self, looks: str | None = None) -> Recipe:
        """The same in four quarter turns, which cost, and invent, four times as much."""
        return replace(
            self,
            turns=True,
            looks=looks or "0.75",
            min_candidate=max(self.min_candidate, 0.3),
            min_region=max(self.min_region, 0.3),
        )


def thorough(folder: Path | None = None) -> Networks:
    """A network of fields, two detectors and a window network: AP .62 on COCO val2017's pictures.

    Parameters
    ----------
    folder : Path, optional
        Searched through for their files; by default that of pulled models. Nothing is downloaded.

    Raises
    ------
    ModelNotFoundError
        When one is missing; the message says what it is.
    """
    folder = folder or cache_folder() / "weights"
    found = {name: next(iter(sorted(folder.rglob(name))), None) for name in _THOROUGH}
    missing = [f"{name} ({_THOROUGH[name]})" for name, path in found.items() if path is None]
    if missing:
        raise ModelNotFoundError(
            f"the thorough preset needs files that are not below {folder}: {'; '.join(missing)}; "
            "put them there, or name their folder with --models"
        )
    model, *detectors, refine = (str(path) for path in found.values())
    return Networks(model=model, detectors=tuple(detectors), refine=refine)
