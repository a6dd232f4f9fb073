"""Weights out of torch checkpoints and safetensors files, without running anything in them."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file

from openpaf.errors import CheckpointError, first_line, shown


def torch_tensors(path: Path) -> dict[str, NDArray[np.float32]]:
    """Read a state dict, bare or under the key "state_dict" beside an optimiser's and more.

    Raises
    ------
    CheckpointError
        When the file is missing, damaged, holds no state dict, or is a pickle that wants to run
        code, which is refused.
    """
    try:
        with warnings.catch_warnings(action="ignore"):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" not in str(error) and "Unsupported" not in str(error):
            raise CheckpointError(f"{path} is damaged or not a torch file: {error}") from error
        raise CheckpointError(
            f"{path} holds more than tensors: loading it would run code of whoever made it, so it "
            "is refused; ask for a plain state dict or a safetensors file"
        ) from error
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        reason = first_line(error)
        raise CheckpointError(f"{path} is damaged or not a torch file: {reason}") from error
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
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:
        reason = first_line(error)
        raise CheckpointError(f"{path} is damaged or not a safetensors file: {reason}") from error


def _float_arrays(path: Path, content: Any) -> dict[str, NDArray[np.float32]]:
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path} holds a {type(content).__name__}, expected a state dict")
    tensors = {
        name: _float_array(value, f"{path}: tensor {shown(name)}")
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor) and value.is_floating_point()
    }
    if not tensors:
        raise CheckpointError(f"{path} holds no tensors by name, expected a state dict")
    return tensors


def _float_array(value: torch.Tensor, where: str) -> NDArray[np.float32]:
    """Values of a tensor or parameter, which must be those that the file holds."""
    if value.is_nested or value.layout != torch.strided:
        raise CheckpointError(f"{where} is sparse or nested; save it as value.to_dense()")
    if value.device.type != "cpu":
        raise CheckpointError(
            f"{where} has no values, it is on the device {value.device}; save what it stands for"
        )
    # One number can be said to be a tensor of any size, which would become so large only here.
    if value.numel() * value.element_size() > value.untyped_storage().nbytes():
        raise CheckpointError(
            f"{where} says shape {tuple(value.shape)} and holds fewer values; save value.clone()"
        )
    return np.asarray(value.detach().to(torch.float32).numpy(), np.float32)
