"""Mirroring and resampling of fields, on cells one can follow by hand and on smooth functions."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from openpaf.errors import ConfigError, SkeletonError
from openpaf.fields import Fields
from openpaf.looks import (
    averaged_fields,
    check_looks,
    mirrored,
    net_inputs,
    placed,
    predict,
    read_looks,
    resampled,
)
from openpaf.models.card import ModelCard
from openpaf.preprocess import Placement, fit, place
from openpaf.skeleton import COCO_17, COCO_18, SKELETONS, Skeleton


def random_fields(rng: np.random.Generator, skeleton: Skeleton, h: int = 5, w: int = 7) -> Fields:
    return Fields(
        rng.normal(size=(len(skeleton.parts), h, w)).astype(np.float32),
        rng.normal(size=(2 * len(skeleton.limbs), h, w)).astype(np.float32),
        skeleton=skeleton,
    )


@pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=list(SKELETONS))
def test_mirroring_twice_is_nothing(rng: np.random.Generator, skeleton: Skeleton) -> None:
    fields = random_fields(rng, skeleton)
    again = mirrored(mirrored(fields))
    np.testing.assert_array_equal(again.confidence_maps, fields.confidence_maps)
    np.testing.assert_array_equal(again.pafs, fields.pafs)


def limb(skeleton: Skeleton, a: str, b: str) -> int:
    return skeleton.limbs.index((skeleton.index(a), skeleton.index(b)))


def test_a_right_elbow_becomes_a_left_elbow_on_the_other_side() -> None:
    maps, pafs = np.zeros((18, 4, 6), np.float32), np.zeros((38, 4, 6), np.float32)
    maps[COCO_18.index("right_elbow"), 2, 1] = 1
    maps[COCO_18.index("nose"), 0, 0] = 0.5
    right = limb(COCO_18, "right_shoulder", "right_elbow")
    pafs[2 * right : 2 * right + 2, 2, 1] = 0.6, 0.8
    seen = mirrored(Fields(maps, pafs))
    assert seen.confidence_maps[COCO_18.index("left_elbow"), 2, 4] == 1
    assert seen.confidence_maps[COCO_18.index("nose"), 0, 5] == 0.5
    assert np.count_nonzero(seen.confidence_maps) == 2
    left = limb(COCO_18, "left_shoulder", "left_elbow")
    assert seen.pafs[2 * left : 2 * left + 2, 2, 4].tolist() == pytest.approx([-0.6, 0.8])
    assert np.count_nonzero(seen.pafs) == 2


def test_a_limb_from_left_to_right_runs_backwards_in_the_mirror() -> None:
    """Hip to hip: the vector left to right is (x, y); mirrored, left to right is (x, -y)."""
    hips = limb(COCO_17, "left_hip", "right_hip")
    pafs = np.zeros((38, 3, 3), np.float32)
    pafs[2 * hips : 2 * hips + 2, 1, 0] = -0.6, 0.8
    seen = mirrored(Fields(np.zeros((17, 3, 3), np.float32), pafs, skeleton=COCO_17))
    assert seen.pafs[2 * hips : 2 * hips + 2, 1, 2].tolist() == pytest.approx([-0.6, -0.8])


def sampled(placement: Placement) -> Fields:
    """Fields of smooth functions of the frame, as a perfect network would see them."""
    width, height = placement.net_size
    y, x = np.mgrid[: height // 8, : width // 8] * 8 + 3.5
    at = placement.to_frame(np.stack([x, y], axis=-1))
    waves = [np.sin(at[..., 0] / (60 + k)) * np.cos(at[..., 1] / (80 + k)) for k in range(56)]
    smooth = np.array(waves, np.float32)
    return Fields(smooth[:18], smooth[18:])


@pytest.mark.parametrize("height", [184, 300, 552])
def test_resampled_fields_are_those_of_the_other_size(height: int) -> None:
    source, target = place((640, 427), net_height=height), place((640, 427), net_height=368)
    ours, expected = resampled(sampled(source), source, target), sampled(target)
    inside = (slice(None), slice(3, -3), slice(3, -3))
    error = np.abs(ours.confidence_maps - expected.confidence_maps)[inside].max()
    # Cells are 8 net px, so about 19 frame px at net height 184.
    assert error < (0.006 if height < 200 else 0.002)
    assert np.abs(ours.pafs - expected.pafs)[inside].max() < 0.006
    assert ours.confidence_maps.shape == expected.confidence_maps.shape


class MirrorSession:
    """Sees the mean of every block of a frame as everybody's every part; remembers the sizes."""

    def __init__(self, net_size: tuple[int, int] | None = None) -> None:
        self.card = ModelCard(name="blocks", skeleton=COCO_18)
        self.provider = "none"
        self.net_size = net_size
        self.max_batch: int | None = None
        self.sizes: list[tuple[int, ...]] = []
        self.runs = 0

    def run(self, net_frames: np.ndarray) -> list[Fields]:
        self.runs += 1
        self.sizes += [net_frames.shape[1:3]] * len(net_frames)
        height, width = net_frames.shape[1:3]
        fields = []
        for net_frame in net_frames:
            blocks = net_frame[..., 0].reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))
            maps = np.repeat(blocks[None] / 255, 56, axis=0).astype(np.float32)
            fields.append(Fields(maps[:18], maps[18:]))
        return fields


def test_one_look_is_the_network_as_it_is(rng: np.random.Generator) -> None:
    session, frame = MirrorSession(), rng.integers(0, 255, (90, 120, 3), np.uint8)
    fields, placement = averaged_fields(session, frame, net_height=64)
    assert placement == place((120, 90), net_height=64)
    assert session.sizes == [(64, 88)]
    plain = MirrorSession().run(fit(frame, placement)[None])[0]
    np.testing.assert_array_equal(fields.confidence_maps, plain.confidence_maps)


def test_flip_lays_the_mirrored_look_on_the_same_cells(rng: np.random.Generator) -> None:
    """The width is no multiple of 8, so that padding would shift cells if it were not mirrored."""
    session, frame = MirrorSession(), rng.integers(0, 255, (64, 77, 3), np.uint8)
    once, _ = averaged_fields(session, frame, net_height=64)
    both, _ = averaged_fields(session, frame, net_height=64, flip=True)
    assert session.sizes == [(64, 80)] * 3
    np.testing.assert_allclose(both.confidence_maps, once.confidence_maps, atol=1e-6)
    # Every limb of this network points one way, so the mirror image takes its x away.
    np.testing.assert_allclose(both.pafs[0::2], 0, atol=1e-6)
    np.testing.assert_allclose(both.pafs[1::2], once.pafs[1::2], atol=1e-6)


def test_scales_are_brought_to_the_largest() -> None:
    """A smooth picture looks the same at every size."""
    x = np.linspace(0, 255, 320)
    frame = np.repeat(np.repeat(x[None, :, None], 240, axis=0), 3, axis=2).astype(np.uint8)
    session = MirrorSession()
    fields, placement = averaged_fields(session, frame, net_height=120, scales=(0.5, 1, 2))
    assert session.sizes == [(240, 320), (120, 160), (64, 80)]
    assert placement == place((320, 240), net_height=240)
    alone, _ = averaged_fields(session, frame, net_height=240)
    np.testing.assert_allclose(
        fields.confidence_maps[:, 4:-4, 4:-4], alone.confidence_maps[:, 4:-4, 4:-4], atol=0.01
    )


def test_a_fixed_net_size_is_scaled_to_whole_strides() -> None:
    session = MirrorSession()
    frame = np.zeros((50, 50, 3), np.uint8)
    averaged_fields(session, frame, net_size=(96, 64), scales=(1, 0.3))
    assert session.sizes == [(64, 96), (16, 32)]


@pytest.mark.parametrize("scales", [(), (0,), (-1,), (float("nan"),), (9,), ("1",)])
def test_scales_that_cannot_work_are_refused(scales: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="scales must be numbers above 0"):
        averaged_fields(MirrorSession(), np.zeros((8, 8, 3), np.uint8), scales=scales)


def test_a_network_of_one_size_cannot_be_scaled() -> None:
    with pytest.raises(ConfigError, match="blocks takes 96x64 only, so scales must be 1"):
        averaged_fields(
            MirrorSession((96, 64)),
            np.zeros((8, 8, 3), np.uint8),
            net_size=(96, 64),
            scales=(1, 2),
        )


def test_the_former_name_forwards_with_a_warning() -> None:
    sys.modules.pop("openpaf.test_time", None)
    with pytest.warns(DeprecationWarning, match=r"openpaf\.looks"):
        import openpaf.test_time
    assert openpaf.test_time.averaged_fields is averaged_fields


@pytest.mark.parametrize(
    ("words", "looks"),
    [
        ("one", [(1, False)]),
        ("close", [(1, False), (0.5, False)]),
        ("accurate", [(1.5, False), (1, False), (0.5, False)]),
        ("1+2", [(2, False), (1, False)]),
        ("0.5+1+flip", [(1, False), (1, True), (0.5, False), (0.5, True)]),
        ("1+1", [(1, False)]),
    ],
)
def test_looks_are_read(words: str, looks: list[tuple[float, bool]]) -> None:
    assert list(read_looks(words)) == looks


@pytest.mark.parametrize(
    "words", ["", "often", "1+x", "0", "-1", "9", "nan", "flip", "+".join(map(str, range(1, 40)))]
)
def test_looks_that_cannot_be_meant(words: str) -> None:
    with pytest.raises(ConfigError, match="looks must be|scales must be"):
        read_looks(words)


def test_frames_share_the_runs_of_their_looks(rng: np.random.Generator) -> None:
    session = MirrorSession()
    frames = rng.integers(0, 255, (3, 90, 120, 3), np.uint8)
    looks = read_looks("0.5+1+flip")

    def at(scale: float) -> Placement:
        return placed((120, 90), scale, 64, None, 8)

    together = predict(session, [net_inputs(frame, looks, at) for frame in frames])
    assert session.runs == 2
    for frame, fields in zip(frames, together, strict=True):
        alone, _ = averaged_fields(session, frame, net_height=64, flip=True, scales=(0.5, 1))
        np.testing.assert_allclose(fields.pafs, alone.pafs, atol=1e-6)


def test_a_network_of_one_size_looks_once(rng: np.random.Generator) -> None:
    with pytest.raises(ConfigError, match="takes 96x64 only"):
        check_looks(read_looks("close"), MirrorSession((96, 64)))
    check_looks(read_looks("1+flip"), MirrorSession((96, 64)))
    one_sided = MirrorSession((96, 64))
    skeleton = Skeleton("snail", ("shell", "left_horn", "right_horn"), ((0, 1), (1, 2)))
    one_sided.card = replace(one_sided.card, skeleton=skeleton)
    check_looks(read_looks("one"), one_sided)
    with pytest.raises(SkeletonError, match="limb shell - left_horn but none shell - right_horn"):
        check_looks(read_looks("1+flip"), one_sided)


def test_a_look_of_a_huge_net_is_refused_before_it_is_made() -> None:
    frame = np.zeros((90, 120, 3), np.uint8)
    with pytest.raises(ConfigError, match="more than 8192 a side"):
        net_inputs(frame, read_looks("8"), lambda scale: placed((120, 90), scale, 4096, None, 8))
