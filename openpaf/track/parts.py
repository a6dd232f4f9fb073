"""What the tracker needs to know of a skeleton's parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from openpaf.skeleton import Skeleton

# Networks exchange left and right of these together.
_GROUPS = (
    ("eye", "ear"),
    ("shoulder", "elbow", "wrist"),
    ("hip", "knee", "ankle", "big_toe", "small_toe", "heel"),
)
GROUPS = len(_GROUPS)
# These swing while the body goes its way.
_SWINGING = ("elbow", "wrist", "knee", "ankle", "toe", "heel")


@dataclass(frozen=True)
class Parts:
    """The parts of a skeleton as arrays.

    Attributes
    ----------
    sigmas : (K,) float32
    steadiness : (K,) float32
        How much a part's speed says about the body's.
    left, right, group : (P,) intp
        Part pairs, and which `GROUPS` each belongs to.
    """

    sigmas: NDArray[np.float32]
    steadiness: NDArray[np.float32]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    group: NDArray[np.intp]

    @classmethod
    def of(cls, skeleton: Skeleton, swinging_weight: float) -> Parts:
        """Read them from the part names."""
        pairs = np.array(skeleton.pairs, np.intp).reshape(-1, 2)
        names = [skeleton.parts[left].removeprefix("left_") for left in pairs[:, 0]]
        swinging = [name.endswith(_SWINGING) for name in skeleton.parts]
        return cls(
            sigmas=np.array(skeleton.sigmas, np.float32),
            steadiness=np.where(swinging, swinging_weight, 1).astype(np.float32),
            left=pairs[:, 0].copy(),
            right=pairs[:, 1].copy(),
            group=np.array([_group(name) for name in names], np.intp),
        )


def _group(name: str) -> int:
    return next((g for g, group in enumerate(_GROUPS) if name in group), GROUPS - 1)
