"""A window network at work: windows of a frame in, the parts of the person in each out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ModelError
from openpaf.models import WindowCard
from openpaf.session import Runtime, open_runtime
from openpaf.skeleton import Skeleton
from openpaf.topdown import heads
from openpaf.topdown.windows import Windows, cut

_MOST = 32


class WindowNetwork:
    """Parts of the one person that each window is about.

    Parameters
    ----------
    runtime : Runtime
        Of a network whose card has the head "window".
    batch : int
        At most so many windows go through the network at a time.

    Raises
    ------
    ModelError
        When the network gives something else.
    """

    def __init__(self, runtime: Runtime, *, batch: int = _MOST) -> None:
        card = runtime.card
        if not isinstance(card, WindowCard):
            gives = "boxes around people" if card.head == "boxes" else "fields of whole frames"
            raise ModelError(
                f"{card.name} gives {gives} (head {card.head!r}); a network that "
                'looks at windows of people, whose card says head = "window", is needed here'
            )
        self.card = card
        self.batch = min(batch, runtime.max_batch or batch)
        self._runtime = runtime

    @property
    def provider(self) -> str:
        """What runs the network now; see `Loaded`."""
        return self._runtime.provider

    @property
    def skeleton(self) -> Skeleton:
        """The K parts that are looked for."""
        return self.card.skeleton

    def look(
        self,
        frame: NDArray[np.uint8],
        windows: Windows,
        *,
        mirror: bool | None = None,
        mirror_from: float = 0.0,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Find the parts of the person in each window.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR
        windows : Windows
            Of N people; see `around`.
        mirror : bool, optional
            Look at the mirrored windows too and average; what the card says when None.
        mirror_from : float
            Mirrored, look only at windows whose parts are this sure, on average, as they are.

        Returns
        -------
        keypoints : (N, K, 2) float64
            Frame px.
        scores : (N, K) float64

        Raises
        ------
        ModelError
            When the network fails, or gives what its card does not say.
        """
        mirror = self.card.mirror if mirror is None else mirror
        parts = len(self.skeleton.parts)
        keypoints, scores = np.empty((len(windows), parts, 2)), np.empty((len(windows), parts))
        for first in range(0, len(windows), self.batch):
            rows = slice(first, first + self.batch)
            pixels = cut(frame, windows[rows], self.card.size)
            points, scores[rows] = self._read(self._outputs(pixels, mirror, mirror_from))
            keypoints[rows] = windows[rows].to_frame(points, self.card.size)
        return keypoints, scores

    def around(self, boxes: NDArray[Any], **where: Any) -> Windows:
        """Windows about boxes (N, 4), frame px, as this network likes them; see `Windows`."""
        return Windows.around(boxes, self.card.size, factor=self.card.box_factor, **where)

    def _outputs(self, pixels: NDArray[np.uint8], mirror: bool, mirror_from: float) -> NDArray[Any]:
        values = self._run(pixels)
        if not mirror:
            return values
        coordinates = self.card.reading == "coordinates"
        sure = values[..., 2] if coordinates else values.max(axis=(2, 3))
        again = np.flatnonzero(sure.mean(axis=1) >= mirror_from)
        if not len(again):
            return values
        other = self._run(np.ascontiguousarray(pixels[again, :, ::-1]))[:, list(self.skeleton.flip)]
        if coordinates:
            other = other * np.array([-1, 1, 1]) + np.array([self.card.size[0] - 1, 0, 0])
        else:
            other = other[..., ::-1]
        mean: NDArray[Any] = values.copy()
        mean[again] = (values[again] + other) / 2
        return mean

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """(N, K, h, w) maps, probabilities where they were logits; or (N, K, 3) coordinates."""
        card = self.card
        values = self._runtime.outputs(pixels)[card.output]
        axes, last = (3, (3,)) if card.reading == "coordinates" else (4, ())
        parts = len(self.skeleton.parts)
        if (
            values.ndim != axes
            or values.shape[1] != parts
            or values.shape[axes - len(last) :] != last
        ):
            wanted = f"(N, {parts}, 3)" if last else f"(N, {parts}, h, w)"
            raise ModelError(f"{card.name} must give {wanted} as its card says, got {values.shape}")
        if not np.isfinite(values).all():
            raise ModelError(f"{card.name} gives NaN or infinite values; check the network")
        return heads.softmax(values) if card.logits else values

    def _read(self, values: NDArray[Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Window px (N, K, 2) and scores (N, K) of what the network gave."""
        card = self.card
        if card.reading == "coordinates":
            return values[..., :2].astype(np.float64), values[..., 2].astype(np.float64)
        if card.reading == "soft_argmax":
            cells, scores = heads.soft_argmax(values)
        elif card.reading == "quarter":
            cells, scores = heads.quarter(values)
        else:
            cells, scores = heads.quadratic(values, card.blur)
        if card.logits:
            scores = heads.mass(values)
        size, grid = np.array(card.size), np.array(values.shape[:1:-1])
        if card.cells == "corners":
            return cells * (size - 1) / (grid - 1), scores
        stride = size / grid
        return cells * stride + (stride - 1) / 2, scores


def open_window_network(path: str | Path, **options: Any) -> WindowNetwork:
    """Load a window network.

    Parameters
    ----------
    path : str or Path
        `.onnx`, `.xml` or `.pt`; a card lies beside it where it does not describe itself.
    **options
        As for `openpaf.session.open_runtime`.

    Raises
    ------
    ConfigError, MissingExtraError, ModelError, ModelNotFoundError
        As `open_runtime`; ModelError too when the network gives fields.
    """
    return WindowNetwork(open_runtime(path, **options))
