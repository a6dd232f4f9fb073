"""Every kind of picture becomes the same frame; whatever is none is refused in one line."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpaf.errors import ConfigError, FrameError, SourceError
from openpaf.frame import MAX_PIXELS, decode_picture, several, to_frame


@pytest.fixture
def frame(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (40, 60, 3), np.uint8)


def _encoded(frame: np.ndarray, suffix: str = ".png") -> bytes:
    ok, data = cv2.imencode(suffix, frame)
    assert ok
    return data.tobytes()


def test_a_frame_is_passed_on_untouched(frame: np.ndarray) -> None:
    assert np.shares_memory(to_frame(frame), frame)


def test_grey_and_bgra(frame: np.ndarray) -> None:
    grey = frame[..., 0]
    for source in (grey, grey[..., None]):
        np.testing.assert_array_equal(to_frame(source), np.stack([grey] * 3, axis=2))
    bgra = np.dstack([frame, frame[..., :1]])
    np.testing.assert_array_equal(to_frame(bgra), frame)


def test_views_become_contiguous(frame: np.ndarray) -> None:
    for view in (frame[::-1, ::2], frame.transpose(1, 0, 2), frame[..., ::-1]):
        out = to_frame(view)
        assert out.flags.c_contiguous
        np.testing.assert_array_equal(out, view)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floating_point_runs_from_0_to_1(frame: np.ndarray, dtype: type) -> None:
    np.testing.assert_array_equal(to_frame((frame / 255).astype(dtype)), frame)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (np.zeros((3, 40, 60), np.uint8), r"must be \(H, W, 3\) uint8 BGR.*transpose\(1, 2, 0\)"),
        (np.zeros((2, 40, 60, 3), np.uint8), r"got \(2, 40, 60, 3\)"),
        (np.zeros(7, np.uint8), r"got \(7,\)"),
        (np.zeros((0, 60, 3), np.uint8), "at least one pixel"),
        (np.zeros((40, 60, 3), np.uint16), r"got uint16.*astype\('uint8'\)"),
        (np.zeros((40, 60, 3), bool), "got bool"),
        (np.zeros((40, 60, 3), object), "got object"),
        (np.full((40, 60, 3), 255.0), "from 0 to 1, got 255 to 255"),
        (np.full((40, 60, 3), np.nan), "from 0 to 1, got nan"),
        (None, "got NoneType"),
        ({"a": 1}, "got dict"),
    ],
)
def test_what_is_no_frame_is_refused(source: object, message: str) -> None:
    with pytest.raises(FrameError, match=message) as error:
        to_frame(source)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_colours_may_come_the_other_way_round(frame: np.ndarray) -> None:
    np.testing.assert_array_equal(to_frame(frame[..., ::-1], "rgb"), frame)
    grey = frame[..., 0]
    np.testing.assert_array_equal(to_frame(grey, "rgb"), to_frame(grey))
    alpha = np.dstack([frame[..., ::-1], grey])
    np.testing.assert_array_equal(to_frame(alpha, "rgb"), frame)
    with pytest.raises(ConfigError, match="channels must be bgr or rgb, got 'RGB'"):
        to_frame(frame, "RGB")


def test_open_files(frame: np.ndarray) -> None:
    data = cv2.imencode(".png", frame)[1].tobytes()
    file = io.BytesIO(data)
    np.testing.assert_array_equal(to_frame(file), frame)
    with pytest.raises(FrameError, match=r"gives nothing more; seek\(0\)"):
        to_frame(file)
    with pytest.raises(FrameError, match="must give bytes, got str; open it with"):
        to_frame(io.StringIO("text"))  # type: ignore[arg-type]


def test_tensors(frame: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    rgb = torch.from_numpy(frame[..., ::-1].copy())
    for tensor in (rgb, rgb.permute(2, 0, 1), rgb.permute(2, 0, 1).float() / 255):
        np.testing.assert_array_equal(to_frame(tensor), frame)
    half = to_frame((rgb.permute(2, 0, 1).float() / 255).bfloat16().requires_grad_())
    assert np.abs(half.astype(int) - frame).max() <= 1
    np.testing.assert_array_equal(to_frame(torch.from_numpy(frame), "bgr"), frame)


def test_several_frames(frame: np.ndarray) -> None:
    torch = pytest.importorskip("torch")
    pair = np.stack([frame, frame])
    for batch in ([frame, frame], (frame, frame), iter([frame, frame]), pair, torch.tensor(pair)):
        found = several(batch)
        assert found is not None and len(found) == 2
    for one in (frame, "a.jpg", b"data", Path("a.jpg"), io.BytesIO(), torch.tensor(frame), None):
        assert several(one) is None


def test_picture_files(tmp_path: Path, frame: np.ndarray) -> None:
    for suffix in (".png", ".bmp", ".tiff", ".ppm"):
        path = tmp_path / f"übung 1{suffix}"
        path.write_bytes(_encoded(frame, suffix))
        np.testing.assert_array_equal(to_frame(path), frame)
        np.testing.assert_array_equal(to_frame(str(path)), frame)


def test_16_bit_grey_alpha_pictures(frame: np.ndarray) -> None:
    assert decode_picture(_encoded(frame.astype(np.uint16) * 257)).dtype == np.uint8
    assert decode_picture(_encoded(frame[..., 0])).shape == frame.shape
    assert decode_picture(_encoded(np.dstack([frame, frame[..., :1]]))).shape == frame.shape


def _turned_jpeg(orientation: int) -> bytes:
    """A JPEG, left half black and right half white, with an EXIF orientation."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = 255
    data = _encoded(picture, ".jpg")
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    exif = b"Exif\0\0" + tiff
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:]


def test_exif_orientation_is_applied() -> None:
    turned = decode_picture(_turned_jpeg(6))
    assert turned.shape == (60, 40, 3)
    assert turned[:20].max() < 40 and turned[40:].min() > 215


def test_pil_images(frame: np.ndarray) -> None:
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.fromarray(frame[..., ::-1].copy())
    np.testing.assert_array_equal(to_frame(image), frame)
    assert to_frame(image.convert("L")).shape == frame.shape
    np.testing.assert_array_equal(to_frame(image.convert("RGBA")), frame)
    assert to_frame(image.convert("P")).shape == frame.shape
    turned = to_frame(image_module.open(io.BytesIO(_turned_jpeg(6))))
    assert turned.shape == (60, 40, 3)
    assert turned[:20].max() < 40
    with pytest.raises(FrameError, match="PIL image cannot be read"):
        to_frame(image_module.open(io.BytesIO(_encoded(frame, ".jpg")[:700])))


def test_damaged_pictures(tmp_path: Path, frame: np.ndarray) -> None:
    for suffix in (".jpg", ".png"):
        path = tmp_path / f"cut{suffix}"
        data = _encoded(frame, suffix)
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(FrameError, match=f"{path.name} is damaged"):
            to_frame(path)


@pytest.mark.parametrize("data", [b"", b"RIFF\x24\x00\x00\x00AVI LIST", b"hello" * 99, b"\xff\xd8"])
def test_what_is_no_picture(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "video.avi"
    path.write_bytes(data)
    with pytest.raises(FrameError, match=r"video\.avi is not a picture.*openpaf run") as error:
        to_frame(path)
    assert "\n" not in str(error.value)


def test_a_bomb_is_refused_by_its_header() -> None:
    side = 50_000
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk
    png += struct.pack(">I", zlib.crc32(chunk))
    assert side * side > MAX_PIXELS
    with pytest.raises(FrameError, match="50000x50000 px, more than"):
        decode_picture(png, "bomb.png")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="does not exist") as error:
        to_frame(tmp_path / "none.jpg")
    assert isinstance(error.value, FileNotFoundError)
    with pytest.raises(SourceError, match="is not a file"):
        to_frame(tmp_path)
    with pytest.raises(SourceError, match="is not a file"):
        to_frame("/dev/null")
    with pytest.raises(SourceError, match="cannot be read"):
        to_frame("nul\0byte.jpg")
