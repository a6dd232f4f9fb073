"""What drawing skeletons on a frame costs.

    python -m benchmarks.bench_draw

Seeded crowds are decoded and drawn on a 1280x720 frame of noise, with ids and a frame rate, as
`openpaf run --show` does. The rival in the same process is what anybody would write first: one line
and one dot after the other with OpenCV, without blending.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scenes.clips import random_frames
from benchmarks.tools.engines import FRAME_SIZE
from benchmarks.tools.options import Out, read_counts
from benchmarks.tools.report import publish
from benchmarks.tools.tables import columns, show
from openpaf.decoder import Decoder
from openpaf.poses import Poses
from openpaf.selftest.crowd import make_crowd
from openpaf.selftest.timing import measure

COLUMNS = columns(
    "people | draw, ms = openpaf.median_ms:.2f | IQR = openpaf.iqr_ms:.2f | "
    "plain lines, ms = plain lines.median_ms:.2f | its IQR = plain lines.iqr_ms:.2f | ratio",
    ratio=lambda row: f"{row['openpaf'].median_ms / row['plain lines'].median_ms:.2f}",
)


def crowd_poses(people: int) -> Poses:
    """Decoded people of a seeded crowd, stretched over the frame, with ids."""
    fields = make_crowd(people, seed=0).fields
    found = Decoder().people(fields)
    net_size = np.array(fields.confidence_maps.shape[:0:-1]) * fields.stride
    keypoints = found.keypoints * (np.array(FRAME_SIZE) / net_size).astype(np.float32)
    ids = np.arange(1, len(keypoints) + 1)
    return Poses(
        keypoints, found.scores, found.person_scores, skeleton=fields.skeleton, ids=ids,
        frame_size=FRAME_SIZE,
    )  # fmt: skip


def plain(frame: NDArray[np.uint8], poses: Poses) -> NDArray[np.uint8]:
    """Lines and dots, nothing else."""
    canvas = frame.copy()
    for points, scores in zip(poses.keypoints, poses.scores, strict=True):
        for a, b in poses.skeleton.limbs:
            if scores[a] > 0 and scores[b] > 0:
                ends = [tuple(points[part].astype(int).tolist()) for part in (a, b)]
                cv2.line(canvas, *ends, (0, 255, 0), 3, cv2.LINE_AA)
        for point in points[scores > 0].astype(int).tolist():
            cv2.circle(canvas, tuple(point), 4, (0, 0, 255), -1, cv2.LINE_AA)
    return canvas


def bench(people: Iterable[int]) -> Iterator[dict[str, Any]]:
    """A row a crowd."""
    (frame,) = random_frames(1, FRAME_SIZE)
    for count in people:
        poses = crowd_poses(count)
        yield {
            "people": len(poses),
            "openpaf": measure([partial(poses.draw, frame, fps=25.0)], repeats=60),
            "plain lines": measure([partial(plain, frame, poses)], repeats=60),
        }


def main(
    people: Annotated[str, typer.Option(help="Crowd sizes, comma separated.")] = "1,10,50",
    out: Out = None,
) -> None:
    """Print the table and write it as JSON."""
    rows = show(COLUMNS, bench(read_counts(people)))
    publish("draw", {"rows": rows}, out, versions=("numpy", "cv2"))


if __name__ == "__main__":
    typer.run(main)
