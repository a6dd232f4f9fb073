"""Depthwise convolutions by detours give what the plain ones give, gradients too."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from openpaf.network.depthwise import DepthwiseConv


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (2, 2)])
@pytest.mark.parametrize("size", [(8, 6), (9, 7), (1, 5)])
def test_detours_change_nothing(stride: int, dilation: int, size: tuple[int, int]) -> None:
    torch.manual_seed(1)
    conv = DepthwiseConv(4, stride, dilation).double()
    x = torch.randn(2, 4, *size, dtype=torch.double).requires_grad_()
    plain = torch.nn.functional.conv2d(x, conv.weight, conv.bias, stride, dilation, dilation, 4)
    learning = conv.train()(x)
    gradient = torch.randn_like(plain)
    of = [x, conv.weight, conv.bias]
    for one, other in zip(
        (learning, *torch.autograd.grad(learning, of, gradient)),
        (plain, *torch.autograd.grad(plain, of, gradient)),
        strict=True,
    ):
        torch.testing.assert_close(one, other)
    assert torch.equal(conv.eval()(x), plain)
