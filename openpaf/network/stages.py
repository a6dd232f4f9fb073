"""The refinement stage of the PAMI 2021 layout: dense triples of 3x3 convolutions (section 3.2)."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def conv_bn_relu(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    """Convolution that keeps the size, batch norm (folded into it at export) and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def fold_batch_norms(network: nn.Module) -> None:
    """Fold every batch norm of a network into the convolution before it, in place.

    The network must be in evaluation mode, and each batch norm must follow its convolution in one
    `nn.Sequential`.
    """
    for module in list(network.modules()):
        if not isinstance(module, nn.Sequential):
            continue
        for place, (conv, norm) in enumerate(pairwise(list(module.children()))):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                module[place] = fuse_conv_bn_eval(conv, norm)
                module[place + 1] = nn.Identity()


class DenseTriple(nn.Module):
    """Three 3x3 convolutions in a row whose outputs are concatenated.

    Sees as far as one 7x7 convolution at under half its cost.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first = conv_bn_relu(inputs, width)
        self.second = conv_bn_relu(width, width)
        self.third = conv_bn_relu(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, inputs, h, w) to (N, 3 width, h, w)."""
        first = self.first(x)
        second = self.second(first)
        return torch.cat([first, second, self.third(second)], dim=1)


class Stage(nn.Module):
    """Dense triples, a 1x1 mix, and a linear 1x1 head.

    Parameters
    ----------
    inputs : int
        Channels of features plus every earlier prediction this stage sees.
    width : int
        Channels of each convolution of a triple.
    blocks : int
        Number of triples.
    hidden : int
        Channels between the mix and the head.
    outputs : int
        Channels predicted: 2L for PAFs, K + 1 for confidence maps with background.
    """

    def __init__(self, inputs: int, width: int, blocks: int, hidden: int, outputs: int) -> None:
        super().__init__()
        triples = [DenseTriple(inputs if i == 0 else 3 * width, width) for i in range(blocks)]
        self.blocks = nn.Sequential(*triples)
        self.mix = conv_bn_relu(3 * width, hidden, kernel=1)
        self.head = nn.Conv2d(hidden, outputs, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.get_parameter("bias"), 0.0)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Feature and prediction maps (N, *, h, w) to (N, outputs, h, w)."""
        out: Tensor = self.head(self.mix(self.blocks(torch.cat(inputs, dim=1))))
        return out
