"""What a network runs on, as people type it: "auto", "cpu", "cuda", "cuda:1"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from openpaf.errors import ConfigError, shown

DEVICES = ("auto", "cpu", "cuda", "tensorrt", "openvino", "coreml", "directml")

# Of these a machine may have several.
_NUMBERED = ("cuda", "tensorrt", "directml")
_OTHER_NAMES = {"gpu": "cuda"}
# What other programs call what there is here.
_MEANT = {
    "mps": "coreml", "metal": "coreml", "ane": "coreml", "trt": "tensorrt", "dml": "directml",
    "intel": "openvino", "xpu": "openvino", "npu": "openvino", "cudaexecutionprovider": "cuda",
    "cpuexecutionprovider": "cpu", "tensorrtexecutionprovider": "tensorrt", "onnxruntime": "auto",
}  # fmt: skip
_MOST = 1024


@dataclass(frozen=True)
class Device:
    """A device that was asked for.

    Attributes
    ----------
    name : str
        One of `DEVICES`.
    number : int
        Which one of several, from 0.
    """

    name: str
    number: int = 0

    @property
    def is_nvidia(self) -> bool:
        """Whether it can only be an NVIDIA GPU."""
        return self.name in ("cuda", "tensorrt")

    def __str__(self) -> str:
        return f"{self.name}:{self.number}" if self.number else self.name


def read_device(text: str) -> Device:
    """Device that a word means.

    Parameters
    ----------
    text : str
        One of `DEVICES`, or "gpu", which is "cuda"; of several GPUs the one with a number, from 0:
        "cuda:1".

    Raises
    ------
    ConfigError
        When it is something else.
    """
    found = re.fullmatch(r"([a-z]+)(?::([0-9]{1,4}))?", text) if isinstance(text, str) else None
    name = _OTHER_NAMES.get(found[1], found[1]) if found else ""
    number = found[2] if found else None
    if name not in DEVICES or (number is not None and name not in _NUMBERED):
        raise ConfigError(
            f"device must be one of {', '.join(DEVICES)}, or gpu for cuda, with a number after "
            f"{', '.join(_NUMBERED)} where there are several, such as cuda:1; got {shown(text)}"
            + _meant(text)
        )
    if number is not None and int(number) >= _MOST:
        raise ConfigError(f"device numbers start at 0 and end far below {_MOST}, got {shown(text)}")
    return Device(name, int(number or 0))


def _meant(text: object) -> str:
    word = text.lower() if isinstance(text, str) else shown(text)
    meant = f"cuda:{word}" if re.fullmatch("[0-9]{1,3}", word) else _MEANT.get(word)
    return "" if meant is None else f"; did you mean {meant}?"
