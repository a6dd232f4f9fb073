"""Model cards that mean harm: a card, or one line that says what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from openpaf.errors import ConfigError, OpenPafError
from openpaf.models.card import ModelCard
from openpaf.preprocess import place

_GOOD: dict[str, Any] = {"name": "x", "skeleton": "COCO_18", "input_dtype": "float32"}
_DIGITS = "9" * 5000
_FIELDS = [name for name in ModelCard.__dataclass_fields__ if name != "skeleton"]


def one_line(error: OpenPafError) -> bool:
    """Whether a message is one line that fits a terminal."""
    return "\n" not in str(error) and len(str(error)) < 1000


@pytest.mark.parametrize(
    "value",
    [
        _DIGITS,
        "-" + _DIGITS,
        "9" * 400,
        "1e400",
        "-1e400",
        "1e-400",
        "NaN",
        "[" * 100_000,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000,
        '"' + "x" * 10_000_000 + '"',
        "[" + "0," * 1_000_000 + "0]",
        '"\\ud800"',
        "[" + "9" * 400 + "]",
    ],
    ids=lambda value: value[:12],
)
@pytest.mark.parametrize(
    "key", [field for field in ModelCard.__dataclass_fields__ if field != "skeleton"] + ["unknown"]
)
def test_a_value_of_another_world(key: str, value: str) -> None:
    text = json.dumps(_GOOD)[:-1] + f', "{key}": {value}}}'
    try:
        card = ModelCard.from_json(text)
        place((640, 480), net_height=card.net_height, stride=card.stride)
    except OpenPafError as error:
        assert one_line(error)


@pytest.mark.parametrize(
    "text",
    [
        f"stride = {_DIGITS}",
        "a" + ".a" * 4_000 + " = 1",
        "a = " + "[" * 100_000,
        "scale = 1e400",
        "scale = " + "9" * 400,
    ]
    + ["a" + ".a" * 100_000 + " = 1", "\0", "a = 0x" + "f" * 5000, '"\\u001b[31m" = 1'],
    ids=lambda text: text[:12],
)
def test_a_card_file_of_another_world(text: str, tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text('name = "x"\nskeleton = "COCO_18"\ninput_dtype = "float32"\n' + text)
    with pytest.raises(ConfigError) as error:
        ModelCard.from_toml(path)
    assert one_line(error.value)


def test_a_card_file_that_is_none(tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError, match="not a model card"):
            ModelCard.from_toml(path)


@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_that_python_will_not_write_down(digits: int) -> None:
    stride = 10**digits
    for values in ({"stride": stride}, {"scale": stride}, {"paf_order": [stride]}):
        try:
            ModelCard.from_mapping(_GOOD | values)
        except ConfigError as error:
            assert one_line(error)


_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**300, max_value=10**301)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["limbs", "published", "NCHW", "COCO_17", "float32"]),
    lambda inside: st.lists(inside, max_size=4) | st.dictionaries(st.text(max_size=5), inside),
    max_leaves=10,
)
_KEYS = st.sampled_from([*ModelCard.__dataclass_fields__, "unknown", ""])


@seed(20170725)
@settings(max_examples=100, deadline=None, database=None)
@given(values=st.dictionaries(_KEYS, _ANYTHING, max_size=6))
def test_any_values_at_all(values: dict[str, Any]) -> None:
    try:
        card = ModelCard.from_json(json.dumps(_GOOD | values))
    except ConfigError as error:
        assert one_line(error)
    else:
        assert ModelCard.from_json(card.to_json()) == card


@seed(20170725)
@settings(max_examples=200, deadline=None, database=None)
@given(
    text=st.text(max_size=60) | st.text(st.sampled_from('{}[]",:0123456789eE+-.\\u'), max_size=60)
)
def test_any_text_at_all(text: str) -> None:
    with pytest.raises(ConfigError) as error:
        ModelCard.from_json(text)
    assert one_line(error.value)
