"""Options that several verbs share, so that they are spelt and explained the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from openpaf.cli.completion import among, devices, looks, models
from openpaf.cli.messages import quieten
from openpaf.errors import ConfigError
from openpaf.models import SUFFIXES, NetworkCard
from openpaf.models.card import ModelCard
from openpaf.models.cards import card_from_toml
from openpaf.selftest.fastest import CPU_DEVICES, EIGHT_BITS, Choice, choose
from openpaf.session import read_device
from openpaf.topdown.refine import LIMIT

REFINE_LIMIT = LIMIT
"""Default of `--refine-limit`."""

BUNDLED = "bundled"
"""What `--refine`, `--hands` and `--face` alone are completed to."""

NETWORK_OR_NOT = ("--refine", "--hands", "--face")
"""Options that mean a bundled network where none is named."""

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="An .onnx, .xml or .pt network, or the name of a pulled one.",
        show_default="the bundled one",
        autocompletion=among(models),
    ),
]
Card = Annotated[
    Path | None,
    typer.Option(help="TOML file that describes the network where it does not itself."),
]


def known_device(word: str) -> str:
    """The word of `--device`, if it means one: before anything is made or loaded.

    Raises
    ------
    ConfigError
        When it does not.
    """
    read_device(word)
    return word


Device = Annotated[
    str,
    typer.Option(
        help="auto, cpu, cuda (or gpu; cuda:1 is the second one), tensorrt, openvino, coreml or "
        "directml.",
        callback=known_device,
        autocompletion=among(devices),
    ),
]
_FAST = "The bundled network in eight bits: on a CPU about twice as fast, a little less exact."
Fast = Annotated[bool, typer.Option("--fast", help=_FAST)]
FastOrNot = Annotated[
    bool | None,
    typer.Option(
        "--fast/--no-fast",
        help=_FAST,
        show_default="whichever this machine runs faster; openpaf info says which",
    ),
]
Threads = Annotated[
    int | None, typer.Option(help="Threads of the network.", show_default="one a core")
]
NetHeight = Annotated[
    int | None,
    typer.Option(
        help="Height of the network input, px: more finds smaller people, less is faster.",
        show_default="the network's own, mostly 368",
    ),
]
Looks = Annotated[
    str,
    typer.Option(
        metavar="LOOKS",
        help="How often each frame is looked at: one, close (half size too, for people who fill "
        "it), accurate, best, or scales of the net size such as 0.5+1+1.5+flip.",
        autocompletion=among(looks),
    ),
]
Tiles = Annotated[
    bool,
    typer.Option(
        "--tiles",
        help="Look at overlapping tiles at full resolution too, for tiny people in large frames; "
        "a 4K frame takes about as long as sixty of ordinary size.",
    ),
]
MinScore = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Leave out people with a lower score.", show_default="the network's own"
    ),
]
Complete = Annotated[
    bool,
    typer.Option(
        "--complete",
        help="Look for everyone's missing parts where the others let one expect them; their "
        "scores say how unsure that is.",
    ),
]
MaxPeople = Annotated[
    int | None, typer.Option(min=1, help="Keep at most this many people a frame, the best ones.")
]
Refine = Annotated[
    str | None,
    typer.Option(
        metavar="[MODEL]",
        help="Look once more at each person, with the bundled window network or another.",
    ),
]
RefineLimit = Annotated[
    int,
    typer.Option(
        min=1,
        help="Look once more, or at hands and faces, at no more people a frame, the largest first.",
    ),
]
Hands = Annotated[
    str | None,
    typer.Option(
        metavar="[MODEL]",
        help="Find 21 parts of each hand too, with the bundled network or another.",
    ),
]
Face = Annotated[
    str | None,
    typer.Option(
        metavar="[MODEL]",
        help="Find 70 parts of each face too, with the bundled network or another.",
    ),
]
NetSize = Annotated[
    str | None,
    typer.Option(metavar="WxH", help="A fixed size of the network input instead: 656x368."),
]

Csv = Annotated[
    Path | None,
    typer.Option(
        help="Write one CSV row a keypoint; - is standard output.", rich_help_panel="Output"
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Say nothing but warnings and errors.",
        callback=quieten,
        rich_help_panel="Output",
    ),
]
Video = Annotated[
    Path | None,
    typer.Option(help="Write an annotated .mp4, .mkv or .mov.", rich_help_panel="Output"),
]
Every = Annotated[
    int,
    typer.Option(
        metavar="N", help="Send every N-th frame through the network, track between them."
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="WHEN",
        help="Where in a recording to begin: seconds, h:mm:ss, or 250f for a frame.",
        show_default="its beginning",
    ),
]
End = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="Where to stop, likewise.", show_default="its end"),
]
Step = Annotated[int, typer.Option(metavar="N", help="Look at every N-th frame only.", min=1)]


def read_size(text: str | None, option: str) -> tuple[int, int] | None:
    """(width, height) that an option gives as WxH, or None where it was not given.

    Raises
    ------
    ConfigError
        When it is not two whole numbers.
    """
    if text is None:
        return None
    width, _, height = text.lower().partition("x")
    if not (width.isascii() and width.isdigit() and height.isascii() and height.isdigit()):
        raise ConfigError(f"{option} must be WIDTHxHEIGHT, such as 656x368, got {text!r}")
    return int(width), int(height)


def read_net_size(text: str | None) -> tuple[int, int] | None:
    """(width, height) of `--net-size`, or None where it was not given.

    Raises
    ------
    ConfigError
        When it is not two whole numbers.
    """
    return read_size(text, "--net-size")


def fast_model(model: str | None, card: Path | None, fast: bool) -> str | None:
    """The model that `--fast` means, or the one that was named.

    Raises
    ------
    ConfigError
        When it is typed beside another network.
    """
    if not fast:
        return model
    if model is not None or card is not None:
        raise ConfigError(
            "--fast means the bundled network in eight bits; leave it out beside --model and --card"
        )
    return EIGHT_BITS


def model_for_streams(
    model: str | None, card: Path | None, fast: bool | None, device: str, threads: int | None
) -> Choice:
    """The model a stream is looked at with, where the user may have named none, and why.

    Raises
    ------
    ConfigError
        When `--fast` is typed beside another network.
    """
    if fast is None and model is None and card is None:
        return choose(device, threads)
    return Choice(fast_model(model, card, bool(fast)), "asked for", device in CPU_DEVICES)


def models_to_serve(
    models: Sequence[str] | None, fast: bool | None, device: str, threads: int | None
) -> list[str | None]:
    """The models a service offers, its default first; both bundled ones where none was named.

    Raises
    ------
    ConfigError
        When `--fast` is typed beside another network.
    """
    if models:
        fast_model(models[0], None, bool(fast))
        return list(models)
    choice = model_for_streams(None, None, fast, device, threads)
    if choice.model is not None:
        return [choice.model, None]
    return [None, EIGHT_BITS] if choice.on_cpu else [None]


def complete_networks(words: Sequence[str]) -> list[str]:
    """Say which network a bare `--refine` means, so that what follows it is not taken for one.

    `--hands` and `--face` likewise.
    """
    complete = list(words)
    for place, word in enumerate(words):
        following = words[place + 1] if place + 1 < len(words) else ""
        if word == "--":
            break
        if word in NETWORK_OR_NOT and not following.endswith(SUFFIXES):
            complete[place] = f"{word}={BUNDLED}"
    return complete


def look_options(
    refine: str | None,
    limit: int = REFINE_LIMIT,
    hands: str | None = None,
    face: str | None = None,
) -> dict[str, Any]:
    """What `--refine`, `--refine-limit`, `--hands` and `--face` give an engine, where typed."""
    asked = {"refine": refine, "hands": hands, "face": face}
    typed: dict[str, Any] = {
        name: True if model == BUNDLED else model
        for name, model in asked.items()
        if model is not None
    }
    return {**typed, "refine_limit": limit} if typed else {}


def read_any_card(path: Path | None) -> NetworkCard | None:
    """Card of `--card`, of fields or of windows, or None where it was not given."""
    return None if path is None else card_from_toml(path)


def read_card(path: Path | None) -> ModelCard | None:
    """Card of `--card`, or None where it was not given."""
    return None if path is None else ModelCard.from_toml(path)
