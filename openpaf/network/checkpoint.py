"""Checkpoints that resume exactly and survive a full disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from openpaf.errors import CheckpointError, ConfigError, OutputError, first_line
from openpaf.files import replacing
from openpaf.network.former_names import with_names_of_today
from openpaf.network.pafnet import NetworkConfig, PafNet
from openpaf.network.window import WindowNet, WindowNetConfig, build_window_net

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


def save_weights(path: Path, weights: dict[str, torch.Tensor], step: int = 0) -> None:
    """Write weights alone, and their step, in half precision: small enough for a repository.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    halves = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in weights.items()
    }
    try:
        with replacing(path) as partial:
            save_file(halves, partial, {"step": str(step)})
    except SafetensorError as error:
        raise OutputError(f"cannot write {path}: {error}; pass another place") from error


def load_weights(path: Path) -> tuple[dict[str, torch.Tensor], int]:
    """Read weights that `save_weights` wrote, in single precision, and their step.

    Raises
    ------
    CheckpointError
        When the file is missing or is no safetensors file.
    """
    try:
        with safe_open(path, "pt") as file:
            names = file.keys()
            weights = {name: file.get_tensor(name) for name in names}
            step = (file.metadata() or {}).get("step", "0")
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"weights {path} cannot be read: {error}") from error
    weights = {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    return with_names_of_today(weights), int(step) if step.isdecimal() else 0


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
    except Exception as error:
        reason = first_line(error)
        raise CheckpointError(f"checkpoint {path} cannot be read: {reason}") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not an openpaf training checkpoint of format {FORMAT}")
    return with_names_of_today(state)


def load_network(path: Path) -> tuple[PafNet | WindowNet, dict[str, Any]]:
    """The averaged network of a checkpoint, in evaluation mode, and all that was saved with it.

    Raises
    ------
    CheckpointError
        When the checkpoint cannot be read or holds something else.
    """
    state = load(path)
    try:
        net = _build(state["recipe"]["network"])
        net.load_state_dict(state["average"])
    except (KeyError, TypeError, RuntimeError, ConfigError) as error:
        reason = first_line(error)
        raise CheckpointError(f"{path} holds no network of this version: {reason}") from error
    return net.eval(), state


def _build(options: dict[str, Any]) -> PafNet | WindowNet:
    if "kind" in options:
        return build_window_net(WindowNetConfig(**options))
    return PafNet(NetworkConfig(**options))
