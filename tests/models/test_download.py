"""Downloads against a real server on this machine that misbehaves in every way servers do."""

from __future__ import annotations

import hashlib
import multiprocessing
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from openpaf.errors import ChecksumError, DownloadError, OutputError
from openpaf.models import download as module
from openpaf.models import transfer
from openpaf.models.download import RemoteFile, download

BODY = np.random.default_rng(1).integers(0, 256, 300_000, dtype=np.uint8).tobytes()
OTHER = bytes(reversed(BODY))
SHA256 = hashlib.sha256(BODY).hexdigest()
HALF = len(BODY) // 2


class Handler(BaseHTTPRequestHandler):
    """Each path is a kind of server."""

    protocol_version = "HTTP/1.1"
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append((self.path, self.headers.get("Range")))
        getattr(self, "get_" + self.path.split("/")[1])()

    def send(self, body: bytes, *, claim: int | None = None, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if claim is None else claim))
        self.end_headers()
        self.wfile.write(body)

    def send_from(self, start: int, body: bytes, *, claim: int) -> None:
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{len(BODY) - 1}/{len(BODY)}")
        self.send_header("Content-Length", str(claim))
        self.end_headers()
        self.wfile.write(body)

    def asked_from(self) -> int:
        return int((self.headers.get("Range") or "bytes=0-")[6:-1])

    def get_good(self) -> None:
        start = self.asked_from()
        if start:
            self.send_from(start, BODY[start:], claim=len(BODY) - start)
        else:
            self.send(BODY)

    def get_slow(self) -> None:
        time.sleep(0.3)
        self.get_good()

    def get_without_ranges(self) -> None:
        self.send(BODY)

    def get_cuts(self) -> None:
        """Give 100 kB an answer, then hang up."""
        start = self.asked_from()
        self.close_connection = True
        piece = BODY[start : start + 100_000]
        if start:
            self.send_from(start, piece, claim=len(BODY) - start)
        else:
            self.send(piece, claim=len(BODY))

    def get_stalls(self) -> None:
        self.close_connection = True
        self.send(BODY[:HALF], claim=len(BODY))
        self.wfile.flush()
        self.server.stop.wait(10)

    def get_stalls_once(self) -> None:
        self.get_good() if self.asked_from() else self.get_stalls()

    def get_silent(self) -> None:
        self.close_connection = True
        self.server.stop.wait(10)

    def get_wrong(self) -> None:
        self.send(OTHER)

    def get_wrong_half(self) -> None:
        """Wrong bytes, then a hang-up, and no more after that."""
        self.close_connection = True
        if self.asked_from():
            self.send(b"", status=404)
        else:
            self.send(OTHER[:HALF], claim=len(BODY))

    def get_longer(self) -> None:
        self.send(BODY + b"and more")

    def get_endless(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        self.wfile.write(BODY + BODY)

    def get_missing(self) -> None:
        self.send(b"not here", status=404)

    def get_busy(self) -> None:
        count = sum(path == self.path for path, _ in self.server.asked)
        self.get_good() if count > 2 else self.send(b"", status=503)

    def get_moved(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/good/net.bin")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def get_circle(self) -> None:
        self.send_response(302)
        self.send_header("Location", "/circle")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def get_to_a_file(self) -> None:
        self.send_response(302)
        self.send_header("Location", "file:///etc/hostname")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def get_to_half_an_address(self) -> None:
        self.redirect("http://[::1/")

    def get_to_a_port_of_letters(self) -> None:
        self.redirect("http://127.0.0.1:port/")

    def get_to_a_long_label(self) -> None:
        self.redirect("http://" + "a" * 70 + ".example/")

    def answer_raw(self, data: bytes) -> None:
        self.close_connection = True
        self.wfile.write(data)

    def get_many_digits(self) -> None:
        self.answer_raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n" + BODY)

    def get_astronomical(self) -> None:
        self.answer_raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9" + b"0" * 29 + b"\r\n\r\n" + BODY)

    def get_odd_digits(self) -> None:
        self.answer_raw("HTTP/1.1 200 OK\r\nContent-Length: ²\r\n\r\n".encode("latin-1"))

    def get_garbage(self) -> None:
        self.answer_raw(b"\x1b]0;owned\x07\x1b[31m" + b"x" * 9000 + b"\r\n\r\n")

    def get_colourful(self) -> None:
        self.answer_raw(b"HTTP/1.1 404 \x1b[31mgone\x9b2J\r\nContent-Length: 0\r\n\r\n")

    def get_bad_chunks(self) -> None:
        self.answer_raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + BODY)

    def get_for_ever(self) -> None:
        self.close_connection = True
        self.send_response(200)
        self.end_headers()
        for _ in range(100):
            self.wfile.write(BODY)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """Keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, str | None]] = []
        self.stop = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that hang up."""

    def url(self, kind: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{kind}/net.bin"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(module, "STALL_SECONDS", 0.5)
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 0.01)
    for name in ("http_proxy", "HTTP_PROXY", "OPENPAF_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield running
        running.stop.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def fetch(server: Server, tmp_path: Path) -> Callable[..., Path]:
    """Download from servers of these kinds, in turn, and give the path."""

    def run(*kinds: str, trust: bool = False, **about: object) -> Path:
        about = {"sha256": SHA256, "size": len(BODY)} | about
        urls = tuple(kind if "://" in kind else server.url(kind) for kind in kinds)
        path = tmp_path / "cache" / "net.bin"
        download(RemoteFile("net.bin", urls, **about), path, trust=trust)  # type: ignore[arg-type]
        return path

    return run


def left_behind(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"}


@pytest.mark.parametrize(
    "kind", ["good", "without_ranges", "cuts", "stalls_once", "moved", "busy", "slow"]
)
def test_server_that_gives_the_file_in_the_end(
    kind: str, fetch: Callable[..., Path], tmp_path: Path
) -> None:
    assert fetch(kind).read_bytes() == BODY
    assert left_behind(tmp_path) == {"net.bin"}


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("missing", "404"),
        ("stalls", "nothing came"),
        ("silent", "0.5 s"),
        ("longer", "300008 bytes, expected 300000"),
        ("endless", "sends more than"),
        ("circle", "302"),
        ("to_a_file", "file:///"),
        ("to_half_an_address", "not HTTP"),
        ("to_a_port_of_letters", "port"),
        ("to_a_long_label", "too long|cannot be reached|not HTTP"),
        ("many_digits", "5000 digits"),
        ("astronomical", "30 digits"),
        ("odd_digits", "broke off"),
        ("garbage", "broke off"),
        ("colourful", "404"),
        ("bad_chunks", "not HTTP|broke off"),
    ],
)
def test_server_that_never_does_gives_way_to_the_next(
    kind: str, reason: str, fetch: Callable[..., Path], server: Server, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError, match=reason) as caught:
        fetch(kind)
    assert not isinstance(caught.value, ChecksumError)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 500
    assert "net.bin" not in left_behind(tmp_path)
    assert fetch(kind, "good").read_bytes() == BODY


def test_unreachable_mirror_gives_way_to_the_next(fetch: Callable[..., Path]) -> None:
    assert fetch("http://127.0.0.1:9/net.bin", "good").read_bytes() == BODY


def test_wrong_bytes_are_deleted_and_the_next_mirror_tried(
    fetch: Callable[..., Path], tmp_path: Path
) -> None:
    with pytest.raises(ChecksumError, match=f"expected {SHA256}"):
        fetch("wrong")
    assert left_behind(tmp_path) == set()
    assert fetch("wrong", "good").read_bytes() == BODY


def test_wrong_beginning_does_not_spoil_a_good_mirror(
    fetch: Callable[..., Path], server: Server
) -> None:
    assert fetch("wrong_half", "good").read_bytes() == BODY
    assert [asked for asked in server.asked if "good" in asked[0]] == [
        ("/good/net.bin", f"bytes={HALF}-"),
        ("/good/net.bin", None),
    ]


def test_interrupted_download_is_continued(
    fetch: Callable[..., Path], server: Server, tmp_path: Path
) -> None:
    with pytest.raises(DownloadError, match="nothing came"):
        fetch("stalls")
    assert (tmp_path / "cache" / "net.bin.part").stat().st_size == HALF
    assert fetch("good").read_bytes() == BODY
    assert server.asked[-1] == ("/good/net.bin", f"bytes={HALF}-")


def test_ctrl_c_keeps_what_came(server: Server, tmp_path: Path) -> None:
    def interrupt(done: int, total: int | None) -> None:
        assert total == len(BODY)
        if done:
            raise KeyboardInterrupt

    file = RemoteFile("net.bin", (server.url("good"),), len(BODY), SHA256)
    with pytest.raises(KeyboardInterrupt):
        download(file, tmp_path / "net.bin", progress=interrupt)
    assert not (tmp_path / "net.bin").exists()
    kept = (tmp_path / "net.bin.part").read_bytes()
    assert kept
    assert BODY.startswith(kept)


def test_whole_file_is_not_fetched_again_and_a_damaged_one_is(
    fetch: Callable[..., Path], server: Server
) -> None:
    path = fetch("good")
    fetch("good")
    assert len(server.asked) == 1
    path.write_bytes(OTHER)
    assert fetch("good").read_bytes() == BODY


def test_md5_where_nothing_better_is_published(fetch: Callable[..., Path]) -> None:
    md5 = hashlib.md5(BODY).hexdigest()
    assert fetch("good", sha256=None, md5=md5, size=None).read_bytes() == BODY
    with pytest.raises(ChecksumError, match="md5"):
        fetch("wrong", sha256=None, md5="0" * 32, size=None)


def test_without_a_checksum_http_is_refused_even_with_trust(fetch: Callable[..., Path]) -> None:
    with pytest.raises(DownloadError, match="--trust"):
        fetch("good", sha256=None)
    with pytest.raises(DownloadError, match="http is only used"):
        fetch("good", sha256=None, trust=True)


@pytest.fixture
def https_server(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], str]]:
    """Make urls of a server that speaks https with a certificate this process accepts."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, and it makes the certificate")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out",
         certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server() as secure:
        secure.socket = context.wrap_socket(secure.socket, server_side=True)
        thread = threading.Thread(target=secure.serve_forever, args=(0.02,))
        thread.start()
        yield lambda kind: f"https://localhost:{secure.server_port}/{kind}/net.bin"
        secure.stop.set()
        secure.shutdown()
        thread.join()


def test_trust_records_the_checksum_and_holds_to_it(
    fetch: Callable[..., Path], https_server: Callable[[str], str]
) -> None:
    path = fetch(https_server("cuts"), sha256=None, size=None, trust=True)
    assert path.with_name("net.bin.sha256").read_text() == f"{SHA256}  net.bin\n"
    path.unlink()
    with pytest.raises(ChecksumError, match=SHA256):
        fetch(https_server("wrong"), sha256=None, size=None)
    assert fetch(https_server("good"), sha256=None, size=None).read_bytes() == BODY


def test_https_without_a_checksum_never_becomes_http(
    fetch: Callable[..., Path],
    server: Server,
    https_server: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def to_http(self: Handler) -> None:
        self.send_response(302)
        self.send_header("Location", server.url("good"))
        self.send_header("Content-Length", "0")
        self.end_headers()

    monkeypatch.setattr(Handler, "get_moved", to_http)
    with pytest.raises(DownloadError, match="only https will do"):
        fetch(https_server("moved"), sha256=None, trust=True)
    assert not server.asked
    assert fetch(https_server("moved")).read_bytes() == BODY


def test_offline(
    fetch: Callable[..., Path], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENPAF_OFFLINE", "1")
    with pytest.raises(DownloadError, match="OPENPAF_OFFLINE"):
        fetch("good")
    assert not server.asked


def test_proxy_is_used(
    fetch: Callable[..., Path], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(
        Handler, "do_GET", lambda self: (server.asked.append((self.path, None)), self.get_good())
    )
    assert fetch("http://models.example/net.bin").read_bytes() == BODY
    assert server.asked[0][0] == "http://models.example/net.bin"


def test_processes_download_once(server: Server, tmp_path: Path) -> None:
    file = RemoteFile("net.bin", (server.url("slow"),), len(BODY), SHA256)
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=download, args=(file, tmp_path / "net.bin")) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert len(server.asked) == 1
    assert (tmp_path / "net.bin").read_bytes() == BODY


def test_full_disk_gives_the_room_back(fetch: Callable[..., Path], tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="only POSIX can limit the size of files")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (HALF, before[1]))
    try:
        with pytest.raises(OutputError, match="OPENPAF_CACHE"):
            fetch("good")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert left_behind(tmp_path) == set()


def test_download_that_cannot_fit_is_not_begun(
    fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OutputError, match="make room"):
        fetch("good")
    assert left_behind(tmp_path) == set()


def test_cache_that_cannot_be_written(fetch: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="OPENPAF_CACHE"):
        fetch("good")


@pytest.mark.parametrize("kind", ["many_digits", "astronomical"])
def test_a_mirror_that_lies_about_the_size_gives_way_where_no_size_is_published(
    kind: str, fetch: Callable[..., Path]
) -> None:
    assert fetch(kind, "good", size=None).read_bytes() == BODY


def test_a_body_without_an_end_is_not_taken_to_its_end(
    fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "MOST_BYTES", 1_000_000)
    with pytest.raises(DownloadError, match="sends more than 1000000 bytes"):
        fetch("for_ever", size=None)
    assert left_behind(tmp_path) == set()
    assert fetch("for_ever", "good", size=None).read_bytes() == BODY


def test_a_body_of_unknown_size_leaves_room_to_others(
    fetch: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(OutputError, match="make room"):
        fetch("for_ever", size=None)
    assert left_behind(tmp_path) == set()


@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_a_link_in_place_of_the_partial_file_is_not_followed(
    link: Callable[[Path, Path], None], fetch: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "precious").write_bytes(BODY[:HALF])
    (tmp_path / "cache").mkdir()
    link(tmp_path / "cache" / "net.bin.part", tmp_path / "precious")
    assert fetch("good").read_bytes() == BODY
    assert (tmp_path / "precious").read_bytes() == BODY[:HALF]


def test_a_checksum_in_capitals_is_the_same(fetch: Callable[..., Path]) -> None:
    assert fetch("good", sha256=SHA256.upper()).read_bytes() == BODY
    assert RemoteFile("net.bin", (), md5="AB").checksum == ("md5", "ab")


@pytest.mark.parametrize(
    "record", [b"", b"\n", b"\xff\xfe\x00", b"not a checksum", SHA256[:-1].encode(), b"0" * 9999]
)
def test_trust_can_be_given_again_where_its_record_is_damaged(
    record: bytes, fetch: Callable[..., Path], https_server: Callable[[str], str], tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()
    kept = tmp_path / "cache" / "net.bin.sha256"
    kept.write_bytes(record)
    with pytest.raises(DownloadError, match="--trust"):
        fetch(https_server("good"), sha256=None)
    assert fetch(https_server("good"), sha256=None, trust=True).read_bytes() == BODY
    assert kept.read_text() == f"{SHA256}  net.bin\n"
