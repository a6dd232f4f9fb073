"""Cut the photographs that a file of labels names out of a clone of their repository.

    python weights/labels/photographs.py weights/labels/har.npz mirrors/har data/har

They are called after the first 14 digits of the id that git gives the file, or after COCO's number;
longest side at most 512 px, JPEG of quality 85. Typed again it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2

from openpaf.datasets.label_file import LabelFile
from openpaf.errors import OpenPafError
from openpaf.files import replacing
from openpaf.frame import decode_picture

_DIGITS = 14
_QUALITY = 85


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labels", type=Path, help="an .npz of labels")
    parser.add_argument("mirror", type=Path, help="a clone of the repository")
    parser.add_argument("out", type=Path, help="folder of the photographs")
    parser.add_argument("--commit", default="HEAD", help="commit that the README names")
    options = parser.parse_args()
    try:
        made, lost = cut(options.labels, options.mirror, options.out, options.commit)
    except OpenPafError as error:
        sys.exit(str(error))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"{options.mirror} is not a clone with {options.commit}: {error}")
    print(f"{made} photographs in {options.out}, {len(lost)} not found {' '.join(lost[:3])}")


def cut(labels: Path, mirror: Path, out: Path, commit: str) -> tuple[int, list[str]]:
    """Cut what is named; give how many there are now, and the names of those that are not there."""
    file = LabelFile(labels)
    blobs: dict[str, str] = {}
    for name, blob in _names(mirror, commit):
        # Of several copies of one photograph the first was taken.
        blobs.setdefault(name, blob)
    made, lost = 0, list[str]()
    for name, one in file.items():
        if not (out / name).is_file():
            if name not in blobs:
                lost.append(name)
                continue
            raw = _git(mirror, "cat-file", "blob", blobs[name])
            frame = decode_picture(raw, name)
            if (frame.shape[1], frame.shape[0]) != one.size:
                frame = cv2.resize(frame, one.size, interpolation=cv2.INTER_AREA)
            with replacing(out / name) as partial:
                cv2.imwrite(str(partial), frame, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        made += 1
    return made, lost


def _names(mirror: Path, commit: str) -> Iterator[tuple[str, str]]:
    """Every name a file of the repository may have here, and its blob."""
    for line in _git(mirror, "ls-tree", "-r", "-z", commit).decode().split("\0"):
        head, _, path = line.partition("\t")
        if not path:
            continue
        blob = head.split()[2]
        yield f"{blob[:_DIGITS]}.jpg", blob
        number = re.search(r"(\d{12})(?:_jpg\.rf\.\w+)?\.jpg$", path)
        if number:
            yield f"coco_{number[1]}.jpg", blob


def _git(mirror: Path, *words: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(mirror), *words], stdout=subprocess.PIPE, check=True
    ).stdout


if __name__ == "__main__":
    main()
