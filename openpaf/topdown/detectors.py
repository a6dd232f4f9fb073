"""A person detector at work: a frame in, boxes around people out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ModelError
from openpaf.models import DetectorCard
from openpaf.optional import cv2
from openpaf.session import Runtime, open_runtime
from openpaf.topdown import boxes as box

Floats = NDArray[np.float64]

_MOST = 200


class Detector:
    """Boxes around the people in a frame.

    Parameters
    ----------
    runtime : Runtime
        Of a network whose card has the head "boxes".

    Raises
    ------
    ModelError
        When the network gives something else.
    """

    def __init__(self, runtime: Runtime) -> None:
        card = runtime.card
        if not isinstance(card, DetectorCard):
            raise ModelError(
                f"{card.name} gives no boxes around people (its card's head is {card.head!r}); a "
                'detector, whose card says head = "boxes", is needed here'
            )
        self.card = card
        self._runtime = runtime

    @property
    def provider(self) -> str:
        """What runs the network now; see `Loaded`."""
        return self._runtime.provider

    def find(self, frame: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Find everyone, doubtful ones too.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR

        Returns
        -------
        boxes : (N, 4) float64
            x0, y0, x1, y1, frame px, within the frame.
        scores : (N,) float64
            Best first.

        Raises
        ------
        ModelError
            When the network fails, or gives what its card does not say.
        """
        height, width = frame.shape[:2]
        net_frame, inner = fit(frame, self.card)
        boxes, scores = self._read(self._runtime.outputs(net_frame[None]))
        likely = np.flatnonzero(scores >= self.card.min_score)
        likely = likely[np.argsort(-scores[likely], kind="stable")][:_MOST]
        scale = np.array([width / inner[0], height / inner[1]] * 2)
        # Edges of boxes: net 0 is the picture's outer edge, which is frame px -0.5.
        found = box.clipped(boxes[likely] * scale - 0.5, (width, height))
        kept = box.best(box.iou(found, found), scores[likely], self.card.overlap)
        return found[kept], scores[likely][kept]

    def _read(self, outputs: dict[str, NDArray[Any]]) -> tuple[Floats, Floats]:
        """Boxes (M, 4), net px, and scores (M,) of what the network gave."""
        card = self.card
        if not card.grids:
            boxes, scores = outputs[card.boxes], outputs[card.scores]
            if boxes.shape != (1, scores.size, 4):
                raise ModelError(
                    f"{card.name} must give (1, M, 4) boxes and M scores as its card says, got "
                    f"{boxes.shape} and {scores.shape}"
                )
            return self._finite(boxes[0], scores.reshape(-1))
        pairs = [
            _read_grid(outputs[name], stride, card.name)
            for name, stride in zip(card.grids, card.strides, strict=True)
        ]
        return self._finite(
            np.concatenate([boxes for boxes, _ in pairs]),
            np.concatenate([scores for _, scores in pairs]),
        )

    def _finite(self, boxes: NDArray[Any], scores: NDArray[Any]) -> tuple[Floats, Floats]:
        if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
            raise ModelError(f"{self.card.name} gives NaN or infinite values; check the network")
        return boxes.astype(np.float64), scores.astype(np.float64)


def open_detector(path: str | Path, **options: Any) -> Detector:
    """Load a detector.

    Parameters
    ----------
    path : str or Path
        `.onnx` or `.xml`; a card lies beside it where it does not describe itself.
    **options
        As for `openpaf.session.open_runtime`.

    Raises
    ------
    ConfigError, MissingExtraError, ModelError, ModelNotFoundError
        As `open_runtime`; ModelError too when the network gives no boxes.
    """
    return Detector(open_runtime(path, **options))


def fit(frame: NDArray[np.uint8], card: DetectorCard) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Make a detector's input, (height, width, 3) uint8 BGR, and the size the frame has in it."""
    height, width = frame.shape[:2]
    inner = card.size
    if card.fit == "pad":
        scale = min(card.size[0] / width, card.size[1] / height)
        inner = max(round(width * scale), 1), max(round(height * scale), 1)
    shrinks = inner[0] < width or inner[1] < height
    pixels = cv2.resize(frame, inner, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    net_frame = np.full((card.size[1], card.size[0], 3), card.padding, np.uint8)
    net_frame[: inner[1], : inner[0]] = pixels
    return net_frame, inner


def _read_grid(values: NDArray[Any], stride: int, name: str) -> tuple[Floats, Floats]:
    """Boxes (h w, 4), net px, and scores (h w,) of one grid."""
    if values.ndim != 4 or values.shape[0] != 1 or values.shape[3] != 5:
        raise ModelError(
            f"{name} must give (1, h, w, 5) grids as its card says, got {values.shape}"
        )
    cells = values[0].astype(np.float64)
    y, x = np.mgrid[: cells.shape[0], : cells.shape[1]] * stride
    left, top, right, bottom = np.moveaxis(cells[..., 1:], 2, 0)
    boxes = np.stack([x - left, y - top, x + right, y + bottom], axis=2).reshape(-1, 4)
    with np.errstate(over="ignore"):
        scores: Floats = 1 / (1 + np.exp(-cells[..., 0].reshape(-1)))
    return boxes, scores
