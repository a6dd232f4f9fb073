"""On a real Ray: the actor for Ray Data, and batch runs whose workers and machines die."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from openpaf.batch import Job
from openpaf.batch.work import Worker
from openpaf.engine import Engine
from openpaf.errors import ConfigError
from openpaf.ray.cluster import LOCAL, connected

pytest.importorskip("ray", reason="Ray is not installed: the extra ray")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: the extra ray")


@pytest.fixture(scope="module")
def local_ray() -> Iterator[None]:
    with connected(LOCAL):
        yield


def actors(workers: int) -> Any:
    from openpaf.ray.shards import execute

    return partial(execute, workers=workers, cpus=0.5)


@pytest.mark.usefixtures("local_ray")
def test_the_actor_finds_in_a_dataset_what_the_engine_finds(scene: Any) -> None:
    import ray.data

    from openpaf.ray import Detector

    scene.pictures(*(f"{number}.png" for number in range(12)))
    dataset = ray.data.read_images(str(scene.input), mode="RGB", include_paths=True)
    found = dataset.map_batches(
        Detector,
        fn_constructor_kwargs={"model": str(scene.network), "colors": "RGB", "device": "cpu"},
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=0.5,
        batch_size=3,
    ).take_all()
    assert len(found) == 12
    with Engine(scene.network, device="cpu") as engine:
        for row in found:
            assert set(row) == {"path", "people"}
            poses = engine.detect(row["path"])
            (person,) = row["people"]
            expected = np.concatenate([np.nan_to_num(poses.keypoints), poses.scores[..., None]], 2)
            assert np.reshape(person["keypoints"], (18, 3)) == pytest.approx(expected[0])
            assert person["score"] == pytest.approx(float(poses.person_scores[0]))


@pytest.mark.usefixtures("local_ray")
def test_a_killed_actor_loses_and_doubles_nothing(scene: Any) -> None:
    scene.videos("a.avi", "b.avi", "c.avi", "d.avi", frames=400)
    scene.pictures("a.png", "b.png")
    (scene.input / "broken.jpg").write_text("not a picture")
    job = scene.job(part_frames=50, format="parquet")
    told: list[tuple[str, int, float]] = []
    with scene.a_worker_killed(job) as killed:
        summary = scene.run(job, actors(2), tell=lambda *news: told.append(news))
    assert len(killed) == 1
    assert summary.deaths == 1
    assert scene.rows(job).keys() == scene.expected
    assert summary.frames == 1602
    assert [one["source"] for one in summary.failed] == ["broken.jpg"]
    assert {shard for shard, _, done in told if done == 1} == {f"{n:06d}" for n in range(5)}
    by_one = scene.job(output=str(scene.output) + "2", format="parquet")
    worker = Worker(by_one, print)
    scene.run(by_one, lambda shards, *_: (worker.do(shard) for shard in shards))
    assert scene.rows(job) == scene.rows(by_one)


@pytest.mark.usefixtures("local_ray")
def test_more_than_the_cluster_has_is_refused() -> None:
    from openpaf.ray.shards import gpus_for, room

    assert room(cpus=0.25, gpus=0) >= 4
    with pytest.raises(ConfigError, match="ask for less"):
        room(cpus=1, gpus=1000)
    assert gpus_for("cuda") == 1
    assert gpus_for("cpu") == 0


def test_the_actor_names_the_column_that_is_missing(scene: Any) -> None:
    from openpaf.ray import Detector

    detector = Detector(scene.network, device="cpu", column="frame")
    with pytest.raises(ConfigError, match="'frame'.*image, path"):
        detector({"image": np.zeros((1, 8, 8, 3), np.uint8), "path": np.array(["a"])})
    with pytest.raises(ConfigError, match="BGR or RGB"):
        Detector(scene.network, device="cpu", colors="rgb")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere"])
def test_an_address_without_ray_is_refused_at_once(address: str) -> None:
    code = f"from openpaf.ray.cluster import connected\nwith connected({address!r}): pass"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    # Ray alone would look for it for minutes.
    said = subprocess.run(
        [sys.executable, "-c", code],
        env=environment, capture_output=True, text=True, check=False, timeout=150,
    ).stderr  # fmt: skip
    assert f"ConfigError: there is no Ray at '{address}'" in said


CLUSTER = """
import sys, time
from pathlib import Path
from ray.cluster_utils import Cluster

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
cluster.wait_for_nodes()
print(cluster.address, flush=True)
doing = Path(sys.argv[1])
# Each machine has room for one worker.
while sum(len(diary.read_text().splitlines()) > 1 for diary in doing.glob("*.ndjson")) < 2:
    time.sleep(0.01)
cluster.remove_node(second, allow_graceful=False)
print("removed", flush=True)
sys.stdin.read()
cluster.shutdown()
"""


def test_a_run_on_a_cluster_outlives_one_of_its_two_machines(scene: Any) -> None:
    scene.videos("a.avi", "b.avi", "c.avi", "d.avi", frames=1500)
    job: Job = scene.job()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    cluster = subprocess.Popen(
        [sys.executable, "-c", CLUSTER, str(job.progress / "doing")],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert cluster.stdout is not None
        address = cluster.stdout.readline().strip()
        words = ["batch", job.input, job.output, "--model", str(job.model), "--format", "ndjson"]
        done = subprocess.run(
            [sys.executable, "-m", "openpaf", *words, "--device", "cpu", "--address", address],
            env=environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert cluster.stdout.readline() == "removed\n"
    finally:
        cluster.communicate("", timeout=60)
    assert scene.rows(job).keys() == scene.expected
    reports = [json.loads(path.read_text()) for path in (job.progress / "done").iterdir()]
    assert sum(report["deaths"] for report in reports) >= 1
