"""Pictures in over HTTP, people out; what cannot be served is one JSON line."""

from __future__ import annotations

import io
import json
import re
import struct
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from openpaf.engine import Engine, NetFrame
from openpaf.fields import Fields
from openpaf.poses import Poses

from .conftest import HEIGHT, WIDTH, StandIn, expected_nose, nose

pytest.importorskip("fastapi")

Serve = Callable[..., Any]
Picture = Callable[..., bytes]
StandIns = dict[str, StandIn]


def error_line(answer: Any, status: int) -> str:
    """The message of an answer that must be one JSON line with this status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.text.count("\n") == 1
    body = json.loads(answer.text)
    assert list(body) == ["error"]
    return str(body["error"])


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is of this size and holds next to nothing."""

    chunks = {
        b"IHDR": struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0),
        b"IDAT": zlib.compress(bytes(1000)),
        b"IEND": b"",
    }
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks.items()
    )


@pytest.mark.parametrize("value", [0, 100, 200])
def test_people_come_back_in_openpose_form(serve: Serve, picture: Picture, value: int) -> None:
    answer = serve().post("/detect", content=picture(value), headers={"content-type": "image/png"})
    assert answer.status_code == 200
    assert nose(answer.json()) == pytest.approx(expected_nose(value), abs=0.1)
    assert set(answer.json()) == {"version", "people"}
    assert "network;dur=" in answer.headers["server-timing"]


def test_a_form_gives_the_same_as_the_body_itself(serve: Serve, picture: Picture) -> None:
    client = serve()
    by_body = client.post("/detect", content=picture(60))
    by_form = client.post("/detect", files={"image": ("me.png", picture(60), "image/png")})
    assert by_form.json() == by_body.json()


def test_people_come_back_in_coco_form(serve: Serve, picture: Picture) -> None:
    answer = serve().post("/detect?format=coco&image_id=42", content=picture(40))
    (result,) = answer.json()
    assert result["image_id"] == 42
    assert len(result["keypoints"]) == 3 * 17
    assert result["keypoints"][:2] == pytest.approx(expected_nose(40), abs=0.1)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
def test_each_format_is_read(serve: Serve, picture: Picture, kind: str) -> None:
    answer = serve().post("/detect", content=picture(130, kind))
    assert nose(answer.json()) == pytest.approx(expected_nose(130), abs=0.1)


def test_coordinates_are_those_of_the_picture_that_was_sent(serve: Serve, picture: Picture) -> None:
    large = serve().post("/detect", content=picture(60, size=(2 * WIDTH, 2 * HEIGHT)))
    in_net = np.array(expected_nose(60))
    assert nose(large.json()) == pytest.approx(2 * in_net + 0.5, abs=0.2)


def test_a_batch_answers_each_picture_in_order(serve: Serve, picture: Picture) -> None:
    values = [0, 200, 40, 160]
    files = [("images", (f"{value}.png", picture(value), "image/png")) for value in values]
    files.insert(2, ("images", ("bad.png", picture(9)[:60], "image/png")))
    answer = serve().post("/detect/batch", files=files)
    pictures = answer.json()["pictures"]
    assert [entry["name"] for entry in pictures] == [
        "0.png", "200.png", "bad.png", "40.png", "160.png",
    ]  # fmt: skip
    bad = pictures.pop(2)
    assert bad["status"] == 422 and "bad.png" in bad["error"] and "result" not in bad
    for value, entry in zip(values, pictures, strict=True):
        assert nose(entry["result"]) == pytest.approx(expected_nose(value), abs=0.1)


def test_a_coco_batch_counts_image_ids_up(serve: Serve, picture: Picture) -> None:
    files = [("images", (f"{n}.png", picture(n), "image/png")) for n in range(3)]
    answer = serve().post("/detect/batch?format=coco&image_id=7", files=files)
    ids = [entry["result"][0]["image_id"] for entry in answer.json()["pictures"]]
    assert ids == [7, 8, 9]


def test_clients_at_once_share_runs_of_the_network_and_get_their_own_people(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    client = serve(max_batch=4)
    stand_ins["one"].batches.clear()
    stand_ins["one"].may_run.clear()
    values = [20 * n for n in range(10)]
    with ThreadPoolExecutor(10) as clients:
        answers = clients.map(lambda value: client.post("/detect", content=picture(value)), values)
        time.sleep(1.0)
        stand_ins["one"].may_run.set()
        for value, answer in zip(values, answers, strict=True):
            assert nose(answer.json()) == pytest.approx(expected_nose(value), abs=0.1)
    assert sum(stand_ins["one"].batches) == 10
    assert max(stand_ins["one"].batches) == 4
    assert len(stand_ins["one"].batches) <= 4


def test_a_network_that_takes_one_frame_gets_one(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    stand_ins["one"].max_batch = 1
    client = serve()
    files = [("images", (f"{n}.png", picture(n), "image/png")) for n in range(5)]
    client.post("/detect/batch", files=files)
    assert set(stand_ins["one"].batches) == {1}


def test_pictures_of_nearly_one_shape_share_a_net_size(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    client = serve()
    stand_ins["one"].shapes.clear()
    for size in [(128, 96), (126, 96), (640, 490), (100, 97)]:
        assert client.post("/detect", content=picture(0, size=size)).status_code == 200
    assert {shape[1:3] for shape in stand_ins["one"].shapes} == {(96, 128)}


def test_options_choose_model_size_and_thresholds(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    client = serve()
    stand_ins["one"].shapes.clear()
    stand_ins["two"].shapes.clear()
    assert client.post("/detect?model=two&net_height=192", content=picture(0)).status_code == 200
    assert stand_ins["one"].shapes == []
    assert stand_ins["two"].shapes == [(1, 192, 256, 3)]
    none = client.post("/detect?min_score=1", content=picture(0))
    assert none.json()["people"] == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("model=../../etc/passwd", "there is no such model; there are one, two"),
        ("net_height=100", "net_height: "),
        ("net_height=1024", "at most 512"),
        ("net_height=99999999999999999999", "net_height: "),
        ("peak_threshold=nan", "peak_threshold: "),
        ("min_score=-1", "min_score: "),
        ("format=xml", "format: "),
        ("image_id=1e3", "image_id: "),
        ("colour=red", "colour: "),
        ("x" * 5000 + "=1", "x" * 100 + ": "),
    ],
)
def test_wrong_parameters_are_named(serve: Serve, picture: Picture, query: str, said: str) -> None:
    message = error_line(serve().post(f"/detect?{query}", content=picture(0)), 422)
    assert said in message
    assert len(message) < 400


@pytest.mark.parametrize(
    ("data", "status", "said"),
    [
        (b"", 400, "empty"),
        (b"hello", 415, "JPEG, PNG or WebP"),
        (b"<svg width='1' height='1'/>", 415, "JPEG, PNG or WebP"),
        (b"GIF89a" + bytes(100), 415, "JPEG, PNG or WebP"),
        (b"\x89PNG\r\n\x1a\n", 422, "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), 422, "damaged"),
        (b"\xff\xd8\xff\xe0" + bytes(2000), 422, "damaged"),
        (b"\xff\xd8\xff" + b"\xff" * 200, 422, "damaged"),
        (b"RIFF\x10\x00\x00\x00WEBPVP8 " + bytes(20), 422, "damaged"),
        (png_header(50_000, 50_000), 413, "50000x50000 px"),
        (png_header(0, 10), 422, ""),
        (png_header(2**31, 2**31), 413, "px"),
        (png_header(4000, 4000), 422, ""),
    ],
)
def test_what_is_no_picture_is_refused(serve: Serve, data: bytes, status: int, said: str) -> None:
    assert said in error_line(serve().post("/detect", content=data), status)


@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
def test_a_picture_cut_short_anywhere_is_no_crash(
    serve: Serve, picture: Picture, kind: str
) -> None:
    client = serve()
    whole = picture(99, kind)
    for length in range(1, len(whole), max(1, len(whole) // 23)):
        answer = client.post("/detect", content=whole[:length])
        # Decoders forgive a missing tail; never anything else.
        assert answer.status_code in (200, 415, 422), (length, answer.text)
    assert client.get("/healthz").status_code == 200


def test_a_jpeg_of_endless_passes_is_refused(serve: Serve) -> None:
    image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    image.fromarray(noise).save(buffer, "JPEG", progressive=True)
    whole = buffer.getvalue()
    last = whole.rindex(b"\xff\xda")
    tail = whole[last:-2]
    client = serve()
    assert client.post("/detect", content=whole).status_code == 200
    bomb = whole[:-2] + 200 * tail + b"\xff\xd9"
    assert "scans" in error_line(client.post("/detect", content=bomb), 422)


def test_a_form_without_the_file_is_refused(serve: Serve, picture: Picture) -> None:
    client = serve()
    message = error_line(client.post("/detect", files={"photo": picture(0)}), 422)
    assert "`image`" in message
    message = error_line(client.post("/detect/batch", files={"image": picture(0)}), 422)
    assert "`images`" in message
    form = {"content-type": "multipart/form-data; boundary=x"}
    assert error_line(client.post("/detect", content=b"--y nonsense", headers=form), 400)
    form = {"content-type": "multipart/form-data"}
    assert error_line(client.post("/detect", content=b"--y nonsense", headers=form), 400)


def test_too_many_files_are_refused(serve: Serve, picture: Picture) -> None:
    files = [("images", (f"{n}.png", picture(0), "image/png")) for n in range(65)]
    assert "64" in error_line(serve().post("/detect/batch", files=files), 400)


def test_a_body_that_is_too_large_is_refused(serve: Serve) -> None:
    client = serve(max_body=1000)
    assert "1,000 bytes" in error_line(client.post("/detect", content=bytes(1001)), 413)
    chunks = (bytes(100) for _ in range(11))  # without a content-length
    assert "1,000 bytes" in error_line(client.post("/detect", content=chunks), 413)
    assert client.post("/detect", content=bytes(1000)).status_code == 415


def test_one_request_too_many_is_turned_away(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    client = serve(max_requests=2)
    stand_ins["one"].may_run.clear()
    with ThreadPoolExecutor(2) as clients:
        first = [clients.submit(client.post, "/detect", content=picture(0)) for _ in range(2)]
        time.sleep(0.7)
        third = client.post("/detect", content=picture(0))
        assert "busy" in error_line(third, 503)
        assert third.headers["retry-after"] == "1"
        assert client.get("/healthz").status_code == 200
        assert client.get("/models").status_code == 200
        stand_ins["one"].may_run.set()
        assert [answer.result().status_code for answer in first] == [200, 200]
    assert client.post("/detect", content=picture(0)).status_code == 200


def test_a_request_that_takes_too_long_is_given_up(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    client = serve(timeout=0.3)
    stand_ins["one"].may_run.clear()
    assert "longer than 0.3 s" in error_line(client.post("/detect", content=picture(0)), 503)
    time.sleep(0.2)
    assert "not answered" in error_line(client.get("/healthz"), 503)
    stand_ins["one"].may_run.set()
    assert client.post("/detect", content=picture(0)).status_code == 200
    assert client.get("/healthz").json() == {"status": "ok"}


def test_a_fault_of_ours_says_nothing_of_the_inside(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    client = serve()
    stand_ins["one"].fails_on = 66
    message = error_line(client.post("/detect", content=picture(66)), 500)
    assert "secret" not in message and "Error" not in message
    assert client.post("/detect", content=picture(67)).status_code == 200


def test_a_frame_that_breaks_the_network_does_not_spoil_its_batch(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    client = serve()
    stand_ins["one"].fails_on = 66
    stand_ins["one"].may_run.clear()
    with ThreadPoolExecutor(3) as clients:
        answers = [
            clients.submit(client.post, "/detect", content=picture(value)) for value in (20, 66, 80)
        ]
        time.sleep(0.7)
        stand_ins["one"].may_run.set()
    assert [answer.result().status_code for answer in answers] == [200, 500, 200]


TOKEN = "correct-horse-battery"


@pytest.mark.parametrize("path", ["/models", "/metrics", "/models/", "/anything"])
@pytest.mark.parametrize(
    "given", [None, "Bearer wrong-horse-battery", f"Basic {TOKEN}", TOKEN, "Bearer ", "Bearer é"]
)
def test_a_token_keeps_others_out(serve: Serve, path: str, given: str | None) -> None:
    client = serve(token=TOKEN)
    headers = {} if given is None else {"authorization": given.encode()}
    answer = client.get(path, headers=headers)
    error_line(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_a_token_lets_its_owner_in(serve: Serve, picture: Picture) -> None:
    client = serve(token=TOKEN)
    error_line(client.post("/detect", content=picture(0)), 401)
    error_line(client.post("/detect/batch", content=picture(0)), 401)
    mine = {"authorization": f"Bearer {TOKEN}"}
    assert client.post("/detect", content=picture(0), headers=mine).status_code == 200
    assert client.get("/models", headers=mine).status_code == 200
    # The page has to be there to ask for the token; a load balancer needs the health.
    assert client.get("/").status_code == 200
    assert client.get("/healthz").status_code == 200
    assert "bearer" in client.get("/openapi.json").text


def test_other_sites_are_let_in_only_when_named(serve: Serve) -> None:
    asked = {
        "origin": "https://example.org",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    closed = serve().options("/detect", headers=asked)
    assert "access-control-allow-origin" not in closed.headers
    open_ = serve(cors_origins=("https://example.org",), token=TOKEN)
    answer = open_.options("/detect", headers=asked)
    assert answer.headers["access-control-allow-origin"] == "https://example.org"
    refused = open_.get("/models", headers={"origin": "https://example.org"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://example.org"
    asked["origin"] = "https://example.com"
    answer = open_.options("/detect", headers=asked)
    assert "access-control-allow-origin" not in answer.headers


def test_models_are_listed_with_what_drawing_needs(serve: Serve) -> None:
    first, second = serve().get("/models").json()
    assert (first["name"], second["name"]) == ("one", "two")
    skeleton = first["skeleton"]
    assert skeleton["name"] == "COCO_18"
    assert len(skeleton["parts"]) == 18
    assert len(skeleton["limbs"]) == len(skeleton["colors"]) == 17
    assert all(len(color) == 7 and color[0] == "#" for color in skeleton["colors"])


def test_metrics_count_requests_batches_and_people(serve: Serve, picture: Picture) -> None:
    client = serve()
    client.post("/detect", content=picture(0))
    client.post("/detect", content=b"hello")
    client.get("/nowhere/" + "x" * 50)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    text = answer.text
    assert 'openpaf_requests_total{path="/detect",status="200"} 1.0' in text
    assert 'openpaf_requests_total{path="/detect",status="415"} 1.0' in text
    assert 'openpaf_requests_total{path="other",status="404"} 1.0' in text
    assert "openpaf_people_total 1.0" in text
    assert "openpaf_batch_frames_count 1.0" in text
    assert "nowhere" not in text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nope", 404),
        ("GET", "/page/../app.py", 404),
        ("GET", "/page/%2e%2e/app.py", 404),
        ("GET", "/detect", 405),
        ("PUT", "/detect", 405),
        ("POST", "/", 405),
        ("DELETE", "/models", 405),
    ],
)
def test_what_is_not_there_is_one_json_line(
    serve: Serve, method: str, path: str, status: int
) -> None:
    said = error_line(serve().request(method, path), status)
    assert ("/docs says" if status == 404 else "pictures go to /detect with POST") in said


def test_a_parameter_of_another_program_is_answered_with_ours(
    serve: Serve, picture: Picture
) -> None:
    answer = serve().post("/detect?conf=0.5&imgsz=320&xyz=1", content=picture(0))
    said = error_line(answer, 422).split("; ")
    assert said[1] == "did you mean min_score?" and said[3] == "did you mean net_height?"
    assert said[5].startswith("there are model, net_height")


def test_the_page_and_the_documentation_load_nothing_from_elsewhere(serve: Serve) -> None:
    client = serve()
    page = client.get("/")
    assert page.status_code == 200
    assert "default-src 'self'" in page.headers["content-security-policy"]
    for path in ("/", "/docs", "/page/main.js", "/page/style.css", "/page/icon.svg"):
        links = re.findall(r"""["'(]((?:https?:)?//[\w.]+)""", client.get(path).text)
        assert set(links) <= {"http://www.w3.org"}  # the name of SVG, which nothing loads
    for path in ("/static-offline-docs/swagger-ui-bundle.js", "/openapi.json"):
        assert client.get(path).status_code == 200


def test_two_threads_of_one_client_do_not_wait_for_each_other(
    serve: Serve, picture: Picture, stand_ins: StandIns
) -> None:
    client = serve()
    stand_ins["two"].may_run.clear()
    blocked = threading.Thread(
        target=client.post, args=("/detect?model=two",), kwargs={"content": picture(0)}
    )
    blocked.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert client.post("/detect", content=b"no picture").status_code == 415
    assert time.monotonic() - started < 2
    stand_ins["two"].may_run.set()
    blocked.join()


def test_a_picture_is_looked_at_as_often_as_asked(
    serve: Callable[..., Any], stand_ins: dict[str, StandIn], picture: Callable[..., bytes]
) -> None:
    client = serve()
    assert client.post("/detect?looks=close", content=picture(40)).status_code == 200
    heights = {shape[1] for shape in stand_ins["one"].shapes}
    assert len(heights) == 2 and max(heights) >= 2 * min(heights) - 16
    assert client.get("/models").json()[0]["looks"] == ["one", "close", "accurate", "best"]
    refused = client.post("/detect?looks=9", content=picture(40))
    assert refused.status_code == 422 and "looks" in refused.json()["error"]


def test_people_are_looked_at_again_in_a_picture_that_nobody_kept(
    serve: Callable[..., Any], picture: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Any] = []
    seen: list[tuple[int, ...]] = []

    class Refiner:
        def refine(self, poses: Poses, frame: NDArray[np.uint8], min_score: float) -> Poses:
            seen.append(frame.shape)
            return replace(poses, timings={**poses.timings, "refine": 1.0})

        def check_parts(self, skeleton: object) -> None:
            pass

        def warm_up(self) -> None:
            pass

    def predict(engine: Engine, net_frames: Sequence[NetFrame]) -> list[Fields]:
        kept.extend(net_frame.frame for net_frame in net_frames)
        return engine_predict(engine, net_frames)

    engine_predict = Engine.predict
    monkeypatch.setattr("openpaf.engine.open_refiner", lambda *_, **__: Refiner())
    client = serve()
    monkeypatch.setattr(Engine, "predict", predict)
    seen.clear()  # what the engines were warmed up with
    assert client.post("/detect", content=picture(40)).status_code == 200
    assert (kept, seen) == ([None], [(HEIGHT, WIDTH, 3)])
