"""How fast the decoder is and how well it finds people, beside what others do.

    python -m benchmarks.bench_decoder

Times everything from the fields of one frame to its people, on one thread, on seeded crowds with
smooth and with white noise; the rival in the same process is `upsampling_decoder.py`, the decoder
of the literature in NumPy. Where the golden vectors are at hand, OpenPose's own people on their
scenes are scored beside ours. Writes JSON and a chart under `benchmarks/results`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scenes.crowd import Score, score_people
from benchmarks.tools.places import ROOT
from benchmarks.tools.record import circumstances, result_path
from benchmarks.tools.report import publish
from benchmarks.tools.tables import table
from benchmarks.tools.upsampling_decoder import decode_upsampled
from openpaf.decoder import Decoder
from openpaf.decoder.config import DecoderConfig
from openpaf.fields import Fields
from openpaf.selftest.crowd import Crowd, Noise, make_crowd
from openpaf.selftest.timing import Timing, measure, processor
from openpaf.skeleton import COCO_18

Float32 = NDArray[np.float32]

OURS, RULES, RIVAL = "openpaf", "openpaf, OpenPose rules", "upsampling, NumPy"
GOLDEN_CASES = (
    "clean_N10", "smooth_N1", "smooth_N2", "smooth_N5", "smooth_N10", "smooth_N20", "smooth_N50",
    "white_N5", "white_N20", "white_N100_peakcap", "edge_N10",
)  # fmt: skip
# OpenPose adds half a pixel to every coordinate.
_HALF_PIXEL = 0.5

FIRST_CALL = """
import time
from openpaf.decoder import Decoder
start = time.perf_counter()
Decoder().warm_up()
print(time.perf_counter() - start)
"""


@dataclass(frozen=True)
class Row:
    """One decoder on one kind of scene."""

    decoder: str
    scenes: str
    people: int
    timing: Timing | None
    score: Score

    def record(self) -> dict[str, Any]:
        timing = None if self.timing is None else vars(self.timing)
        return {
            "decoder": self.decoder,
            "scenes": self.scenes,
            "people": self.people,
            "timing": timing,
            **vars(self.score),
        }

    def cells(self) -> list[str]:
        t = self.timing
        return [
            self.scenes,
            str(self.people),
            self.decoder,
            "" if t is None else f"{t.median_ms:.3f}",
            "" if t is None else f"{t.iqr_ms:.3f}",
            f"{self.score.hit}/{self.score.predicted}/{self.score.truth}",
            f"{self.score.error:.2f}",
            f"{self.score.median_error:.2f}",
        ]


def pooled(scores: Iterable[Score]) -> Score:
    """Sum over scenes; errors are means over scenes."""
    rows = list(scores)
    found = [row for row in rows if np.isfinite(row.error)]
    return Score(
        sum(row.hit for row in rows),
        sum(row.predicted for row in rows),
        sum(row.truth for row in rows),
        float(np.mean([row.error for row in found])) if found else float("nan"),
        float(np.mean([row.median_error for row in found])) if found else float("nan"),
    )


def bench_crowds(people: list[int], scenes: int, repeats: int) -> Iterable[Row]:
    """Every decoder on seeded crowds."""
    ours, rules = Decoder(), Decoder(DecoderConfig.openpose())
    decoders: dict[str, tuple[Callable[[Fields], object], Callable[[Fields], Float32], int]] = {
        OURS: (ours.decode, lambda f: ours.people(f).keypoints, repeats),
        RULES: (rules.decode, lambda f: rules.people(f).keypoints - _HALF_PIXEL, 30 // scenes),
        RIVAL: (decode_upsampled, lambda f: decode_upsampled(f)[0], 30 // scenes),
    }
    noises: tuple[Noise, ...] = ("clean", "smooth", "white")
    for noise in noises:
        for count in people:
            crowds = [make_crowd(count, seed, noise=noise) for seed in range(scenes)]
            for name, (decode, keypoints, rounds) in decoders.items():
                if noise == "clean" and name != OURS:
                    continue
                calls = [partial(decode, c.fields) for c in crowds]
                timing = measure(calls, repeats=rounds, warm_up=3 if name == OURS else 1)
                found = pooled(
                    score_people(keypoints(c.fields), c.keypoints, COCO_18) for c in crowds
                )
                yield Row(name, f"crowd, {noise}", count, timing, found)


def load_golden(path: Path) -> tuple[Crowd, Float32, Float32]:
    """A golden scene, and the keypoints of OpenPose's CPU and CUDA assembly."""
    with np.load(path) as stored:
        maps = stored["net"].astype(np.float32)
        truth = np.where(stored["gt"][..., 2:] > 0, stored["gt"][..., :2], np.nan)
        theirs = [
            np.where(stored[key][..., 2:] > 0, stored[key][..., :2] - _HALF_PIXEL, np.nan)
            for key in ("x8_kp", "x8_kp_cudastyle")
        ]
    parts = len(COCO_18.parts)
    pafs = maps[parts + 1 :][np.array(COCO_18.paf_channels).ravel()]
    return Crowd(Fields(maps[:parts], pafs), truth.astype(np.float32)), theirs[0], theirs[1]


def bench_golden(folder: Path, repeats: int) -> Iterable[Row]:
    """Our people and time beside OpenPose's own people on the golden scenes."""
    ours = Decoder()
    for case in GOLDEN_CASES:
        crowd, cpu, cuda = load_golden(folder / f"coco18_{case}.npz")
        timing = measure([partial(ours.decode, crowd.fields)], repeats=repeats)
        count = len(crowd.keypoints)
        for name, keypoints, time_taken in (
            (OURS, ours.people(crowd.fields).keypoints, timing),
            ("OpenPose C++, CPU", cpu, None),
            ("OpenPose C++, CUDA", cuda, None),
        ):
            score = score_people(keypoints, crowd.keypoints, COCO_18)
            yield Row(name, f"golden {case}", count, time_taken, score)


def first_call() -> dict[str, float]:
    """Seconds `warm_up` takes right after installing and from the cache, imports apart."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.pathsep.join([str(ROOT), str(ROOT / "kernels")])
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder, "PYTHONPATH": path}
        taken = [
            float(
                subprocess.run(
                    [sys.executable, "-c", FIRST_CALL],
                    env=environment,
                    check=True,
                    capture_output=True,
                    text=True,
                ).stdout
            )
            for _ in range(2)
        ]
    return {"compiling_s": taken[0], "cached_s": taken[1]}


def frames_a_second(people: int, seconds: float = 1.0) -> dict[str, float]:
    """Frames a second by number of threads, on crowds of so many people."""
    decoder = Decoder()
    frames = [make_crowd(people, seed).fields for seed in range(8)] * 16
    rates = {}
    for threads in sorted({1, 2, os.cpu_count() or 1}):
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(decoder.people, frames))
            done, start = 0, time.perf_counter()
            while time.perf_counter() - start < seconds:
                list(pool.map(decoder.people, frames))
                done += len(frames)
            rates[str(threads)] = done / (time.perf_counter() - start)
    return rates


def print_table(rows: list[Row]) -> None:
    """Markdown on stdout."""
    head = "scenes | N | decoder | ms median | IQR | hit/predicted/truth | mean error, px | median"
    typer.echo(table(head, [row.cells() for row in rows]))


def draw_chart(rows: list[Row], plt: Any) -> Any:
    """Milliseconds against people, both logarithmic."""
    figure, axes = plt.subplots(figsize=(7.5, 5), layout="constrained")
    styles = {"crowd, smooth": "-", "crowd, white": "--"}
    colors = {OURS: "#0072b2", RULES: "#e69f00", RIVAL: "#999999"}
    for decoder, color in colors.items():
        for scenes, style in styles.items():
            points = [
                (row.people, row.timing.median_ms)
                for row in rows
                if row.decoder == decoder and row.scenes == scenes and row.timing is not None
            ]
            if points:
                axes.plot(
                    *zip(*points, strict=True), style, color=color, marker="o", markersize=4,
                    label=f"{decoder} ({scenes.removeprefix('crowd, ')} noise)",
                )  # fmt: skip
    axes.set(xscale="log", yscale="log", xlabel="people", ylabel="ms a frame, one thread")
    axes.set_title(f"From fields to people on {processor()}", fontsize=10)
    ticks = sorted({row.people for row in rows})
    axes.set_xticks(ticks, [str(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize=7)
    return figure


def main(
    people: Annotated[str, typer.Option(help="Crowd sizes, comma separated.")] = "1,10,20,50,100",
    scenes: Annotated[int, typer.Option(min=1, help="Seeded scenes of each kind.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds over the scenes.")] = 60,
    golden: Annotated[Path, typer.Option(help="Folder of golden vectors, if any.")] = ROOT.parent
    / "shared"
    / "golden",
    out: Annotated[Path | None, typer.Option(help="JSON to write; the chart goes beside.")] = None,
) -> None:
    """Time the decoder and score the people it finds; print a table, write JSON and a chart."""
    sizes = [int(size) for size in people.split(",")]
    rows = list(bench_crowds(sizes, scenes, repeats))
    if golden.is_dir():
        rows += bench_golden(golden, max(30, repeats))
    print_table(rows)
    record = {
        "suite": "decoder",
        "seeds": list(range(scenes)),
        "circumstances": circumstances(("numpy", "numba", "cv2")),
        "first_call": first_call(),
        "frames_a_second_20_people": frames_a_second(20),
        "rows": [row.record() for row in rows],
    }
    typer.echo(json.dumps({k: record[k] for k in ("first_call", "frames_a_second_20_people")}))
    publish(
        out or result_path("decoder", processor()), record, lambda _, plt: draw_chart(rows, plt)
    )


if __name__ == "__main__":
    typer.run(main)
