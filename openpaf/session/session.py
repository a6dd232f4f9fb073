"""What a running network is, and which runtime a file needs."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from openpaf.errors import ConfigError, ModelError, ModelNotFoundError
from openpaf.fields import Fields
from openpaf.models import SUFFIXES, ModelCard, NetworkCard
from openpaf.models.cards import card_beside
from openpaf.session.device import read_device
from openpaf.session.fields import FieldSession
from openpaf.session.runtime import Loaded, Runtime, warn_of_fallback


class Session(Loaded, Protocol):
    """A network that gives fields; any number of threads may call `run`.

    Attributes
    ----------
    card : ModelCard
        What the network takes and gives.
    """

    card: ModelCard

    def run(self, net_frames: NDArray[np.uint8]) -> list[Fields]:
        """Predict the fields of (N, H, W, 3) uint8 BGR net frames, sides multiples of the stride.

        Raises
        ------
        FieldsError
            When the network gives NaN or infinite values.
        ModelError
            When the network fails, or gives what its card does not say.
        """


def open_session(
    path: str | Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    spinning: bool = True,
    card: ModelCard | None = None,
) -> Session:
    """Load a network file that gives fields.

    Parameters
    ----------
    path, device, threads, spinning, card
        As for `open_runtime`.

    Raises
    ------
    ConfigError, MissingExtraError, ModelError, ModelNotFoundError
        As `open_runtime`; ModelError too when the network looks at windows of people.

    Warns
    -----
    OpenPafWarning
        When the device asked for is not to be had and another one is used.
    """
    runtime = open_runtime(path, device=device, threads=threads, spinning=spinning, card=card)
    return FieldSession(runtime, str(path))


def open_runtime(
    path: str | Path,
    *,
    device: str = "auto",
    threads: int | None = None,
    spinning: bool = True,
    card: NetworkCard | None = None,
) -> Runtime:
    """Load a network file of any kind.

    `.onnx`, OpenVINO's `.xml` with its `.bin` beside it, or a `.pt` checkpoint of `openpaf train`.

    Parameters
    ----------
    path : str or Path
    device : str
        One of `DEVICES`, "gpu", which is "cuda", or "cuda:1" for the second of several. "auto" is
        CUDA where the installed runtime has it, else the CPU; "openvino" is OpenVINO on the CPU,
        which reads `.onnx` too.
    threads : int, optional
        Threads of the network; as many as there are cores when None.
    spinning : bool
        Let idle threads of ONNX Runtime wait busily. Fastest while nothing else needs the cores.
    card : NetworkCard, optional
        What the file takes and gives, where it does not say so itself.

    Raises
    ------
    ConfigError
        When an option, or the file's card, has a value that cannot work.
    MissingExtraError
        When the runtime is not installed.
    ModelError
        When the file is damaged, no network, or not the network its card describes.
    ModelNotFoundError
        When there is no such file.

    Warns
    -----
    OpenPafWarning
        When the device asked for is not to be had and another one is used.
    """
    path, wanted = Path(path), read_device(device)
    if threads is not None and (type(threads) is not int or not 1 <= threads <= 1024):
        raise ConfigError(f"threads must be 1 to 1024, or None for all cores, got {threads!r}")
    if not path.is_file():
        inside = path / "model.onnx"
        meant = "pass an .onnx, .xml or .pt network"
        if inside.is_file():
            meant = f"did you mean {inside}?"
        raise ModelNotFoundError(f"{path} is not a file; {meant}")
    if path.suffix not in SUFFIXES:
        raise ModelError(
            f"{path} must be an .onnx, .xml or .pt network, got {path.suffix or 'no suffix'}"
        )
    card = card or card_beside(path)
    if path.suffix == ".pt":
        from openpaf.session.torch import TorchRuntime

        return TorchRuntime(path, device=wanted, threads=threads, card=card)
    if path.suffix == ".xml" or wanted.name == "openvino":
        from openpaf.session.openvino import OpenVinoRuntime

        if wanted.name not in ("auto", "cpu", "openvino"):
            warn_of_fallback(wanted, "an .xml network runs on OpenVINO", "the CPU")
        return OpenVinoRuntime(path, threads=threads, card=card)
    from openpaf.session.onnxruntime import OnnxRuntime

    return OnnxRuntime(path, device=wanted, threads=threads, spinning=spinning, card=card)
