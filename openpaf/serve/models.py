"""The networks a service offers, by name, and how a request may set them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpaf.drawing.colors import limb_colors
from openpaf.engine import Engine
from openpaf.errors import ConfigError
from openpaf.looks import NAMED, Look, check_looks, placed, read_looks
from openpaf.part_set import KINDS
from openpaf.preprocess import Placement
from openpaf.serve.errors import RequestError
from openpaf.skeleton import COCO_17, COCO_18, Skeleton
from openpaf.style import STYLE, css
from openpaf.topdown.closer import CloserLook
from openpaf.topdown.refine import LIMIT

# Net inputs are widened to these, so that pictures of nearly the same shape share a batch.
_WIDTH_STEP, _HEIGHT_STEP = 64, 16
_NONE: dict[str, Any] = dict.fromkeys(KINDS, False)


@dataclass(frozen=True, eq=False)
class Model:
    """A network that is loaded, by the name that requests use."""

    name: str
    engine: Engine
    closer: Mapping[str, CloserLook]

    @classmethod
    def of(cls, engine: Engine) -> Model:
        """Offer an engine's network, and looks at hands and faces: its own, or bundled ones."""
        own = {look.name: look for look in engine.closer_looks()}
        for name in KINDS:
            if name not in own:
                # None bundled, or bodies that do not say where they are.
                with suppress(ConfigError):
                    (own[name],) = engine.closer_looks(**{**_NONE, name: True})
        return cls(engine.card.name, engine, own)

    def closer_looks(self, *, hands: bool | None, face: bool | None) -> tuple[CloserLook, ...]:
        """Looks at hands and faces that a request asks for; None is as the service was started.

        Raises
        ------
        RequestError
            422 when there is none to be had.
        """
        usual = [look.name for look in self.engine.closer_looks()]
        asked = {"hands": hands, "face": face}
        names = [name for name, one in asked.items() if one or (one is None and name in usual)]
        for name in names:
            if name not in self.closer:
                raise RequestError(
                    422,
                    f"{name} cannot be looked for with {self.name} here; start the service with "
                    f"--{name}, or take another model",
                )
        return tuple(self.closer[name] for name in names)

    def placement(
        self, width: int, height: int, net_height: int | None, scale: float = 1.0
    ) -> Placement:
        """Where a frame of this size, px, lies in the network input."""
        engine = self.engine
        if engine.net_size is not None:
            return engine.placement(width, height, scale)
        stride = engine.card.stride
        net_height = net_height or engine.net_height
        tight = placed((width, height), scale, net_height, None, stride)
        net_width, tight_height = tight.net_size
        net_size = (
            _round_up(net_width, math.lcm(_WIDTH_STEP, stride)),
            _round_up(tight_height, math.lcm(_HEIGHT_STEP, stride)),
        )
        return Placement(tight.frame_size, tight.inner_size, net_size, tight.halvings)

    def looks(self, name: str) -> tuple[Look, ...]:
        """Looks of a name.

        Raises
        ------
        RequestError
            422 when the network takes one size only.
        """
        looks = read_looks(name)
        try:
            check_looks(looks, self.engine.session)
        except ConfigError as error:
            raise RequestError(422, str(error)) from error
        return looks

    def describe(self, max_net_height: int) -> dict[str, Any]:
        """What `/models` says of it."""
        card, engine = self.engine.card, self.engine
        usual = [look.name for look in engine.closer_looks()]
        return {
            "name": self.name,
            "provider": engine.provider,
            "net_height": engine.net_height,
            "net_size": engine.net_size,
            "max_net_height": max_net_height,
            "looks": list(NAMED) if engine.net_size is None else ["one"],
            "peak_threshold": card.calibration.peak_threshold,
            "min_score": card.calibration.min_score,
            "license": card.license,
            "training_data": card.training_data,
            "skeleton": _describe(output_skeleton(card.skeleton)),
            "closer": {
                name: {"usual": name in usual, "skeleton": _describe(KINDS[name].skeleton)}
                for name in self.closer
            },
        }


def open_models(
    models: Sequence[str | Path | None] = (None,),
    *,
    device: str = "auto",
    net_height: int | None = None,
    threads: int | None = None,
    refine: bool | str | Path = False,
    refine_limit: int = LIMIT,
    hands: bool | str | Path = False,
    face: bool | str | Path = False,
) -> dict[str, Model]:
    """Load models and run each once, the default of the service first.

    Parameters
    ----------
    models : sequence of str, Path or None
        As `Engine` takes them; None is the bundled default.
    device, net_height, threads, refine, refine_limit, hands, face
        As `Engine` takes them, for all of them.

    Returns
    -------
    dict of str to Model
        By the names in their cards.

    Raises
    ------
    ConfigError
        When two have the same name, or an option cannot work.
    ModelError, ModelNotFoundError
        When a model cannot be loaded.
    """
    opened: dict[str, Model] = {}
    for model in models:
        # The threads that unpack pictures need the cores that a spinning network would hold.
        engine = Engine(
            model,
            device=device,
            net_height=net_height,
            threads=threads,
            spinning=False,
            refine=refine,
            refine_limit=refine_limit,
            hands=hands,
            face=face,
        )
        name = engine.card.name
        if name in opened:
            raise ConfigError(f"two of the models are called {name!r}; serve one of them")
        engine.warm_up()
        opened[name] = Model.of(engine)
    return opened


def default_model(models: Mapping[str, Model]) -> Model:
    """The model of requests that name none: the first."""
    return next(iter(models.values()))


def output_skeleton(skeleton: Skeleton) -> Skeleton:
    """Skeleton of the OpenPose form, which has no body of 17 parts."""
    return COCO_18 if skeleton == COCO_17 else skeleton


def _describe(skeleton: Skeleton) -> dict[str, Any]:
    """What the page draws a skeleton by."""
    drawn, colors = skeleton.drawn_limbs, limb_colors(skeleton, "side")
    return {
        "name": skeleton.name,
        "parts": skeleton.parts,
        "limbs": [skeleton.limbs[n] for n in drawn],
        "colors": [css(colors[n]) for n in drawn],
        "part_color": css(STYLE.part),
    }


def _round_up(side: int, step: int) -> int:
    return -(-side // step) * step
