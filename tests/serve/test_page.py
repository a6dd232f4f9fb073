"""The page in a real browser, its camera a film of passers-by.

Runs where the folder with the film and a network is there, and Chromium and playwright are
installed. `OPENPAF_SCREENSHOTS` names a folder for pictures of the page.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("openvino")
cv2 = pytest.importorskip("cv2")
playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
if CHROMIUM is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)

DESKTOP, PHONE = (1280, 800), (390, 844)
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="module")
def film(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film as a sequence of JPEGs, the form of Chromium's fake camera."""
    video = cv2.VideoCapture(str(shared / "media" / "video.avi"))
    path = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    with path.open("wb") as out:
        for index in range(10_000):
            there, frame = video.read()
            if not there:
                break
            if index % 4 == 0:
                out.write(cv2.imencode(".jpg", cv2.resize(frame, (960, 540)))[1])
    if not path.stat().st_size:
        pytest.skip("the film cannot be read")
    return path


@pytest.fixture(scope="module")
def address(shared: Path) -> Iterator[str]:
    """A service with a real network, small enough for the machine that runs the tests."""
    from openpaf.serve import ServeConfig, create_app, open_models
    from openpaf.serve.server import listen, make_server

    path = shared / "models" / "human-pose-estimation-0001" / "human-pose-estimation-0001.xml"
    if not path.is_file():
        pytest.skip("needs the Open Model Zoo's network")
    listener = listen("127.0.0.1", 0)
    models = open_models([path], net_height=256)
    service = make_server(create_app(models, ServeConfig()))
    thread = threading.Thread(target=service.run, kwargs={"sockets": [listener]})
    thread.start()
    while not service.started:
        time.sleep(0.05)
    yield "http://{}:{}/".format(*listener.getsockname())
    service.should_exit = True
    thread.join(30)


@pytest.fixture(params=[DESKTOP, PHONE], ids=["desktop", "phone"])
def page(request: Any, address: str, film: Path, tmp_path: Path) -> Iterator[Any]:
    width, height = request.param
    with playwright.sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path / "profile",
            executable_path=CHROMIUM,
            headless=True,
            args=[*_FLAGS, f"--use-file-for-fake-video-capture={film}"],
            viewport={"width": width, "height": height},
            has_touch=width < 600,
            is_mobile=width < 600,
        )
        page = context.pages[0]
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on(
            "console",
            lambda said: page.faults.append(said.text) if said.type == "error" else None,
        )
        page.goto(address)
        page.wait_for_function("() => document.querySelector('#model').options.length > 0")
        yield page
        folder = os.environ.get("OPENPAF_SCREENSHOTS")
        if folder:
            page.screenshot(path=Path(folder) / f"{request.node.name}.png")
        assert page.faults == []
        # Nothing sticks out sideways.
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width
        context.close()


def number(page: Any, name: str) -> float:
    """A number that the page shows."""
    return float(page.inner_text(f"#{name}"))


def saved(page: Any, button: str) -> Path:
    """The file that a button saves."""
    with page.expect_download() as download:
        page.click(button)
    return Path(download.value.path())


def test_the_camera_shows_people_with_ids_and_how_fast_it_is(page: Any) -> None:
    page.click("#camera")
    page.wait_for_function(
        "() => Number(document.querySelector('#fps').textContent) > 0", timeout=60_000
    )
    page.wait_for_timeout(4000)
    assert number(page, "people") >= 3
    assert number(page, "latency") > 0
    lines = [json.loads(line) for line in saved(page, "#save-keypoints").read_text().splitlines()]
    assert len(lines) >= 2
    assert lines[-1]["size"] == [960, 540]
    ids = {person["person_id"][0] for line in lines for person in line["people"]}
    assert len(ids - {-1}) >= 3
    picture = cv2.imread(str(saved(page, "#save-picture")))
    assert picture.shape == (540, 960, 3)
    page.click("#stop")
    assert page.is_visible("#welcome") and not page.is_visible("#stop")


def test_a_photograph_is_looked_at_again_when_a_setting_changes(page: Any, shared: Path) -> None:
    photograph = min((shared / "media").glob("*.jpg"))
    page.set_input_files("#file", photograph)
    page.wait_for_function("() => Number(document.querySelector('#people').textContent) > 0")
    (model,) = page.evaluate("() => fetch('models').then((answer) => answer.json())")
    for slider, key in (("#peak-threshold", "peak_threshold"), ("#min-score", "min_score")):
        assert float(page.input_value(slider)) == pytest.approx(model[key], abs=0.006)
    (found,) = saved(page, "#save-keypoints").read_text().splitlines()
    assert len(json.loads(found)["people"]) == number(page, "people")
    before = number(page, "people")
    page.locator("#peak-threshold").fill("0.6")
    page.locator("#peak-threshold").dispatch_event("change")
    page.wait_for_function(
        "(before) => Number(document.querySelector('#people').textContent) < before", arg=before
    )


def test_hands_and_faces_are_looked_for_where_they_are_ticked(page: Any, shared: Path) -> None:
    page.set_input_files("#file", shared / "media" / "COCO_val2014_000000000328.jpg")
    page.wait_for_function("() => Number(document.querySelector('#people').textContent) > 0")
    (before,) = saved(page, "#save-keypoints").read_text().splitlines()
    assert not any(any(one["face_keypoints_2d"]) for one in json.loads(before)["people"])
    plain = cv2.imread(str(saved(page, "#save-picture")))
    for tick in ("#find-hands", "#find-face"):
        page.check(tick)
    page.wait_for_timeout(6000)
    (after,) = saved(page, "#save-keypoints").read_text().splitlines()
    people = json.loads(after)["people"]
    for key in ("face_keypoints_2d", "hand_left_keypoints_2d"):
        assert any(any(one[key]) for one in people)
    assert (cv2.imread(str(saved(page, "#save-picture"))) != plain).any()


def test_what_is_no_picture_is_said(page: Any, tmp_path: Path) -> None:
    (tmp_path / "letter.png").write_text("no picture")
    page.set_input_files("#file", tmp_path / "letter.png")
    page.wait_for_function(
        "() => document.querySelector('#status').textContent.includes('not a picture')"
    )


def canvas(page: Any) -> Any:
    """(H, W, 3) what the page shows."""
    return cv2.imread(str(saved(page, "#save-picture"))).astype(int)


def looked_at(page: Any) -> None:
    page.wait_for_function(
        "() => Number(document.querySelector('#people').textContent) > 0"
        " && !document.querySelector('#status').textContent"
    )


def test_several_photographs_are_turned_over_and_a_wrong_file_keeps_the_last(
    page: Any, shared: Path, tmp_path: Path
) -> None:
    first, second = sorted((shared / "media").glob("*.jpg"))[:2]
    page.set_input_files("#file", [first, second])
    looked_at(page)
    assert page.inner_text("#which") == f"1 of 2 · {first.name}"
    before = canvas(page)
    page.click("#next")
    page.wait_for_function("() => document.querySelector('#which').textContent.startsWith('2')")
    looked_at(page)
    assert page.inner_text("#which") == f"2 of 2 · {second.name}"
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.querySelector('#which').textContent.startsWith('1')")
    looked_at(page)
    (tmp_path / "letter.png").write_text("no picture")
    with page.expect_file_chooser() as chooser:
        page.click("#another")
    chooser.value.set_files(tmp_path / "letter.png")
    page.wait_for_function(
        "() => document.querySelector('#status').textContent.includes('letter.png is not')"
    )
    assert (canvas(page) == before).all()


def test_what_is_shown_is_chosen_without_another_look(page: Any, shared: Path) -> None:
    photograph = min((shared / "media").glob("*.jpg"))
    page.set_input_files("#file", photograph)
    looked_at(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    plain = canvas(page)
    page.check("#show-mirror")
    mirrored = canvas(page)
    # Everything but the dots' and lines' edges, which are not cut at the same places.
    assert (abs(mirrored[:, ::-1] - plain).max(axis=2) < 40).mean() > 0.97
    page.uncheck("#show-mirror")
    page.check("#show-alone")
    alone = canvas(page)
    assert 0.5 < (alone.max(axis=2) == 0).mean() < 1
    page.uncheck("#show-alone")
    page.check("#show-blur")
    assert 0 < (canvas(page) != plain).any(axis=2).mean() < 0.3
    page.uncheck("#show-blur")
    page.select_option("#show-color", "person")
    page.locator("#show-width").fill("9")
    page.locator("#show-width").dispatch_event("input")
    assert 0.01 < (canvas(page) != plain).any(axis=2).mean() < 0.5
    assert not [url for url in asked if "detect" in url]
