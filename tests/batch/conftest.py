"""A network small enough to be written out here, and pictures and videos that it understands.

Its confidence maps are the colours of the frame: blue dots are necks, green ones right shoulders,
red ones right elbows; its PAFs point right everywhere. A row of a blue, a green and a red dot is a
person of three parts, whose true keypoints are known. A frame with a pixel at 255 is too much for
it: its output is NaN.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from openpaf.batch import Job, Summary, run
from openpaf.models.card import METADATA_KEY, ModelCard
from openpaf.skeleton import COCO_18

WIDTH, HEIGHT = 160, 120
NECK, RIGHT_SHOULDER, RIGHT_ELBOW = 1, 2, 3


@pytest.fixture(scope="session")
def dots_network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The network, as a file."""
    maps = np.zeros((18, 3, 1, 1), np.float32)
    for channel, part in enumerate((NECK, RIGHT_SHOULDER, RIGHT_ELBOW)):
        maps[part, channel] = 1 / 255
    right = np.tile([1.0, 0.0], 19).astype(np.float32)
    constants = {
        "map_weights": maps,
        "paf_weights": np.zeros((38, 3, 1, 1), np.float32),
        "paf_bias": right,
        "limit": np.float32(254.5),
        "nothing": np.float32(0),
    }
    nodes = [
        helper.make_node("Cast", ["frames"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["channels"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMax", ["channels"], ["brightest"], keepdims=0),
        helper.make_node("Sub", ["limit", "brightest"], ["below"]),
        helper.make_node("Sqrt", ["below"], ["root"]),
        helper.make_node("Mul", ["root", "nothing"], ["zero_or_nan"]),
        helper.make_node(
            "AveragePool", ["channels"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]
        ),
        helper.make_node("Conv", ["cells", "map_weights"], ["maps"]),
        helper.make_node("Add", ["maps", "zero_or_nan"], ["confidence_maps"]),
        helper.make_node("Conv", ["cells", "paf_weights", "paf_bias"], ["pafs"]),
    ]
    graph = helper.make_graph(
        nodes,
        "dots",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["n", "h", "w", 3])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "y", "x"])
            for name, channels in (("confidence_maps", 18), ("pafs", 38))
        ],
        [onnx.numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    card = ModelCard(name="dots", skeleton=COCO_18, net_height=HEIGHT)
    model.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    path = tmp_path_factory.mktemp("network") / "dots.onnx"
    onnx.save(model, path)
    return path


class Scene:
    """An input folder to be filled, and what must come out of it."""

    def __init__(self, folder: Path, network: Path) -> None:
        self.input, self.output, self.network = folder / "in", folder / "out", network
        self.expected: set[tuple[str, int]] = set()
        self.input.mkdir()

    def job(self, **options: Any) -> Job:
        given = {
            "input": str(self.input),
            "output": str(self.output),
            "model": str(self.network),
            "format": "ndjson",
            "device": "cpu",
        }
        return Job(**{**given, **options})

    @staticmethod
    def dots(number: int) -> list[tuple[int, int]]:
        """Where neck, right shoulder and right elbow are in frame `number`, px."""
        y = 20 + number * 7 % 80
        x = 30 + number * 3 % 30
        return [(x, y), (x + 32, y), (x + 64, y)]

    def frame(self, number: int) -> NDArray[np.uint8]:
        """Frame `number`: one person, never in the same place twice in a row."""
        frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        for channel, centre in enumerate(self.dots(number)):
            dot = np.zeros((HEIGHT, WIDTH), np.float32)
            cv2.circle(dot, centre, 7, 400, -1)
            frame[..., channel] = np.minimum(cv2.GaussianBlur(dot, (0, 0), 5), 240)
        return frame

    def video(self, name: str, frames: int) -> Path:
        path = self.input / name
        path.parent.mkdir(parents=True, exist_ok=True)
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (WIDTH, HEIGHT))
        assert writer.isOpened()
        for number in range(frames):
            writer.write(self.frame(number))
            self.expected.add((name, number))
        writer.release()
        return path

    def videos(self, *names: str, frames: int) -> None:
        """Several videos that are the same."""
        first = self.video(names[0], frames)
        for name in names[1:]:
            shutil.copyfile(first, self.input / name)
            self.expected |= {(name, number) for number in range(frames)}

    def pictures(self, *names: str) -> None:
        for number, name in enumerate(names):
            path = self.input / name
            path.parent.mkdir(parents=True, exist_ok=True)
            assert cv2.imwrite(str(path), self.frame(number))
            self.expected.add((name, 0))

    @staticmethod
    def rows(job: Job) -> dict[tuple[str, int], dict[str, Any]]:
        """Every row by source and frame; a frame that is there twice fails the test."""
        rows: dict[tuple[str, int], dict[str, Any]] = {}
        for part in sorted(job.poses.iterdir()):
            if part.suffix == ".ndjson":
                records = [json.loads(line) for line in part.read_text("utf-8").splitlines()]
            else:
                import pyarrow.parquet

                records = pyarrow.parquet.read_table(part).to_pylist()
            for record in records:
                key = record["source"], record["frame"]
                assert key not in rows, f"{key} is there twice"
                rows[key] = record
        return rows

    def run(self, job: Job, execute: Any, **options: Any) -> Summary:
        with job.engine() as engine:
            card = engine.card
        return run(job, card, execute, **options)

    @contextmanager
    def a_worker_killed(self, job: Job) -> Iterator[list[int]]:
        """SIGKILL a worker at work once the job has rows; gives where its process id goes."""
        killed: list[int] = []
        ended = threading.Event()

        def wait_and_kill() -> None:
            while not ended.wait(0.005) and not killed:
                worker = self._one_at_work(job) if any(job.poses.glob("[0-9]*")) else None
                if worker is not None:
                    os.kill(worker, signal.SIGKILL)
                    killed.append(worker)

        thread = threading.Thread(target=wait_and_kill, daemon=True)
        thread.start()
        try:
            yield killed
        finally:
            ended.set()
            thread.join()

    @staticmethod
    def _one_at_work(job: Job) -> int | None:
        for diary in (job.progress / "doing").glob("*.ndjson"):
            try:
                first, _ = diary.read_text("utf-8").splitlines()[:2]
            except (OSError, ValueError):
                continue
            return int(json.loads(first)["worker"].rpartition(":")[2])
        return None


@pytest.fixture
def scene(tmp_path: Path, dots_network: Path) -> Scene:
    """An empty input folder and the network that goes with its pictures."""
    return Scene(tmp_path, dots_network)
