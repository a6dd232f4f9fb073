"""A second look at each person: what is mixed, what is thrown away, and who is looked at."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf import Engine
from openpaf.cli.options import complete_networks, look_options
from openpaf.errors import ConfigError, ModelError, ModelNotFoundError
from openpaf.models import ModelCard, WindowCard
from openpaf.poses import Poses
from openpaf.skeleton import COCO_17, COCO_18, Skeleton
from openpaf.topdown import WindowNetwork, agreement, kept_network
from openpaf.topdown.agreement import NEAR, NOT_SEEN, SOMEBODY_ELSE, SURER, People, agree
from openpaf.topdown.refine import Refiner, largest
from tests.networks import write_nobody, write_window

SIGMAS = COCO_17.sigmas
FRAME = np.zeros((400, 600, 3), np.uint8)


def person(x: float = 100, y: float = 100, height: float = 200) -> NDArray[np.float64]:
    """(17, 2) parts in a column of boxes, so that everybody's box is 0.4 as wide as high."""
    steps = np.linspace(0, 1, 17)
    return np.stack([x + 0.4 * height * (np.arange(17) % 2), y + height * steps], axis=1)


def people(*places: NDArray[np.float64], score: float = 0.8) -> People:
    return People(np.stack(places), np.full((len(places), 17), score), np.full(len(places), 0.9))


def boxes(of: People) -> NDArray[np.float64]:
    low, high = np.nanmin(of.keypoints, axis=1), np.nanmax(of.keypoints, axis=1)
    return np.concatenate([low, high], axis=1)


def mix(first: People, second: People) -> People:
    return agreement.mix(first, second, agree(first, second, boxes(first), SIGMAS))


def test_both_looks_agree() -> None:
    first = people(person())
    mixed = mix(first, first)
    np.testing.assert_allclose(mixed.keypoints, first.keypoints)
    np.testing.assert_allclose(mixed.person_scores, 0.9 * 0.8)


@pytest.mark.parametrize("score", [0.3, 0.4, 0.8])
def test_near_parts_are_mixed_by_their_scores(score: float) -> None:
    first = people(person(), score=0.4)
    moved = person()
    moved[5] += (3, 0)
    mixed = mix(first, people(moved, score=score))
    share = score / (score + 0.4)
    np.testing.assert_allclose(mixed.keypoints[0, 5] - person()[5], (3 * share, 0))
    np.testing.assert_allclose(mixed.keypoints[0, 4], person()[4])
    assert 0 < NEAR < 1


@pytest.mark.parametrize(("score", "taken"), [(0.8 * SURER + 0.01, 1), (0.8 * SURER - 0.01, 0)])
def test_of_far_parts_the_surer_is_taken(score: float, taken: int) -> None:
    first, moved = people(person()), person()
    moved[9] += (90, 0)
    second = people(moved)
    second.scores[0, 9] = score
    mixed = mix(first, second)
    np.testing.assert_allclose(mixed.keypoints[0, 9], (person(), moved)[taken][9])
    assert mixed.scores[0, 9] == (0.8, score)[taken]
    assert mixed.person_scores[0] < 0.9 * 0.8


def test_somebody_else_in_the_window_is_thrown_away() -> None:
    first = people(person(100), person(300))
    second = people(person(100), person(100))
    mixed = mix(first, second)
    np.testing.assert_allclose(mixed.keypoints, first.keypoints)
    assert mixed.person_scores[1] < SOMEBODY_ELSE < mixed.person_scores[0]


def test_what_only_one_look_has() -> None:
    first, second = people(person()), people(person())
    first.keypoints[0, 3], first.scores[0, 3] = np.nan, 0
    second.scores[0, [4, 6]] = NOT_SEEN / 2
    first.keypoints[0, 6], first.scores[0, 6] = np.nan, 0
    mixed = mix(first, second)
    np.testing.assert_allclose(mixed.keypoints[0, 3], person()[3])
    assert mixed.scores[0, 4] == NOT_SEEN and mixed.scores[0, 6] == 0
    assert np.isnan(mixed.keypoints[0, 6]).all()


class Knows:
    """Gives the coordinates of one pose in every window, 4 px off the frame's person."""

    provider, net_size, max_batch = "test", None, None
    card = WindowCard(
        name="knows", skeleton=COCO_17, size=(96, 128), reading="coordinates", box_factor=1.0
    )

    def __init__(self) -> None:
        self.windows = 0

    def outputs(self, net_frames: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        self.windows += len(net_frames)
        # The box is wholly in the middle 1 / 1.45 of the window.
        across = np.linspace(48 - 48 / 1.45, 48 + 48 / 1.45, 17)
        one = np.stack([np.full(17, 48.0), across * 128 / 96, np.full(17, 0.8)], axis=1)
        return {"maps": np.tile(one, (len(net_frames), 1, 1))}


def refiner_of(runtime: Any, monkeypatch: pytest.MonkeyPatch, limit: int = 20) -> Refiner:
    monkeypatch.setattr(
        kept_network, "open_window_network", lambda *_, **__: WindowNetwork(runtime)
    )
    return Refiner(Path("knows.onnx"), limit, {})


def poses_of(*keypoints: NDArray[np.float64]) -> Poses:
    first, scores = COCO_17.convert(
        np.stack(keypoints).astype(np.float32), np.ones((len(keypoints), 17), np.float32), COCO_18
    )
    return Poses(first, scores, scores[:, 0], COCO_18, timings={"decode": 1.0})


def test_the_largest_are_looked_at_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Knows()
    poses = poses_of(person(height=60), person(300, height=200), person(400, height=100))
    assert largest(poses, 2).tolist() == [1, 2]
    refined = refiner_of(runtime, monkeypatch, limit=2).refine(poses, FRAME)
    assert runtime.windows == 2 and len(refined) == 3
    np.testing.assert_array_equal(refined.keypoints[0], poses.keypoints[0])
    assert refined.skeleton is COCO_18 and set(refined.timings) == {"decode", "refine"}


def test_nobody_one_part_and_a_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Knows()
    refiner = refiner_of(runtime, monkeypatch)
    assert len(refiner.refine(Poses.empty(COCO_18), FRAME)) == 0
    one = np.full((1, 18, 2), np.nan, np.float32)
    one[0, 0] = 50
    single = Poses(one, (one[..., 0] > 0).astype(np.float32), np.ones(1, np.float32), COCO_18)
    np.testing.assert_array_equal(refiner.refine(single, FRAME).keypoints, one)
    assert runtime.windows == 0
    crowd = poses_of(*[person(n % 500 - 300, n // 5) for n in range(1000)])
    assert len(refiner.refine(crowd, FRAME)) == 1000
    assert runtime.windows == 20


def test_probabilities_of_a_calibrated_window_network(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Knows()
    refiner = refiner_of(runtime, monkeypatch, limit=1)
    poses = poses_of(person(height=60), person(300, height=200))
    raw = refiner.refine(poses, FRAME)
    assert raw.person_scores[0] == pytest.approx(0.5)  # half of the first look's 1
    runtime.card = replace(Knows.card, person=(-50.0, 1.0, 0.0, 50.0), part=(1.0, 2.0, 0.0, 0.0))
    refiner = refiner_of(runtime, monkeypatch, limit=1)
    sure = refiner.refine(poses, FRAME)
    np.testing.assert_array_equal(sure.keypoints, raw.keypoints)
    # The first of a sure person's log odds is that of 0.99; the window is 0.8 clear.
    expected = 1 / (1 + np.exp(50 - np.log(99) - 50 * 0.8))
    np.testing.assert_allclose(sure.person_scores, [1.0, expected], rtol=1e-4)
    np.testing.assert_allclose(sure.scores[1].max(), 1 / (1 + np.exp(-1 - 2 * 0.8)), rtol=1e-5)
    assert len(refiner.refine(poses, FRAME, min_score=0.5)) == 1
    assert len(refiner_of(Knows(), monkeypatch).refine(poses, FRAME, min_score=0.99)) == 2


def test_weights_of_a_window_card_that_cannot_work() -> None:
    for values, message in (
        ({"person": (1.0, 2.0)}, "person must be 0 or 4 numbers"),
        ({"person": (1.0, 2.0, 3.0, 4.0)}, "person and part belong together"),
        ({"part": "no"}, "part must be 0 or 4 numbers"),
    ):
        with pytest.raises(ConfigError, match=message):
            replace(Knows.card, **values)
    weights = (1.0, 2.0, 3.0, 4.0)
    card = replace(Knows.card, person=weights, part=weights)
    assert WindowCard.from_json(card.to_json()) == card
    assert "person = [1.0, 2.0, 3.0, 4.0]" in card.to_toml()


@pytest.fixture
def window_network(tmp_path: Path) -> Path:
    path = write_nobody(tmp_path / "window.onnx")
    path.with_suffix(".toml").write_text(
        'head = "window"\nname = "window"\nskeleton = "COCO_18"\nsize = [96, 128]\n'
        'output = "confidence_maps"\n'
    )
    return path


def test_the_engine_refines_what_it_finds(window_network: Path) -> None:
    y, x = np.mgrid[:200, :300]
    frame = np.stack([x, y, x], axis=-1).astype(np.uint8)
    with Engine(refine=window_network, refine_limit=3) as engine:
        engine.warm_up((64, 48))
        assert engine.detect(frame).timings["refine"] >= 0
        assert engine.refiner is not None
        refined = engine.refiner.refine(poses_of(person(50, 20, 100)), frame)
        # The network sees nobody, so the first look stays.
        np.testing.assert_allclose(
            refined.keypoints, poses_of(person(50, 20, 100)).keypoints, equal_nan=True
        )
        (of_stream,) = list(engine.detect_batch([frame]))
        assert "refine" in of_stream.timings
    with Engine() as plain:
        assert "refine" not in plain.detect(frame).timings
        assert plain.prepare(frame).frame is None


@pytest.mark.parametrize(
    ("refine_with", "error", "message"),
    [
        (3, ConfigError, "refine must be True, False or a window network"),
        ("none.onnx", ModelNotFoundError, "none.onnx"),
    ],
)
def test_options_that_cannot_work(refine_with: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        Engine(refine=refine_with)


@pytest.mark.parametrize("parts", [("neck", "shell"), ("left_big_toe", "left_heel")])
def test_a_second_look_at_something_else_is_refused(
    parts: tuple[str, str], window_network: Path
) -> None:
    card = ModelCard(name="other", skeleton=Skeleton("snail", parts, ((0, 1),)))
    path = write_nobody(window_network.with_name("first.onnx"))
    with pytest.raises(ConfigError, match="looks for the parts of COCO_18, the first look for"):
        Engine(path, card=card, refine=window_network)


def test_a_network_of_fields_cannot_refine(tmp_path: Path, window_network: Path) -> None:
    path = write_nobody(tmp_path / "whole.onnx")
    with pytest.raises(ModelError, match="gives fields of whole frames") as raised:
        Engine(refine=path)
    assert "\n" not in str(raised.value)
    with pytest.raises(ConfigError, match="refine_limit must be"):
        Engine(refine=window_network, refine_limit=0)


def test_refine_on_the_command_line() -> None:
    assert complete_networks(["detect", "--refine", "a.jpg"]) == [
        "detect",
        "--refine=bundled",
        "a.jpg",
    ]
    named = ["detect", "--refine", "net.onnx", "a.jpg"]
    assert complete_networks(named) == named
    assert complete_networks(["run", "0", "--refine"])[-1] == "--refine=bundled"
    assert complete_networks(["detect", "--", "--refine"])[-1] == "--refine"
    assert look_options(None) == {}
    words = ["run", "0", "--hands", "--face", "face.onnx", "--show"]
    assert complete_networks(words)[2:5] == ["--hands=bundled", "--face", "face.onnx"]
    assert look_options(None, 20, "bundled", "face.onnx") == {
        "hands": True,
        "face": "face.onnx",
        "refine_limit": 20,
    }
    assert look_options("bundled", 3) == {"refine": True, "refine_limit": 3}
    assert look_options("net.onnx")["refine"] == "net.onnx"


@pytest.mark.parametrize(("looks", "mirror"), [("one", None), ("1+flip", True), ("close", True)])
def test_more_looks_mirror_windows_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: str, mirror: bool | None
) -> None:
    asked = []
    plain = WindowNetwork.look

    def look(*given: Any, **options: Any) -> Any:
        asked.append(options["mirror"])
        return plain(*given, **options)

    with Engine(looks=looks, refine=write_window(tmp_path / "window.onnx", COCO_17)) as engine:
        assert engine.refiner is not None
        monkeypatch.setattr(WindowNetwork, "look", look)
        engine.refiner.look(FRAME, np.array([[10.0, 10, 60, 90]]), COCO_18)
    assert asked == [mirror]
