"""Plain kernels and compiled ones: the same people, and which of them decodes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from openpaf.decoder import Decoder, kernels
from openpaf.decoder.config import REFINEMENTS, DecoderConfig
from openpaf.decoder.decoder import People
from openpaf.fields import Fields
from openpaf.models import Calibration
from openpaf.selftest.crowd import Noise, make_crowd
from openpaf_kernels import cache
from tests.decoder.test_golden_openpose import CASES, load

ROOT = Path(__file__).resolve().parents[2]
CALIBRATED = Calibration(
    person=(-9.9393, 7.4188, 3.4638, 0.7015, -1.3725), part=(-1.7768, 3.3173, 0.6536)
)


@pytest.fixture(autouse=True)
def _as_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_compiled", None)
    monkeypatch.setattr(kernels, "_worked", 0.0)
    monkeypatch.setattr(kernels, "_filling", None)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """Folders that another process was started for, which is not really started here."""
    folders: list[str] = []

    def begin(folder: str) -> subprocess.Popen[bytes]:
        folders.append(folder)
        return subprocess.Popen([sys.executable, "-c", ""])

    monkeypatch.setattr(kernels, "_fill_beside", begin)
    monkeypatch.setattr(cache, "FOLDER", tmp_path)
    yield folders
    if kernels._filling is not None:
        kernels._filling.wait()


def both(fields: Fields, monkeypatch: pytest.MonkeyPatch, **options: object) -> list[People]:
    """People by plain kernels and by compiled ones."""
    found = []
    for kind in (kernels.plain(), kernels._of_package("openpaf_kernels")):
        monkeypatch.setattr(kernels, "_compiled", kind)
        decoder = Decoder(DecoderConfig(**options), CALIBRATED)  # type: ignore[arg-type]
        found.append(decoder.people(fields))
    return found


def assert_same_bits(found: list[People]) -> None:
    for plain, compiled in zip(*found, strict=True):
        assert plain.tobytes() == compiled.tobytes()


@pytest.mark.parametrize("case", CASES)
def test_same_bits_on_golden_vectors(
    shared: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = both(load(shared, case).fields, monkeypatch)
    assert_same_bits(found)
    assert len(found[0].scores) or case == "coco18_empty"


@pytest.mark.parametrize("refinement", REFINEMENTS)
@pytest.mark.parametrize("noise", ["smooth", "white"])
def test_same_bits_on_crowds(
    refinement: str, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = both(make_crowd(8, 5, noise=noise).fields, monkeypatch, refinement=refinement)
    assert_same_bits(found)
    assert len(found[0].scores) >= 8


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("wild", [1e15, -1e15, 1e-40])
def test_wild_fields_are_as_quiet_in_plain_python(
    rng: np.random.Generator, wild: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps, pafs = (rng.standard_normal((n, 12, 13)).astype(np.float32) for n in (18, 38))
    maps[rng.random(maps.shape) < 0.2] = wild
    pafs[rng.random(pafs.shape) < 0.05] = wild
    assert_same_bits(both(Fields(maps, pafs), monkeypatch, min_parts=1, min_score=0))


def test_a_person_beyond_doubt_has_no_probability_that_overflows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sure = Calibration(person=(-1000.0, 0, 0, 0, 0), part=(-1000.0, 0, 0), min_score=0)
    for kind in (kernels.plain(), kernels._of_package("openpaf_kernels")):
        monkeypatch.setattr(kernels, "_compiled", kind)
        people = Decoder(calibration=sure).people(make_crowd(1, 1).fields)
        assert people.person_scores[0] < 1e-30


def test_a_picture_needs_no_numba() -> None:
    script = (
        "import sys\n"
        "from openpaf import decode\n"
        "from openpaf.selftest.crowd import make_crowd\n"
        "print(len(decode(make_crowd(4, 1).fields)), 'numba' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("4 False\n", "")


def test_compiled_kernels_take_over_when_they_have_paid(
    monkeypatch: pytest.MonkeyPatch, begun: list[str]
) -> None:
    cells = 1_000_000
    assert kernels.for_fields(cells) is kernels.plain()
    monkeypatch.setattr(cache, "are_compiled", lambda: True)
    while kernels.for_fields(cells) is kernels.plain():
        assert kernels._worked <= kernels._LOADING
    assert kernels.for_fields(1).peaks.find_peaks is not kernels.plain().peaks.find_peaks
    assert begun == []


def test_what_is_kept_nowhere_is_compiled_by_one_other_process(
    monkeypatch: pytest.MonkeyPatch, begun: list[str], tmp_path: Path
) -> None:
    made = False
    monkeypatch.setattr(cache, "are_compiled", lambda: made)
    for _ in range(20):
        assert kernels.for_fields(1_000_000) is kernels.plain()
    assert begun == [str(tmp_path)]
    made = True
    assert kernels.for_fields(1_000_000) is not kernels.plain()


def test_nobody_waits_for_ever_for_another_process(
    monkeypatch: pytest.MonkeyPatch, begun: list[str]
) -> None:
    monkeypatch.setattr(cache, "are_compiled", lambda: False)
    while kernels.for_fields(1_000_000) is kernels.plain():
        assert kernels._worked <= kernels._COMPILING


def test_where_nothing_can_be_kept_no_process_is_started(
    monkeypatch: pytest.MonkeyPatch, begun: list[str]
) -> None:
    monkeypatch.setattr(cache, "FOLDER", None)
    while kernels.for_fields(1_000_000) is kernels.plain():
        assert kernels._worked <= kernels._COMPILING
    assert begun == []


@pytest.mark.parametrize("program", [None, "", "/usr/bin/uwsgi", "C:\\Apps\\poses.exe"])
def test_a_program_that_is_not_python_is_not_started(
    program: str | None, monkeypatch: pytest.MonkeyPatch, begun: list[str]
) -> None:
    monkeypatch.setattr(cache, "are_compiled", lambda: False)
    monkeypatch.setattr(sys, "executable", program)
    while kernels.for_fields(1_000_000) is kernels.plain():
        assert kernels._worked <= kernels._COMPILING
    assert begun == []


def test_a_crowd_too_large_for_plain_python_is_not_left_to_it(
    monkeypatch: pytest.MonkeyPatch, begun: list[str]
) -> None:
    monkeypatch.setattr(cache, "are_compiled", lambda: True)
    limbs = np.array([[0, 1], [1, 2]], np.int32)
    assert kernels.for_candidates(np.full(3, 5, np.int32), limbs) is kernels.plain()
    assert kernels.for_candidates(np.full(3, 256, np.int32), limbs) is not kernels.plain()


def test_whoever_warms_up_gets_compiled_kernels() -> None:
    Decoder().warm_up()
    assert kernels.for_fields(1) is not kernels.plain()


def test_the_other_process_is_out_of_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[list[str], dict[str, Any]]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda words, **how: started.append((words, how)))
    kernels._fill_beside(str(tmp_path))
    ((words, how),) = started
    assert words[:2] == [sys.executable, "-P"]
    assert how["cwd"] == str(tmp_path)
    assert {how[name] for name in ("stdin", "stdout", "stderr")} == {subprocess.DEVNULL}
    # Ctrl-C and a closed terminal reach a session, or on Windows a console.
    assert how.get("start_new_session") or how["creationflags"]


def test_the_other_process_keeps_kernels_where_this_one_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[dict[str, str]] = []
    monkeypatch.setattr(subprocess, "Popen", lambda _, env, **how: started.append(env))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NUMBA_CACHE_DIR", "kept")
    kernels._fill_beside(str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    kernels._fill_beside(str(tmp_path))
    assert started[0]["NUMBA_CACHE_DIR"] == str(tmp_path / "kept")
    assert "NUMBA_CACHE_DIR" not in started[1]


def environment(folder: Path) -> dict[str, str]:
    places = [str(ROOT), str(ROOT / "kernels"), str(ROOT / "weights")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(places), "NUMBA_CACHE_DIR": str(folder)}


def test_the_other_process_does_its_work_in_silence(tmp_path: Path) -> None:
    # A folder of pictures, as it were, on a machine that has compiled nothing yet.
    script = (
        "import sys, time\n"
        "from openpaf.decoder import decode, kernels\n"
        "from openpaf.selftest.crowd import make_crowd\n"
        "fields = make_crowd(40, 1).fields\n"
        "first = decode(fields)\n"
        "while kernels._filling is None: decode(fields)\n"
        "kernels._filling.wait()\n"
        "kernels._worked = 1.0\n"
        "last = decode(fields)\n"
        "assert (first.keypoints.tobytes(), first.scores.tobytes()) == "
        "(last.keypoints.tobytes(), last.scores.tobytes())\n"
        "print(kernels._filling.returncode, kernels._compiled is not None)\n"
        "print(sum(kernels._compiled.limbs.connect.stats.cache_misses.values()))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", script],
        env=environment(tmp_path / "kept"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("0 True\n0\n", "")
    folders = list((tmp_path / "kept").iterdir())
    assert len(folders) == 1 and list(folders[0].glob("compiled-*"))


def test_two_never_compile_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-P", "-m", "openpaf.compiling", "--apart"]
    where = "from openpaf_kernels import cache; print(cache.FOLDER)"
    folder = subprocess.check_output(
        [sys.executable, "-c", where], env=environment(tmp_path), text=True
    ).strip()
    with FileLock(Path(folder) / "compiling.lock"):
        done = subprocess.run(
            command, env=environment(tmp_path), capture_output=True, text=True, check=False
        )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not list(Path(folder).glob("*.nbc"))
