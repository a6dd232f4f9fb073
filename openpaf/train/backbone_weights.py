"""Pretrained MobileNet v1 backbones and a bottleneck: convolutions to start a network from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from openpaf.errors import CheckpointError, ConfigError, MissingExtraError, first_line
from openpaf.network.backbones import MobileNetBackbone
from openpaf.network.checkpoint import load_weights
from openpaf.session.telemetry import import_openvino
from openpaf.train.own import START, bundled_weights

# Layers of human-pose-estimation-0001 in the order of MobileNet v1's blocks 1 to 11.
_BLOCKS = (
    "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv4_1", "conv4_2",
    "conv5_1", "conv5_2", "conv5_3", "conv5_4", "conv5_5",
)  # fmt: skip
# And of what it has behind them, by our names.
_BOTTLENECK = {
    "align": "conv4_3_CPM/al", "widen1": "conv4_3_CPM/red",
    "widen2": "conv4_3_CPM/dw1", "widen3": "conv4_3_CPM/dw1/1x1",
    "widen4": "conv4_3_CPM/dw2", "widen5": "conv4_3_CPM/dw2/1x1",
    "widen6": "conv4_3_CPM/dw3", "widen7": "conv4_3_CPM/inc", "mix": "conv4_4_CPM",
}  # fmt: skip


def start_backbone(net: nn.Module, data: Path, weights: str) -> list[nn.Module]:
    """Start a network's backbone from pretrained weights.

    Parameters
    ----------
    net : nn.Module
        With a `backbone`.
    data : Path
        Folder that a file is relative to.
    weights : str
        `START` for the bundled network's own, or a file that `read_backbone_weights` takes.

    Returns
    -------
    list of nn.Module
        The layers that were loaded.

    Raises
    ------
    ConfigError
        When the network has another backbone, or the file none that fits.
    """
    backbone = getattr(net, "backbone", None)
    if not isinstance(backbone, MobileNetBackbone):
        raise ConfigError("backbone_weights fit the mobilenet backbone only")
    path = data / weights
    if weights == START and not path.exists():
        path = bundled_weights()
    if not path.is_file():
        raise ConfigError(
            f"{path} does not exist; the recipe's backbone_weights name it, relative to the data"
        )
    read = read_backbone_weights(path)
    try:
        return backbone.load_pretrained(read)
    except RuntimeError as error:
        raise ConfigError(f"{path} holds a backbone of another size: {error}") from error


def read_backbone_weights(path: Path) -> dict[str, Tensor]:
    """Read a backbone, batch norm folded.

    Parameters
    ----------
    path : Path
        `.npz` of MobileNet v1 trained on ImageNet, `.safetensors` of a network trained here, or the
        `.xml` of human-pose-estimation-0001.

    Returns
    -------
    dict of str to float32
        `conv1`, `dw1`, `pw1` ... `pw11`, each `.weight` and `.bias`, for RGB input in -1..1; from
        the last two also the bottleneck: `align`, `widen1` ... `widen7`, `mix`.

    Raises
    ------
    ConfigError
        When the file holds no such backbone.
    """
    try:
        if path.suffix == ".xml":
            return _from_openvino(path)
        if path.suffix == ".safetensors":
            return _from_run(path)
        with np.load(path, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name].astype(np.float32)) for name in _names()}
    except (OSError, ValueError, KeyError, RuntimeError, CheckpointError) as error:
        reason = first_line(error)
        raise ConfigError(f"{path} does not hold a MobileNet v1 backbone: {reason}") from error


def _layers() -> list[str]:
    return ["conv1", *(f"{half}{n + 1}" for n in range(len(_BLOCKS)) for half in ("dw", "pw"))]


def _names() -> list[str]:
    return [f"{layer}.{kind}" for layer in _layers() for kind in ("weight", "bias")]


def _from_run(path: Path) -> dict[str, Tensor]:
    weights, _ = load_weights(path)
    begins = "backbone."
    backbone = MobileNetBackbone()
    backbone.load_state_dict(
        {k.removeprefix(begins): v for k, v in weights.items() if k.startswith(begins)}
    )
    return {
        f"{name}.{kind}": values.detach()
        for name, conv in backbone.layers().items()
        for kind, values in conv.named_parameters()
    }


def _from_openvino(path: Path) -> dict[str, Tensor]:
    try:
        openvino = import_openvino()
    except ImportError as error:
        raise MissingExtraError(
            'an .xml backbone needs OpenVINO: pip install "openpaf[openvino]"'
        ) from error
    layers = {op.get_friendly_name(): op for op in openvino.Core().read_model(path).get_ops()}
    theirs = ["conv1", *(f"{block}/{half}" for block in _BLOCKS for half in ("dw", "sep"))]
    weights = {}
    for ours, name in {**dict(zip(_layers(), theirs, strict=True)), **_BOTTLENECK}.items():
        convolution = layers.get(f"{name}/WithoutBiases") or layers[name]
        weight = _constant(convolution.input_value(1))
        if weight.ndim == 5:  # a group a channel
            weight = weight[:, 0]
        (added,) = convolution.output(0).get_target_inputs()
        bias = _constant(added.get_node().input_value(1)).reshape(-1)
        weights[f"{ours}.weight"] = torch.from_numpy(weight)
        weights[f"{ours}.bias"] = torch.from_numpy(bias)
    # It takes BGR as (x - 128) / 255; with RGB y in -1..1 that is y / 2 - 1 / 510.
    first = weights["conv1.weight"].flip(1)
    weights["conv1.bias"] -= first.sum(dim=(1, 2, 3)) / 510
    weights["conv1.weight"] = first / 2
    return weights


def _constant(output: Any) -> NDArray[np.float32]:
    """The value of a part of a model that depends on no input: dequantised weights."""
    import openvino

    model = openvino.Model([output], [])
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled([])[0], np.float32)
