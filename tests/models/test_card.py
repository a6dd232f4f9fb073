"""Model cards: what is accepted, what is refused by name, and how they are read back."""

from __future__ import annotations

import importlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from openpaf.errors import ConfigError
from openpaf.models.card import HUMAN_POSE_ESTIMATION_0001, ModelCard, recognise
from openpaf.models.cards import card_beside, card_from_toml
from openpaf.models.window_card import WindowCard
from openpaf.skeleton import BODY_25, COCO_18, MPI_15, Skeleton

OURS = ModelCard(name="default", skeleton=COCO_18, license="Apache-2.0", training_data="COCO")


@pytest.mark.parametrize(
    "card",
    [
        OURS,
        HUMAN_POSE_ESTIMATION_0001,
        ModelCard(
            name="odd",
            skeleton=MPI_15,
            input_layout="NCHW",
            input_dtype="float32",
            colors="RGB",
            scale=(0.1, 0.2, 0.3),
            offset=(-1, -2, -3),
            paf_order=tuple(reversed(range(28))),
        ),
    ],
)
def test_json_reads_back_the_same(card: ModelCard) -> None:
    assert ModelCard.from_json(card.to_json()) == card


def test_toml_beside_a_network(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text(
        'name = "net"\nskeleton = "BODY_25"\ninput_dtype = "float32"\nscale = 0.00390625\n'
        'offset = [-0.5, -0.5, -0.5]\nconfidence_maps = "out"\npafs = "out"\npaf_channel = 26\n'
        'paf_order = "published"\n'
    )
    card = ModelCard.from_toml(path)
    assert card.skeleton is BODY_25
    assert card.confidence_channels == slice(0, 25)
    assert isinstance(card.paf_channels, list)
    assert card.paf_channels[:4] == [26, 27, 40, 41]
    assert sorted(card.paf_channels) == list(range(26, 78))


def test_toml_as_notepad_saves_it(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_bytes(b'\xef\xbb\xbfname = "net"\r\nskeleton = "BODY_25"\r\n')
    assert ModelCard.from_toml(path).name == "net"


def test_channels_in_order_are_a_slice() -> None:
    assert OURS.paf_channels == slice(0, 38)
    assert replace(OURS, paf_order=tuple(range(38)), paf_channel=19).paf_channels == slice(19, 57)
    published = replace(OURS, skeleton=MPI_15, paf_order="published")
    assert published.paf_channels == slice(0, 28)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "must be a table"),
        ("{", "is not JSON"),
        ('{"name": "x", "skeleton": "COCO_18", "srtide": 8}', "unknown key srtide; known are"),
        ('{"name": "x"}', "lacks skeleton"),
        ('{"name": "x", "skeleton": "COCO_19"}', "must be one of COCO_17, COCO_18"),
        ('{"name": "x", "skeleton": "COCO_18", "colors": "GBR"}', "colors must be BGR or RGB"),
        ('{"name": "x", "skeleton": "COCO_18", "colors": ["BGR"]}', "colors must be BGR or RGB"),
        ('{"name": "x", "skeleton": "COCO_18", "stride": 0}', "stride must be a whole number"),
        ('{"name": "x", "skeleton": "COCO_18", "stride": true}', "stride must be a whole number"),
        ('{"name": "x", "skeleton": "COCO_18", "scale": [1, 2]}', "one number or three"),
        ('{"name": "x", "skeleton": "COCO_18", "scale": NaN}', "scale must be finite"),
        ('{"name": "x", "skeleton": "COCO_18", "scale": 0.5}', "need input_dtype float32"),
        ('{"name": "x", "skeleton": "COCO_18", "paf_order": [0, 1]}', "0..37 once each"),
        ('{"name": "x", "skeleton": "COCO_18", "paf_order": [[0]]}', "0..37 once each"),
        ('{"name": "x", "skeleton": "COCO_18", "paf_order": "xy"}', "0..37 once each"),
        ('{"name": "x", "skeleton": "COCO_18", "paf_order": 3}', "0..37 once each"),
        ('{"name": "", "skeleton": "COCO_18"}', "name must be a name"),
    ],
)
def test_refuses_by_name(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        ModelCard.from_json(text, "net.onnx metadata")
    assert "\n" not in str(error.value)


def test_unreadable_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no model card"):
        ModelCard.from_toml(tmp_path / "none.toml")
    bad = tmp_path / "bad.toml"
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="not a model card"):
        ModelCard.from_toml(bad)


SNAIL = Skeleton(
    "snail",
    ("shell", "left horn", "r\u00e9d \U0001f40c"),
    ((0, 1), (0, 2)),
    sigmas=(0.2, 0.072, 0.1),
)


@pytest.mark.parametrize("kind", [ModelCard, WindowCard])
def test_a_skeleton_of_ones_own_travels_in_the_card(
    kind: type[ModelCard | WindowCard], tmp_path: Path
) -> None:
    mine = kind(name="mine", skeleton=SNAIL)
    assert kind.from_json(mine.to_json()) == mine
    path = tmp_path / "net.toml"
    path.write_text(mine.to_toml(), "utf-8")
    assert "[skeleton.sigmas]" in path.read_text("utf-8")
    assert kind.from_toml(path) == mine and card_from_toml(path) == mine


def test_a_card_written_by_hand_names_a_file_beside_it(tmp_path: Path) -> None:
    card = tmp_path / "net.toml"
    card.write_text('name = "net"\nskeleton = "snail.toml"\n')
    with pytest.raises(ConfigError, match=r"there is no skeleton .*snail\.toml"):
        ModelCard.from_toml(card)
    (tmp_path / "snail.toml").write_text(
        'name = "snail"\nparts = ["a", "b"]\nlimbs = [["a", "b"]]\n'
    )
    skeleton = Skeleton("snail", ("a", "b"), ((0, 1),))
    assert ModelCard.from_toml(card).skeleton == skeleton
    beside = card_beside(tmp_path / "net.onnx")
    assert isinstance(beside, ModelCard) and beside.skeleton == skeleton


def test_a_file_that_somebody_sent_reads_no_other_file() -> None:
    with pytest.raises(ConfigError, match="skeleton must be one of"):
        ModelCard.from_json('{"name": "x", "skeleton": "/etc/crane.toml"}')


def test_a_skeleton_that_no_file_can_say() -> None:
    mine = replace(OURS, skeleton=replace(COCO_18, name="mine"))
    with pytest.raises(ConfigError, match="mine has redundant limbs"):
        mine.to_json()


def test_recognises_a_well_known_network() -> None:
    names = ["Mconv7_stage2_L1", "Mconv7_stage2_L2"]
    assert recognise(names) is HUMAN_POSE_ESTIMATION_0001
    assert recognise(["out"]) is None


def test_the_former_name_forwards_with_a_warning() -> None:
    sys.modules.pop("openpaf.card", None)
    with pytest.warns(DeprecationWarning, match=r"openpaf\.models"):
        former = importlib.import_module("openpaf.card")
    assert former.ModelCard is ModelCard
