"""The published layouts against another program's outputs on seeded weights."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from openpaf.errors import ConfigError
from openpaf.network.published import LAYOUTS, PublishedNetwork, published_network

GOLDEN = {
    "vgg19-body25": ("body25", 26_166_084),
    "vgg19-coco": ("coco18", 52_311_446),
    "vgg19-mpi": ("mpi15", 51_481_032),
    "vgg19-mpi-4": ("mpi15_4_stages", 34_240_880),
}


def seed_network(network: PublishedNetwork) -> None:
    """Give every tensor the values its name stands for in the golden files."""
    for layer, module in network.named_children():
        for kind, parameter in module.named_parameters():
            if isinstance(module, torch.nn.PReLU):
                kind = "slope"
            shape = tuple(parameter.shape)
            seed = zlib.crc32(f"{layer}.{kind}".encode())
            z = np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)
            if kind == "weight":
                z *= np.float32(np.sqrt(2 / np.prod(shape[1:])))
            else:
                z = 0.1 * z if kind == "bias" else 0.25 + 0.05 * z
            parameter.data = torch.from_numpy(z)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_matches_golden_outputs(layout: str, shared: Path) -> None:
    name, _ = GOLDEN[layout]
    golden = np.load(shared / "golden" / "networks" / f"{name}.npz")
    network = published_network(layout)
    seed_network(network)
    with torch.inference_mode():
        maps, pafs = network.predict(torch.from_numpy(golden["input"]))
    output = torch.cat([maps, pafs], 1).numpy()
    assert output.shape == golden["output"].shape
    largest = np.abs(golden["output"]).max()
    assert np.abs(output - golden["output"]).max() <= 1e-4 * largest


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parameter_counts(layout: str) -> None:
    with torch.device("meta"):
        network = LAYOUTS[layout]()
    assert sum(parameter.numel() for parameter in network.parameters()) == GOLDEN[layout][1]


def test_every_stage_is_returned() -> None:
    with torch.device("meta"):
        x = torch.zeros(1, 3, 16, 24)
        four_stages = LAYOUTS["vgg19-mpi-4"]()(x)
        body25 = LAYOUTS["vgg19-body25"]()(x)
    assert [kind for kind, _ in four_stages] == ["pafs", "confidence_maps"] * 4
    assert [kind for kind, _ in body25] == ["pafs"] * 4 + ["confidence_maps"] * 2
    assert body25[3][1].shape == (1, 52, 2, 3)
    assert body25[5][1].shape == (1, 26, 2, 3)


def test_unknown_layout_is_refused() -> None:
    with pytest.raises(ConfigError, match="vgg19-body25"):
        published_network("vgg16")
