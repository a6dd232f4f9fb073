"""Words for devices: what is understood, and the one line for what is not."""

from __future__ import annotations

from typing import Any

import pytest

from openpaf.errors import ConfigError
from openpaf.session import DEVICES, Device, read_device


@pytest.mark.parametrize(
    ("word", "device"),
    [
        *((name, Device(name)) for name in DEVICES),
        ("gpu", Device("cuda")),
        ("gpu:2", Device("cuda", 2)),
        ("cuda:0", Device("cuda")),
        ("cuda:1", Device("cuda", 1)),
        ("tensorrt:3", Device("tensorrt", 3)),
        ("directml:1", Device("directml", 1)),
    ],
)
def test_understood(word: str, device: Device) -> None:
    assert read_device(word) == device
    assert read_device(str(device)) == device


@pytest.mark.parametrize(
    "word",
    ["", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda:1.0", "cuda:²", "cuda:9999", "cpu:0", "auto:1",
     "openvino:0", "cuda :1", "cuda:1\n", "rocm", ":1", None, 0, b"cuda", "c" * 10_000],
)  # fmt: skip
def test_refused_in_one_line(word: Any) -> None:
    with pytest.raises(ConfigError, match="device") as error:
        read_device(word)
    assert "\n" not in str(error.value) and len(str(error.value)) < 400
