"""The proof behind an export: ONNX Runtime gives what the framework the file came from gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from openpaf.errors import ExportError
from openpaf.network.graph import FramesToFields, PoseNetwork
from openpaf.session.onnxruntime import quiet_options

TOLERANCE = 1e-4
"""Largest difference allowed between torch and ONNX Runtime, relative to the largest value."""

PROOF_SHAPES = ((1, 64, 96, 3), (3, 56, 40, 3))
"""Frames that the two are compared on; odd multiples of the stride among them, on purpose."""


def prove(network: PoseNetwork, path: Path) -> float:
    """Run a network and its exported file on the same random frames.

    Parameters
    ----------
    network : PafNet, PublishedNetwork or MobileNetOpenPose
        On the CPU, in evaluation mode.
    path : Path
        ONNX file with the input and outputs of `FramesToFields`.

    Returns
    -------
    float
        The largest difference, relative to the output's largest value.

    Raises
    ------
    ExportError
        When it exceeds `TOLERANCE`, or ONNX Runtime cannot run the file.
    """
    graph = FramesToFields(network).eval()

    def run_torch(frames: NDArray[Any]) -> list[NDArray[np.float32]]:
        with torch.inference_mode():
            return [maps.numpy() for maps in graph(torch.from_numpy(frames))]

    return check_agreement(path, run_torch, ["confidence_maps", "pafs"], np.uint8)


def check_agreement(
    path: Path,
    run: Callable[[NDArray[Any]], list[NDArray[np.float32]]],
    outputs: list[str],
    dtype: type[np.generic],
    shapes: Sequence[tuple[int, int, int, int]] = PROOF_SHAPES,
) -> float:
    """Compare ONNX Runtime on a file with the framework the file came from.

    Both get the same random frames.

    Parameters
    ----------
    path : Path
        ONNX file with one NHWC input.
    run : callable
        The framework: (N, H, W, 3) frames, 0 to 255, to the outputs in order.
    outputs : list of str
    dtype : type
        uint8 or float32, of the frames.
    shapes : sequence of (N, H, W, 3)
        Of the frames.

    Returns
    -------
    float
        The largest difference, relative to the output's largest value.

    Raises
    ------
    ExportError
        When it exceeds `TOLERANCE`, or ONNX Runtime cannot run the file.
    """
    options = quiet_options()
    try:
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public base class
        raise ExportError(f"ONNX Runtime cannot load the file: {error}") from error
    worst = 0.0
    for shape in shapes:
        frames = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8).astype(dtype)
        try:
            got = session.run(outputs, {session.get_inputs()[0].name: frames})
        except Exception as error:
            raise ExportError(f"ONNX Runtime cannot run the file: {error}") from error
        for output, a, b in zip(outputs, run(frames), got, strict=True):
            difference = relative_error(a, b)
            # A NaN on either side must fail too, so the comparison is not turned round.
            if not difference <= TOLERANCE:
                raise ExportError(
                    f"ONNX Runtime differs from the original in {output} by {difference:.2g} of "
                    f"its largest value on frames {shape}; at most {TOLERANCE:g} is allowed"
                )
            worst = max(worst, difference)
    return worst


def relative_error(expected: NDArray[np.float32], got: NDArray[np.float32]) -> float:
    """Largest difference of two arrays relative to the largest expected value."""
    if expected.shape != got.shape:
        raise ExportError(f"expected an output of shape {expected.shape}, got {got.shape}")
    largest = float(np.abs(expected).max())
    return float(np.abs(expected - got).max()) / max(largest, 1e-12)
