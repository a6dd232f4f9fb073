"""What a window network loses: over the cells of its maps, or over coordinates."""

from __future__ import annotations

import torch
from torch import Tensor


def cell_loss(logits: Tensor, points: Tensor, known: Tensor, stride: int, sigma: float) -> Tensor:
    """Cross-entropy of each known part over the cells of its map and nowhere, whose logit is 0.

    A squared error over maps that are 0 almost everywhere rests for long where all of them are 0;
    this one learns at once.

    Parameters
    ----------
    logits : (B, K, h, w)
    points : (B, K, 2)
        Window px. Those outside are nowhere.
    known : (B, K) bool
    stride : int
        Window px a cell.
    sigma : float
        Of the Gaussian that is taught, window px.
    """
    height, width = logits.shape[2:]
    across, down = (
        _gaussian(points[..., axis], cells, stride, sigma)
        for axis, cells in ((0, width), (1, height))
    )
    inside = _inside(points, (width * stride, height * stride))
    # The Gaussian of each part sums to 1, so the entropy splits along x and y.
    expected = torch.einsum("bkhw,bkh,bkw->bk", logits, down, across) * inside
    nowhere = logits.new_zeros(*logits.shape[:2], 1)
    total = torch.logsumexp(torch.cat([logits.flatten(2), nowhere], dim=2), dim=2)
    return _mean(total - expected, known)


def mean_cell(logits: Tensor) -> Tensor:
    """(B, K, 2) mean cell of a softmax over maps, as shares of the window from its middle."""
    height, width = logits.shape[2:]
    weights = logits.flatten(2).softmax(dim=2).reshape(logits.shape)
    return torch.stack(
        [
            (weights.sum(dim=2) * _ticks(width, logits)).sum(dim=2),
            (weights.sum(dim=3) * _ticks(height, logits)).sum(dim=2),
        ],
        dim=2,
    )


def coordinate_loss(
    shares: Tensor, points: Tensor, known: Tensor, size: tuple[int, int], *, squared: bool
) -> Tensor:
    """Distance of parts from where they are, in shares of the window; known ones inside it.

    Squared as in DeepPose (eq. 4), or absolute as in integral regression (section 2.1).

    Parameters
    ----------
    shares : (B, K, 2)
        From the window's middle.
    points : (B, K, 2)
        Window px.
    known : (B, K) bool
    size : (width, height)
    """
    sides = torch.tensor(size, dtype=shares.dtype, device=shares.device)
    apart = shares - (points - (sides - 1) / 2) / sides
    errors = apart.square() if squared else apart.abs()
    return _mean(errors.sum(dim=2), known & _inside(points, size))


def _gaussian(places: Tensor, cells: int, stride: int, sigma: float) -> Tensor:
    """(B, K) px to (B, K, cells) that sum to 1."""
    centres = torch.arange(cells, device=places.device) * stride + (stride - 1) / 2
    return (-((centres - places[..., None]) ** 2) / (2 * sigma**2)).softmax(dim=2)


def _ticks(cells: int, like: Tensor) -> Tensor:
    return (torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5) / cells - 0.5


def _inside(points: Tensor, size: tuple[int, int]) -> Tensor:
    sides = torch.tensor(size, device=points.device)
    return ((points >= 0) & (points <= sides - 1)).all(dim=2)


def _mean(losses: Tensor, counted: Tensor) -> Tensor:
    return (losses * counted).sum() / counted.sum().clamp(min=1)
