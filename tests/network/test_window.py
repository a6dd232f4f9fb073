"""Window networks: built as their papers have them, and the same in ONNX Runtime."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from openpaf.errors import ConfigError
from openpaf.network.window import WindowNetConfig, build_window_net

# Parameters: those of the papers' own code where it is public (15.4 million for a ResNet-18 with
# three deconvolutions, 6.6 and 25.4 for two and eight stacks, 31 for six CPM stages).
PAPERS = {
    "simple baseline": (
        {"kind": "simple_baseline", "width": 1.0}, 15_376_721, [(17, 64, 48)],
    ),
    "two stacks": (
        {"kind": "hourglass", "width": 1.0, "size": (256, 256)}, 6_571_170, [(17, 64, 64)] * 2,
    ),
    "CPM of six stages": (
        {"kind": "cpm", "width": 1.0, "stages": 6}, 30_972_908, [(17, 32, 24)] * 6,
    ),
    "DeepPose's first stage": (
        {"kind": "deeppose", "width": 1.0, "size": (220, 220), "stages": 1}, 58_422_018, [(17, 2)],
    ),
}  # fmt: skip
NARROW = {
    "simple baseline": ({"kind": "simple_baseline"}, 2_168_201, [(17, 64, 48)]),
    "mobilenet": (
        {"kind": "mobilenet", "size": (128, 160), "deconv": 170},
        2_477_073,
        [(17, 40, 32)],
    ),
    "five blocks of a mobilenet": (
        {
            "kind": "mobilenet",
            "size": (128, 128),
            "blocks": 5,
            "residual": 3,
            "width": 0.4375,
            "deconv": 146,
        },
        1_230_961,
        [(17, 32, 32)],
    ),
    "shorter": ({"kind": "simple_baseline", "layers": 10}, 1_285_481, [(17, 64, 48)]),
    "hourglass": ({"kind": "hourglass"}, 940_690, [(17, 64, 48)] * 2),
    "CPM": ({"kind": "cpm", "width": 0.25}, 813_060, [(17, 32, 24)] * 2),
    "DeepPose": ({"kind": "deeppose", "width": 0.25}, 7_372_212, [(17, 2)] * 2),
    "other parts": (
        {"kind": "cpm", "width": 0.25, "stages": 1, "skeleton": "MPI_15"},
        462_448,
        [(15, 32, 24)],
    ),
}


@pytest.mark.parametrize(
    ("options", "parameters", "shapes"),
    [*PAPERS.values(), *NARROW.values()],
    ids=[*(f"{name} of the paper" for name in PAPERS), *NARROW],
)
def test_built_as_described(options: dict, parameters: int, shapes: list[tuple[int, ...]]) -> None:
    net = build_window_net(WindowNetConfig(**options)).eval()
    assert sum(parameter.numel() for parameter in net.parameters()) == parameters
    width, height = net.config.size
    with torch.inference_mode():
        outputs = net(torch.zeros(1, 3, height, width))
    assert [tuple(output.shape[1:]) for output in outputs] == shapes
    assert len(net.heads()) == len(outputs)


SMALL = {"width": 0.125, "size": (64, 128)}
KINDS = [
    {"kind": kind, **SMALL}
    for kind in ("simple_baseline", "mobilenet", "hourglass", "cpm", "deeppose")
]


@pytest.mark.parametrize("options", KINDS, ids=lambda options: options["kind"])
def test_folding_changes_nothing(options: dict) -> None:
    torch.manual_seed(0)
    net = build_window_net(WindowNetConfig(**options)).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    width, height = net.config.size
    x = torch.randn(2, 3, height, width)
    with torch.inference_mode():
        plain, folded = net.predict(x), net.folded().predict(x)
    torch.testing.assert_close(folded, plain, rtol=1e-3, atol=1e-5)


def test_a_cascade_looks_around_each_part() -> None:
    """A stage that always says "half a sub-window to the right" moves every part by that much."""
    net = build_window_net(WindowNetConfig(kind="deeppose", width=0.0625, size=(128, 128))).eval()
    first, stage = net.first.head, net.cascade[0].head
    with torch.no_grad():
        for head in (first, stage):
            head.weight.zero_()
        first.bias.zero_()
        shoulder = net.skeleton.index("left_shoulder")
        first.bias[2 * shoulder] = 0.4
        stage.bias.copy_(torch.tensor([0.5, 0.0]).repeat(17))
    with torch.inference_mode():
        start, end = net(torch.zeros(3, 3, 128, 128))
    np.testing.assert_allclose((end - start)[..., 0], 0.5 * 0.4, atol=1e-6)
    np.testing.assert_allclose((end - start)[..., 1], 0, atol=1e-6)
    points = net.in_window(torch.tensor([[[0.0, 0.0], [0.6, 0.0]]]))
    np.testing.assert_allclose(points, [[[63.5, 63.5, 1], [140.3, 63.5, 0]]], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "mobilenet", "blocks": 4}, "blocks must be a whole number from 5 to 11, got 4"),
        ({"kind": "alexnet"}, "kind must be one of cpm, hourglass"),
        ({"kind": "deeppose", "head": "soft_argmax"}, "head of deeppose must be maps"),
        ({"width": 3.0}, "width must lie"),
        ({"size": (190, 256)}, "multiples of 32"),
        ({"kind": "hourglass", "size": (192, 224)}, "multiples of 64"),
        ({"size": (192,)}, "size of simple_baseline must be"),
        ({"stages": 0}, "stages must be a whole number"),
        ({"layers": 50}, "layers must be 10, 18 or 34"),
        ({"skeleton": "HAND"}, "skeleton must be one of"),
    ],
)
def test_what_cannot_be_built(options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        WindowNetConfig(**options)


@pytest.mark.parametrize("options", KINDS, ids=lambda options: options["kind"])
def test_the_file_gives_what_torch_gives(tmp_path: Path, options: dict) -> None:
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    from openpaf.export.window import export_window_onnx
    from openpaf.network.graph import FramesToParts
    from openpaf.session import open_runtime

    torch.manual_seed(1)
    net = build_window_net(WindowNetConfig(**options)).eval()
    for head in net.heads():
        torch.nn.init.normal_(head.weight, std=0.1)
    path = tmp_path / "net.onnx"
    error = export_window_onnx(net, path, name="net", license="Apache-2.0", training_data="none")
    assert error < 1e-4
    width, height = net.config.size
    for device in ("cpu", *(["openvino"] if importlib.util.find_spec("openvino") else [])):
        runtime = open_runtime(path, device=device)
        assert runtime.card.name == "net" and runtime.max_batch is None
        for batch in (1, 3):
            rng = np.random.default_rng(batch)
            frames = rng.integers(0, 256, (batch, height, width, 3), np.uint8)
            (got,) = runtime.outputs(frames).values()
            with torch.inference_mode():
                (expected,) = FramesToParts(net)(torch.from_numpy(frames))
            np.testing.assert_allclose(got, expected, atol=1e-4 * float(expected.abs().max()))
