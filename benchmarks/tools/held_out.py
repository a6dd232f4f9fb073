"""Pictures that recipes keep out of training, unpacked to be measured on."""

from __future__ import annotations

import json
import tarfile
from importlib import resources
from pathlib import Path

from openpaf.evaluate import KeypointFolder, read_folder


def unpack(data: Path, name: str, listed: str, folder: Path, *, others: int = 0) -> KeypointFolder:
    """Those pictures of `<name>.json` and `<name>.tar` that a list of the recipes names.

    Parameters
    ----------
    data : Path
        Holds both files.
    name, listed : str
        The list is one of `openpaf/train/recipes`.
    folder : Path
        Where they go, once.
    others : int
        So many that it does not name instead.
    """
    text = (resources.files("openpaf.train") / "recipes" / listed).read_text("utf-8")
    names = set(text.split())
    content = json.loads((data / f"{name}.json").read_text("utf-8"))
    if others:
        unlisted = [i["file_name"] for i in content["images"] if i["file_name"] not in names]
        names = set(unlisted[:others])
    images = [image for image in content["images"] if image["file_name"] in names]
    ids = {image["id"] for image in images}
    people = [one for one in content["annotations"] if one["image_id"] in ids]
    pictures = folder / "images"
    if not pictures.is_dir():
        pictures.mkdir(parents=True)
        with tarfile.open(data / f"{name}.tar") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name in names else None
                if file is not None:
                    (pictures / member.name).write_bytes(file.read())
    kept = content | {"images": images, "annotations": people}
    (folder / "person_keypoints.json").write_text(json.dumps(kept), "utf-8")
    return read_folder(folder)
