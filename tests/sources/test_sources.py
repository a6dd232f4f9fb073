"""Sources: files, folders, pipes and addresses, whole and damaged."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.errors import ConfigError, SourceError
from openpaf.sources import Shot, Source, open_source, patience
from tests.mjpeg import MjpegServer, jpeg, picture


def shots(source: Source) -> list[Shot]:
    return list(iter(source.read, None))


def indices(found: list[Shot]) -> list[int]:
    """What the colours say."""
    return [round(float(shot.frame[..., 0].mean()) / 10) for shot in found]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 20.0, (64, 48))
    for index in range(20):
        writer.write(picture(index))
    writer.release()
    return path


def test_video_file(clip: Path) -> None:
    source = open_source(clip)
    assert (source.live, source.frame_rate, source.frame_count) == (False, 20.0, 20)
    found = shots(source)
    assert indices(found) == [shot.index for shot in found] == list(range(20))
    assert [shot.time for shot in found] == pytest.approx([i / 20 for i in range(20)], abs=1e-3)
    assert source.read() is None


def test_video_cut_short_gives_what_there_is(clip: Path, caplog: pytest.LogCaptureFixture) -> None:
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 2 // 3])
    found = shots(open_source(clip))
    assert 5 < len(found) < 18
    assert f"ended after {len(found)} of 20 frames" in caplog.text
    assert indices(found) == list(range(len(found)))


def test_video_with_damage_in_the_middle_goes_on(clip: Path) -> None:
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 300] = bytes(300)
    clip.write_bytes(data)
    found = shots(open_source(clip))
    assert len(found) > 10 and indices(found)[-1] == 19


@pytest.mark.parametrize("content", [b"", b"this is no video" * 100])
def test_file_that_is_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match="clip.mp4 cannot be opened"):
        open_source(path)


@pytest.mark.parametrize("name", ["nothing.mp4", "nothing.jpg", "nothing", "no/*.png"])
def test_file_that_is_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(SourceError):
        open_source(tmp_path / name)


def test_camera_that_is_not_there() -> None:
    with pytest.raises(SourceError, match="camera 63 cannot be opened"):
        open_source(63)
    with pytest.raises(ConfigError, match="camera"):
        open_source(-1)


@pytest.mark.parametrize("pattern", ["", "*.png", "*"])
def test_folder_and_glob_of_pictures(tmp_path: Path, pattern: str) -> None:
    for index in range(5):
        cv2.imwrite(str(tmp_path / f"shot{index}.png"), picture(index))
    (tmp_path / "notes.txt").write_text("not a picture")
    source = open_source(tmp_path / pattern, frame_rate=10)
    assert (source.live, source.frame_count) == (False, 5)
    found = shots(source)
    assert indices(found) == list(range(5))
    assert [shot.name for shot in found] == [f"shot{index}" for index in range(5)]
    assert [shot.time for shot in found] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_damaged_pictures_are_left_out_and_counted(tmp_path: Path) -> None:
    for index in range(4):
        (tmp_path / f"{index}.jpg").write_bytes(jpeg(index) if index != 2 else b"\xff\xd8 broken")
    source = open_source(tmp_path)
    assert [shot.index for shot in shots(source)] == [0, 1, 3]
    assert source.damaged == 1


@contextmanager
def piped(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard input that holds these bytes."""
    read, write = os.pipe()

    def feed() -> None:
        with os.fdopen(write, "wb") as pipe:
            for start in range(0, len(data), 1000):
                try:
                    pipe.write(data[start : start + 1000])
                except BrokenPipeError:
                    return

    thread = threading.Thread(target=feed)
    thread.start()
    with os.fdopen(read, "rb") as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        yield
    thread.join()


def test_jpegs_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with piped(b"".join(jpeg(index) for index in range(8)), monkeypatch):
        found = shots(open_source("-", frame_rate=4))
    assert indices(found) == list(range(8))
    assert found[-1].time == 7 / 4


def test_damaged_jpegs_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = [jpeg(index, (64 + 16 * index, 48)) for index in range(6)]
    pictures[2] = b"\xff\xd8\xff garbage \xff\xd9"
    pictures[4] = pictures[4][:-40] + pictures[4][-2:]
    with piped(b"".join(pictures) + jpeg(7)[:200], monkeypatch):
        source = open_source("-")
        found = shots(source)
    assert {0, 1, 3, 5} <= {shot.index for shot in found} <= {0, 1, 3, 4, 5}
    assert source.damaged == 7 - len(found)


def test_jpegs_with_small_pictures_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    inside = jpeg(24, (16, 16))
    segment = b"\xff\xe1" + (len(inside) + 2).to_bytes(2) + inside
    pictures = [jpeg(index) for index in range(5)]
    data = b"".join(one[:2] + segment + one[2:] for one in pictures)
    with piped(data, monkeypatch):
        source = open_source("-")
        found = shots(source)
    assert indices(found) == list(range(5)) and source.damaged == 0
    assert all(shot.frame.shape == (48, 64, 3) for shot in found)


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_animated_pictures_are_films(tmp_path: Path, format: str) -> None:
    pil = pytest.importorskip("PIL.Image")
    frames = [pil.fromarray(picture(3 * index)[..., ::-1].copy()) for index in range(6)]
    path = tmp_path / f"a.{format.lower()}"
    more = {"lossless": True} if format == "WEBP" else {}
    frames[0].save(
        path, format, save_all=True, append_images=frames[1:], duration=[80, 40, 80, 80, 0, 80],
        **more,
    )  # fmt: skip
    source = open_source(path)
    assert (source.live, source.frame_count) == (False, 6)
    found = shots(source)
    assert indices(found) == [0, 3, 6, 9, 12, 15]
    times = [0, 0.08, 0.12, 0.2, 0.28, 0.38]
    assert [shot.time for shot in found] == pytest.approx(times)
    assert [shot.index for shot in shots(open_source(path, start=0.1, step=2))] == [2, 4]
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    cut = open_source(path)
    assert len(shots(cut)) < 6
    frames[0].save(path, format)
    (only,) = shots(open_source(path))
    assert only.name == "a"


def test_a_part_of_pictures_and_of_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(9):
        (tmp_path / f"{index}.jpg").write_bytes(jpeg(index))
    part: dict[str, Any] = {"start": "2f", "end": 0.7, "step": 2, "frame_rate": 10}
    found = shots(open_source(tmp_path, **part))
    assert indices(found) == [shot.index for shot in found] == [2, 4, 6]
    with piped(b"".join(jpeg(index) for index in range(9)), monkeypatch):
        found = shots(open_source("-", **part))
    assert indices(found) == [shot.index for shot in found] == [2, 4, 6]


def test_pictures_of_one_name_in_several_folders_keep_apart(tmp_path: Path) -> None:
    for name in ("a/b_c.jpg", "a_b/c.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(jpeg(1))
    assert [shot.name for shot in shots(open_source(tmp_path))] == ["a/b_c", "a_b/c"]


def test_raw_frames_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b"".join(picture(index, (30, 20)).tobytes() for index in range(6))
    with piped(data + b"cut short", monkeypatch):
        source = open_source("-", frame_size=(30, 20))
        found = shots(source)
    assert indices(found) == list(range(6))
    assert found[0].frame.shape == (20, 30, 3) and source.damaged == 1


def test_standard_input_that_is_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        piped(b"hello" * 5000, monkeypatch),
        pytest.raises(SourceError, match="no sequence of JPEG"),
    ):
        open_source("-").read()


def test_closing_standard_input_ends_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    read, write = os.pipe()
    with os.fdopen(read, "rb") as stdin, os.fdopen(write, "wb"):
        monkeypatch.setattr(sys, "stdin", stdin)
        source = open_source("-")
        threading.Timer(0.1, source.close).start()
        assert source.read() is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "-", "frame_size": (0, 5)}, "frame_size"),
        ({"source": "x.mp4", "frame_size": (5, 5)}, "frame_size"),
        ({"source": "x.mp4", "frame_rate": 0}, "frame_rate"),
        ({"source": True}, "camera"),
    ],
)
def test_options_that_cannot_work(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_source(**options)


def test_url_breaks_off_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.05)
    with MjpegServer(frames=60) as server:
        source = open_source(server.url)
        assert source.live and source.frame_count is None
        found: list[Shot] = []
        while len(found) < 150:
            shot = source.read()
            assert shot is not None
            found.append(shot)
        source.close()
        assert source.read() is None
    assert source.reconnects >= 2
    assert [shot.index for shot in found] == list(range(150))
    assert all(b.time >= a.time for a, b in pairwise(found))


def test_url_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.02)
    monkeypatch.setattr(patience, "PATIENCE", 0.3)
    with MjpegServer(frames=60, connections=1) as server:
        source = open_source(server.url)
        with pytest.raises(SourceError, match=r"broke off after \d+ frames"):
            shots(source)


class Capture:
    """A camera of which the third frame never comes; opened again, it is there at the third try."""

    opened = 0

    def __init__(self, *_: object) -> None:
        type(self).opened += 1
        self.frames = 0

    def isOpened(self) -> bool:
        return type(self).opened not in (2, 3)

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        self.frames += 1
        gone = type(self).opened == 1 and self.frames > 3
        return not gone, None if gone else picture(self.frames)

    def get(self, _: int) -> float:
        return 25.0

    def release(self) -> None:
        pass


def test_camera_that_is_pulled_out_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(cv2, "VideoCapture", type("Capture", (Capture,), {}))
    source = open_source(0)
    found = [source.read() for _ in range(6)]
    source.close()
    assert [shot.index for shot in found if shot] == list(range(6))
    assert source.reconnects == 1 and source.read() is None


def test_camera_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(Capture):
        def isOpened(self) -> bool:
            return type(self).opened == 1

    monkeypatch.setattr(patience, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(patience, "PATIENCE", 0.1)
    monkeypatch.setattr(cv2, "VideoCapture", Gone)
    with pytest.raises(SourceError, match="camera 0 stopped giving frames after 2"):
        shots(open_source(0))


def test_url_that_never_was() -> None:
    with MjpegServer(frames=1, connections=0) as server, pytest.raises(SourceError, match="server"):
        open_source(server.url)
