"""What the shell completes: the verb whose options it means, and values of a few options."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable


def completed_words() -> list[str]:
    """Words after `openpaf` of the line that a shell completes; none where none does.

    bash hands over its words one a line and takes an equals sign for one of them, which is left
    out of the environment here: then `--device=c` is completed as `--device c` is.
    """
    if "COMP_WORDS" not in os.environ:
        # Of zsh, fish and PowerShell.
        return os.environ.get("_TYPER_COMPLETE_ARGS", "").split()[1:]
    words = os.environ["COMP_WORDS"].split("\n")
    place = os.environ.get("COMP_CWORD", "")
    if place.isdecimal() and int(place) <= len(words):
        before = words[: int(place)]
        kept = [word for word in before if word != "="]
        words = kept + words[int(place) :]
        os.environ["COMP_WORDS"] = "\n".join(words)
        os.environ["COMP_CWORD"] = str(len(kept))
    return words[1:]


def among(values: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Give Typer's `autocompletion` of an option: those of some values that begin as was typed."""

    # Typer goes by the name and the type.
    def complete(incomplete: str) -> list[str]:
        return [value for value in values() if value.startswith(incomplete)]

    return complete


def devices() -> Iterable[str]:
    """Words of `--device`."""
    from openpaf.session.device import DEVICES

    return (*DEVICES, "gpu")


def looks() -> Iterable[str]:
    """Words of `--looks`."""
    from openpaf.looks import NAMED

    return NAMED


def models() -> Iterable[str]:
    """Names of models that are here already."""
    from openpaf.models.registry import registry

    return [name for name, record in registry().items() if record.is_here]
