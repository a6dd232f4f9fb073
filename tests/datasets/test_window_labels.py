"""Labelled windows: written small, and read back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from openpaf.datasets.window_label_file import (
    WindowLabelFile,
    WindowLabels,
    write_window_label_file,
)
from openpaf.errors import DatasetError
from openpaf.skeleton import FACE_70, HAND_21


def some(rng: np.random.Generator, count: int, parts: int = 21) -> WindowLabels:
    return WindowLabels(
        (512, 340),
        rng.uniform(-20, 520, (count, 2)),
        rng.uniform(16, 600, count),
        rng.uniform(-math.pi, math.pi, count),
        rng.uniform(size=count) < 0.5,
        rng.uniform(0, 1, count),
        rng.uniform(-0.5, 1.5, (count, parts, 2)),
    )


def test_the_file_gives_back_what_was_written(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = {"a/b.jpg": some(rng, 3), "nobody.jpg": some(rng, 0), "grün.jpg": some(rng, 1)}
    write_window_label_file(tmp_path / "x.npz", labels, HAND_21, {"teacher": "somebody"})
    file = WindowLabelFile(tmp_path / "x.npz")
    assert list(file) == list(labels) and len(file) == 3 and "a/b.jpg" in file
    assert file.recipe == {"teacher": "somebody"} and file.skeleton is HAND_21
    for name, one in file.items():
        wrote = labels[name]
        assert one.size == (512, 340) and len(one) == len(wrote)
        np.testing.assert_allclose(one.centres, wrote.centres, atol=1 / 16)
        np.testing.assert_allclose(one.sides, wrote.sides, atol=1 / 16)
        np.testing.assert_allclose(one.angles, wrote.angles, atol=1e-4)
        np.testing.assert_array_equal(one.mirrored, wrote.mirrored)
        np.testing.assert_allclose(one.presence, wrote.presence, atol=1 / 510)
        np.testing.assert_allclose(one.points, wrote.points, atol=1 / 2047)


def test_angles_are_kept_between_minus_pi_and_pi(tmp_path: Path, rng: np.random.Generator) -> None:
    labels = replace(some(rng, 2), angles=np.array([1.5 * math.pi, -3 * math.pi]))
    write_window_label_file(tmp_path / "x.npz", {"a": labels}, HAND_21, {})
    angles = WindowLabelFile(tmp_path / "x.npz")["a"].angles
    np.testing.assert_allclose(angles, [-math.pi / 2, -math.pi], atol=1e-4)


def test_nothing_at_all_is_a_file_too(tmp_path: Path) -> None:
    write_window_label_file(tmp_path / "x.npz", {}, FACE_70, {})
    assert not len(WindowLabelFile(tmp_path / "x.npz"))


def test_files_that_are_something_else_are_named(tmp_path: Path, rng: np.random.Generator) -> None:
    path = tmp_path / "x.npz"
    with pytest.raises(DatasetError, match="cannot be read: No such file"):
        WindowLabelFile(path)
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(DatasetError, match="no file of labels"):
        WindowLabelFile(path)
    np.savez(path, names=np.array([b"a"]))
    with pytest.raises(DatasetError, match="holds no windows"):
        WindowLabelFile(path)
    write_window_label_file(path, {"a.jpg": some(rng, 2)}, HAND_21, {})
    whole = dict(np.load(path))
    np.savez(path, **{**whole, "points": whole["points"][:, :, :14]})
    with pytest.raises(DatasetError, match="HAND_21, which has 21 parts"):
        WindowLabelFile(path)
    np.savez(path, **{**whole, "presence": whole["presence"][:1]})
    with pytest.raises(DatasetError, match=r"does not fit \['presence'\]"):
        WindowLabelFile(path)
    np.savez(path, **{**whole, "skeleton": np.array("PAW_9")})
    with pytest.raises(DatasetError, match="'PAW_9', which is no built-in"):
        WindowLabelFile(path)


def test_windows_that_are_too_large_are_not_written(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    labels = replace(some(rng, 1), sides=np.array([5000.0]))
    with pytest.raises(DatasetError, match="a.jpg has 5000 px"):
        write_window_label_file(tmp_path / "x.npz", {"a.jpg": labels}, HAND_21, {})
    assert not list(tmp_path.iterdir())
