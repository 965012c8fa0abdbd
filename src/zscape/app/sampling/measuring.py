"""Measure a set beside independent sets of the same size."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from zscape import drawing, energy
from zscape.app import console
from zscape.app.sampling.drawing import Drawn, Points
from zscape.app.sampling.source import Source
from zscape.app.stored import samples_of
from zscape.base import Data
from zscape.measure import mean_cosine_similarity, mean_pairwise_distance, nearest_distances, vendi_score

TRIALS = 20
_UNIT = "latent units"


@dataclass(frozen=True)
class Measured:
    """A measure of a set, and its mean and range over independent sets of the same size, or None."""

    name: str
    value: float
    unit: str
    definition: str
    iid_mean: float | None = None
    iid_low: float | None = None
    iid_high: float | None = None


@dataclass(frozen=True)
class Compared:
    """Measures of a set.

    Attributes:
        measures: Each of them; none of a large set.
        beside: What their means and ranges are of; empty where there are none.
    """

    measures: tuple[Measured, ...] = ()
    beside: str = ""


def measure(source: Source, drawn: Drawn, originals: Data | None, told: console.Told) -> Compared:
    """Each measure of the set beside its range over independent sets.

    Args:
        source: What the set was drawn from.
        drawn: The set.
        originals: The data set, of which chosen rows are measured as they are shown; None for new codes.
        told: Called with sets measured, sets in all, and words.
    """
    ruler = _Ruler(source, drawn.origin.target, originals)
    own = ruler.values(drawn.points)
    if source.asked.method == "iid":
        return Compared(tuple(own.values()))
    trials = []
    for trial in range(TRIALS):
        told(trial, TRIALS, "independent sets to compare with")
        trials.append(ruler.values(drawn.origin.independent(source.asked.seed + trial)))
    compared = tuple(_beside(measured, trials) for measured in own.values())
    return Compared(compared, f"{TRIALS} {drawn.origin.others}")


def _beside(measured: Measured, trials: list[dict[str, Measured]]) -> Measured:
    # A set with a black picture has no cosine similarity, so not every measure is there every time.
    others = [trial[measured.name].value for trial in trials if measured.name in trial]
    if not others:
        return measured
    return replace(measured, iid_mean=float(np.mean(others)), iid_low=min(others), iid_high=max(others))


class _Ruler:
    """Measures sets against one target; what belongs to the target alone is computed once."""

    def __init__(self, source: Source, target: np.ndarray | int, originals: Data | None) -> None:
        self._run, self._kept, self._temperature = source.run, source.kept, source.temperature
        self._originals = originals
        self._target = target if isinstance(target, int) else energy.Cloud(target)
        self._spread = 0.0 if isinstance(self._target, int) else self._target.spread()
        self._named = (
            "the prior N(0, I)" if isinstance(target, int) else f"{len(target):,} codes of the target"
        )

    def values(self, points: Points) -> dict[str, Measured]:
        """What can be said of a set of codes, by name."""
        return {measured.name: measured for measured in [*self._of_codes(points.z), *self._of_images(points)]}

    def _of_codes(self, z: np.ndarray) -> list[Measured]:
        radius = float(np.linalg.norm(z, axis=1).mean())
        found = [*self._distances(z), Measured("mean radius", radius, _UNIT, "mean distance of codes from 0")]
        if len(z) < 2:
            return found
        between = mean_pairwise_distance(z)
        return [*found, Measured("mean distance between codes", between.value, _UNIT, between.definition)]

    def _of_images(self, points: Points) -> list[Measured]:
        """Of the pictures that are shown."""
        if len(points.z) < 2:
            return []
        images = self._images(points).reshape(len(points.z), -1)
        if not np.linalg.norm(images, axis=1).all():
            return []
        what = "bitmaps" if self._run.of_drawings else "pictures"
        origin = (
            "decoded from the codes" if self._originals is None else "of the rows, as they are in the data"
        )
        cosine, vendi = mean_cosine_similarity(images), vendi_score(images)
        return [
            Measured(
                f"mean cosine similarity of {what}", cosine.value, "", f"{cosine.definition}; {what} {origin}"
            ),
            Measured(
                f"Vendi score of {what}",
                vendi.value,
                f"of {len(images)}",
                f"{vendi.definition}; {what} {origin}",
            ),
        ]

    def _images(self, points: Points) -> np.ndarray:
        """What is shown of the codes; of drawings the ink, since the paper is the same in all."""
        drawings = self._run.of_drawings
        if self._originals is None or points.rows is None:
            if drawings:
                return 1 - self._run.pictures(points.z, temperature=self._temperature)
            return self._run.decode(points.z)
        shown = samples_of(self._originals, points.rows)
        return 1 - drawing.bitmaps(shown) if drawings else shown

    def _distances(self, z: np.ndarray) -> list[Measured]:
        how = f"mean distance to {self._named}, less half the mean distances within the set and the target"
        if self._kept is None:
            return [Measured("squared energy distance to the target", self._to_target(z), _UNIT, how)]
        kept = self._kept.points
        together = self._to_target(np.concatenate([kept, z]))
        nearest = float(nearest_distances(kept, z).mean())
        return [
            Measured(
                "squared energy distance to the target, with those avoided",
                together,
                _UNIT,
                f"{how}; the set and the {len(kept):,} avoided codes together",
            ),
            Measured(
                "mean distance to the nearest avoided",
                nearest,
                _UNIT,
                f"mean over the set of the distance to the nearest of {len(kept):,} avoided codes",
            ),
        ]

    def _to_target(self, z: np.ndarray) -> float:
        if isinstance(self._target, int):
            return energy.distance(z, self._target)
        return float(self._target.potential(z).mean()) - (energy.spread(z) + self._spread) / 2
