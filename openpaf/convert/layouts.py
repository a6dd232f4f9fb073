"""Which layout a set of published tensors belongs to, and the network built from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from openpaf.errors import CheckpointError, ConfigError
from openpaf.network import published
from openpaf.network.graph import PoseNetwork
from openpaf.network.mobilenet_openpose import MobileNetOpenPose

Tensors = Mapping[str, NDArray[np.float32]]

LAYOUTS: dict[str, Callable[[], PoseNetwork]] = {
    **published.LAYOUTS,
    "mobilenet-openpose": MobileNetOpenPose,
}
"""A constructor for every layout that checkpoints are converted to, by name."""

# The published checkpoint was trained with three refinement stages, of which one is used.
_SPARE = re.compile(r"refinement_stages\.[1-9]")
_CAFFE_LAYER = re.compile(r"M?(conv|prelu)\d\w*")


@dataclass(frozen=True)
class _Difference:
    """How a layout differs from a file: the first tensor that does, and how many do."""

    count: int
    first: str


def plain_names(tensors: Tensors) -> dict[str, NDArray[np.float32]]:
    """Drop the prefixes that torch ports put before layer names.

    Raises
    ------
    CheckpointError
        When two tensors then have one name.
    """
    plain = {}
    for name, value in tensors.items():
        short = name.removeprefix("module.")
        parts = short.split(".")
        if len(parts) > 2 and _CAFFE_LAYER.fullmatch(parts[-2]):
            short = ".".join(parts[-2:])
        if short in plain:
            raise CheckpointError(f"the file has the tensor {short} twice, also as {name}")
        plain[short] = value
    return plain


def match_layout(tensors: Tensors, layout: str | None = None) -> tuple[str, tuple[str, ...]]:
    """Find the layout whose tensors these are.

    Parameters
    ----------
    tensors : mapping of str to float32 array
        By plain name.
    layout : str, optional
        The layout to hold them to; then tensors beyond it do no harm.

    Returns
    -------
    layout : str
    unused : tuple of str
        Tensors of the file that the layout has no place for.

    Raises
    ------
    ConfigError
        When there is no layout of that name.
    CheckpointError
        When no layout fits; the message names the nearest and the first tensor that differs.
    """
    if layout is not None and layout not in LAYOUTS:
        raise ConfigError(f"no layout {layout!r}; there are {', '.join(LAYOUTS)}")
    differences = {}
    for name in LAYOUTS if layout is None else [layout]:
        expected = _shapes(name)
        beyond = tuple(key for key in tensors if key not in expected)
        unwelcome = () if layout else tuple(key for key in beyond if not _SPARE.match(key))
        difference = _compare(tensors, expected, unwelcome)
        if difference is None:
            return name, beyond
        differences[name] = difference
    nearest = min(differences, key=lambda name: differences[name].count)
    found = differences[nearest]
    raise CheckpointError(
        f"{'no known layout' if layout is None else 'not this layout'}: nearest is {nearest}, "
        f"{found.count} of whose tensors differ, first {found.first}"
    )


def _shapes(layout: str) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        state = LAYOUTS[layout]().state_dict()
    return {name: tuple(value.shape) for name, value in state.items() if value.is_floating_point()}


def _compare(
    tensors: Tensors, expected: Mapping[str, tuple[int, ...]], unwelcome: tuple[str, ...]
) -> _Difference | None:
    differing = []
    for name, shape in expected.items():
        if name not in tensors:
            differing.append(f"{name}: the file lacks it")
        elif tensors[name].shape != shape:
            differing.append(f"{name}: shape {tensors[name].shape}, expected {shape}")
    differing += [f"{name}: only the file has it" for name in unwelcome]
    return _Difference(len(differing), differing[0]) if differing else None


def build_network(tensors: Tensors, layout: str) -> PoseNetwork:
    """Build the network of a layout with these tensors as its parameters.

    Raises
    ------
    CheckpointError
        When a tensor has NaN or infinite values.
    """
    wanted = _shapes(layout)
    for name in wanted:
        if not np.isfinite(tensors[name]).all():
            raise CheckpointError(f"tensor {name} has NaN or infinite values; the file is damaged")
    network = LAYOUTS[layout]()
    state = {name: torch.from_numpy(np.ascontiguousarray(tensors[name])) for name in wanted}
    # Batch norms also count the batches they saw, which no prediction depends on.
    network.load_state_dict(state, strict=False)
    return network.eval()
