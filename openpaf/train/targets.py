"""Training targets, rendered on the device of the batch (CVPR 2017, sections 2.2 and 2.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from openpaf.skeleton import Skeleton


@dataclass
class Labels:
    """Labels of a batch, padded to its largest number of people; crop px.

    Attributes
    ----------
    points : (B, P, K, 3) float32
        x, y, visibility; visibility 0 pads.
    boxes : (B, P, 4) float32
        x1, y1, x2, y2; empty boxes pad.
    known : (B, P, K) bool
        Parts to be believed inside the person's box.
    ignored : (B, M, 4) float32
    """

    points: Tensor
    boxes: Tensor
    known: Tensor
    ignored: Tensor


@dataclass
class Targets:
    """What each stage should predict, and where an error counts.

    Attributes
    ----------
    confidence_maps : (B, K + 1, h, w) float32
        Background last.
    pafs : (B, 2L, h, w) float32
    map_weights : (B, K + 1, h, w) float32
    paf_weights : (B, 2L, h, w) float32
    """

    confidence_maps: Tensor
    pafs: Tensor
    map_weights: Tensor
    paf_weights: Tensor


def cell_centres(cells: int, stride: int, device: torch.device) -> Tensor:
    """Net-input coordinate of each cell's centre, by the convention of `preprocess`."""
    return torch.arange(cells, device=device, dtype=torch.float32) * stride + (stride - 1) / 2


def render_confidence_maps(
    points: Tensor, size: tuple[int, int], stride: int, sigma: float
) -> Tensor:
    """Highest Gaussian of any person at each cell (equations 6 and 7).

    Parameters
    ----------
    points : (B, P, K, 3)
    size : (h, w)
    stride : int
    sigma : float
        Net px.

    Returns
    -------
    (B, K, h, w) float32, below 1 % set to 0
    """
    height, width = size
    x, y, seen = points.unbind(-1)
    across = cell_centres(width, stride, points.device) - x[..., None]
    down = cell_centres(height, stride, points.device) - y[..., None]
    across = torch.exp(-across.square() / (2 * sigma**2)) * (seen > 0)[..., None]
    down = torch.exp(-down.square() / (2 * sigma**2))
    maps = (down[..., :, None] * across[..., None, :]).amax(dim=1)
    return torch.where(maps < 0.01, 0.0, maps)


def render_pafs(
    points: Tensor, skeleton: Skeleton, size: tuple[int, int], stride: int, limb_width: float
) -> Tensor:
    """Unit vectors along limbs, averaged where limbs of one kind overlap (equations 8 and 9).

    Parameters
    ----------
    points : (B, P, K, 3)
    skeleton : Skeleton
    size : (h, w)
    stride : int
    limb_width : float
        Half-width of a limb, net px.

    Returns
    -------
    (B, 2L, h, w) float32
    """
    height, width = size
    first = points[:, :, [a for a, _ in skeleton.limbs]]
    second = points[:, :, [b for _, b in skeleton.limbs]]
    vector = second[..., :2] - first[..., :2]
    length = vector.norm(dim=-1)
    unit = vector / length.clamp(min=1e-6)[..., None]
    drawn = (first[..., 2] > 0) & (second[..., 2] > 0) & (length > 0)
    across = cell_centres(width, stride, points.device) - first[..., 0, None]
    down = cell_centres(height, stride, points.device) - first[..., 1, None]
    across, down = across[..., None, :], down[..., :, None]
    unit_x, unit_y = unit[..., 0, None, None], unit[..., 1, None, None]
    along = across * unit_x + down * unit_y
    aside = (across * unit_y - down * unit_x).abs()
    on_limb = (
        (along >= 0)
        & (along <= length[..., None, None])
        & (aside <= limb_width)
        & drawn[..., None, None]
    )
    count = on_limb.sum(dim=1).clamp(min=1)
    pafs = torch.stack(
        [(on_limb * unit_x).sum(dim=1) / count, (on_limb * unit_y).sum(dim=1) / count], dim=2
    )
    return pafs.flatten(1, 2)


def _in_boxes(boxes: Tensor, size: tuple[int, int], stride: int, margin: float = 0.0) -> Tensor:
    """(B, P, 4) boxes to (B, P, h, w) bool, grown by a share of their longer side."""
    height, width = size
    grow = (boxes[..., 2:] - boxes[..., :2]).amax(dim=-1, keepdim=True).clamp(min=0) * margin
    x, y = (cell_centres(n, stride, boxes.device) for n in (width, height))
    low, high = boxes[..., :2] - grow, boxes[..., 2:] + grow
    across = (x >= low[..., :1]) & (x <= high[..., :1])
    down = (y >= low[..., 1:]) & (y <= high[..., 1:])
    return down[..., :, None] & across[..., None, :]


def render(
    labels: Labels,
    skeleton: Skeleton,
    size: tuple[int, int],
    *,
    stride: int,
    sigma: float,
    limb_width: float,
    teacher: tuple[Tensor, Tensor] | None = None,
) -> Targets:
    """Targets of a batch.

    Human labels rule inside the boxes of the people they describe. Elsewhere, and for parts a set
    does not label, the teacher's soft fields are the target; without a teacher those places do not
    count where somebody unlabelled may stand, and are background where nobody is.

    Parameters
    ----------
    labels : Labels
    skeleton : Skeleton
    size : (h, w)
        Cells of the field grid.
    teacher : (confidence maps (B, K, h, w), PAFs (B, 2L, h, w)), optional
    """
    maps = render_confidence_maps(labels.points, size, stride, sigma)
    pafs = render_pafs(labels.points, skeleton, size, stride, limb_width)
    first = [a for a, _ in skeleton.limbs]
    second = [b for _, b in skeleton.limbs]
    inside = _in_boxes(labels.boxes, size, stride, margin=0.1)
    known_limbs = labels.known[..., first] & labels.known[..., second]
    sure_maps, unsure_maps = _regions(inside, labels.known)
    sure_pafs, unsure_pafs = _regions(inside, known_limbs)
    if teacher is not None:
        teacher_maps, teacher_pafs = teacher
        maps = torch.where(sure_maps, maps, torch.maximum(maps, teacher_maps))
        drawn = _drawn(pafs)
        ours = (drawn | sure_pafs).repeat_interleave(2, dim=1)
        pafs = torch.where(ours, pafs, teacher_pafs)
        map_weights, paf_weights = torch.ones_like(maps), torch.ones_like(pafs)
    else:
        unlabelled = _in_boxes(labels.ignored, size, stride).any(dim=1, keepdim=True)
        map_weights = (~(unsure_maps | unlabelled) | sure_maps | (maps > 0)).float()
        drawn = _drawn(pafs)
        paf_weights = (~(unsure_pafs | unlabelled) | sure_pafs | drawn).float()
        paf_weights = paf_weights.repeat_interleave(2, dim=1)
    background = (1 - maps.amax(dim=1, keepdim=True)).clamp(min=0)
    return Targets(
        torch.cat([maps, background], dim=1),
        pafs,
        torch.cat([map_weights, map_weights.amin(dim=1, keepdim=True)], dim=1),
        paf_weights,
    )


def _drawn(pafs: Tensor) -> Tensor:
    """(B, 2L, h, w) to (B, L, h, w) bool: cells that lie on a limb."""
    return (pafs[:, 0::2] != 0) | (pafs[:, 1::2] != 0)


def _regions(inside: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Per channel: cells where all people present are known in it, and where somebody is not.

    inside : (B, P, h, w), known : (B, P, C) to two (B, C, h, w) bool
    """
    flat = inside.flatten(2).float()
    size = (known.shape[0], known.shape[2], *inside.shape[2:])
    somebody = torch.einsum("bpc,bps->bcs", known.float(), flat).reshape(size) > 0
    unknown = torch.einsum("bpc,bps->bcs", (~known).float(), flat).reshape(size) > 0
    return somebody & ~unknown, unknown
