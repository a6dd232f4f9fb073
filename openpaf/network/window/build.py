"""A window network from its description."""

from __future__ import annotations

from openpaf.models.window_card import WindowCard
from openpaf.network.window.config import WindowNetConfig
from openpaf.network.window.cpm import ConvolutionalPoseMachine
from openpaf.network.window.deeppose import DeepPose
from openpaf.network.window.hourglass import StackedHourglass
from openpaf.network.window.mobilenet import MobileNetWindow
from openpaf.network.window.net import WindowNet
from openpaf.network.window.simple_baseline import SimpleBaseline

_CLASSES: dict[str, type[WindowNet]] = {
    "cpm": ConvolutionalPoseMachine,
    "hourglass": StackedHourglass,
    "simple_baseline": SimpleBaseline,
    "mobilenet": MobileNetWindow,
    "deeppose": DeepPose,
}


def build_window_net(config: WindowNetConfig) -> WindowNet:
    """Build a window network, its weights random."""
    return _CLASSES[config.kind](config)


def card_of(
    net: WindowNet, *, name: str, license: str = "unknown", training_data: str = "unknown"
) -> WindowCard:
    """Card of a window network as `FramesToParts` runs it."""
    reading = "quadratic" if net.config.head == "maps" else "soft_argmax"
    maps = net.gives == "maps"
    return WindowCard(
        name=name,
        skeleton=net.skeleton,
        size=net.config.size,
        output="maps" if maps else "coordinates",
        reading=reading if maps else "coordinates",
        logits=maps,
        license=license,
        training_data=training_data,
    )
