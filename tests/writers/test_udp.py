"""Frames over a real socket of this machine."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from openpaf.errors import ConfigError, OpenPafWarning, OutputError
from openpaf.poses import Poses
from openpaf.result import Result
from openpaf.skeleton import COCO_18
from openpaf.writers import OscWriter, UdpWriter
from openpaf.writers.datagrams import read_address


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(5)
        yield opened


def result(people: int, index: int = 0) -> Result:
    keypoints = np.random.default_rng(index).uniform(0, 100, (people, 18, 2)).astype(np.float32)
    scores = np.full((people, 18), 0.5, np.float32)
    poses = Poses(keypoints, scores, scores[:, 0], COCO_18, np.arange(people))
    return Result(poses, np.zeros((120, 160, 3), np.uint8), index, index / 25)


def address(receiver: socket.socket) -> str:
    return f"127.0.0.1:{receiver.getsockname()[1]}"


def test_a_datagram_a_frame(receiver: socket.socket) -> None:
    writer = UdpWriter(address(receiver), "left")
    for index in range(3):
        writer.write(result(2, index))
    for index in range(3):
        line = json.loads(receiver.recv(65_536))
        assert (line["source"], line["frame"], line["time"]) == ("left", index, index / 25)
        assert line["frame_size"] == [160, 120] and line["skeleton"] == "COCO_18"
        x, y, _ = line["people"][1]["pose_keypoints_2d"][:3]
        assert (x, y) == pytest.approx(result(2, index).poses.keypoints[1, 0], abs=0.01)
    writer.close()


def test_nobody_listens_and_nobody_minds() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        free = address(unused)
    writer = UdpWriter(free)
    for index in range(5):
        writer.write(result(1, index))
    writer.close()


def test_a_crowd_that_no_datagram_holds_is_left_out_and_told(receiver: socket.socket) -> None:
    writer = UdpWriter(address(receiver))
    with pytest.warns(OpenPafWarning, match="frame 0 is not sent: .* bytes are too many"):
        writer.write(result(400))
    writer.write(result(1, 1))
    assert json.loads(receiver.recv(65_536))["frame"] == 1
    writer.close()


@pytest.mark.parametrize("text", ["9000", "host:", ":9000", "host:0", "host:70000", "host:x"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="must be HOST:PORT"):
        UdpWriter(text)


def test_addresses() -> None:
    assert read_address("[::1]:9000") == ("::1", 9000)
    with pytest.raises(OutputError, match="there is no host"):
        UdpWriter("nobody.invalid:9000")


def test_osc_by_its_own_reader(receiver: socket.socket) -> None:
    bundles = pytest.importorskip("pythonosc.osc_bundle", reason="python-osc is not installed")
    writer = OscWriter(address(receiver), "left [1]/#*,?{}")
    sent = result(2, 3)
    writer.write(sent)
    got = {}
    for _ in range(3):
        for message in bundles.OscBundle(receiver.recv(65_536)):
            got[message.address] = message.params
    writer.close()
    root = "/openpaf/left__1________"
    assert got[f"{root}/frame"] == [3, pytest.approx(0.12), 160, 120, 2]
    assert len(got) == 1 + 2 * 18
    k = COCO_18.index("right_wrist")
    expected = [*sent.poses.keypoints[1, k].tolist(), 0.5]
    assert got[f"{root}/1/right_wrist"] == pytest.approx(expected)
