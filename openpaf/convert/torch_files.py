"""Weights out of torch checkpoints and safetensors files, without running anything in them."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from openpaf.errors import CheckpointError, first_line


def torch_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read a state dict, bare or under the key "state_dict" beside an optimiser's and more.

    Raises
    ------
    CheckpointError
        When the file is missing, damaged, holds no state dict, or is a pickle that wants to run
        code, which is refused.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error) and "Unsupported" not in str(error):
            raise CheckpointError(f"{path} is damaged or not a torch file: {error}") from error
        raise CheckpointError(
            f"{path} holds more than tensors: loading it would run code of whoever made it, so it "
            "is refused; ask for a plain state dict or a safetensors file"
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError, IndexError, AttributeError) as error:
        reason = first_line(error)
        raise CheckpointError(f"{path} is damaged or not a torch file: {reason}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    return _float_arrays(path, content)


def safetensors_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read a safetensors file.

    Raises
    ------
    CheckpointError
        When the file is missing or damaged.
    """
    try:
        return _float_arrays(path, load_file(path))
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or not a safetensors file: {error}") from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error


def _float_arrays(path: Path, content: Any) -> dict[str, NDArray[np.float32]]:
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, expected a state dict")
    tensors = {
        str(name): value.to(torch.float32).numpy()
        for name, value in content.items()
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors by name, expected a state dict")
    return tensors
