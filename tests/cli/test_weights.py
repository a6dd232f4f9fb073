"""`openpaf weights` as a user types it, against a real server on this machine."""

from __future__ import annotations

import functools
import hashlib
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from openpaf.cli import main
from openpaf.models import registry

ENTRY = """
[{name}]
summary = "a net"
skeleton = "COCO_18"
stride = 8
colors = "BGR"
scale = 0.00390625
offset = -0.5
license = "Apache-2.0"
use = "anyone"
training_data = "none"
layout = "{layout}"
[[{name}.files]]
name = "{file}"
sha256 = "{sha256}"
urls = ["{url}/missing/{file}", "{url}/{file}"]
"""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the url it is served at."""
    folder = tmp_path / "site"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def known(
    site: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    """Replace the registry by one model whose file lies on the site."""
    monkeypatch.setenv("OPENPAF_CACHE", str(tmp_path / "cache"))
    for name in ("OPENPAF_OFFLINE", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    folder, url = site

    def register(file: str, layout: str = "") -> None:
        sha256 = hashlib.sha256((folder / file).read_bytes()).hexdigest()
        text = ENTRY.format(name="net", layout=layout, file=file, sha256=sha256, url=url)
        monkeypatch.setattr(registry, "registry", lambda: registry.parse_registry(text))

    return register


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        main(["weights", *words])
    return int(caught.value.code or 0)


def test_list_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in registry.registry())
    assert run("info", "vgg19-coco") == 0
    told = capsys.readouterr().out
    for fact in (
        "non-commercial",
        "may not be redistributed",
        "pose_iter_440000",
        "58.4",
        "sha256",
    ):
        assert fact in told


def test_pull_shows_the_licence_and_prints_the_path(
    site: tuple[Path, str], known: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    (site[0] / "net.onnx").write_bytes(b"a network")
    known("net.onnx")
    assert run("pull", "net") == 0
    output = capsys.readouterr()
    assert "Apache-2.0" in output.err
    assert Path(output.out.strip()).read_bytes() == b"a network"
    assert run("pull", "net") == 0


def test_pull_of_wrong_bytes_leaves_nothing(
    site: tuple[Path, str],
    known: Callable[..., None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (site[0] / "net.onnx").write_bytes(b"a network")
    known("net.onnx")
    (site[0] / "net.onnx").write_bytes(b"another network")
    assert run("pull", "net") == 2
    assert "sha256" in capsys.readouterr().err
    left = [path.name for path in (tmp_path / "cache").rglob("net*") if path.is_file()]
    assert left == []


def test_pull_converts_what_no_engine_runs(
    site: tuple[Path, str], known: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    torch = pytest.importorskip("torch")
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxscript")
    pytest.importorskip("safetensors")
    from openpaf.network.mobilenet_openpose import MobileNetOpenPose

    torch.save({"state_dict": MobileNetOpenPose().state_dict()}, site[0] / "net.pth")
    known("net.pth", "mobilenet-openpose")
    assert run("pull", "net") == 0
    output = capsys.readouterr()
    assert "ONNX Runtime agree" in output.err
    assert "layout mobilenet-openpose" in output.err
    model = onnx.load(output.out.strip())
    card = json.loads(next(entry.value for entry in model.metadata_props if entry.key == "openpaf"))
    assert (card["name"], card["license"]) == ("net", "Apache-2.0")
    assert registry.find("net") == Path(output.out.strip())


def test_convert_names_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    (tmp_path / "net.caffemodel").write_bytes(b"<html>404</html>")
    assert run("convert", str(tmp_path / "net.caffemodel")) == 2
    assert "not a caffemodel" in capsys.readouterr().err
    assert not (tmp_path / "net.onnx").exists()
    assert run("convert", str(tmp_path / "net.caffemodel"), "--layout", "vgg16") == 2
    assert run("info", "vgg19-cocoa") == 2
    assert "did you mean vgg19-coco" in capsys.readouterr().err


def test_known_file_brings_its_terms(site: tuple[Path, str], known: Callable[..., None]) -> None:
    (site[0] / "net.pth").write_bytes(b"weights")
    known("net.pth", "mobilenet-openpose")
    assert [model.name for model in registry.made_from(site[0] / "net.pth")] == ["net"]
    (site[0] / "net.pth").write_bytes(b"others")
    assert registry.made_from(site[0] / "net.pth") == []
