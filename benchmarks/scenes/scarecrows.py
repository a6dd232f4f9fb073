"""Pictures of drawn scarecrows with labels, to see how a skeleton of one's own is trained.

    python -m benchmarks.scenes.scarecrows scarecrows

draws into the folder what docs/skeletons.md works with: `train` and `held-out` with pictures and
COCO keypoint JSON, the skeleton `scarecrow.toml`, and `small.toml`, a recipe for a small network.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

PARTS = ("hat", "neck", "left_glove", "right_glove", "belt", "left_boot", "right_boot")
LIMBS = ((1, 0), (1, 2), (1, 3), (1, 4), (4, 5), (4, 6))
SIDE = 192
FIGURE = (70, 150)

SKELETON = """\
name = "scarecrow"
parts = ["hat", "neck", "left_glove", "right_glove", "belt", "left_boot", "right_boot"]
limbs = [
    ["neck", "hat"],
    ["neck", "left_glove"],
    ["neck", "right_glove"],
    ["neck", "belt"],
    ["belt", "left_boot"],
    ["belt", "right_boot"],
]

[sigmas]
hat = 0.05
"""

RECIPE = """\
crop = 128
images = 6_000
batch = 8
rate = 2e-3
person_size = [0.45, 1.0]
rotation = 10.0
mosaic = 0.0
cut_paste = 0.0

[network]
skeleton = "scarecrow.toml"
backbone = "vgg19"
width = 0.125
paf_width = 32
paf_blocks = 2
map_width = 32
map_blocks = 2
hidden = 32

[[sets]]
annotations = "train/figures.json"
images = ["train/images"]
"""

Frame = NDArray[np.uint8]
Floats = NDArray[np.float64]


def scarecrow(rng: np.random.Generator) -> Floats:
    """(7, 2) parts of one, upright and seen from the front: its left is the picture's right."""
    arms = np.radians(rng.uniform(-25, 25, 2))
    legs = np.radians(rng.uniform(5, 25, 2))
    neck, belt = np.array([0.0, -0.28]), np.array([0.0, 0.1])
    gloves = [neck + 0.36 * np.array([s * np.cos(a), np.sin(a)]) for s, a in zip((1, -1), arms)]
    boots = [belt + 0.4 * np.array([s * np.sin(a), np.cos(a)]) for s, a in zip((1, -1), legs)]
    lean = np.radians(rng.uniform(-8, 8))
    turn = np.array([[np.cos(lean), -np.sin(lean)], [np.sin(lean), np.cos(lean)]])
    parts = np.array([[0.0, -0.5], neck, *gloves, belt, *boots])
    turned: Floats = parts @ turn.T
    return turned


def background(rng: np.random.Generator) -> Frame:
    """Noise of several sizes, and lines and dots that are nothing."""
    frame = np.full((SIDE, SIDE, 3), rng.uniform(60, 190, 3))
    for cells in (4, 12, 48, SIDE):
        noise = rng.normal(0, 14, (cells, cells, 3))
        frame += cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    canvas = np.clip(frame, 0, 255).astype(np.uint8)
    for _ in range(8):
        a, b = rng.integers(0, SIDE, (2, 2)).tolist()
        cv2.line(canvas, a, b, rng.integers(0, 256, 3).tolist(), int(rng.integers(1, 5)))
        cv2.circle(canvas, a, int(rng.integers(2, 7)), rng.integers(0, 256, 3).tolist(), -1)
    return canvas


def paint(canvas: Frame, parts: Floats, height: float, rng: np.random.Generator) -> None:
    """Draw one over what is there."""
    at = [tuple(int(v) for v in part) for part in parts.round()]
    coat, trousers, hat, skin = (rng.integers(0, 256, 3).tolist() for _ in range(4))
    width = max(3, round(height / 14))
    for a, b in LIMBS[1:]:
        color = trousers if a == 4 else coat
        cv2.line(canvas, at[a], at[b], color, width, cv2.LINE_AA)
    for part in (2, 3):
        cv2.circle(canvas, at[part], width, (40, 200, 240), -1, cv2.LINE_AA)
    for part in (5, 6):
        cv2.circle(canvas, at[part], width, (30, 40, 60), -1, cv2.LINE_AA)
    cv2.circle(canvas, at[4], round(0.7 * width), (240, 240, 240), -1, cv2.LINE_AA)
    middle = (parts[0] + parts[1]) / 2
    cv2.circle(canvas, tuple(int(v) for v in middle), round(1.2 * width), skin, -1, cv2.LINE_AA)
    across = np.array([parts[1, 1] - parts[0, 1], parts[0, 0] - parts[1, 0]])
    brim = parts[0] + 0.35 * (parts[1] - parts[0])
    corners = np.array([parts[0], brim + 0.6 * across, brim - 0.6 * across]).round()
    cv2.fillPoly(canvas, [corners.astype(np.int32)], hat, cv2.LINE_AA)


def place(rng: np.random.Generator, taken: list[Floats]) -> tuple[Floats, float] | None:
    """Parts of a further one in px, and its height, where there is room."""
    for _ in range(20):
        height = float(np.exp(rng.uniform(*np.log(FIGURE))))
        parts = scarecrow(rng) * height + rng.uniform(0.4 * height, SIDE - 0.4 * height, 2)
        box = np.concatenate([parts.min(axis=0), parts.max(axis=0)])
        inside = box[:2].min() > 4 and box[2:].max() < SIDE - 5
        if inside and all(_overlap(box, other) < 0.15 for other in taken):
            taken.append(box)
            return parts, height
    return None


def _overlap(a: Floats, b: Floats) -> float:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.maximum(sides, 0)))
    return shared / min(float(np.prod(box[2:] - box[:2])) for box in (a, b))


def draw_folder(folder: Path, pictures: int, seed: int) -> None:
    """Write pictures of one to three scarecrows each, and their labels as `figures.json`."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    skeleton = [[a + 1, b + 1] for a, b in LIMBS]
    content: dict[str, Any] = {
        "images": [],
        "annotations": [],
        "categories": [{"id": 1, "name": "scarecrow", "keypoints": [*PARTS], "skeleton": skeleton}],
    }
    for number in range(pictures):
        rng = np.random.default_rng([seed, number])
        canvas, taken = background(rng), []
        for _ in range(rng.integers(1, 4)):
            placed = place(rng, taken)
            if placed is not None:
                paint(canvas, *placed, rng)
                content["annotations"].append(_annotation(placed[0], number, content))
        name = f"{number:04d}.png"
        cv2.imwrite(str(folder / "images" / name), canvas)
        size = {"width": SIDE, "height": SIDE}
        content["images"].append({"id": number, "file_name": name, **size})
    (folder / "figures.json").write_text(json.dumps(content), "utf-8")


def _annotation(parts: Floats, image: int, content: dict[str, Any]) -> dict[str, Any]:
    low, high = parts.min(axis=0), parts.max(axis=0)
    width, height = (high - low).tolist()
    return {
        "id": len(content["annotations"]) + 1,
        "image_id": image,
        "category_id": 1,
        "keypoints": np.column_stack([parts.round(1), np.full(len(parts), 2)]).ravel().tolist(),
        "num_keypoints": len(parts),
        "bbox": [*low.round(1).tolist(), round(width, 1), round(height, 1)],
        "area": round(0.5 * width * height, 1),
        "iscrowd": 0,
    }


def main(
    folder: Annotated[Path, typer.Argument(help="Where to draw.")],
    pictures: Annotated[int, typer.Option(min=1, help="Pictures to learn from.")] = 300,
    held_out: Annotated[int, typer.Option(min=1, help="Pictures to measure on.")] = 60,
) -> None:
    """Draw scarecrows, and write their skeleton and a recipe beside them."""
    draw_folder(folder / "train", pictures, seed=1)
    draw_folder(folder / "held-out", held_out, seed=2)
    (folder / "scarecrow.toml").write_text(SKELETON, "utf-8")
    (folder / "small.toml").write_text(RECIPE, "utf-8")


if __name__ == "__main__":
    typer.run(main)
