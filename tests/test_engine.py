"""The engine: frame in, people out, on a network that sees coloured dots and on real ones."""

from __future__ import annotations

import io
import json
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import openpaf
from openpaf import Engine, ModelCard, Poses
from openpaf.decoder.config import DecoderConfig
from openpaf.errors import (
    ConfigError,
    FrameError,
    ModelError,
    ModelNotFoundError,
    OpenPafError,
    SourceError,
)
from openpaf.models import Calibration
from openpaf.skeleton import COCO_18

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
from benchmarks.scenes import dots  # needs onnx


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return dots.save_network(tmp_path_factory.mktemp("engine") / "dots.onnx")


@pytest.fixture(scope="module")
def engine(network: Path) -> Engine:
    return Engine(network, device="cpu", threads=1)


def _necks(poses: Poses) -> np.ndarray:
    return np.array([person["neck"][:2] for person in poses])


def test_a_frame_in_people_out(engine: Engine) -> None:
    poses = engine.detect(dots.frame(7))
    assert len(poses) == 1 and poses.frame_size == dots.SIZE
    np.testing.assert_allclose(_necks(poses), [dots.neck(7)], atol=0.5)
    assert poses[0]["left_ankle"].score == 0
    assert set(poses.timings) == {"preprocess", "network", "decode"}
    assert min(poses.timings.values()) > 0
    assert engine.skeleton == COCO_18 and engine.provider == "CPUExecutionProvider"
    assert repr(engine) == "<Engine dots on CPUExecutionProvider>"


def test_nobody_is_an_empty_result(engine: Engine) -> None:
    nobody = engine.detect(np.zeros((120, 160, 3), np.uint8))
    assert nobody.keypoints.shape == (0, 18, 2) and nobody.frame_size == (160, 120)


@pytest.mark.parametrize(("size", "factor"), [((320, 240), 2), ((80, 60), 0.5), ((1600, 1200), 10)])
def test_keypoints_are_in_frame_px_whatever_the_size(
    engine: Engine, size: tuple[int, int], factor: float
) -> None:
    frame = cv2.resize(dots.frame(7), size, interpolation=cv2.INTER_LINEAR)
    expected = (np.array([dots.neck(7)]) + 0.5) * factor - 0.5
    np.testing.assert_allclose(_necks(engine.detect(frame)), expected, atol=0.5 * factor)


def test_every_kind_of_picture_gives_the_same_people(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = dots.frame(7)
    expected = engine.detect(frame).keypoints
    path = tmp_path / "dots.png"
    cv2.imwrite(str(path), frame)
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.open(io.BytesIO(path.read_bytes()))
    sources: list[Any] = [path, str(path), image, np.dstack([frame, frame[..., 0]]), frame / 255]
    for source in sources:
        np.testing.assert_array_equal(engine.detect(source).keypoints, expected)
    read_only = frame.copy()
    read_only.flags.writeable = False
    np.testing.assert_array_equal(engine.detect(read_only).keypoints, expected)
    assert engine.detect(frame).picture is None and engine.detect(frame).source is None
    for found in (engine.detect(path), *engine.detect([str(path)])):
        assert (found.source, found.picture) == (str(path), path)
    monkeypatch.setattr("openpaf.pictures.fetch.fetch", lambda url: path.read_bytes())
    (found,) = engine.detect(["https://me:secret@host/dots.png"])
    np.testing.assert_array_equal(found.keypoints, expected)
    assert (found.source, found.picture) == ("https://me:***@host/dots.png", None)
    grey = engine.detect(frame[..., 0])
    assert grey.frame_size == dots.SIZE


@pytest.mark.parametrize("size", [(1, 1), (20_000, 100), (100, 20_000), (7, 3)])
def test_absurd_frames_are_processed(engine: Engine, size: tuple[int, int]) -> None:
    poses = engine.detect(np.zeros((size[1], size[0], 3), np.uint8))
    assert len(poses) == 0 and poses.frame_size == size


def test_several_frames_come_back_in_order(engine: Engine) -> None:
    frames = [dots.frame(index) for index in range(5)]
    frames.insert(2, cv2.resize(dots.frame(9), (80, 240)))  # another net size
    frames.insert(4, np.zeros((120, 160, 3), np.uint8))
    one_by_one = [engine.detect(frame) for frame in frames]
    for batch_size in (1, 2, 8):
        batch = engine.detect_batch(iter(frames), batch_size=batch_size)
        assert len(batch) == len(frames)
        for poses, alone in zip(batch, one_by_one, strict=True):
            np.testing.assert_array_equal(poses.keypoints, alone.keypoints)
            assert poses.frame_size == alone.frame_size
    assert [len(poses) for poses in engine.detect(frames)] == [len(p) for p in one_by_one]
    assert engine.detect([]) == []


def test_the_stages_are_the_whole(engine: Engine) -> None:
    frame = dots.frame(3)
    net_frame = engine.prepare(frame)
    (fields,) = engine.predict([net_frame])
    poses = engine.decode(fields, net_frame.placement)
    np.testing.assert_array_equal(poses.keypoints, engine.detect(frame).keypoints)
    np.testing.assert_array_equal(fields.pafs, engine.fields(frame).pafs)
    in_net_px = openpaf.decode(fields)
    np.testing.assert_allclose(
        net_frame.placement.to_frame(in_net_px.keypoints), poses.keypoints, atol=1e-4
    )


def test_the_net_size_can_be_chosen(network: Path) -> None:
    assert Engine(network).net_height == 120  # what its card says
    assert Engine(network).placement(160, 120).net_size == (160, 120)
    assert Engine(network, net_height=240).placement(160, 120).net_size == (320, 240)
    fixed = Engine(network, net_size=(320, 320))
    assert fixed.fields(dots.frame(0)).confidence_maps.shape == (18, 40, 40)
    np.testing.assert_allclose(_necks(fixed.detect(dots.frame(7))), [dots.neck(7)], atol=0.5)


def test_numbers_as_arrays_give_them(network: Path) -> None:
    config = DecoderConfig(
        min_score=np.float32(0.25), min_parts=np.int64(2), max_people=np.int32(3)
    )
    assert config == DecoderConfig(min_score=0.25, min_parts=2, max_people=3)
    assert type(config.min_parts) is int
    with Engine(network, net_height=np.int64(64), threads=np.int64(1), decoder=config) as engine:
        poses = engine.detect(dots.frame(7))
        assert poses.frame_size == dots.SIZE
        (line,) = json.loads(json.dumps(poses.to_coco(np.int64(5))))
        assert line["image_id"] == 5
        with pytest.raises(SourceError, match="camera 99"):
            engine.stream(np.int64(99))
    for wrong in (np.int64(0), np.float64(2.5), np.bool_(True)):
        with pytest.raises(ConfigError, match="min_parts must be a whole number"):
            DecoderConfig(min_parts=wrong)


def test_an_engine_finds_the_same_in_another_process(network: Path) -> None:
    config = DecoderConfig(max_people=4)
    with Engine(network, net_height=96, looks="close", threads=1, decoder=config) as engine:
        again = pickle.loads(pickle.dumps(engine))
        assert (again.net_height, again.looks, again.path) == (96, engine.looks, network)
        first, second = (one.detect(dots.frame(7)) for one in (engine, again))
        again.close()
    assert len(first) == 1
    np.testing.assert_array_equal(first.keypoints, second.keypoints)


def test_the_decoder_can_be_set(network: Path) -> None:
    frame = dots.frame(7)
    assert len(Engine(network, decoder=DecoderConfig(min_parts=3)).detect(frame)) == 1
    assert len(Engine(network, decoder=DecoderConfig(min_parts=4)).detect(frame)) == 0


@pytest.fixture(scope="module")
def three() -> np.ndarray:
    """Three people below one another, the middle one the largest, the lowest the faintest."""
    person = dots.frame(0)
    large = cv2.resize(person, None, fx=1.25, fy=1.25)[:120, :160]
    return np.vstack([person, large, (person * 0.7).astype(np.uint8)])


def test_who_is_wanted_can_be_said_anywhere(network: Path, three: Any, tmp_path: Path) -> None:
    picture = str(tmp_path / "three.png")
    cv2.imwrite(picture, three)
    largest = {"max_people": 1, "keep": "largest"}
    options: dict[str, Any] = {"threads": 1, "net_height": 360}
    with Engine(network, **options) as engine, Engine(network, **options, **largest) as own:
        everybody = engine.detect(three)
        assert len(everybody) == 3
        for found in (
            engine.detect(three, **largest),
            engine.detect([three], **largest)[0],
            engine.detect_batch([three], **largest)[0],
            next(iter(engine.stream(picture, **largest))),
            own.detect(three),
            pickle.loads(pickle.dumps(own)).detect(three),
        ):
            assert len(found) == 1 and 120 < found[0]["neck"].y < 240
        assert len(own.detect(three, max_people=2)) == 2
        assert own.detect(three, keep="score")[0]["neck"].y == everybody[0]["neck"].y
        higher = float(everybody.person_scores.min()) + 0.01
        assert len(engine.detect(three, min_score=higher)) == 2
        assert len(engine.detect(three)) == 3
    with Engine(network, **options, min_score=higher) as own:
        assert [len(own.detect(three)), len(own.detect(three, min_score=0))] == [2, 3]


def test_openpaf_detect_takes_the_same(
    network: Path, three: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(network, threads=1, net_height=360)
    monkeypatch.setattr("openpaf.default_engine.default_engine", lambda: engine)
    assert len(openpaf.detect(three)) == 3
    (largest,) = openpaf.detect(three, max_people=1, keep="largest")
    assert 120 < largest["neck"].y < 240
    with pytest.raises(ConfigError, match="min_score must be a number from 0 to 1"):
        openpaf.detect(three, min_score=1.5)


def test_warm_up_and_closing(network: Path) -> None:
    with Engine(network) as engine:
        engine.warm_up()
        assert len(engine.detect(dots.frame(0))) == 1
    with pytest.raises(OpenPafError, match="has been closed"):
        engine.detect(dots.frame(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpus"}, "device must be one of auto, cpu"),
        ({"threads": 0}, "threads must be"),
        ({"net_height": 0}, "net_height must be"),
        ({"net_height": 10**9}, "net_height must be"),
        ({"net_size": (100, 100)}, "multiples of the stride 8"),
        ({"net_size": "656x368"}, r"net_size must be \(width, height\)"),
        ({"decoder": {"min_parts": 3}}, "decoder must be a DecoderConfig, got dict"),
    ],
)
def test_options_that_cannot_work(network: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        Engine(network, **options)
    assert "\n" not in str(error.value)


def test_unknown_options_are_refused(network: Path) -> None:
    with pytest.raises(TypeError, match="net_hieght"):
        Engine(network, net_hieght=368)  # type: ignore[call-arg]


def test_bad_frames_are_one_line(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    bad: list[tuple[Any, type[Exception]]] = [
        (np.zeros((3, 120, 160), np.uint8), FrameError),
        (np.zeros((120, 160, 3), np.int32), FrameError),
        (tmp_path / "broken.jpg", FrameError),
        (tmp_path / "none.jpg", SourceError),
        (None, FrameError),
        ([np.zeros((120, 160, 3), np.uint8), None], FrameError),
    ]
    for frame, kind in bad:
        with pytest.raises(kind) as error:
            engine.detect(frame)
        assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="several frames"):
        engine.detect_batch("photo.jpg")


def test_models_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="is not a file"):
        Engine(tmp_path / "none.onnx")
    with pytest.raises(ModelNotFoundError) as error:
        Engine("no-such-model")
    assert "\n" not in str(error.value)
    (tmp_path / "net.bin").write_bytes(b"")
    with pytest.raises(ModelError, match=r"must be an \.onnx, \.xml or \.pt"):
        Engine(tmp_path / "net.bin")


def test_a_network_of_one_size_is_used_at_that_size(tmp_path: Path, network: Path) -> None:
    import onnx

    model = onnx.load(str(network))
    for side, value in zip(
        model.graph.input[0].type.tensor_type.shape.dim, (1, 64, 96), strict=False
    ):
        side.dim_value = value
    path = tmp_path / "fixed.onnx"
    onnx.save(model, str(path))
    engine = Engine(path)
    assert engine.net_size == (96, 64)
    frames = [dots.frame(7), dots.frame(8)]
    assert [len(poses) for poses in engine.detect_batch(frames)] == [1, 1]
    with pytest.raises(ConfigError, match=r"takes net_size=\(96, 64\) only, got \(160, 120\)"):
        Engine(path, net_size=(160, 120))


def test_nothing_is_printed(network: Path) -> None:
    script = (
        "import numpy as np, openpaf\n"
        f"engine = openpaf.Engine({str(network)!r})\n"
        "poses = engine.detect(np.zeros((120, 160, 3), np.uint8))\n"
        "poses.draw(np.zeros((120, 160, 3), np.uint8)); poses.to_openpose(); poses.to_coco(1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_model_zoo_network_finds_the_people(shared: Path) -> None:
    pytest.importorskip("openvino")
    name = "human-pose-estimation-0001"
    engine = Engine(shared / "models" / name / f"{name}.xml")
    for picture, count in {"000000000294": 1, "000000000328": 3, "000000000338": 2}.items():
        poses = engine.detect(shared / "media" / f"COCO_val2014_{picture}.jpg")
        sure = poses[(poses.scores > 0).sum(axis=1) >= 6]
        assert len(sure) == count, picture
        width, height = poses.frame_size or (0, 0)
        found = poses.keypoints[poses.scores > 0]
        assert (found >= -4).all() and (found <= np.array([width, height]) + 4).all()


def test_another_ecosystems_network_runs_by_its_card(shared: Path) -> None:
    name = "tf-pose-mobilenet-v2-small"
    output = "Openpose/concat_stage7:0"
    card = ModelCard(
        name=name,
        skeleton=COCO_18,
        input_dtype="float32",
        output_layout="NHWC",
        confidence_maps=output,
        pafs=output,
        paf_channel=19,
        paf_order="published",
    )
    path = shared / "models" / name / f"{name}.onnx"
    with pytest.raises(ModelError, match="does not say what it is"):
        Engine(path)
    poses = Engine(path, card=card).detect(shared / "media" / "COCO_val2014_000000000241.jpg")
    standing = max(poses, key=lambda person: float(person.box[3] - person.box[1]))
    assert standing["nose"].y < standing["neck"].y < standing["right_hip"].y
    assert standing["right_shoulder"].x < standing["left_shoulder"].x
    with pytest.raises(ModelError, match="channels"):
        Engine(path, card=replace(card, paf_channel=40)).detect(np.zeros((99, 99, 3), np.uint8))


@pytest.mark.parametrize("looks", ["close", "1+flip", "0.5+1+2"])
def test_more_looks_find_the_same(network: Path, engine: Engine, looks: str) -> None:
    frames = [dots.frame(n) for n in (3, 7, 11)]
    once = engine.detect_batch(frames)
    with Engine(network, device="cpu", threads=1, looks=looks) as careful:
        together = careful.detect_batch(frames)
        for a, b, frame in zip(once, together, frames, strict=True):
            np.testing.assert_allclose(b.keypoints, careful.detect(frame).keypoints, atol=1e-3)
            if "flip" not in looks:  # the dots have no mirror image
                np.testing.assert_allclose(_necks(a), _necks(b), atol=2.5)
        assert careful.fields(frames[0]).confidence_maps.shape[1] == (
            careful.prepare(frames[0]).placement.net_size[1] // 8
        )


def test_looks_that_cannot_be_meant_are_refused_at_once(network: Path) -> None:
    with pytest.raises(ConfigError, match="looks must be one, close, accurate, best, or scales"):
        Engine(network, looks="twice")


def test_a_calibrated_card_is_what_the_engine_reads_fields_by(network: Path) -> None:
    with Engine(network, device="cpu", threads=1) as plain:
        calibration = Calibration(offset=(1.0, -2.0))
        moved = replace(plain.card, calibration=calibration)
        with Engine(network, device="cpu", threads=1, card=moved) as calibrated:
            a, b = (e.detect(dots.frame(7)) for e in (plain, calibrated))
    np.testing.assert_allclose(_necks(b) - _necks(a), [[1.0, -2.0]], atol=1e-3)


def test_a_card_may_be_a_file_and_a_skeleton_a_name(network: Path, tmp_path: Path) -> None:
    with Engine(network) as engine:
        (tmp_path / "card.toml").write_text(engine.card.to_toml(), "utf-8")
        own = replace(engine.card, skeleton="COCO_18")
        assert own.skeleton is engine.card.skeleton
    with Engine(network, card=tmp_path / "card.toml") as engine:
        assert engine.card == own
    with pytest.raises(ConfigError, match="card must be a ModelCard or a TOML file, got dict"):
        Engine(network, card={"name": "mine"})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="skeleton must be"):
        replace(own, skeleton="HAND")
