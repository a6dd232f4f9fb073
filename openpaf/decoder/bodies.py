"""Where a missing part may be: a Gaussian over the shapes of bodies, given the parts found."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from openpaf.skeleton import Skeleton

Floats = NDArray[np.float64]

FILE = "bodies.json"
"""Beside this module; `python -m benchmarks.bodies` writes it."""

# Of a body's size: how far labels and peaks lie off anyhow.
_NOISE = 0.03
_FEWEST_PARTS = 3
_ROUNDS = 20


@dataclass(frozen=True, eq=False)
class Bodies:
    """Shapes of upright and sitting bodies, centred and of one size; x apart from y.

    Attributes
    ----------
    mean : (K, 2) float64
        Parts of the mean body; its root mean square distance from the centre is 1.
    covariance : (2, K, K) float64
        Of x, and of y.
    known : (K,) bool
        Parts of the skeleton that are in the data.
    """

    mean: Floats
    covariance: Floats
    known: NDArray[np.bool_]

    def expect(self, keypoints: Floats) -> tuple[Floats, Floats] | None:
        """Where the parts of a body are to be expected.

        Size and place of the body are those that make the parts found most likely.

        Parameters
        ----------
        keypoints : (K, 2) float64
            NaN where a part is missing.

        Returns
        -------
        mean, deviation : (K, 2) float64
            In the unit of the keypoints; None where too little was found to say anything.
        """
        found = self.known & ~np.isnan(keypoints[:, 0])
        if found.sum() < _FEWEST_PARTS:
            return None
        inverses = [self._inverse(axis, found) for axis in (0, 1)]
        size, shift = self._fit(keypoints[found], self.mean[found], inverses)
        if size <= 0:
            return None
        mean, deviation = np.empty_like(self.mean), np.empty_like(self.mean)
        for axis, inverse in enumerate(inverses):
            to_found = self.covariance[axis][:, found]
            gain = to_found @ inverse
            plain = size * self.mean[:, axis] + shift[axis]
            mean[:, axis] = plain + gain @ (keypoints[found, axis] - plain[found])
            variance = np.diag(self.covariance[axis]) - (gain * to_found).sum(axis=1)
            deviation[:, axis] = size * np.sqrt(np.maximum(variance, 0) + _NOISE**2)
        return mean, deviation

    def _inverse(self, axis: int, found: NDArray[np.bool_]) -> Floats:
        covariance = self.covariance[axis][np.ix_(found, found)]
        inverse: Floats = np.linalg.inv(covariance + _NOISE**2 * np.eye(len(covariance)))
        return inverse

    @staticmethod
    def _fit(points: Floats, mean: Floats, inverses: Sequence[Floats]) -> tuple[float, Floats]:
        """Size and (2,) shift of the mean body by generalized least squares."""
        normal, right = np.zeros((3, 3)), np.zeros(3)
        for axis, inverse in enumerate(inverses):
            columns = np.zeros((len(mean), 3))
            columns[:, 0], columns[:, 1 + axis] = mean[:, axis], 1
            normal += columns.T @ inverse @ columns
            right += columns.T @ inverse @ points[:, axis]
        size, *shift = np.linalg.lstsq(normal, right, rcond=None)[0]
        return float(size), np.array(shift)


def fit_bodies(people: Floats, flip: Sequence[int]) -> tuple[Floats, Floats]:
    """Mean and covariance of people and their mirror images, parts that are missing filled in.

    Starts from those of whom everything is known; then the missing parts of the others are put
    where these make one expect them, as unsure as that is, again and again.

    Parameters
    ----------
    people : (P, K, 2) float64
        NaN where a part is missing.
    flip : (K,) int
        For each part, the part it becomes in a mirrored frame.

    Returns
    -------
    mean : (K, 2) float64
    covariance : (2, K, K) float64
    """
    people = np.concatenate([people, people[:, flip] * (-1, 1)])
    whole = ~np.isnan(people).any(axis=(1, 2))
    mean, covariance = _moments(people[whole], np.zeros_like(people[whole]))
    for _ in range(_ROUNDS):
        guess = Bodies(mean, covariance, np.ones(people.shape[1], bool))
        filled, spread = people.copy(), np.zeros_like(people)
        kept = np.ones(len(people), bool)
        for n in np.flatnonzero(~whole):
            expected = guess.expect(people[n])
            if expected is None:
                kept[n] = False
                continue
            missing = np.isnan(people[n])
            filled[n][missing] = expected[0][missing]
            spread[n][missing] = expected[1][missing]
        mean, covariance = _moments(filled[kept], spread[kept])
    return mean, covariance


def _moments(people: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Mean and covariance of people brought to one place and size."""
    people = people - people.mean(axis=1, keepdims=True)
    sizes = np.sqrt((people**2).sum(axis=2).mean(axis=1))[:, None, None]
    people, unsure = people / sizes, ((spread / sizes) ** 2).mean(axis=0)
    covariance = [np.cov(people[..., axis].T) + np.diag(unsure[:, axis]) for axis in (0, 1)]
    return people.mean(axis=0), np.stack(covariance)


@cache
def bodies(skeleton: Skeleton) -> Bodies:
    """Shapes of bodies in the parts of a skeleton, by name."""
    text = (resources.files("openpaf.decoder") / FILE).read_text("utf-8")
    values = json.loads(text)
    place = {part: n for n, part in enumerate(values["parts"])}
    places = np.array([place.get(part, 0) for part in skeleton.parts])
    return Bodies(
        np.array(values["mean"])[places],
        np.array(values["covariance"])[:, places][:, :, places],
        np.array([part in place and skeleton.is_body for part in skeleton.parts]),
    )
