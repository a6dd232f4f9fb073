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
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scenes.crowd import Score, score_people
from benchmarks.tools.options import Out, read_counts
from benchmarks.tools.places import ROOT
from benchmarks.tools.processes import printed_by
from benchmarks.tools.report import count_along, publish
from benchmarks.tools.tables import columns, show
from benchmarks.tools.timing import a_second
from benchmarks.tools.upsampling_decoder import decode_upsampled
from openpaf.decoder import Decoder
from openpaf.decoder.config import DecoderConfig
from openpaf.fields import Fields
from openpaf.models import Calibration
from openpaf.selftest.crowd import Crowd, Noise, make_crowd
from openpaf.selftest.timing import Timing, measure
from openpaf.skeleton import COCO_18

Float32 = NDArray[np.float32]

OURS, RULES, RIVAL = "openpaf", "openpaf, OpenPose rules", "upsampling, NumPy"
LIKELY = "openpaf, probabilities"
# Scores made probabilities, with the thresholds of a decoder without: only the cost of it differs.
# The weights are about those of the bundled network.
_PROBABILITIES = Calibration(
    min_score=0.0, person=(-9.9, 7.4, 3.5, 0.7, -1.4), part=(-1.8, 3.3, 0.65)
)
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


COLUMNS = columns(
    "scenes | N = people | decoder | ms median = timing.median_ms:.3f | "
    "IQR = timing.iqr_ms:.3f | hit/predicted/truth = people_found | "
    "mean error, px = error:.2f | median = median_error:.2f",
    people_found="{hit}/{predicted}/{truth}".format_map,
)


def record_of(
    decoder: str, scenes: str, people: int, timing: Timing | None, score: Score
) -> dict[str, Any]:
    """What one decoder did on one kind of scene."""
    about = {"decoder": decoder, "scenes": scenes, "people": people, "timing": timing}
    return about | vars(score)


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


def bench_crowds(people: list[int], scenes: int, repeats: int) -> Iterator[dict[str, Any]]:
    """Every decoder on seeded crowds."""
    ours, rules = Decoder(), Decoder(DecoderConfig.openpose())
    likely = Decoder(None, _PROBABILITIES)
    decoders: dict[str, tuple[Callable[[Fields], object], Callable[[Fields], Float32], int]] = {
        OURS: (ours.decode, lambda f: ours.people(f).keypoints, repeats),
        LIKELY: (likely.decode, lambda f: likely.people(f).keypoints, repeats),
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
                timing = measure(calls, repeats=rounds, warm_up=3 if name in (OURS, LIKELY) else 1)
                found = pooled(
                    score_people(keypoints(c.fields), c.keypoints, COCO_18) for c in crowds
                )
                yield record_of(name, f"crowd, {noise}", count, timing, found)


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


def bench_golden(folder: Path, repeats: int) -> Iterator[dict[str, Any]]:
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
            yield record_of(name, f"golden {case}", count, time_taken, score)


def first_call() -> dict[str, float]:
    """Seconds `warm_up` takes right after installing and from the cache, imports apart."""
    with tempfile.TemporaryDirectory() as folder:
        compiling, cached = (
            float(printed_by(FIRST_CALL, NUMBA_CACHE_DIR=folder)) for _ in range(2)
        )
    return {"compiling_s": compiling, "cached_s": cached}


def _all_at_once(pool: ThreadPoolExecutor, decoder: Decoder, frames: list[Fields]) -> int:
    return len(list(pool.map(decoder.people, frames)))


def frames_a_second(people: int, seconds: float = 1.0) -> dict[str, float]:
    """Frames a second by number of threads, on crowds of so many people."""
    decoder = Decoder()
    frames = [make_crowd(people, seed).fields for seed in range(8)] * 16
    rates = {}
    for threads in sorted({1, 2, os.cpu_count() or 1}):
        with ThreadPoolExecutor(threads) as pool:
            work = partial(_all_at_once, pool, decoder, frames)
            work()
            rates[str(threads)] = a_second(work, seconds)
    return rates


def draw_chart(record: Mapping[str, Any], plt: Any) -> Any:
    """Milliseconds against people, both logarithmic."""
    figure, axes = plt.subplots(figsize=(7.5, 5), layout="constrained")
    styles = {"crowd, smooth": "-", "crowd, white": "--"}
    colors = {OURS: "#0072b2", RULES: "#e69f00", RIVAL: "#999999"}
    for decoder, color in colors.items():
        for scenes, style in styles.items():
            points = [
                (row["people"], row["timing"].median_ms)
                for row in record["rows"]
                if (row["decoder"], row["scenes"]) == (decoder, scenes) and row["timing"]
            ]
            if points:
                axes.plot(
                    *zip(*points, strict=True), style, color=color, marker="o", markersize=4,
                    label=f"{decoder} ({scenes.removeprefix('crowd, ')} noise)",
                )  # fmt: skip
    count_along(axes, (row["people"] for row in record["rows"]), "people")
    axes.set(yscale="log", ylabel="ms a frame, one thread")
    processor = record["circumstances"]["processor"]
    axes.set_title(f"From fields to people on {processor}", fontsize=10)
    figure.legend(loc="outside lower center", ncols=3, fontsize=7)
    return figure


def main(
    people: Annotated[str, typer.Option(help="Crowd sizes, comma separated.")] = "1,10,20,50,100",
    scenes: Annotated[int, typer.Option(min=1, help="Seeded scenes of each kind.")] = 8,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds over the scenes.")] = 60,
    golden: Annotated[Path, typer.Option(help="Folder of golden vectors, if any.")] = ROOT.parent
    / "shared"
    / "golden",
    out: Out = None,
) -> None:
    """Time the decoder and score the people it finds; print a table, write JSON and a chart."""
    Decoder().warm_up()  # or the first scenes would be decoded by plain Python
    cases = bench_golden(golden, max(30, repeats)) if golden.is_dir() else ()
    rows = show(COLUMNS, chain(bench_crowds(read_counts(people), scenes, repeats), cases))
    other = {"first_call": first_call(), "frames_a_second_20_people": frames_a_second(20)}
    typer.echo(json.dumps(other))
    figures = {"seeds": list(range(scenes)), **other, "rows": rows}
    publish("decoder", figures, out, draw_chart, versions=("numpy", "numba", "cv2"))


if __name__ == "__main__":
    typer.run(main)
