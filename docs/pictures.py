"""Draw the pictures of the README and of the first page.

    python docs/pictures.py photograph
    python docs/pictures.py film street.avi --step 4

The photograph is Eileen Collins by NASA (1993, public domain), as scikit-image carries it (extra
`docs`). Of a film nothing is copied: skeletons are drawn on black. The committed one is of the
street that comes with OpenPose's examples, every fourth of 205 frames.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
from PIL import Image

import openpaf

PICTURES = Path(__file__).parent / "pictures"
WIDTH = 640
"""Of the film's drawing, px."""


def draw_photograph(path: Path) -> None:
    """Find the person in the photograph and draw the skeleton over it."""
    from skimage.data import astronaut

    frame = cv2.cvtColor(astronaut(), cv2.COLOR_RGB2BGR)
    poses = openpaf.Engine(looks="best").detect(frame)
    cv2.imwrite(str(path), poses.draw(frame), [cv2.IMWRITE_JPEG_QUALITY, 88])


def draw_film(path: Path, film: Path, step: int) -> None:
    """Follow the people of a film and draw their skeletons on black, as an animation."""
    engine = openpaf.Engine(spinning=False)
    pictures, times = [], []
    with engine.stream(film, step=step) as stream:
        for result in stream.results():
            drawn = openpaf.draw(result.frame, result.poses, on_black=True, color="person")
            height = round(drawn.shape[0] * WIDTH / drawn.shape[1])
            drawn = cv2.resize(drawn, (WIDTH, height), interpolation=cv2.INTER_AREA)
            pictures.append(Image.fromarray(cv2.cvtColor(drawn, cv2.COLOR_BGR2RGB)))
            times.append(result.time)
    milliseconds = round(1000 * (times[-1] - times[0]) / (len(times) - 1))
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=milliseconds, loop=0,
        quality=60, method=6,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    verbs = parser.add_subparsers(dest="what", required=True)
    verbs.add_parser("photograph")
    film = verbs.add_parser("film")
    film.add_argument("film", type=Path)
    film.add_argument("--step", type=int, default=4)
    given = parser.parse_args()
    PICTURES.mkdir(exist_ok=True)
    if given.what == "photograph":
        draw_photograph(PICTURES / "photograph.jpg")
    else:
        draw_film(PICTURES / "film.webp", given.film, given.step)


if __name__ == "__main__":
    main()
