"""The registry of models and where their files are looked for."""

from __future__ import annotations

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from openpaf.errors import ConfigError, DownloadError, ModelNotFoundError
from openpaf.models import registry
from openpaf.skeleton import BODY_25, COCO_18
from openpaf_weights import registry_text

ENTRY = """
[net]
summary = "a net"
skeleton = "COCO_18"
stride = 8
colors = "BGR"
scale = 1.0
offset = 0.0
license = "Apache-2.0"
use = "anyone"
training_data = "none"
[[net.files]]
name = "net.onnx"
urls = ["https://models.example/net.onnx"]
"""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_registry_has_every_published_model() -> None:
    assert set(registry.registry()) == {
        "default", "default-int8",
        "vgg19-body25", "vgg19-coco", "vgg19-mpi", "vgg19-mpi-4", "vgg19-coco-torch",
        "vgg19-body25-torch", "lightweight-openpose", "human-pose-estimation-0001",
        "human-pose-estimation-0001-fp16", "human-pose-estimation-0001-int8",
        "tf-pose-mobilenet-v2-small",
    }  # fmt: skip
    body25 = registry.record("vgg19-body25")
    assert (body25.card.skeleton, body25.card.stride, body25.card.colors) == (BODY_25, 8, "BGR")
    assert (body25.card.scale, body25.card.offset) == (1 / 256, -0.5)


def test_nothing_non_commercial_is_bundled_and_plain_http_is_always_pinned() -> None:
    for record in registry.registry().values():
        assert not (record.bundled and "non-commercial" in record.card.license)
        for file in record.files:
            if file.checksum is None:
                assert all(urlsplit(url).scheme == "https" for url in file.urls), file
            else:
                length = hashlib.new(file.checksum[0]).digest_size * 2
                assert len(file.checksum[1]) == length, file


def test_layouts_of_the_registry_exist() -> None:
    pytest.importorskip("torch")
    from openpaf.convert.layouts import LAYOUTS

    layouts = {record.layout for record in registry.registry().values()}
    assert layouts - {"", "tf-pose"} == set(LAYOUTS)


def test_cache_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENPAF_HOME", str(tmp_path / "home"))
    assert registry.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("OPENPAF_CACHE")
    assert registry.cache_folder() == tmp_path / "home" / "cache"
    monkeypatch.delenv("OPENPAF_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert "openpaf" in str(registry.cache_folder())


def test_a_user_without_a_home_has_a_folder_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_home(name: str) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("OPENPAF_CACHE")
    monkeypatch.setattr("platformdirs.user_cache_path", no_home)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    folder = registry.cache_folder()
    assert folder.parent == tmp_path and folder.stat().st_mode & 0o777 == 0o700
    assert registry.cache_folder() == folder
    # Somebody else may have put a model into it.
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="set OPENPAF_CACHE"):
        registry.cache_folder()


def test_missing_model_names_the_command_and_the_licence() -> None:
    with pytest.raises(ModelNotFoundError, match="openpaf weights pull vgg19-coco") as caught:
        registry.find("vgg19-coco")
    assert "non-commercial" in str(caught.value)


def test_unknown_model_is_answered_with_a_suggestion() -> None:
    with pytest.raises(ModelNotFoundError, match="did you mean vgg19-body25"):
        registry.find("vgg19-body2")
    with pytest.raises(ModelNotFoundError, match="weights list"):
        registry.find("zzz")


def test_model_is_found_once_all_its_files_are_there(cache: Path) -> None:
    record = registry.record("human-pose-estimation-0001")
    xml, bin_ = record.paths
    xml.parent.mkdir(parents=True)
    xml.touch()
    with pytest.raises(ModelNotFoundError):
        registry.find("human-pose-estimation-0001")
    bin_.touch()
    assert registry.find("human-pose-estimation-0001") == xml


def test_model_that_needs_converting_is_found_once_it_is_converted() -> None:
    record = registry.record("vgg19-mpi-4")
    record.paths[0].parent.mkdir(parents=True)
    record.paths[0].touch()
    with pytest.raises(ModelNotFoundError):
        registry.find("vgg19-mpi-4")
    record.model_path.touch()
    assert registry.find("vgg19-mpi-4").name == "vgg19-mpi-4.onnx"
    assert registry.record("vgg19-mpi").paths == record.paths


def test_fetch_says_what_is_missing_when_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENPAF_OFFLINE", "1")
    with pytest.raises(DownloadError, match="pose_iter_584000.caffemodel"):
        registry.fetch(registry.record("vgg19-body25"))


def test_entry_is_read() -> None:
    record = registry.parse_registry(ENTRY)["net"]
    assert record.card.skeleton is COCO_18
    assert record.model_path.name == "net.onnx"
    assert record.files[0].checksum is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('summary = "a net"', 'sumary = "a net"', "net has an unknown key sumary"),
        ('name = "net.onnx"', 'name = "net.onnx"\nsha512 = ""', "unknown key sha512"),
        ('summary = "a net"', "", "summary"),
        ('name = "net.onnx"', 'name = "../net.onnx"', "plain file name"),
        ("https://models", "ftp://models", "https://"),
        ("COCO_18", "COCO_99", "COCO_99"),
        ("stride = 8", 'stride = 8\nbundled = "net.onnx"', "either files or bundled"),
        ("stride = 8", 'stride = 8\nfiles_of = "other"', "has no files"),
        ("stride = 8", "stride = ", "not TOML"),
    ],
)
def test_bad_entry_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        registry.parse_registry(ENTRY.replace(old, new))


def test_registry_text_is_what_is_parsed() -> None:
    assert registry.parse_registry(registry_text()) == dict(registry.registry())
