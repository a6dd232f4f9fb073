"""Videos as people really have them: every frame that can be had, upright, at its time."""

from __future__ import annotations

import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

av = pytest.importorskip("av")

from openpaf.errors import ConfigError, FrameError, SourceError
from openpaf.sources import Shot, Source, container, open_source
from openpaf.sources.upright import Pixels
from tests import films

# Without B-frames a frame that cannot be read costs the others little.
PLAIN = {"bf": "0", "preset": "ultrafast"}


def shots(source: Source) -> list[Shot]:
    return list(iter(source.read, None))


def numbers(found: list[Shot]) -> list[int]:
    return [films.number(shot.frame) for shot in found]


def is_whole(path: Path, count: int = 24) -> list[Shot]:
    """Read a file of which nothing is missing."""
    source = open_source(path)
    found = shots(source)
    assert numbers(found) == [shot.index for shot in found] == list(range(count))
    assert (source.live, source.damaged, source.cut_short) == (False, 0, None)
    return found


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("h264.mp4", {}),
        ("h264.mov", {}),
        ("h264.mkv", {}),
        ("h264.flv", {}),
        ("h264.ts", {}),
        ("raw.h264", {}),
        ("raw.mjpeg", {"codec": "mjpeg", "pixels": "yuvj420p"}),
        ("motion.avi", {"codec": "mjpeg", "pixels": "yuvj420p"}),
        ("mpeg4.avi", {"codec": "mpeg4"}),
        ("mpeg2.mpg", {"codec": "mpeg2video"}),
        ("vp9.webm", {"codec": "libvpx-vp9"}),
        ("live.webm", {"codec": "libvpx", "container": {"live": "1"}}),
        ("broken off.mkv", {"container": {"live": "1"}}),
        ("ten bit.mp4", {"codec": "libx265", "pixels": "yuv420p10le"}),
    ],
)
def test_every_frame_of_every_kind(
    tmp_path: Path, name: str, options: dict[str, Any], capfd: pytest.CaptureFixture[str]
) -> None:
    path = films.save(tmp_path / name, **options)
    capfd.readouterr()
    found = is_whole(path)
    assert [shot.time for shot in found] == pytest.approx([i / 25 for i in range(24)], abs=2e-3)
    assert all(shot.frame.shape == (96, 160, 3) for shot in found)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "codec"), [("v.mkv", "libx264"), ("v.mp4", "libx264"), ("v.avi", "mpeg4")]
)
def test_frames_at_their_own_times(tmp_path: Path, name: str, codec: str) -> None:
    times = [0.04 * i + (3.0 if i > 10 else 0) + (0.013 if i % 3 else 0) for i in range(24)]
    found = is_whole(films.save(tmp_path / name, times=times, codec=codec))
    assert [shot.time for shot in found] == pytest.approx(times, abs=2e-3)


@pytest.mark.parametrize("codec", ["libx264", "mpeg2video"])
def test_interlaced_frames_are_whole_pictures(tmp_path: Path, codec: str) -> None:
    options = {"flags": "+ildct+ilme"} | ({"x264-params": "tff=1"} if codec == "libx264" else {})
    path = films.save(tmp_path / "v.mkv", codec=codec, options=options)
    found = is_whole(path)
    assert found[-1].time == pytest.approx(23 / 25, abs=2e-3)
    for shot in found:
        assert np.abs(shot.frame.astype(int) - films.picture(shot.index)).mean() < 8


def test_halves_taken_one_after_the_other_become_one_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The encoder writes that the lower half comes first, which is not so.
    rng = np.random.default_rng(5)
    grey = cv2.GaussianBlur(rng.uniform(0, 255, (96, 600)), (0, 0), 4)
    scene = np.repeat(np.clip(128 + 6 * (grey - 127), 0, 255).astype(np.uint8)[..., None], 3, 2)

    def at(moment: float) -> Any:
        return scene[:, round(8 * moment) :][:, :160]

    def woven(index: int, size: tuple[int, int]) -> Any:
        frame = at(index).copy()
        frame[1::2] = at(index + 0.5)[1::2]
        return frame

    monkeypatch.setattr(films, "picture", woven)
    path = films.save(tmp_path / "v.mkv", options={"flags": "+ildct+ilme", "crf": "10"})
    found = shots(open_source(path))
    assert len(found) == 24
    for shot in found:
        whole = np.abs(shot.frame.astype(int) - at(shot.index)).mean()
        half = np.abs(woven(shot.index, films.SIZE).astype(int) - at(shot.index)).mean()
        assert whole < half / 2


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("mirrored", [{}, {"hflip": True}, {"vflip": True}])
def test_upright_and_not_mirrored_the_wrong_way(
    tmp_path: Path, degrees: int, mirrored: dict[str, bool]
) -> None:
    path = films.save(tmp_path / "v.mp4", 2, turned={"degrees": degrees, **mirrored})
    shown = np.rot90(films.picture(0), degrees // 90)
    if "hflip" in mirrored:
        shown = shown[:, ::-1]
    if "vflip" in mirrored:
        shown = shown[::-1]
    (shot, *_) = shots(open_source(path))
    assert np.abs(shot.frame.astype(int) - shown).mean() < 8


@pytest.mark.parametrize("degrees", [0, 90])
def test_pixels_that_are_not_square_are_told(tmp_path: Path, degrees: int) -> None:
    path = films.save(tmp_path / "v.mp4", 2, aspect=Fraction(16, 11), turned={"degrees": degrees})
    (shot, *_) = shots(open_source(path))
    assert shot.frame.shape == ((160, 96, 3) if degrees else (96, 160, 3))
    assert shot.pixel_aspect == pytest.approx(11 / 16 if degrees else 16 / 11)


def test_a_hole_costs_the_frames_in_it(tmp_path: Path) -> None:
    path = films.save(tmp_path / "v.mp4", codec="mjpeg", pixels="yuvj420p")
    data = bytearray(path.read_bytes())
    starts = [i for i in range(len(data)) if data[i : i + 3] == b"\xff\xd8\xff"]
    for frame in (7, 8, 20):
        size = starts[frame + 1] - starts[frame]
        data[starts[frame] : starts[frame + 1]] = bytes(size)
    path.write_bytes(data)
    source = open_source(path)
    found = shots(source)
    left = [i for i in range(24) if i not in (7, 8, 20)]
    assert numbers(found) == [shot.index for shot in found] == left
    assert [shot.time for shot in found] == pytest.approx([i / 25 for i in left], abs=2e-3)
    assert (source.damaged, source.cut_short) == (3, None)


@pytest.mark.parametrize("place", [0.3, 0.6, 0.95])
def test_a_hole_in_h264_is_counted_and_passed(tmp_path: Path, place: float) -> None:
    path = films.save(tmp_path / "v.mp4", 48, options=PLAIN, group=8)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat")
    start += int(place * (data.index(b"moov") - start))
    data[start : start + 100] = bytes(100)
    path.write_bytes(data)
    source = open_source(path)
    found = shots(source)
    assert len(found) > 36
    assert source.damaged or len(found) == 48
    assert len(found) + source.damaged >= 47


@pytest.mark.parametrize("cores", [1, 2, 8])
@pytest.mark.parametrize("packet", [10, 41, 46, 47])
def test_a_damaged_frame_costs_no_other_however_many_cores(
    tmp_path: Path, packet: int, cores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    path = films.save(tmp_path / "v.mp4", 48, options=PLAIN, group=8)
    with av.open(str(path)) as file:
        places = [(one.pos, one.size) for one in file.demux(video=0) if one.size]
    data = bytearray(path.read_bytes())
    start, size = places[packet]
    assert start is not None
    data[start : start + size] = bytes(size)
    path.write_bytes(data)
    source = open_source(path)
    assert [shot.index for shot in shots(source)] == [i for i in range(48) if i != packet]
    assert source.damaged == 1


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("v.avi", {"codec": "mjpeg", "pixels": "yuvj420p"}),
        ("v.mp4", {"container": {"movflags": "faststart"}}),
        ("v.mkv", {}),
        ("v.flv", {"container": {"flvflags": "add_keyframe_index"}}),
    ],
)
def test_a_file_cut_short_says_so(
    tmp_path: Path, name: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    path = films.save(tmp_path / name, 50, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    source = open_source(path)
    found = shots(source)
    assert 10 < len(found) < 48
    assert source.cut_short is not None and source.cut_short.startswith("ended after")
    assert caplog.text.count(name) == 1


def test_the_end_of_the_longer_sound_is_no_cut(tmp_path: Path) -> None:
    import av

    path = tmp_path / "v.mkv"
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25)
        sound = file.add_stream("aac", rate=8000)
        assert isinstance(video, av.VideoStream) and isinstance(sound, av.AudioStream)
        video.width, video.height = films.SIZE
        for index in range(24):
            frame = av.VideoFrame.from_ndarray(films.picture(index), format="bgr24")
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for index in range(40):
            quiet = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            quiet.sample_rate, quiet.pts = 8000, 1024 * index
            file.mux(sound.encode(quiet))
        file.mux(sound.encode(None))
    is_whole(path)


def test_cameras_are_asked_over_tcp_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, dict[str, Any]] = {}

    def open_(place: str, mode: str, **how: Any) -> Any:
        asked[place] = how
        raise av.error.ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(av, "open", open_)
    for url in ("rtsp://host/live", "RTSPS://host/live", "http://host/live.mp4"):
        with pytest.raises(SourceError, match="the server runs"):
            container.open_container(url, url=True)
    assert [how["options"].get("rtsp_transport") for how in asked.values()] == ["tcp", "tcp", None]
    assert all(0 < how["timeout"] <= 10 for how in asked.values())


def test_names_that_are_no_text(tmp_path: Path) -> None:
    made = films.save(tmp_path / "v.mp4")
    for name in (b"b\xff%03d: a?.mp4", "ü#1.mp4".encode()):
        path = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name)))
        shutil.copyfile(made, path)
        is_whole(path)


def test_a_playlist_in_a_file_reads_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    with pytest.raises(SourceError, match="v.mp4 cannot be opened"):
        open_source(path)


def test_frames_too_large_are_refused_before_one_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = films.save(tmp_path / "v.mp4")
    monkeypatch.setattr("openpaf.pictures.picture.MAX_PIXELS", 160 * 96 - 1)
    with pytest.raises(FrameError, match="v.mp4 has 160x96 px, more than"):
        open_source(path)
    monkeypatch.undo()
    # A container that says less than its frames turn out to have.
    monkeypatch.setattr(container, "MAX_PIXELS", 160 * 96 - 1)
    with pytest.raises((SourceError, FrameError)):
        shots(open_source(path))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": 0.4}, range(10, 24)),
        ({"start": "0:00:00.4", "end": "0.6"}, range(10, 15)),
        ({"start": "5f", "end": "20f", "step": 4}, range(5, 20, 4)),
        ({"end": 0.2}, range(5)),
        ({"step": 7}, range(0, 24, 7)),
        ({"start": 100}, range(0)),
    ],
)
def test_a_part_of_a_video(tmp_path: Path, options: dict[str, Any], expected: range) -> None:
    source = open_source(films.save(tmp_path / "v.mp4"), **options)
    found = shots(source)
    assert numbers(found) == [shot.index for shot in found] == list(expected)
    assert [shot.time for shot in found] == pytest.approx([i / 25 for i in expected], abs=2e-3)
    assert source.cut_short is None


@pytest.mark.parametrize(
    "options",
    [
        {"start": "soon"},
        {"start": -1},
        {"end": 0},
        {"start": 5, "end": 5},
        {"start": "9f", "end": "3f"},
        {"step": 0},
        {"step": True},
    ],
)
def test_a_part_that_cannot_be(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"start|end|step"):
        open_source(tmp_path / "v.mp4", **options)


def test_pixels_of_a_frame_are_a_picture_of_ones_own() -> None:
    pixels = Pixels()
    # A width whose rows FFmpeg pads.
    for width, height in ((1001, 333), (64, 48)):
        values = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
        frame = av.VideoFrame.from_ndarray(values, format="bgr24").reformat(format="yuv444p")
        picture = pixels(frame)
        np.testing.assert_array_equal(picture, frame.to_ndarray(format="bgr24"))
        assert picture.flags.writeable and picture.flags.c_contiguous
