"""Cards of detectors: read back as they were, refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from openpaf.errors import ConfigError
from openpaf.models import DetectorCard, ModelCard, WindowCard
from openpaf.models.card import recognise
from openpaf.models.cards import card_from_json, card_from_toml
from openpaf.models.detector_card import PICODET_S, RTMDET_NANO


@pytest.mark.parametrize("card", [PICODET_S, RTMDET_NANO])
def test_reads_back_as_itself(card: DetectorCard) -> None:
    assert card_from_json(card.to_json(), "here") == card
    assert recognise([*card.outputs, "others"]) is card


def test_a_file_beside_the_network(tmp_path: Path) -> None:
    path = tmp_path / "net.toml"
    path.write_text('head = "boxes"\nname = "mine"\nboxes = "b"\nscores = "s"\nsize = [416, 416]\n')
    card = card_from_toml(path)
    assert isinstance(card, DetectorCard) and card.size == (416, 416) and card.outputs == ("b", "s")
    for other in (ModelCard, WindowCard):
        with pytest.raises(ConfigError, match="head 'boxes', where one with the head"):
            other.from_toml(path)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('"boxes": "b"', "an output must be a name"),
        ("", "an output must be a name"),
        ('"boxes": "b", "scores": "s", "grids": ["g"], "strides": [8]', "either boxes and scores"),
        ('"grids": ["g"], "strides": [8, 16]', "strides must be one a grid"),
        ('"grids": "g", "strides": [8]', "grids must be a list"),
        ('"boxes": "b", "scores": "s", "fit": "crop"', "fit must be stretch or pad"),
        ('"boxes": "b", "scores": "s", "overlap": 2', "overlap must be a number from 0 to 1"),
        ('"boxes": "b", "scores": "s", "size": 320', "size must be"),
        ('"boxes": "b", "scores": "s", "skeleton": "COCO_17"', "unknown key skeleton"),
    ],
)
def test_refuses_by_name(more: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        card_from_json(f'{{"name": "x", "head": "boxes"{", " if more else ""}{more}}}', "net.onnx")
    assert "\n" not in str(error.value)
