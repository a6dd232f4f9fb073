"""The stage of the compact family: residual blocks of 3x3 convolutions, then a linear head."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


def conv_bn_relu(inputs: int, outputs: int, kernel: int = 3, dilation: int = 1) -> nn.Sequential:
    """Convolution that keeps the size, batch norm (folded into it at export) and ReLU."""
    padding = dilation * (kernel // 2)
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=padding, dilation=dilation, bias=False),
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
            if not isinstance(norm, nn.BatchNorm2d):
                continue
            if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d):
                transposed = isinstance(conv, nn.ConvTranspose2d)
                module[place] = fuse_conv_bn_eval(conv, norm, transpose=transposed)
                module[place + 1] = nn.Identity()


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, the second dilated, added to what came in.

    Sees as far as one 7x7 convolution at under half its cost.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = conv_bn_relu(width, width)
        self.second = conv_bn_relu(width, width, dilation=2)

    def forward(self, x: Tensor) -> Tensor:
        """(N, width, h, w) to the same."""
        out: Tensor = x + self.second(self.first(x))
        return out


class Stage(nn.Module):
    """An opening convolution, residual blocks, a 1x1 mix, and a linear 1x1 head.

    Parameters
    ----------
    inputs : int
        Channels of everything this stage sees.
    kernel : int
        Side of the opening convolution.
    width, blocks : int
        Channels of the residual blocks and how many there are.
    hidden : int
        Channels between the mix and the head; the next stage sees them too.
    outputs : int
        Channels predicted: 2L for PAFs, K + 1 for confidence maps with background.
    """

    def __init__(
        self, inputs: int, kernel: int, width: int, blocks: int, hidden: int, outputs: int
    ) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn_relu(inputs, width, kernel),
            *(ResidualBlock(width) for _ in range(blocks)),
            conv_bn_relu(width, hidden, kernel=1),
        )
        self.head = nn.Conv2d(hidden, outputs, 1)
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.constant_(self.head.get_parameter("bias"), 0.0)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Maps (N, *, h, w) to what the next stage may see of this one's work, and its prediction.

        Returns
        -------
        hidden : (N, hidden, h, w)
        prediction : (N, outputs, h, w)
        """
        hidden: Tensor = self.body(torch.cat(inputs, dim=1))
        return hidden, self.head(hidden)
