"""The second pass against known truth: error before and after each step, and angles from pictures.

    python -m benchmarks.bench_motion
    python -m benchmarks.bench_motion --recording walk.ndjson     # only writes the made recording
    python -m benchmarks.bench_motion --real results.ndjson       # cut-offs on a recording of yours

Three parts, all made here from one walker whose joint angles are known:

1. A recording with jitter, gaps, outliers, exchanged sides and ids that break off. It is smoothed
   with one step more each time; the error is that of all keypoints and of the knees.
2. Figures drawn with known knee angles, found by a network that knows their colours.
3. A video of a walking leg with jittering joints and noisy pixels: network, file, smoothing, knee.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import onnx
import typer
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from openpaf.engine import Engine
from openpaf.models.card import METADATA_KEY, ModelCard
from openpaf.motion import Motion, Record, SmoothConfig, Smoothing
from openpaf.motion.formats import write
from openpaf.poses import Poses
from openpaf.skeleton import BODY_25, COCO_18
from openpaf.stream import Stream
from openpaf.writers import NdjsonWriter

RATE = 30.0
FRAME_SIZE = (1280, 720)
_SIDES = [(left, right) for left, right in BODY_25.pairs]
_LEG_PARTS = ("hip", "knee", "ankle", "big_toe", "small_toe", "heel")
_LEGS = [pair for pair in _SIDES if BODY_25.parts[pair[0]].removeprefix("left_") in _LEG_PARTS]


def gait(phase: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Hip and knee flexion in degrees over the phase of a stride, as textbooks draw them."""
    hip = 8 + 22 * np.cos(phase)
    knee = 22 - 18 * np.cos(phase + 0.9) + 14 * np.cos(2 * phase + 2.4)
    return hip, knee


def walker(times: NDArray[np.float64], start: float, speed: float, size: float) -> NDArray:
    """(F, 25, 2) px of somebody seen from the side who walks at `speed` px/s; size: px a metre."""
    phase = 2 * np.pi * 0.95 * times + start
    facing = np.sign(speed)
    body = np.full((len(times), 25, 2), np.nan)

    def put(part: str, at: NDArray[np.float64]) -> NDArray[np.float64]:
        body[:, BODY_25.index(part)] = at
        return at

    def below(at: NDArray[np.float64], length: float, degrees: NDArray | float) -> NDArray:
        """Where a limb of so many metres ends that is swung forwards by so many degrees."""
        turn = np.radians(degrees)
        return at + size * length * np.stack([facing * np.sin(turn), np.cos(turn)], -1)

    hips = np.stack(
        [FRAME_SIZE[0] / 2 - 3 * speed + speed * times, 380 + 0.02 * size * np.cos(2 * phase)], -1
    )
    put("mid_hip", hips)
    neck = put("neck", below(hips, -0.5, 3.0 + 0 * phase))
    put("nose", below(neck, -0.2, -25.0 + 0 * phase))
    for side, shift in (("left", 0.0), ("right", np.pi)):
        away = size * np.array([0.03 if side == "left" else -0.03, 0.0])
        put(f"{side}_eye", below(neck, -0.23, -20.0 + 0 * phase))
        put(f"{side}_ear", below(neck, -0.22, 0 * phase))
        shoulder = put(f"{side}_shoulder", neck + away)
        elbow = put(f"{side}_elbow", below(shoulder, 0.29, -25 * np.cos(phase + shift)))
        put(f"{side}_wrist", below(elbow, 0.26, 20 - 30 * np.cos(phase + shift)))
        hip, knee = gait(phase + shift)
        at = put(f"{side}_hip", hips + away)
        at = put(f"{side}_knee", below(at, 0.43, hip))
        at = put(f"{side}_ankle", below(at, 0.43, hip - knee))
        foot = hip - knee + 90
        put(f"{side}_heel", below(at, 0.07, foot - 130))
        toe = put(f"{side}_big_toe", below(at, 0.18, foot - 20))
        put(f"{side}_small_toe", toe + size * np.array([-0.02 * facing, 0.0]))
    return body


def truth(seconds: float = 12.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (F,) and two people (2, F, 25, 2) who walk past one another."""
    times = np.arange(round(seconds * RATE)) / RATE
    pace = 900 / seconds
    return times, np.stack([walker(times, 0.3, pace, 170), walker(times, 1.7, -pace, 150)])


def recording(
    times: NDArray[np.float64], people: NDArray[np.float64], seed: int = 0
) -> list[Record]:
    """What a tracker would have made of them: all the faults that the second pass is for."""
    rng = np.random.default_rng(seed)
    seen = people + rng.normal(0, 2.5, people.shape)
    scores = rng.uniform(0.6, 0.95, people.shape[:3])
    ids = np.repeat([[1], [2]], len(times), axis=1)
    for person in range(2):
        for _ in range(round(len(times) / 45)):  # exchanged sides of the legs
            frame, length = rng.integers(len(times) - 12), rng.integers(1, 10)
            rows = slice(frame, frame + length)
            for left, right in _LEGS:
                seen[person, rows, [left, right]] = seen[person, rows, [right, left]]
        for _ in range(round(len(times) / 3)):  # parts hidden for up to a third of a second
            frame, length = rng.integers(len(times)), rng.integers(1, 10)
            seen[person, frame : frame + length, rng.integers(25)] = np.nan
        leaps = rng.random(people.shape[1:3]) < 0.004
        seen[person, leaps] += rng.normal(0, 80, (leaps.sum(), 2))
    # The second person is out of sight for most of a second and comes back as somebody new.
    middle = len(times) // 3
    seen[1, middle : middle + round(0.4 * RATE)] = np.nan
    ids[1, middle:] = 3
    records = []
    for frame, time in enumerate(times.tolist()):
        found = np.isfinite(seen[:, frame, :, 0])
        there = found.sum(1) > 3
        keypoints = seen[there, frame].astype(np.float32)
        shown = np.where(found, scores[:, frame], 0)[there]
        poses = Poses(
            keypoints, shown, shown.mean(1), BODY_25, ids[there, frame], FRAME_SIZE
        )  # fmt: skip
        records.append(Record(frame, time, poses))
    return records


def errors(motion: Motion, people: NDArray[np.float64]) -> dict[str, float]:
    """Error against the truth: whoever is nearer counts as the person meant."""
    off, filled, knees, ids, there = [], [], [], 0, 0
    for trail in motion:
        rows = slice(trail.start, trail.start + len(trail))
        distances = [np.linalg.norm(trail.keypoints - one[rows], axis=2) for one in people]
        person = int(np.argmin([np.nanmedian(distance) for distance in distances]))
        off.append(distances[person][~trail.filled])
        filled.append(distances[person][trail.filled])
        ids += 1
        there += int(trail.found.sum())
        true = replace(trail, keypoints=people[person, rows])
        knees += [trail.angle(f"{s}_knee", 1) - true.angle(f"{s}_knee", 1) for s in _BOTH]
    off_all, knee = np.concatenate(off), np.concatenate(knees)
    return {
        "ids": ids,
        "found %": 100 * there / people[..., 0].size,
        "RMS px": _rms(off_all),
        "95 % px": float(np.nanpercentile(off_all, 95)),
        "worst px": float(np.nanmax(off_all)),
        "filled RMS": _rms(np.concatenate(filled)),
        "knee RMS deg": _rms(knee),
    }


_BOTH = ("left", "right")


def _rms(values: NDArray[np.float64]) -> float:
    if not len(values):
        return float("nan")
    return float(np.sqrt(np.nanmean(np.square(values))))


def steps() -> dict[str, SmoothConfig]:
    """One step more each time."""
    nothing = SmoothConfig(
        join=0, min_time=0, sides=False, outliers=False, max_gap=0, filter="none"
    )
    joined = replace(nothing, join=2.0, min_time=0.5)
    sides = replace(joined, sides=True)
    outliers = replace(sides, outliers=True)
    filled = replace(outliers, max_gap=0.5)
    return {
        "as recorded": nothing,
        "ids joined": joined,
        "+ sides mended": sides,
        "+ outliers out": outliers,
        "+ gaps filled": filled,
        "+ Butterworth auto": replace(filled, filter="butterworth"),
        "or Butterworth 6 Hz": replace(filled, filter="butterworth", cutoff=6.0),
        "or Gaussian 6 Hz": replace(filled, filter="gaussian", cutoff=6.0),
        "or LOESS 0.3 s": replace(filled, filter="loess"),
        "or median 0.3 s": replace(filled, filter="median"),
    }


def leg_network(path: Path) -> Path:
    """Write a network that finds a leg by colour: hip blue, knee green, ankle red."""
    maps = np.zeros((18, 3, 1, 1), np.float32)
    for channel, part in enumerate(("right_hip", "right_knee", "right_ankle")):
        maps[COCO_18.index(part), channel] = 1 / 255
    constants = {
        "maps": maps,
        "nothing": np.zeros((38, 3, 1, 1), np.float32),
        "down": np.tile([0, 1], 19).astype(np.float32),
    }
    nodes = [
        helper.make_node("Cast", ["frames"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["colors"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["colors"], ["cells"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["cells", "maps"], ["confidence_maps"]),
        helper.make_node("Conv", ["cells", "nothing", "down"], ["pafs"]),
    ]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "y", "x"])
        for name, channels in (("confidence_maps", 18), ("pafs", 38))
    ]
    graph = helper.make_graph(
        nodes,
        "leg",
        [helper.make_tensor_value_info("frames", TensorProto.UINT8, ["n", "h", "w", 3])],
        outputs,
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    card = ModelCard(name="leg", skeleton=COCO_18, net_height=480)
    model.metadata_props.add(key=METADATA_KEY, value=card.to_json())
    onnx.save(model, str(path))
    return path


def leg(hip: float, knee: float, at: tuple[float, float] = (320.0, 90.0)) -> NDArray[np.float64]:
    """(3, 2) px of hip, knee and ankle of somebody who faces right, for angles in degrees."""
    thigh, shank = np.radians(hip), np.radians(hip - knee)
    knee_at = np.array(at) + 170 * np.array([np.sin(thigh), np.cos(thigh)])
    return np.stack([at, knee_at, knee_at + 165 * np.array([np.sin(shank), np.cos(shank)])])


def drawn(joints: NDArray[np.float64]) -> NDArray[np.uint8]:
    """(480, 640, 3) picture of a leg: a soft dot of its colour at each joint."""
    yy, xx = np.mgrid[:480, :640]
    dots = [np.square(xx - x) + np.square(yy - y) for x, y in joints]
    return (250 * np.exp(np.stack(dots, axis=2) / (-2 * 9.0**2))).astype(np.uint8)


def figure_errors(engine: Engine) -> NDArray[np.float64]:
    """(N,) degrees by which the knees of drawn figures are off."""
    off = []
    for hip in range(-20, 41, 10):
        for knee in range(0, 101, 10):
            if hip - knee < -75:
                continue
            poses = engine.detect(drawn(leg(hip, knee, (300.3 + knee / 7, 90.6 + hip / 9))))
            off.append(poses[0].angle("right_knee", "right") - knee)
    return np.array(off)


def make_video(path: Path, seconds: float = 8.0, seed: int = 0) -> NDArray[np.float64]:
    """Write a video of a walking leg and give its true knee angles, (F,) degrees."""
    rng = np.random.default_rng(seed)
    hips, knees = gait(2 * np.pi * 0.95 * np.arange(round(seconds * RATE)) / RATE)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), RATE, (640, 480))
    for hip, knee in zip(hips, knees, strict=True):
        joints = leg(hip, knee) + rng.normal(0, 4.0, (3, 2))
        frame = drawn(joints).astype(np.int16) + rng.normal(0, 6, (480, 640, 3)).astype(np.int16)
        writer.write(frame.clip(0, 255).astype(np.uint8))
    writer.release()
    return knees


def video_errors(engine: Engine, folder: Path) -> dict[str, float]:
    """Degrees RMS of the knee over a made video: as found, tracked live, and after the pass."""
    true = make_video(folder / "leg.avi")
    found = {}
    for name, track in (("as found", False), ("live one-euro", True)):
        path = folder / f"{track}.ndjson"
        writer = NdjsonWriter(path)
        with Stream(engine, folder / "leg.avi", track=track) as stream:
            for result in stream.results():
                writer.write(result)
        writer.close()
        found[name] = path
    raw = Motion.read(found["as found"])
    rows = {"as found": raw, "live one-euro": Motion.read(found["live one-euro"])}
    for name, config in (
        ("smoothed, auto", SmoothConfig()),
        ("smoothed, 6 Hz", SmoothConfig(cutoff=6.0)),
        ("smoothed, 4 Hz", SmoothConfig(cutoff=4.0)),
        ("smoothed, LOESS", SmoothConfig(filter="loess", window=0.4)),
    ):
        rows[name], _ = raw.smooth(config)
    return {name: _rms(_knee(motion) - true) for name, motion in rows.items()}


def _knee(motion: Motion) -> NDArray[np.float64]:
    trail = max(motion, key=len)
    whole = np.full(len(motion), np.nan)
    whole[trail.start : trail.start + len(trail)] = trail.angle("right_knee", 1)
    return whole


def compare_cutoffs(path: Path) -> None:
    """Print what the cut-offs do to a recording whose truth nobody knows.

    Jitter is the RMS second difference of keypoints, px a frame squared.
    """
    motion = Motion.read(path)
    print(f"{path}: {len(motion)} frames at {1 / np.median(np.diff(motion.times)):.0f}/s")
    print(f"{'':10}{'cut-offs Hz':>16}{'moved px RMS':>16}{'jitter':>10}{'knee jitter deg':>18}")
    unfiltered, _ = motion.smooth(SmoothConfig(filter="none"))
    for name, config in (
        ("none", SmoothConfig(filter="none")),
        ("auto", SmoothConfig()),
        ("6 Hz", SmoothConfig(cutoff=6.0)),
    ):
        done, report = motion.smooth(config)
        used = [person.cutoff for person in report.kept if person.cutoff is not None]
        moved = [one.keypoints - unfiltered[one.id].keypoints for one in done]
        bends = [np.diff(one.keypoints, 2, axis=0) for one in done]
        knees = [np.diff(one.angle(f"{side}_knee"), 2) for one in done for side in _BOTH]
        span = f"{min(used):.1f} to {max(used):.1f}" if used else "-"
        figures = [_rms(np.concatenate([one.ravel() for one in part])) for part in (moved, bends)]
        print(
            f"{name:10}{span:>16}{figures[0]:16.2f}{figures[1]:10.2f}"
            f"{_rms(np.concatenate(knees)):18.2f}"
        )


def main(
    seeds: Annotated[int, typer.Option(help="Made recordings of which the mean is printed.")] = 5,
    recording_file: Annotated[
        Path | None,
        typer.Option("--recording", help="Only write the made recording, to this file."),
    ] = None,
    real: Annotated[
        Path | None,
        typer.Option(help="Only compare cut-offs on this recording, made with --no-smooth."),
    ] = None,
) -> None:
    """Print errors before and after each step, and what was done."""
    if real is not None:
        compare_cutoffs(real)
        return
    times, people = truth()
    if recording_file is not None:
        write([Motion.of(recording(times, people))], [recording_file])
        return
    print(f"made recordings: {seeds} of {times[-1]:.0f} s, two people, 2.5 px of jitter\n")
    table: dict[str, list[dict[str, float]]] = {}
    for seed in range(seeds):
        motion = Motion.of(recording(times, people, seed))
        for name, config in steps().items():
            smoothing = Smoothing(motion, config)
            done = Motion.concatenate(smoothing.blocks())
            table.setdefault(name, []).append(errors(done, people))
    columns = list(table["as recorded"][0])
    print(f"{'':22}" + "".join(f"{column:>14}" for column in columns))
    for name, rows in table.items():
        means = [np.mean([row[column] for row in rows]) for column in columns]
        print(f"{name:22}" + "".join(f"{mean:14.2f}" for mean in means))
    _, report = Motion.of(recording(times, people)).smooth()
    print("\nwhat was done to the first of them:")
    for person in report.people:
        print(f"  {person}")
    with tempfile.TemporaryDirectory() as folder:
        network = leg_network(Path(folder) / "leg.onnx")
        with Engine(str(network), device="cpu", threads=1) as engine:
            off = np.abs(figure_errors(engine))
            print(
                f"\nknees of {len(off)} drawn figures: {off.max():.3f} degrees off at most, "
                f"{off.mean():.3f} on average"
            )
            print("knee over a made video, degrees RMS:")
            for name, value in video_errors(engine, Path(folder)).items():
                print(f"  {name:16}{value:8.2f}")


if __name__ == "__main__":
    typer.run(main)
