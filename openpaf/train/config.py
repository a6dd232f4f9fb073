"""A training recipe: one TOML file, read once, unknown keys refused."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from openpaf.errors import ConfigError, OpenPafWarning
from openpaf.network.former_names import with_names_of_today
from openpaf.network.pafnet import NetworkConfig
from openpaf.network.window import KINDS, WindowNetConfig
from openpaf.records import check_keys, read_toml
from openpaf.skeleton import Skeleton
from openpaf.skeleton_table import table_of, with_skeleton_file

_T = TypeVar("_T")


@dataclass(frozen=True)
class DataSetConfig:
    """One set of annotated pictures.

    Attributes
    ----------
    annotations : str
        COCO keypoint JSON, or an `.npz` of labels that a model made, relative to the data folder.
    images : tuple of str
        Folders or tar files that hold the pictures, relative to the data folder.
    weight : float
        How often a picture of this set is drawn, against the others'.
    trusted : bool
        True for human labels: they overrule the teacher. False for labels a model made, which only
        say where people are and stand in where there is no teacher. An `.npz` is never trusted.
    only : tuple of str
        Keep the pictures whose `set` in the annotations is one of these; all when empty.
    without : str
        File of names, one a line, that are kept out: a list that comes with the recipes
        ("coco_held_out.txt", "lspet_held_out.txt"), or one in the data folder.
    """

    annotations: str
    images: tuple[str, ...]
    weight: float = 1.0
    trusted: bool = True
    only: tuple[str, ...] = ()
    without: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.annotations, str):
            raise ConfigError(f"sets: annotations must be a file name, got {self.annotations!r}")
        if not isinstance(self.without, str):
            raise ConfigError(f"sets: without must be a file name, got {self.without!r}")
        for name in ("images", "only"):
            value = getattr(self, name)
            if not isinstance(value, tuple) or not all(isinstance(v, str) for v in value):
                raise ConfigError(f"sets: {name} must be a list of strings, got {value!r}")


@dataclass(frozen=True)
class RunConfig:
    """What every run has: its sets, its length and its optimisers.

    Attributes
    ----------
    images : int
        Pictures, or windows, to see in all.
    batch : int
    rate : float
        Peak learning rate of AdamW, after `warm_up` steps, then a cosine down to 1 % of it.
    muon_rate : float
        The same of Muon, which trains the convolutions that are not pretrained.
    backbone_weights : str
        Pretrained weights to start a MobileNet backbone from: "default" for the bundled network's
        own, or a file relative to the data folder: an npz of MobileNet v1 trained on ImageNet, a
        .safetensors of a run, or the .xml of human-pose-estimation-0001, the last two with the
        bottleneck; "" for none.
    backbone_frozen : float
        Share of the run at its start in which the pretrained layers stay as they are. While they
        are the teacher's own, its features are taken instead of being computed again.
    backbone_fixed : int
        So many of the pretrained layers, the first ones, never learn. Every layer of a backbone
        that has learnt with them knows them as they are, and a run is a third shorter for seven.
    backbone_rate : float
        Factor on the rate for pretrained layers.
    ema : float
        Decay a step of the averaged weights that are validated and exported.
    """

    sets: tuple[DataSetConfig, ...] = ()
    seed: int = 1
    images: int = 100_000
    batch: int = 16
    rate: float = 1e-3
    muon_rate: float = 0.02
    backbone_weights: str = ""
    backbone_frozen: float = 0.0
    backbone_fixed: int = 0
    backbone_rate: float = 0.3
    warm_up: int = 200
    weight_decay: float = 5e-4
    ema: float = 0.998

    def __post_init__(self) -> None:
        if not self.sets:
            raise ConfigError("a recipe needs at least one [[sets]] table")
        for name in ("images", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.backbone_frozen <= 1:
            raise ConfigError(f"backbone_frozen must lie in 0..1, got {self.backbone_frozen}")
        if self.backbone_fixed < 0:
            raise ConfigError(f"backbone_fixed must be at least 0, got {self.backbone_fixed}")

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return -(-self.images // self.batch)


@dataclass(frozen=True)
class TrainConfig(RunConfig):
    """Everything that decides what a run of a PAF network learns.

    Attributes
    ----------
    crop : int
        Side of the square training crop, px; a multiple of 16.
    person_size : (float, float)
        Longer side of the chosen person in the crop, as a share of the crop, drawn log-uniformly.
    rotation : float
        Largest rotation, degrees.
    mosaic : float
        Share of crops put together from four.
    occlusion : float
        Share of crops with grey boxes over them.
    cut_paste : float
        Share of crops with a person of another picture pasted in.
    sigma : float
        Width of a confidence-map Gaussian, net px.
    limb_width : float
        Half-width of a limb's PAF, net px.
    teacher : str
        Model whose fields are learnt too, relative to the data folder; "" for none.
    labels_of_models : bool
        Labels that models made are taught beside the teacher's fields and overrule them where they
        speak; without a teacher they always are.
    second_look : float
        The teacher looks at the mirrored crop too, this many times its size, and the mean of both
        is learnt; 0 for one look.
    feature_weight : float
        Weight of the teacher's 128 feature channels; fades to 0 over the run.
    """

    network: NetworkConfig = field(default_factory=NetworkConfig)
    crop: int = 192
    person_size: tuple[float, float] = (0.25, 1.6)
    rotation: float = 40.0
    mosaic: float = 0.25
    occlusion: float = 0.2
    cut_paste: float = 0.1
    sigma: float = 7.0
    limb_width: float = 8.0
    teacher: str = ""
    labels_of_models: bool = False
    second_look: float = 0.0
    feature_weight: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.crop % 16 or self.crop < 64:
            raise ConfigError(f"crop must be a multiple of 16 from 64 up, got {self.crop}")
        low, high = self.person_size
        if not 0 < low <= high:
            raise ConfigError(f"person_size must be 0 < low <= high, got {self.person_size}")
        if self.second_look and not 0.5 <= self.second_look <= 4:
            raise ConfigError(f"second_look must be 0 or lie in 0.5..4, got {self.second_look}")
        if self.teacher and self.network.skeleton != "COCO_18":
            raise ConfigError("a teacher knows the parts of COCO_18 only; leave teacher out")


@dataclass(frozen=True)
class WindowTrainConfig(RunConfig):
    """Everything that decides what a run of a window network learns.

    Attributes
    ----------
    box_factor : float
        Side of the window in sides of the person's box, once that has the window's aspect.
    scale : (float, float)
        Factor on that, drawn log-uniformly.
    shift : float
        Most that the window's middle is moved, as a share of its sides.
    rotation : float
        Largest rotation, degrees.
    turned : float
        Share of windows turned by one, two or three quarters more: sport is upside down.
    cut_body : float
        Share of windows about some neighbouring parts of a person only.
    occlusion : float
        Share of windows with grey boxes over them.
    sigma : float
        Width of the Gaussian that a map's cells are taught, window px.
    """

    network: WindowNetConfig = field(default_factory=WindowNetConfig)
    box_factor: float = 1.25
    scale: tuple[float, float] = (0.75, 1.4)
    shift: float = 0.1
    rotation: float = 60.0
    turned: float = 0.06
    cut_body: float = 0.2
    occlusion: float = 0.2
    sigma: float = 6.0

    def __post_init__(self) -> None:
        super().__post_init__()
        low, high = self.scale
        if not 0.1 <= low <= high <= 10:
            raise ConfigError(f"scale must be 0.1 <= low <= high <= 10, got {self.scale}")
        for name in ("turned", "cut_body", "occlusion", "shift"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in 0..1, got {getattr(self, name)}")
        if self.sigma <= 0 or self.box_factor <= 0:
            raise ConfigError("sigma and box_factor must be above 0")


def read_recipe(
    path: Path, changes: Mapping[str, Any] | None = None
) -> TrainConfig | WindowTrainConfig:
    """Read a recipe from TOML.

    Parameters
    ----------
    path : Path
    changes : mapping, optional
        Values that replace the file's, by key.

    Raises
    ------
    ConfigError
        When the file cannot be read, or a key or value does not fit.
    """
    values = read_toml(path, "recipe") | dict(changes or {})
    if isinstance(values.get("network"), Mapping):
        values["network"] = with_skeleton_file(values["network"], path.parent)
    return recipe_from(values)


def skeleton_file(path: Path) -> Path | None:
    """The file of its skeleton that a recipe names, where that lies beside it."""
    network = read_toml(path, "recipe").get("network")
    named = network.get("skeleton") if isinstance(network, Mapping) else None
    if not isinstance(named, str) or not named.endswith(".toml") or Path(named).name != named:
        return None
    return path.with_name(named)


def recipe_from(values: Mapping[str, Any]) -> TrainConfig | WindowTrainConfig:
    """Build a recipe from plain values, as read from TOML or a checkpoint.

    `kind` says what it trains: "paf", which it is where nothing is said, or a kind of window
    network.
    """
    values = with_names_of_today(values, _tell_of_former_name)
    sets = tuple(_build(DataSetConfig, entry, "sets") for entry in values.pop("sets", ()))
    network = values.pop("network", {})
    known = network if isinstance(network, Mapping) else {}
    kind = values.pop("kind", known.get("kind", "paf"))
    if kind == "paf":
        paf = _build(NetworkConfig, network, "network")
        return _build(TrainConfig, values | {"sets": sets, "network": paf}, "recipe")
    if kind not in KINDS:
        raise ConfigError(f"recipe: kind must be paf, {', '.join(KINDS)}, got {kind!r}")
    window = _build(WindowNetConfig, {**known, "kind": kind}, "network")
    return _build(WindowTrainConfig, values | {"sets": sets, "network": window}, "recipe")


def with_skeleton(
    config: TrainConfig | WindowTrainConfig, skeleton: Skeleton
) -> TrainConfig | WindowTrainConfig:
    """The same recipe for other parts."""
    chosen = table_of(skeleton)
    if isinstance(config, TrainConfig):
        return replace(config, network=replace(config.network, skeleton=chosen))
    return replace(config, network=replace(config.network, skeleton=chosen))


def _tell_of_former_name(former: str, name: str) -> None:
    warnings.warn(f"{former} is called {name} now", OpenPafWarning, stacklevel=2)


def _build(kind: type[_T], values: Any, where: str) -> _T:
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    required = [
        name for name, f in known.items() if f.default is MISSING and f.default_factory is MISSING
    ]
    check_keys(values, where, known, required)
    fixed = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    for name, value in fixed.items():
        default = known[name].default
        # A skeleton is a name or a table, and whoever takes it says what is wrong with it.
        checked = default is not MISSING and name != "skeleton"
        if checked and not _same_kind(default, value):
            raise ConfigError(f"{where}: {name} must be {type(default).__name__}, got {value!r}")
    return kind(**fixed)


def _same_kind(default: object, value: object) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(default, bool) and isinstance(value, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))
