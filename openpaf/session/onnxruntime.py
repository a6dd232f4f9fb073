"""ONNX Runtime: the default, on CPUs and on GPUs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import MissingExtraError, ModelError, first_line
from openpaf.models import NetworkCard
from openpaf.models.card import METADATA_KEY
from openpaf.models.download import cache_folder
from openpaf.session.layout import find_card, fixed_size, to_input
from openpaf.session.session import warn_of_fallback
from openpaf.session.telemetry import silenced

try:
    import onnxruntime
except ImportError as error:
    raise MissingExtraError(
        f"ONNX Runtime is needed to run a network ({error}); "
        'install it with: pip install "openpaf[cpu]", or "openpaf[gpu]" for CUDA'
    ) from error

silenced(onnxruntime)

_CPU = "CPUExecutionProvider"
_CUDA = "CUDAExecutionProvider"
_TENSORRT = "TensorrtExecutionProvider"
# In order of preference; the CPU comes after all of them.
_PROVIDERS = {
    "auto": (_CUDA,),
    "cpu": (),
    "cuda": (_CUDA,),
    "tensorrt": (_TENSORRT, _CUDA),
    "coreml": ("CoreMLExecutionProvider",),
    "directml": ("DmlExecutionProvider",),
}
# What an input of a card's type may be: converters to float16 leave the card as it was.
_HALF, _SINGLE = "tensor(float16)", "tensor(float)"
_TYPES = {"uint8": ("tensor(uint8)",), "float32": (_SINGLE, _HALF), "float16": (_HALF,)}
_LOG_ERRORS_ONLY = 3


class OnnxRuntime:
    """An `.onnx` network; see `Runtime` and `open_runtime`."""

    def __init__(
        self,
        path: Path,
        *,
        device: str,
        threads: int | None,
        spinning: bool,
        card: NetworkCard | None,
    ) -> None:
        options = quiet_options()
        options.intra_op_num_threads = threads or 0
        options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
        available = onnxruntime.get_available_providers()
        providers = [p for p in _PROVIDERS[device] if p in available]
        self._session = _load(path, options, [*map(_with_options, providers), _CPU])
        # What was available proves nothing; only the session knows what it got.
        self.provider: str = self._session.get_providers()[0]
        _check_provider(device, self.provider, available)
        outputs = [output.name for output in self._session.get_outputs()]
        metadata = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        self.card = find_card(path, card, metadata, outputs)
        self.max_batch, self.net_size = self._check_input(path)

    def _check_input(self, path: Path) -> tuple[int | None, tuple[int, int] | None]:
        inputs = self._session.get_inputs()
        expected = _TYPES[self.card.input_dtype]
        if len(inputs) != 1 or inputs[0].type not in expected:
            got = ", ".join(f"{i.name} {i.type}" for i in inputs) or "none"
            raise ModelError(
                f"{path} must have one input of {expected[0]} as its card says, got {got}"
            )
        self._half = inputs[0].type == _HALF
        self._input: str = inputs[0].name
        shape = [side if isinstance(side, int) else None for side in inputs[0].shape]
        return fixed_size(shape, self.card, path)

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """The outputs that the card names; see `Runtime.outputs`."""
        values = to_input(net_frames, self.card)
        feed = {self._input: values.astype(np.float16) if self._half else values}
        try:
            arrays = self._session.run(self.card.outputs, feed)
        except Exception as error:
            raise ModelError(f"{self.card.name} failed: {first_line(error)}") from error
        return dict(zip(self.card.outputs, arrays, strict=True))


def quiet_options() -> Any:
    """Session options under which ONNX Runtime prints errors alone."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS_ONLY
    return options


def _with_options(provider: str) -> str | tuple[str, dict[str, str]]:
    """TensorRT takes minutes to build an engine, so it keeps it; nobody chooses it for float32.

    Not measured yet: it was written without a GPU at hand.
    """
    if provider != _TENSORRT:
        return provider
    engines = cache_folder() / "tensorrt"
    options = {"trt_fp16_enable": "1", "trt_engine_cache_enable": "1"}
    return provider, options | {"trt_engine_cache_path": str(engines)}


def _load(path: Path, options: Any, providers: list[Any]) -> Any:
    try:
        # Its own way of falling back prints on stdout.
        return onnxruntime.InferenceSession(
            str(path), options, providers=providers, enable_fallback=0
        )
    except Exception as error:
        if providers != [_CPU]:
            return _load(path, options, [_CPU])
        raise ModelError(
            f"{path} is not an ONNX network that can be loaded: {first_line(error)}"
        ) from error


def _check_provider(device: str, provider: str, available: list[str]) -> None:
    wanted = _PROVIDERS[device][:1] or (_CPU,)
    if provider == wanted[0] or (device == "auto" and wanted[0] not in available):
        return
    if wanted[0] in available:
        reason = f"{wanted[0]} could not start, most often for want of its driver or libraries"
    else:
        reason = f"the installed onnxruntime has {', '.join(available)} but not {wanted[0]}"
    warn_of_fallback(device, reason, provider)
