"""Checkpoints that resume exactly and survive a full disk."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import torch

from openpaf.errors import CheckpointError, OutputError
from openpaf.files import replacing

FORMAT = 1


def save(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint beside its place, then put it there in one step.

    Raises
    ------
    OutputError
        When it cannot be written; an earlier checkpoint of that name stays whole.
    """
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            torch.save({"format": FORMAT} | state, file)
            file.flush()
            os.fsync(file.fileno())
    except RuntimeError as error:  # torch's own words for a write that failed
        raise OutputError(f"cannot write {path}: {error}; pass another place") from error


def load(path: Path) -> dict[str, Any]:
    """Read a checkpoint without running any code in it.

    Raises
    ------
    CheckpointError
        When it is missing, damaged, or not one of ours.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"checkpoint {path} does not exist") from error
    except (OSError, RuntimeError, pickle.UnpicklingError, EOFError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointError(f"checkpoint {path} cannot be read: {reason}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not an openpaf training checkpoint of format {FORMAT}")
    return state
