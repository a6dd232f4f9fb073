"""Which pictures are meant, each once, and how their results are called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from openpaf.errors import OutputError, SourceError
from openpaf.files import fitting_name, refuse_to_replace, replacing
from openpaf.frame import to_frame
from openpaf.sources.listing import about_ids, find_pictures


def save(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(cv2.imencode(".png", np.zeros((4, 6, 3), np.uint8))[1]))
    return path


def names(*sources: object) -> list[str]:
    return [picture.path.name for picture in find_pictures([str(source) for source in sources])]


@pytest.mark.parametrize(
    "suffix", [".jfif", ".jpe", ".JPG", ".avif", ".heic", ".dib", ".jp2", ".apng", ".pnm"]
)
def test_every_suffix_that_browsers_and_cameras_give(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / f"a{suffix}")
    assert names(tmp_path) == names(tmp_path / "*") == [f"a{suffix}"]


def test_pictures_that_are_not_read_are_counted_aloud(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a.png", "b.CR2", "c.cr2", "d.psd", "notes.txt"):
        save(tmp_path / name)
    assert names(tmp_path) == ["a.png"]
    assert "2 .cr2, 1 .psd" in caplog.text and "txt" not in caplog.text


def test_links_that_lead_back_lead_nowhere(tmp_path: Path) -> None:
    save(tmp_path / "in" / "sub" / "a.png")
    for place in range(8):
        (tmp_path / "in" / "sub" / f"up{place}").symlink_to("..")
    assert names(tmp_path / "in" / "**" / "*.png") == ["a.png"]
    assert names(tmp_path / "in") == ["a.png"]


@pytest.mark.parametrize(
    ("sources", "stems"),
    [
        (["in/a/x.png", "in/b/x.png"], ["a/x", "b/x"]),
        (["in/a", "in/b"], ["a/x", "a/y", "b/x"]),
        (["in/*/x.png"], ["a/x", "b/x"]),
        (["in/a/x.png", "in/b/../../in/b/x.png", "in/c.png"], ["a/x", "b/x", "c"]),
        (["in"], ["a/x", "a/y", "b/x", "c"]),
        (["in/a/x.png", "in/a/y.png", "in/c.png"], ["x", "y", "c"]),
        (["in/a/x.png", "in/a/../a/x.png"], ["x", "x-2"]),
    ],
)
def test_pictures_of_one_name_keep_their_folders_apart(
    sources: list[str], stems: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/x.png", "a/y.png", "b/x.png", "c.png"):
        save(tmp_path / "in" / name)
    monkeypatch.chdir(tmp_path)
    assert [picture.stem.as_posix() for picture in find_pictures(sources)] == stems
    whole = [str(tmp_path / source) for source in sources]
    assert [picture.stem.as_posix() for picture in find_pictures(whole)] == stems


def test_globs_leave_hidden_files_out_unless_asked(tmp_path: Path) -> None:
    for name in ("a.png", ".b.png", ".c/d.png"):
        save(tmp_path / name)
    assert names(tmp_path / "**" / "*.png") == ["a.png"]
    assert names(tmp_path / ".*.png") == [".b.png"]


@pytest.mark.parametrize("pattern", ["%05d.png", "%5d.png", "%d.png"])
def test_numbered_pictures_come_by_their_numbers(tmp_path: Path, pattern: str) -> None:
    for number in (2, 10, 1):
        save(tmp_path / f"{number:05d}.png")
    save(tmp_path / "x00003.png")
    assert names(tmp_path / pattern) == ["00001.png", "00002.png", "00010.png"]
    assert names(save(tmp_path / "50%d.png")) == ["50%d.png"]


def test_what_was_drawn_is_not_read_again(tmp_path: Path) -> None:
    for name in ("a.png", "a_poses.jpg", "b_poses.jpg", "deep/c_poses.png"):
        save(tmp_path / name)
    (tmp_path / "a_keypoints.json").touch()
    (tmp_path / "deep" / "coco_results.json").touch()
    # Nothing beside b says that it is ours, and what is named outright is meant.
    assert names(tmp_path) == ["a.png", "b_poses.jpg"]
    assert names(tmp_path / "a_poses.jpg") == ["a_poses.jpg"]


@pytest.mark.parametrize("url", ["https://u:secret@host/a.jpg", "HTTP://host/a.jpg?key=secret"])
def test_urls_are_not_fetched(url: str) -> None:
    with pytest.raises(SourceError, match="://.*host/a.jpg.*not fetched") as error:
        find_pictures([url])
    assert "secret" not in str(error.value)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_folder_that_may_not_be_read_fails_on_its_own(tmp_path: Path) -> None:
    for name in ("shut/a.png", "open/shut/a.png", "open/b.png"):
        save(tmp_path / name)
    for folder in ("shut", "open/shut"):
        (tmp_path / folder).chmod(0)
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(0o755)
    os.seteuid(12345)
    try:
        found = find_pictures([str(tmp_path / "shut"), str(tmp_path / "open")])
        with pytest.raises(SourceError, match=r"shut cannot be read: Permission denied"):
            to_frame(found[0].path)
    finally:
        os.seteuid(0)
        for folder in ("shut", "open/shut"):
            (tmp_path / folder).chmod(0o755)
    assert [picture.path.name for picture in found] == ["shut", "b.png", "shut"]


@pytest.mark.parametrize("letter", ["c", "ü", "字"])
def test_long_names_leave_room_for_what_is_put_behind_them(tmp_path: Path, letter: str) -> None:
    stem = letter * ((251 // len(letter.encode())) - 1)
    for end in "ab":
        save(tmp_path / f"{stem}{end}.png")
    stems = [picture.stem.name for picture in find_pictures([str(tmp_path)])]
    assert len(set(stems)) == 2
    for stem in stems:
        with replacing(tmp_path / f"{stem}_keypoints.json") as partial:
            partial.touch()
    assert fitting_name("short", 20) == "short"


@pytest.mark.parametrize(
    ("names", "odd"),
    [
        (["a_007.jpg", "b.jpg", "c_008.jpg"], "b.jpg"),
        (["a1.jpg", "b1.jpg"], "b1.jpg"),
        (["a.jpg", "b.jpg"], None),
        (["a1.jpg", "b2.jpg"], None),
    ],
)
def test_the_name_because_of_which_numbers_are_none_is_told(
    names: list[str], odd: str | None
) -> None:
    about = about_ids(find_pictures(names))
    assert (about is None) if odd is None else (about is not None and f" {odd} has no" in about)


@pytest.mark.parametrize("how", ["path", "symlink", "hard link", "folder link", "dots"])
def test_an_output_that_is_an_input_is_refused_by_any_name(tmp_path: Path, how: str) -> None:
    source = save(tmp_path / "in" / "a.png")
    other = tmp_path / "b.png"
    if how == "path":
        other = source
    elif how == "symlink":
        other.symlink_to(source)
    elif how == "hard link":
        other.hardlink_to(source)
    elif how == "folder link":
        (tmp_path / "link").symlink_to(tmp_path / "in")
        other = tmp_path / "link" / "a.png"
    else:
        other = tmp_path / "in" / ".." / "in" / "a.png"
    with pytest.raises(OutputError, match="would replace an input"):
        refuse_to_replace([source], [tmp_path / "fine.png", other])
    refuse_to_replace([source], [Path(shutil.copy(source, tmp_path / "copy.png"))])


def test_urls_made_paths_by_mistake_are_told_without_their_secrets() -> None:
    for source in ("rtsp://u:secret@host/a.jpg", Path("rtsp://u:secret@host/a.jpg")):
        with pytest.raises(SourceError, match=r"rtsp://u:\*\*\*@host/a\.jpg is a url"):
            to_frame(source)
