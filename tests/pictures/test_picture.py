"""Pictures of every format, and those that tell their readers different sizes."""

from __future__ import annotations

import io
import resource
import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pil = pytest.importorskip("PIL.Image")

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openpaf.errors import FrameError, MissingExtraError
from openpaf.frame import to_frame
from openpaf.pictures.picture import MAX_PIXELS, decode_picture, format_of, read_header

FORMATS = {
    "JPEG": ("JPEG", {"quality": 95}),
    "PNG": ("PNG", {}),
    "WebP": ("WEBP", {"lossless": True}),
    "AVIF": ("AVIF", {"quality": 95}),
    "BMP": ("BMP", {}),
    "TIFF": ("TIFF", {}),
    "GIF": ("GIF", {}),
    "PNM": ("PPM", {}),
    "JPEG 2000": ("JPEG2000", {}),
}


@pytest.fixture
def frame() -> np.ndarray:
    """Smooth, so that every format keeps it nearly, and unlike itself turned or mirrored."""
    y, x = np.mgrid[:48, :64]
    return np.dstack([3 * x, 4 * y, 100 + x + y]).astype(np.uint8)


def saved(frame: np.ndarray, format: str, mode: str = "RGB", **options: Any) -> bytes:
    image = pil.fromarray(np.ascontiguousarray(frame[..., ::-1])).convert(mode)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def near(a: np.ndarray, b: np.ndarray, tolerance: float = 4) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(int) - b).mean()) < tolerance


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_is_told_and_unpacked(frame: np.ndarray, format: str) -> None:
    name, options = FORMATS[format]
    data = saved(frame, name, **options)
    assert read_header(data) == (format, 64, 48)
    assert near(decode_picture(data), frame, 8 if format == "GIF" else 4)


def test_heic_with_its_library_and_without(
    frame: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    heif.from_pillow(pil.fromarray(frame[..., ::-1].copy())).save(buffer, quality=95)
    data = buffer.getvalue()
    assert read_header(data) == ("HEIC", 64, 48)
    assert near(decode_picture(data), frame)
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif.as_plugin", None)
    with pytest.raises(MissingExtraError, match=r"openpaf\[heif\]"):
        decode_picture(data)


UPRIGHT = {
    1: lambda frame: frame,
    2: lambda frame: frame[:, ::-1],
    3: lambda frame: frame[::-1, ::-1],
    4: lambda frame: frame[::-1],
    5: lambda frame: frame.transpose(1, 0, 2),
    6: lambda frame: np.rot90(frame, -1),
    7: lambda frame: frame[::-1, ::-1].transpose(1, 0, 2),
    8: lambda frame: np.rot90(frame),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WebP", "AVIF", "TIFF"])
def test_every_orientation_of_every_format(
    frame: np.ndarray, format: str, orientation: int
) -> None:
    name, options = FORMATS[format]
    exif = pil.Exif()
    exif[0x0112] = orientation
    turned = decode_picture(saved(frame, name, exif=exif, **options))
    assert near(turned, UPRIGHT[orientation](frame))


@pytest.mark.parametrize("format", ["PNG", "TIFF", "WebP"])
def test_alpha_is_dropped_and_leaves_the_colours(frame: np.ndarray, format: str) -> None:
    rgba = np.dstack([frame[..., ::-1], np.tile(np.arange(64, dtype=np.uint8) * 3 + 9, (48, 1))])
    buffer = io.BytesIO()
    pil.fromarray(rgba).save(buffer, FORMATS[format][0], lossless=True, exact=True)
    assert near(decode_picture(buffer.getvalue()), frame, 0.1)


@pytest.mark.parametrize("format", ["PNG", "TIFF", "PPM"])
def test_16_bit_grey_is_scaled_by_file_and_by_pil(tmp_path: Path, format: str) -> None:
    grey = (np.arange(48 * 64, dtype=np.uint16) * 21).reshape(48, 64)
    path = tmp_path / f"grey.{format.lower()}"
    pil.fromarray(grey).save(path, format)
    for frame in (to_frame(path), to_frame(pil.open(path)), to_frame(pil.fromarray(grey))):
        np.testing.assert_allclose(frame[..., 1], grey >> 8, atol=1)


@pytest.mark.parametrize("scale", [1.0, 255.0, 65535.0])
def test_floating_point_grey_of_any_usual_range(scale: float) -> None:
    grey = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(48, 64)
    np.testing.assert_allclose(to_frame(pil.fromarray(grey * scale))[..., 0], grey * 255, atol=1.5)
    with pytest.raises(FrameError, match="scale them"):
        to_frame(pil.fromarray(grey * -scale))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "YCbCr"])
def test_every_mode_of_pil(frame: np.ndarray, mode: str) -> None:
    image = pil.fromarray(frame[..., ::-1].copy()).convert("RGB" if mode != "LA" else "L")
    shown = np.asarray(image.convert(mode).convert("RGB"))[..., ::-1]
    np.testing.assert_array_equal(to_frame(image.convert(mode)), shown)


def test_a_bmp_of_os_2(frame: np.ndarray) -> None:
    rows = np.zeros((48, 64 * 3), np.uint8)
    rows[:] = frame[::-1].reshape(48, -1)
    header = b"BM" + struct.pack("<IHHI", 26 + rows.size, 0, 0, 26)
    data = header + struct.pack("<IHHHH", 12, 64, 48, 1, 24) + rows.tobytes()
    np.testing.assert_array_equal(decode_picture(data), frame)


def test_bytes_are_those_of_a_file(frame: np.ndarray) -> None:
    data = saved(frame, "PNG")
    for one in (data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(to_frame(one), frame)  # type: ignore[arg-type]


def test_what_is_given_by_mistake_is_named() -> None:
    with pytest.raises(FrameError, match=r"got NoneType; cv2\.imread"):
        to_frame(None)  # type: ignore[arg-type]
    with pytest.raises(FrameError, match="got dict$"):
        to_frame({})  # type: ignore[arg-type]


def test_a_little_overshoot_is_cut_off() -> None:
    frame = np.linspace(0, 1, 300).reshape(10, 10, 3)
    frame[0, 0, 0], frame[9, 9, 2] = -0.003, 1.0000002
    assert to_frame(frame).max() == 255 and to_frame(frame).min() == 0
    frame[0, 0, 0] = 1.7
    with pytest.raises(FrameError, match=r"got .* to 1\.7; pass numpy\.clip"):
        to_frame(frame)


def tiff(*entries: tuple[int, int, int, int]) -> bytes:
    directory = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + directory + bytes(404)


def plain(width: int, height: int, compression: int = 1) -> list[tuple[int, int, int, int]]:
    return [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression),
        (262, 3, 1, 1), (273, 4, 1, 200), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, 100),
    ]  # fmt: skip


SIDE = 30_000
LIARS = {
    "twice, the first is huge": tiff((256, 9, 1, SIDE), *plain(64, SIDE)),
    "twice, the last is huge": tiff((256, 4, 1, 64), *plain(SIDE, SIDE)),
    "height twice": tiff(*plain(64, 64), (257, 16, 1, SIDE)),
    "huge tiles": tiff(*plain(64, 64, 5)[:5], (277, 3, 1, 1), (322, 4, 1, SIDE), (323, 4, 1, SIDE),
                       (324, 4, 1, 200), (325, 4, 1, 100)),
    "several widths": tiff((256, 4, 9, 100), *plain(64, 64)[1:]),
    "tiles twice": tiff(*plain(64, 64, 8)[:5], (277, 3, 1, 1), (322, 4, 1, SIDE), (322, 4, 1, 64),
                        (323, 4, 1, SIDE), (324, 4, 1, 200), (325, 4, 1, 100)),
    "pnm, comment to cr": b"P5\n# x\r30000 30000\n#\n64 64\n255\n" + bytes(5000),
    "pnm, comment to nl": b"P5\n# x\r64 64\n30000 30000\n255\n" + bytes(5000),
    "gif, frame over its screen": b"GIF89a" + struct.pack("<HH", 64, 64) + b"\x80\0\0" + bytes(6)
    + b"," + struct.pack("<HHHH", 0, 0, 65535, 65535) + b"\0\x02\x02\x44\x01\0;",
}  # fmt: skip


@pytest.mark.parametrize("liar", LIARS)
def test_the_size_that_is_checked_is_the_size_unpacked(liar: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(FrameError) as error:
        decode_picture(LIARS[liar], "liar")
    assert "\n" not in str(error.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_jpeg_2000_whose_box_says_less_than_its_stream(frame: np.ndarray) -> None:
    data = bytearray(saved(frame, "JPEG2000"))
    at = data.index(b"\xff\x4f\xff\x51") + 8
    data[at : at + 8] = struct.pack(">II", SIDE, SIDE)
    with pytest.raises(FrameError, match="30000x30000 px, more than"):
        decode_picture(bytes(data))


def test_a_jpeg_of_two_sizes(frame: np.ndarray) -> None:
    data = bytes(cv2.imencode(".jpg", frame)[1])
    start = data.index(b"\xff\xc0")
    size = data[start : start + 19]
    other = size[:5] + struct.pack(">HH", SIDE, SIDE) + size[9:]
    for lying in (data[:start] + other + data[start:], data[:start] + size + other + data[start:]):
        with pytest.raises(FrameError, match="damaged"):
            decode_picture(lying)
    # The size of the thumbnail inside is not the picture's.
    inside = b"\xff\xe1" + struct.pack(">H", len(other) + 2) + other
    assert read_header(data[:2] + inside + data[2:]) == ("JPEG", 64, 48)


@pytest.mark.parametrize("format", FORMATS)
def test_what_begins_like_one_format_is_that_format_or_nothing(format: str) -> None:
    starts = {
        "JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n", "WebP": b"RIFF\0\0\0\0WEBP",
        "AVIF": b"\0\0\0\x10ftypavif", "BMP": b"BM", "TIFF": b"II*\0", "GIF": b"GIF89a",
        "PNM": b"P6 ", "JPEG 2000": b"\xff\x4f\xff\x51",
    }  # fmt: skip
    start = starts[format]
    assert format_of(start) == format
    with pytest.raises(FrameError):
        decode_picture(start + bytes(200))
    assert format_of(b"II*\0\0\0\0\0WEBP") == "TIFF"
    assert format_of(b"........WEBP") is None


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data(), format=st.sampled_from(sorted(FORMATS)))
def test_damage_anywhere_is_a_picture_or_one_line(data: st.DataObject, format: str) -> None:
    name, options = FORMATS[format]
    frame = np.tile(np.arange(32, dtype=np.uint8)[:, None, None], (1, 24, 3))
    whole = bytearray(saved(frame, name, **options))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(whole) - 1, 200)))
        whole[place] = data.draw(st.integers(0, 255))
    try:
        header = read_header(bytes(whole))
        if header.width * header.height > 1_000_000:
            return
        out = decode_picture(bytes(whole))
    except (FrameError, MissingExtraError) as error:
        assert "\n" not in str(error)
        return
    assert out.dtype == np.uint8 and out.ndim == 3 and out.size <= 3 * MAX_PIXELS


def test_a_jpeg_of_a_million_segments_is_refused_at_once() -> None:
    empty = b"\xff\xfe\x00\x02"
    with pytest.raises(FrameError, match="more than 1000 segments"):
        read_header(b"\xff\xd8" + empty * 1_000_000 + b"\xff\xd9")
