"""Where two ways cross, and what the rival's way finds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.bench_second_look import crossings
from benchmarks.tools import top_down
from openpaf.topdown import Windows


def row(way: str, people: int, ms: float) -> dict[str, Any]:
    height = None if way == "top-down" else 368
    return {
        "way": way,
        "net_height": height,
        "people": people,
        "ms": ms,
    }


def test_from_how_many_people_on_a_way_stays_the_faster_one() -> None:
    rival = [row("top-down", people, ms) for people, ms in ((1, 30), (2, 50), (5, 110))]
    ours = [row("one look", people, 60) for people in (1, 2, 5)]
    slower = [row("second look", people, 60 + 40 * people) for people in (1, 2, 5)]
    assert crossings(rival + ours + slower) == [
        {"way": "one look", "net_height": 368, "people": 5},
        {"way": "second look", "net_height": 368, "people": None},
    ]


def test_the_rival_finds_each_person_once() -> None:
    boxes = np.array([[10.0, 10, 60, 110], [12.0, 10, 62, 110], [200.0, 10, 250, 110]])
    parts = np.random.default_rng(0).uniform(0.1, 0.9, (17, 2))

    def look(frame: Any, windows: Windows) -> tuple[Any, Any]:
        places = boxes[:, None, :2] + parts * (boxes[:, None, 2:] - boxes[:, None, :2])
        return places, np.full((3, 17), 0.5)

    detector: Any = SimpleNamespace(find=lambda frame: (boxes, np.array([0.9, 0.8, 0.4])))
    network: Any = SimpleNamespace(
        look=look, around=lambda boxes: Windows.around(boxes, (96, 128), factor=1.0)
    )
    found = top_down.find(np.zeros((120, 300, 3), np.uint8), detector, network)
    np.testing.assert_allclose(found.person_scores, [0.45, 0.2])
    np.testing.assert_allclose(found.keypoints[1], boxes[2, :2] + parts * [50, 100])
