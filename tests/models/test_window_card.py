"""Cards with two kinds of head: each is read as what it is, and refused where the other belongs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openpaf.errors import ConfigError
from openpaf.models import ModelCard, WindowCard
from openpaf.models.card import recognise
from openpaf.models.cards import card_from_json, card_from_toml
from openpaf.models.window_card import PP_TINYPOSE
from openpaf.skeleton import COCO_17, COCO_18

FIELDS = ModelCard(name="whole", skeleton=COCO_18)


@pytest.mark.parametrize("card", [PP_TINYPOSE, WindowCard(name="one", skeleton=COCO_17), FIELDS])
def test_either_kind_reads_back_as_itself(card: ModelCard | WindowCard) -> None:
    assert card_from_json(card.to_json(), "here") == card


def test_files_of_before_describe_fields() -> None:
    assert "head" not in json.loads(FIELDS.to_json())
    assert card_from_json('{"name": "old", "skeleton": "COCO_18"}', "here").head == "fields"


def test_one_kind_is_not_the_other(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text('head = "window"\nname = "one"\nskeleton = "COCO_17"\nsize = [96, 128]\n')
    card = card_from_toml(path)
    assert isinstance(card, WindowCard) and card.size == (96, 128)
    with pytest.raises(ConfigError, match="head 'window', where one with the head 'fields'"):
        ModelCard.from_toml(path)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('"head": "wndow"', "head must be fields or window, got 'wndow'"),
        ('"head": "window", "size": [96]', "size must be"),
        ('"head": "window", "size": [96, 0.5]', "a side of size must be"),
        ('"head": "window", "reading": "dark"', "reading must be quarter or quadratic"),
        ('"head": "window", "cells": "edges"', "cells must be blocks or corners"),
        ('"head": "window", "blur": 4', "blur must be odd"),
        ('"head": "window", "box_factor": "big"', "box_factor must lie in"),
        ('"head": "window", "mirror": 1', "mirror must be true or false"),
        ('"head": "window", "pafs": "x"', "unknown key pafs"),
    ],
)
def test_refuses_by_name(more: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        card_from_json(f'{{"name": "x", "skeleton": "COCO_17", {more}}}', "net.onnx metadata")
    assert "\n" not in str(error.value)


def test_recognises_pp_tinypose() -> None:
    assert recognise(["argmax_0.tmp_0", "conv2d_441.tmp_1"]) is PP_TINYPOSE
