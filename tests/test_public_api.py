"""The names that others build against; a change here is a change of the API."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import openpaf

NAMES = [
    "Decoder", "DecoderConfig", "DrawConfig", "Engine", "Fields", "Keypoint", "ModelCard", "Motion",
    "OpenPafError", "Person", "Poses", "Skeleton", "__version__", "decode", "detect", "draw",
    "read", "skeleton",
]  # fmt: skip

MEMBERS = {
    "Engine": [
        "close", "closer_looks", "decode", "decoder", "detect", "detect_batch", "fields", "finish",
        "placement", "predict", "prepare", "provider", "session", "settle", "skeleton", "stream",
        "warm_up",
    ],
    "Poses": [
        "boxes", "draw", "empty", "face", "frame_size", "hands", "ids", "index", "keypoints",
        "part_sets", "person_scores", "picture", "save", "scores", "show", "skeleton", "source",
        "time", "timings", "to_coco", "to_dataframe", "to_openpose", "to_supervision", "xyn",
    ],
    "Person": [
        "angle", "box", "face", "hands", "id", "keypoints", "part_sets", "score", "scores",
        "skeleton",
    ],
    "Fields": ["confidence_maps", "pafs", "skeleton", "stride"],
}  # fmt: skip


def test_the_names() -> None:
    assert sorted(openpaf.__all__) == NAMES
    for name in NAMES:
        assert getattr(openpaf, name) is not None
    assert set(NAMES) <= set(dir(openpaf))


@pytest.mark.parametrize("name", MEMBERS)
def test_the_members(name: str) -> None:
    public = [member for member in dir(getattr(openpaf, name)) if not member.startswith("_")]
    assert public == MEMBERS[name]


def test_signatures() -> None:
    engine = inspect.signature(openpaf.Engine)
    assert list(engine.parameters) == [
        "model", "device", "net_height", "net_size", "looks", "decoder", "min_score",
        "max_people", "keep", "complete", "threads", "spinning", "card", "refine",
        "refine_limit", "tiles", "hands", "face",
    ]  # fmt: skip
    kinds = {parameter.kind.name for parameter in list(engine.parameters.values())[1:]}
    assert kinds == {"KEYWORD_ONLY"}
    for detect in (openpaf.detect, engine_detect := openpaf.Engine.detect):
        own = ["self"] if detect is engine_detect else []
        assert list(inspect.signature(detect).parameters) == [
            *own, "frame", "channels", "min_score", "max_people", "keep", "hands", "face",
        ]  # fmt: skip
    assert list(inspect.signature(openpaf.decode).parameters)[:2] == ["fields", "config"]


def test_everything_public_is_documented() -> None:
    for name in NAMES:
        value = getattr(openpaf, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name
    for name, members in MEMBERS.items():
        for member in members:
            value = inspect.getattr_static(getattr(openpaf, name), member)
            if inspect.isfunction(value) or isinstance(value, property):
                assert value.__doc__, f"{name}.{member}"


def test_a_name_that_is_not_there() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'detekt'"):
        openpaf.detekt  # noqa: B018


def test_every_error_has_one_root_and_a_builtin() -> None:
    from openpaf import errors

    for name, error in vars(errors).items():
        if inspect.isclass(error) and name.endswith("Error") and name != "OpenPafError":
            assert issubclass(error, openpaf.OpenPafError)
            builtins = [base for base in error.__mro__ if base.__module__ == "builtins"]
            assert builtins[0] is not Exception, name


def test_submodules_come_with_the_package() -> None:
    script = (
        "import openpaf; print(openpaf.skeleton.COCO_18.name, openpaf.errors.FrameError.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "COCO_18 FrameError\n"
