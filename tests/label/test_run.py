"""Whole runs: stopped, killed, gone on with, with files that are bad or of something else."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openpaf.cli import main
from openpaf.datasets.label_file import LabelFile
from openpaf.errors import (
    DatasetError,
    OpenPafError,
    OpenPafWarning,
    OutputError,
    SourceError,
)
from openpaf.label import journal
from openpaf.label.photographs import Photograph, find_photographs
from openpaf.label.recipe import Networks, Recipe
from openpaf.label.run import Summary, run
from openpaf.processes import spread

RECIPE = Recipe(looks="1", max_enlargement=8)
NAMES = tuple(f"{n:02d}.png" for n in range(12))


def label(folder: Path, out: Path, networks: Networks, **options: Any) -> Summary:
    return run(find_photographs([str(folder)]), out, networks, RECIPE, **options)


def names_in(path: Path) -> list[str]:
    return [image["file_name"] for image in json.loads(path.read_text())["images"]]


def test_labels_as_json_and_compact_are_the_same(
    networks: Networks, photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder, told = photographs(*NAMES[:3]), []
    summary = label(
        folder,
        tmp_path / "x.json",
        networks,
        progress=lambda done, total: told.append((done, total)),
    )
    assert (summary.photographs, summary.new, summary.failed) == (3, 3, [])
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
    label(folder, tmp_path / "x.npz", networks)
    content, file = json.loads((tmp_path / "x.json").read_text()), LabelFile(tmp_path / "x.npz")
    assert names_in(tmp_path / "x.json") == [*file] == [*NAMES[:3]]
    people = sum(len(labels.boxes) + len(labels.regions) for _, labels in file.items())
    assert len(content["annotations"]) == people
    assert content["recipe"]["looks"] == file.recipe["looks"] == "1"
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["x.json", "x.npz"]


def test_new_photographs_are_added_and_corrections_stay(
    networks: Networks, photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder, out = photographs(*NAMES[:2]), tmp_path / "x.json"
    label(folder, out, networks)
    corrected = json.loads(out.read_text())
    corrected["annotations"][0]["keypoints"][:3] = [1, 2, 2]
    out.write_text(json.dumps(corrected))
    photographs(*NAMES[:4])
    summary = label(folder, out, networks)
    assert (summary.photographs, summary.new) == (4, 2)
    content = json.loads(out.read_text())
    assert content["annotations"][0] == corrected["annotations"][0]
    assert names_in(out) == [*NAMES[:4]]
    before = out.read_bytes()
    assert label(folder, out, networks).new == 0
    assert out.read_bytes() == before


def test_a_stopped_run_goes_on_and_does_no_photograph_twice(
    networks: Networks, photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder, out = photographs(*NAMES), tmp_path / "x.json"

    def stop(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label(folder, out, networks, progress=stop)
    part = tmp_path / "x.json.part"
    assert not out.exists() and part.read_text().count("\n") == 6
    # Killed while a line was being written.
    part.write_bytes(part.read_bytes()[:-20])
    with pytest.raises(OutputError, match="was begun with recipe"):
        run(find_photographs([str(folder)]), out, networks, replace(RECIPE, looks="0.5+1"))
    told: list[int] = []
    summary = label(folder, out, networks, progress=lambda done, total: told.append(done))
    assert told == list(range(4, 13)) and summary.new == 8
    assert sorted(names_in(out)) == [*NAMES] and not part.exists()
    label(folder, tmp_path / "whole.json", networks)
    whole, pieces = (json.loads(path.read_text()) for path in (tmp_path / "whole.json", out))
    assert whole["annotations"] == pieces["annotations"]


def test_killed_midway_the_same_command_goes_on(
    networks: Networks, photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder = photographs(*(f"{n:03d}.png" for n in range(250)))
    out, part = tmp_path / "x.json", tmp_path / "x.json.part"
    words = ["label", str(folder), "--out", str(out), "--model", str(networks.model)]
    words += ["--looks", "1", "--device", "cpu"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    process = subprocess.Popen(
        [sys.executable, "-m", "openpaf", *words, "--workers", "2"],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not part.exists() or part.read_bytes().count(b"\n") < 4:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    done = part.read_bytes().count(b"\n") - 1
    assert done < 250
    with pytest.raises(SystemExit) as ended:
        main([*words, "--workers", "1"])
    assert ended.value.code == 0
    assert sorted(names_in(out)) == [f"{n:03d}.png" for n in range(250)]


def test_bad_photographs_are_named_and_the_rest_is_done(
    networks: Networks, photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder, out = photographs("a.png", "b.png"), tmp_path / "x.npz"
    (folder / "bad.jpg").write_text("no picture")
    found = find_photographs([str(folder)])
    (folder / "b.png").unlink()
    summary = run(found, out, networks, RECIPE)
    assert [one.name for one in summary.failed] == ["b.png", "bad.jpg"]
    assert "does not exist" in summary.failed[0].error
    file = LabelFile(out)
    assert [*file] == ["a.png"] and file.unreadable == ("bad.jpg",)
    with pytest.raises(SourceError, match="none of 1 photographs can be labelled"):
        run([Photograph("gone.png", tmp_path / "gone.png")], tmp_path / "y.npz", networks, RECIPE)
    assert not (tmp_path / "y.npz.part").exists()


def test_a_file_of_something_else_is_not_written_over(
    networks: Networks, photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder, out = photographs("a.png"), tmp_path / "x.json"
    body = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "keypoints": ["nose", "tail"]}],
    }
    out.write_text(json.dumps(body))
    with pytest.raises(DatasetError, match="labels of another skeleton, of 2 parts"):
        label(folder, out, networks)
    out.write_text("no JSON")
    with pytest.raises(DatasetError, match="is not JSON"):
        label(folder, out, networks)
    with pytest.raises(OpenPafError, match=r"must end in \.json .* or \.npz"):
        label(folder, tmp_path / "x.csv", networks)
    (tmp_path / "z.json.part").write_text("nothing of ours\n")
    with pytest.raises(OutputError, match="is not a journal of labels"):
        label(folder, tmp_path / "z.json", networks)


def test_a_full_disk_keeps_what_there_is(
    networks: Networks,
    photographs: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, out = photographs(*NAMES[:4]), tmp_path / "x.json"
    add = journal.Journal.add

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    def fill(self: journal.Journal, name: str, labels: Any) -> None:
        if len(self.labels) == 2:
            self._file = Full()  # type: ignore[assignment]
        add(self, name, labels)

    monkeypatch.setattr(journal.Journal, "add", fill)
    with pytest.raises(OutputError, match="No space left on device; what it holds is kept"):
        label(folder, out, networks)
    monkeypatch.undo()
    assert label(folder, out, networks).new == 2
    assert sorted(names_in(out)) == [*NAMES[:4]]


def test_two_runs_at_once_are_refused(
    networks: Networks, photographs: Callable[..., Path], tmp_path: Path
) -> None:
    folder, out = photographs("a.png"), tmp_path / "x.json"
    with (
        journal.opened(tmp_path / "x.json.part", {}),
        pytest.raises(OutputError, match="being written by another openpaf label"),
    ):
        label(folder, out, networks)


def test_what_is_typed(
    networks: Networks,
    photographs: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder, out = photographs("a.png", "b.png"), tmp_path / "x.json"
    (folder / "bad.jpg").write_text("no picture")
    boxes = tmp_path / "boxes.json"
    image, box = {"id": 1, "file_name": "a.png"}, {"id": 1, "image_id": 1, "bbox": [50, 50, 40, 20]}
    boxes.write_text(json.dumps({"images": [image], "annotations": [box], "categories": []}))
    words = ["label", str(folder), "--out", str(out), "--model", str(networks.model)]
    words += ["--refine", str(networks.refine), "--detector", networks.detectors[0]]
    words += [
        "--boxes",
        str(boxes),
        "--turns",
        "--aspect",
        "auto",
        "--looks",
        "1",
        "--workers",
        "1",
    ]
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and "2 new photographs" in lines[0] and "bad.jpg" in lines[1]
    recipe = json.loads(out.read_text())["recipe"]
    assert recipe["turns"] and recipe["aspect"] == "auto" and recipe["looks"] == "1"
    with pytest.raises(SystemExit) as ended:
        main(["label", str(folder), "--model", networks.detectors[0], "--out", f"{out}.json"])
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and "it is for --detector" in line


def _square(tell: Callable[..., None]) -> Callable[[int], int]:
    def do(item: int) -> int:
        if item == 3:
            os._exit(9)
        tell(item)
        return item**2

    return do


def _fails(tell: Callable[..., None]) -> Callable[[int], int]:
    raise OpenPafError("nothing works here")


def _warns(tell: Callable[..., None]) -> Callable[[int], int]:
    warnings.warn("no GPU is used: as they all say", OpenPafWarning, stacklevel=1)
    return abs


@pytest.fixture
def told() -> Iterator[list[int]]:
    yield []


def test_work_is_spread_over_processes_that_may_die(told: list[int]) -> None:
    results = spread(range(6), _square, workers=2, tell=told.append, lost=lambda item: -item)
    assert sorted(results) == [-3, 0, 1, 4, 16, 25]
    assert sorted(told) == [0, 1, 2, 4, 5]
    with pytest.raises(OpenPafError, match="nothing works here"):
        list(spread(range(3), _fails, workers=1))


def test_what_workers_warn_of_is_a_warning_here(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(OpenPafWarning, match="no GPU is used: as they all say"):
        assert sorted(spread(range(2), _warns, workers=2)) == [0, 1]
    assert capfd.readouterr().err == ""
