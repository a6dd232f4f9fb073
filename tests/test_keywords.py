"""Keywords of other libraries, and misspelt ones: answered in one line with ours."""

from __future__ import annotations

import inspect
import pickle
from dataclasses import fields
from typing import Any

import pytest

import openpaf
from openpaf.decoder import DecoderConfig
from openpaf.drawing import DrawConfig
from openpaf.errors import ConfigError, KeywordError
from openpaf.keywords import knows_keywords
from openpaf.peers import ANSWERS, KEYWORDS, PEERS
from openpaf.poses import STYLE
from openpaf.session.device import read_device
from openpaf.skeleton import COCO_18
from openpaf.stream import Stream
from openpaf.track import TrackConfig

NOBODY = openpaf.Poses.empty(COCO_18)


@pytest.mark.parametrize(
    ("call", "keyword", "line"),
    [
        (openpaf.detect, "conf", "openpaf.detect() takes no conf; did you mean min_score?"),
        (openpaf.detect, "max_det", "did you mean max_people?"),
        (openpaf.detect, "min_detection_confidence", "did you mean min_score?"),
        (openpaf.detect, "device", "that is openpaf.Engine(device=...)"),
        (openpaf.detect, "imgsz", "that is openpaf.Engine(net_height=...)"),
        (openpaf.detect, "every", "that is engine.stream(source, every=...)"),
        (openpaf.detect, "rgb", "did you mean channels?"),
        (openpaf.detect, "chanels", "did you mean channels?"),
        (openpaf.detect, "save", "call poses.save(path, frame) on what it gives"),
        (openpaf.detect, "half", 'is openpaf.Engine("default-int8")'),
        (openpaf.detect, "iou", "it takes frame, channels, min_score, max_people, keep"),
        (openpaf.Engine, "imgsz", "Engine() takes no imgsz; did you mean net_height or net_size?"),
        (openpaf.Engine, "net_hieght", "did you mean net_height?"),
        (openpaf.Engine, "weights", "did you mean model?"),
        (openpaf.Engine, "num_poses", "did you mean max_people?"),
        (openpaf.Engine, "paf_threshold", "that is decoder=openpaf.DecoderConfig(paf_threshold="),
        (openpaf.Engine, "batch_size", "that is engine.detect_batch(frames, batch_size=...)"),
        (
            DecoderConfig,
            "confidence",
            "DecoderConfig() takes no confidence; did you mean min_score",
        ),
        (TrackConfig, "smoth", "TrackConfig() takes no smoth; did you mean smooth?"),
        (openpaf.draw, "fsp", "draw() takes no fsp; did you mean fps?"),
        (openpaf.read, "file", "openpaf.read() takes no file; did you mean path?"),
        (NOBODY.save, "filename", "poses.save() takes no filename; did you mean path?"),
        (NOBODY.show, "image", "poses.show() takes no image; did you mean frame?"),
        (NOBODY.draw, "colour", "poses.draw() takes no colour; did you mean color?"),
        (NOBODY.draw, "thickness", "did you mean line_width?"),
        (Stream, "conf", "engine.stream() takes no conf; did you mean min_score?"),
        (Stream, "vid_stride", "did you mean step?"),
    ],
)
def test_each_is_answered(call: Any, keyword: str, line: str) -> None:
    arguments = (None,) if call == NOBODY.draw else ()
    with pytest.raises(KeywordError) as error:
        call(*arguments, **{keyword: 1})
    assert line in str(error.value) and "\n" not in str(error.value)
    assert isinstance(error.value, TypeError) and isinstance(error.value, openpaf.OpenPafError)


def test_what_is_known_goes_through() -> None:
    @knows_keywords("f()")
    def f(a: int, *, b: int = 2) -> tuple[int, int]:
        """Say what it is given."""
        return a, b

    assert (f(1), f(1, b=3), f(a=4)) == ((1, 2), (1, 3), (4, 2))
    assert str(inspect.signature(f)) == "(a: 'int', *, b: 'int' = 2) -> 'tuple[int, int]'"
    assert f.__doc__ == "Say what it is given."
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
        f()  # type: ignore[call-arg]
    config = DecoderConfig(min_parts=4)
    assert pickle.loads(pickle.dumps(config)) == config
    assert "min_parts" in inspect.signature(DecoderConfig).parameters


def test_what_is_suggested_exists() -> None:
    calls = (
        openpaf.Engine, openpaf.Engine.detect, openpaf.Engine.detect_batch, Stream, openpaf.draw,
        openpaf.read, NOBODY.save,
    )  # fmt: skip
    ours = {name for call in calls for name in inspect.signature(call).parameters}
    assert {name for names in KEYWORDS.values() for name in names} <= ours
    assert not (ANSWERS.keys() & ours - {"track"})
    # Theirs is a file about the network.
    assert PEERS.keys() & {name.replace("_", "-") for name in ours} == {"config"}


@pytest.mark.parametrize(
    ("device", "meant"),
    [("mps", "coreml"), (0, "cuda:0"), ("1", "cuda:1"), ("TRT", "tensorrt"), ("dml", "directml")],
)
def test_devices_by_other_names(device: Any, meant: str) -> None:
    with pytest.raises(ConfigError, match=f"; did you mean {meant}\\?$"):
        read_device(device)
    read_device(meant)


@pytest.mark.parametrize("device", ["gpus", [0], True, None, pytest.param(10**5000, id="huge"), -1])
def test_devices_that_mean_nothing(device: Any) -> None:
    with pytest.raises(ConfigError, match="device must be one of auto") as error:
        read_device(device)
    assert "did you mean" not in str(error.value)


def test_styles_are_those_of_drawing() -> None:
    assert tuple(field.name for field in fields(DrawConfig)) == STYLE
