"""Options of other pose programs, for those who type them out of habit."""

from __future__ import annotations

from typing import Any

from openpaf.peers import PEERS

# What is named without an option here.
SOURCES = (
    "source", "input", "inputs", "image", "img", "image-dir", "image-path", "img-root", "indir",
    "video-path", "video-input", "camera", "camera-id", "webcam", "ip-camera", "url",
)  # fmt: skip


def own_option(error: object) -> str | None:
    """Say which of our options somebody means, if the error is one that we do not have.

    Parameters
    ----------
    error : object
        What Typer raised: its "no such option" knows the word and the verb.
    """
    typed, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    if not isinstance(typed, str) or not typed.startswith("--") or context is None:
        return None
    name = typed.removeprefix("--").lower().replace("_", "-")
    if name in SOURCES:
        return f"no such option: {typed}; sources are named without an option: {_example(context)}"
    own = _options(context)
    for option in (name, *PEERS.get(name, ())):
        if f"--{option}" in own:
            return f"no such option: {typed}; did you mean --{option}?"
    if PEERS.get(name) and context.info_name == "detect":
        return f"no such option: {typed}; openpaf run has --{PEERS[name][0]}, for pictures too"
    return None


def _options(context: Any) -> set[str]:
    # `--debug` is taken before Typer sees the words.
    return {"--debug", *(name for option in context.command.params for name in option.opts)}


def _example(context: Any) -> str:
    return f"{context.command_path} photo.jpg"
