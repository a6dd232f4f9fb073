"""What drawing skeletons on a frame costs.

    python -m benchmarks.bench_draw

Seeded crowds are decoded and drawn on a 1280x720 frame of noise, with ids and a frame rate, as
`openpaf run --show` does. The rival in the same process is what anybody would write first: one line
and one dot after the other with OpenCV, without blending.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.tools.record import circumstances, result_path, write_result
from benchmarks.tools.tables import table
from openpaf.decoder import Decoder
from openpaf.poses import Poses
from openpaf.selftest.crowd import make_crowd
from openpaf.selftest.timing import measure, processor

SIZE = (1280, 720)


def crowd_poses(people: int) -> Poses:
    """Decoded people of a seeded crowd, stretched over the frame, with ids."""
    fields = make_crowd(people, seed=0).fields
    found = Decoder().people(fields)
    net_size = np.array(fields.confidence_maps.shape[:0:-1]) * fields.stride
    keypoints = found.keypoints * (np.array(SIZE) / net_size).astype(np.float32)
    ids = np.arange(1, len(keypoints) + 1)
    return Poses(
        keypoints, found.scores, found.person_scores, skeleton=fields.skeleton, ids=ids,
        frame_size=SIZE,
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


def main(
    people: Annotated[str, typer.Option(help="Crowd sizes, comma separated.")] = "1,10,50",
    out: Annotated[Path | None, typer.Option(help="JSON to write.")] = None,
) -> None:
    """Print the table and write it as JSON."""
    frame = np.random.default_rng(0).integers(0, 256, (SIZE[1], SIZE[0], 3), np.uint8)
    rows, cells = [], []
    for count in map(int, people.split(",")):
        poses = crowd_poses(count)
        ours = measure([lambda poses=poses: poses.draw(frame, fps=25.0)], repeats=60)
        theirs = measure([lambda poses=poses: plain(frame, poses)], repeats=60)
        rows.append({"people": len(poses), "openpaf": ours, "plain lines": theirs})
        cells.append(
            [
                str(len(poses)),
                *(f"{t.median_ms:.2f} | {t.iqr_ms:.2f}" for t in (ours, theirs)),
                f"{ours.median_ms / theirs.median_ms:.2f}",
            ]
        )
    print(table("people | draw, ms | IQR | plain lines, ms | IQR | ratio", cells))
    record = {"suite": "draw", "circumstances": circumstances(("numpy", "cv2")), "rows": rows}
    write_result(out or result_path("draw", processor()), record)


if __name__ == "__main__":
    typer.run(main)
