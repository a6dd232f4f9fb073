"""BVH: the body as a chain of bones that turn in the picture plane, for animation programs.

Every joint is named after the bone that begins there: `left_shank` is at the left knee. Bones have
the mean length of the recording; where one was not found it stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from openpaf.angles import whole_parts
from openpaf.errors import SkeletonError
from openpaf.motion.formats.people import EachPerson
from openpaf.motion.formats.sink import Body, Sink
from openpaf.motion.scale import Scale
from openpaf.skeleton import BODY_25, Skeleton


@dataclass(frozen=True)
class Bone:
    """From one part of BODY_25 to another; `rest` is its angle in the rest pose, degrees."""

    name: str
    parent: str | None
    start: str
    end: str
    rest: float


def _limbs(side: str, out: float) -> tuple[Bone, ...]:
    return (
        Bone(f"{side}_collar", "trunk", "neck", f"{side}_shoulder", out),
        Bone(f"{side}_upper_arm", f"{side}_collar", f"{side}_shoulder", f"{side}_elbow", -90),
        Bone(f"{side}_forearm", f"{side}_upper_arm", f"{side}_elbow", f"{side}_wrist", -90),
        Bone(f"{side}_pelvis", None, "mid_hip", f"{side}_hip", out),
        Bone(f"{side}_thigh", f"{side}_pelvis", f"{side}_hip", f"{side}_knee", -90),
        Bone(f"{side}_shank", f"{side}_thigh", f"{side}_knee", f"{side}_ankle", -90),
        Bone(f"{side}_foot", f"{side}_shank", f"{side}_ankle", f"{side}_big_toe", out),
    )


BONES = (
    Bone("trunk", None, "mid_hip", "neck", 90),
    Bone("head", "trunk", "neck", "nose", 90),
    *_limbs("left", 0),
    *_limbs("right", 180),
)
"""In an order in which parents come before their children."""


def bvh(path: Path, scale: Scale | None = None) -> Sink:
    """Make a writer of a BVH file a person; without a scale one px is one unit."""
    return EachPerson(path, partial(_Bvh, scale or Scale(1.0)))


class _Bvh:
    def __init__(self, scale: Scale, skeleton: Skeleton) -> None:
        self._scale, self._skeleton, self._body = scale, skeleton, Body()
        parts = set(skeleton.parts) | {"neck", "mid_hip"}
        self._bones = [bone for bone in BONES if {bone.start, bone.end} <= parts]
        known = set(whole_parts(skeleton))
        if not any({bone.start, bone.end} <= known for bone in self._bones):
            raise SkeletonError(
                f"{skeleton.name} has no bone of the body that BVH is written of; write .ndjson "
                "or .csv instead"
            )
        self._ends = [[BODY_25.index(b.start), BODY_25.index(b.end)] for b in self._bones]
        self._lengths = np.zeros(len(self._bones))
        self._counts = np.zeros(len(self._bones))
        self._root = np.zeros(2)
        # Turned from the rest pose by so many degrees.
        self._turns = np.zeros(len(self._bones))

    def row(self, number: int, time: float, keypoints: NDArray[np.float64], extra: float) -> None:
        whole = keypoints[None].astype(np.float32)
        found = np.isfinite(whole[..., 0]).astype(np.float32)
        body = self._skeleton.convert(whole, found, BODY_25)[0][0]
        points = self._scale.positions(body.astype(np.float64))
        root = points[BODY_25.index("mid_hip")]
        if np.isfinite(root).all():
            self._root = root
        ways = np.array([points[end] - points[start] for start, end in self._ends])
        seen = np.isfinite(ways).all(1)
        self._lengths[seen] += np.hypot(*ways[seen].T)
        self._counts[seen] += 1
        rest = np.array([bone.rest for bone in self._bones])
        self._turns[seen] = np.degrees(np.arctan2(ways[seen, 1], ways[seen, 0])) - rest[seen]
        self._body.add(self._line())

    def _line(self) -> str:
        """Root position, then how far every bone is turned against its parent, in file order."""
        turns = {bone.name: turn for bone, turn in zip(self._bones, self._turns, strict=True)}
        numbers = [*self._root.tolist(), 0.0, 0.0, 0.0, 0.0]
        for bone in self._in_file_order(None):
            turn = turns[bone.name] - (turns[bone.parent] if bone.parent else 0.0)
            numbers += [(turn + 180) % 360 - 180, 0.0, 0.0]
        return " ".join(f"{number:.6f}" for number in numbers)

    def _in_file_order(self, parent: str | None) -> list[Bone]:
        order = []
        for bone in self._bones:
            if bone.parent == parent:
                order += [bone, *self._in_file_order(bone.name)]
        return order

    def save(self, path: Path, frame_rate: float) -> None:
        lengths = self._lengths / np.maximum(self._counts, 1)
        rest = np.radians([bone.rest for bone in self._bones])
        ends = np.stack([np.cos(rest), np.sin(rest)], axis=1) * lengths[:, None]
        offsets = {bone.name: end for bone, end in zip(self._bones, ends, strict=True)}
        lines = ["HIERARCHY", "ROOT body", "{", "  OFFSET 0 0 0"]
        lines.append("  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
        lines += self._hierarchy(None, np.zeros(2), offsets, "  ")
        lines += ["}", "MOTION", f"Frames: {self._body.lines}", f"Frame Time: {1 / frame_rate:.8f}"]
        self._body.save(path, "\n".join(lines) + "\n")

    def _hierarchy(
        self,
        parent: str | None,
        place: NDArray[np.float64],
        offsets: dict[str, NDArray[np.float64]],
        indent: str,
    ) -> list[str]:
        lines = []
        children = [bone for bone in self._bones if bone.parent == parent]
        for bone in children:
            lines += [f"{indent}JOINT {bone.name}", f"{indent}{{"]
            lines.append(f"{indent}  OFFSET {place[0]:.6f} {place[1]:.6f} 0")
            lines.append(f"{indent}  CHANNELS 3 Zrotation Xrotation Yrotation")
            lines += self._hierarchy(bone.name, offsets[bone.name], offsets, indent + "  ")
            lines.append(f"{indent}}}")
        if not children:
            x, y = place
            end = [f"{indent}End Site", f"{indent}{{", f"{indent}  OFFSET {x:.6f} {y:.6f} 0"]
            lines += [*end, f"{indent}}}"]
        return lines
