"""Skeletons of one's own: read from TOML, written into models, refused in one clear line."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from openpaf.errors import ConfigError
from openpaf.skeleton import COCO_18, SKELETONS, Skeleton
from openpaf.skeleton_table import (
    MOST_PARTS,
    read_skeleton,
    skeleton_from,
    table_of,
    with_skeleton_file,
)

CRANE = """
name = "crane"
parts = ["foot", "top", "hook", "short arm", "long arm", "port", "starboard"]
limbs = [
    ["foot", "top"], ["top", "hook"], ["short arm", "top"], ["top", "long arm"],
    ["foot", "port"], ["foot", "starboard"],
]
pairs = [["port", "starboard"]]

[sigmas]
hook = 0.05
"""
GOOD: dict[str, Any] = {
    "name": "crane",
    "parts": ["foot", "top", "hook"],
    "limbs": [["foot", "top"], ["top", "hook"]],
}


def test_reading_a_file(tmp_path: Path) -> None:
    path = tmp_path / "crane.toml"
    path.write_text(CRANE)
    crane = read_skeleton(path)
    assert crane.name == "crane" and len(crane.parts) == 7
    assert crane.limbs[2] == (3, 1) and crane.paf_channels[5] == (10, 11)
    assert crane.pairs == ((5, 6),) and crane.flip == (0, 1, 2, 3, 4, 6, 5)
    assert crane.sigmas == (0.072, 0.072, 0.05, 0.072, 0.072, 0.072, 0.072)
    assert crane.flip_limbs[4] == (5, 1)
    assert with_skeleton_file({"skeleton": "crane.toml"}, tmp_path) == {"skeleton": crane}
    assert with_skeleton_file({"skeleton": "COCO_18"}, tmp_path) == {"skeleton": "COCO_18"}


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS)
def test_built_in_ones_are_written_by_name(skeleton: Skeleton) -> None:
    assert table_of(skeleton) == skeleton.name
    assert skeleton_from(skeleton.name) is skeleton


@pytest.mark.parametrize(
    "skeleton",
    [
        skeleton_from(GOOD),
        Skeleton("dog", ("L ear", "R ear", "tail"), ((0, 2), (1, 2)), sigmas=(0.1, 0.1, 0.07)),
        Skeleton("hand", ("a", "b", "c"), ((2, 0), (0, 1)), pairs=((2, 1),)),
        Skeleton("mine", ("nose", "neck", "left_eye"), ((0, 1), (1, 2), (2, 0))),
    ],
    ids=lambda skeleton: skeleton.name,
)
def test_what_is_written_reads_back_the_same(skeleton: Skeleton) -> None:
    table = table_of(skeleton)
    assert skeleton_from(json.loads(json.dumps(table))) == skeleton
    assert skeleton.name != "dog" or table == {
        "name": "dog",
        "parts": ["L ear", "R ear", "tail"],
        "limbs": [["L ear", "tail"], ["R ear", "tail"]],
        "sigmas": {"L ear": 0.1, "R ear": 0.1, "tail": 0.07},
    }


def test_what_no_file_can_say_is_not_written() -> None:
    with pytest.raises(ConfigError, match="mine has redundant limbs, or PAF channels"):
        table_of(replace(COCO_18, name="mine"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"limbs": [["foot", "top"], ["top", "hok"]]}, "entry 2 names 'hok', .* mean hook?"),
        ({"limbs": [["foot", "top"], ["top", "x"]]}, "parts are foot, top, hook"),
        ({"limbs": [["foot", "top"], ["top", 2]]}, "names 2, which is no part"),
        ({"limbs": [["foot", "top"], "top"]}, "entry 2 must be two parts, got 'top'"),
        ({"limbs": [["foot", "foot"]]}, "two different parts, got foot twice"),
        ({"limbs": [["foot", "top"], ["top", "foot"]]}, "joins top and foot twice"),
        ({"limbs": [["foot", "top"]]}, "limbs do not lead from foot to hook: .* add limbs"),
        ({"limbs": []}, "limbs must have 1 to 512 entries, got 0"),
        ({"limbs": 3}, "limbs must be a list, got 3"),
        ({"limbs": [["foot", "top"]] * 1000}, "1 to 512 entries, got 1000"),
        ({"parts": [f"p{n}" for n in range(1000)]}, "parts must have 2 to 256 entries, got 1000"),
        ({"parts": ["foot", "top", "foot"]}, "parts names foot twice"),
        ({"parts": ["foot"]}, "parts must have 2 to 256 entries, got 1"),
        ({"parts": ["foot", "top", ""]}, "entry 3 must be a name of 1 to 64 printable"),
        ({"parts": ["foot", "top", "a\nb"]}, "entry 3 must be a name"),
        ({"parts": ["foot", "top", "x" * 65]}, "entry 3 must be a name of 1 to 64"),
        ({"parts": ["foot", "top", 7]}, "entry 3 must be a name"),
        ({"pairs": [["foot"]]}, r"pairs, entry 1 must be two parts, got \['foot'\]"),
        ({"pairs": [["foot", "foot"]]}, "pairs, entry 1 must be two different parts"),
        ({"pairs": [["foot", "top"], ["hook", "foot"]]}, "pairs names foot twice"),
        ({"pairs": [["foot", "tip"]]}, "names 'tip', which is no part; did you mean top?"),
        ({"sigmas": {"foot": float("nan")}}, "foot must be above 0 and at most 1, got nan"),
        ({"sigmas": {"foot": 0}}, "foot must be above 0"),
        ({"sigmas": {"foot": True}}, "foot must be above 0"),
        ({"sigmas": {"foot": 10**400}}, "foot must be above 0"),
        ({"sigmas": {"tail": 0.1}}, "sigmas names 'tail', which is no part"),
        ({"sigmas": [0.1, 0.1, 0.1]}, "sigmas must be a table of parts"),
        ({"name": "COCO_18"}, "COCO_18 is the name of a built-in skeleton"),
        ({"name": 7}, "name must be a name"),
        ({"colours": 7}, "unknown key colours; known are limbs, name, pairs, parts, sigmas"),
    ],
)
def test_what_cannot_work_is_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        skeleton_from({**GOOD, **changes}, "crane.toml")
    assert str(error.value).startswith("crane.toml")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_a_key_that_is_missing_and_values_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"crane\.toml lacks limbs"):
        skeleton_from({"name": "crane", "parts": ["a", "b"]}, "crane.toml")
    for value in (None, 3, "COCO_19", ["a"]):
        with pytest.raises(ConfigError, match="must be one of COCO_17, .* or a table of parts"):
            skeleton_from(value)
    with pytest.raises(ConfigError, match="there is no skeleton"):
        read_skeleton(tmp_path / "none.toml")


def test_what_a_model_could_not_carry() -> None:
    names = [f"{'part' * 14}{n:03}" for n in range(MOST_PARTS)]
    limbs = [[names[0], name] for name in names[1:]]
    with pytest.raises(ConfigError, match="bytes long, more than the 14,000 that a model can"):
        skeleton_from({"name": "long", "parts": names, "limbs": limbs})
    short = [f"p{n}" for n in range(MOST_PARTS)]
    chain = [[a, b] for a, b in itertools.pairwise(short)]
    assert len(skeleton_from({"name": "x", "parts": short, "limbs": chain}).parts) == MOST_PARTS


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["foot", "top", "x"]),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=5), inside),
    max_leaves=8,
)


@seed(20170725)
@settings(max_examples=200, deadline=None, database=None)
@given(
    values=st.dictionaries(
        st.sampled_from(["name", "parts", "limbs", "pairs", "sigmas", "x"]), _ANYTHING
    )
)
def test_any_table_at_all(values: dict[str, Any]) -> None:
    try:
        skeleton = skeleton_from({**GOOD, **values})
    except ConfigError as error:
        assert "\n" not in str(error) and len(str(error)) < 1000
    else:
        assert skeleton_from(table_of(skeleton)) == skeleton
