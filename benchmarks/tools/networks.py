"""The networks that are measured, built in torch by name."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources

import torch
from torch import nn

from openpaf.network.graph import PoseNetwork
from openpaf.network.pafnet import NetworkConfig, PafNet
from openpaf.network.published import LAYOUTS, published_network
from openpaf_weights import bundled_model

COMPACT = "compact"
"""The network of the bundled default model, as its recipe describes it."""

NAMES = (COMPACT, *LAYOUTS)
WEIGHTS = bundled_model("default-training.safetensors")


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Let torch compute on so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def build_network(name: str) -> PoseNetwork:
    """A network by name, one of `NAMES`, weights not yet loaded."""
    if name != COMPACT:
        return published_network(name)
    recipe = resources.files("openpaf.train") / "recipes" / "default.toml"
    return PafNet(NetworkConfig(**tomllib.loads(recipe.read_text("utf-8"))["network"])).eval()


def seeded(network: PoseNetwork, seed: int = 0) -> PoseNetwork:
    """Random weights in place of a network's own, ready for inference: batch norms are folded.

    They follow He's rule, so that values neither vanish nor overflow on their way through and
    float16 is put to the test. Published weights may not be passed on; speed is the same.
    """
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    return network.folded() if isinstance(network, PafNet) else network


def trained_compact() -> PafNet:
    """The compact network with the weights in the repository.

    Raises
    ------
    CheckpointError
        When the checkout does not have them.
    RuntimeError
        When they are those of another network than the recipe's.
    """
    from openpaf.network.checkpoint import load_weights

    network = build_network(COMPACT)
    assert isinstance(network, PafNet)
    network.load_state_dict(load_weights(WEIGHTS)[0])
    return network.folded()
