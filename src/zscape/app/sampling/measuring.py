"""Measure a set beside independent sets of the same size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zscape import energy
from zscape.app import console
from zscape.app.sampling.drawing import Drawn
from zscape.app.sampling.source import Source
from zscape.measure import mean_cosine_similarity, mean_pairwise_distance, nearest_distances, vendi_score

TRIALS = 20
_UNIT = "latent units"

# Name to value and unit.
Values = dict[str, tuple[float, str]]


@dataclass(frozen=True)
class Measured:
    """A measure of a set, and its mean and range over independent sets of the same size, or None."""

    name: str
    value: float
    unit: str
    iid_mean: float | None = None
    iid_low: float | None = None
    iid_high: float | None = None


def measure(source: Source, drawn: Drawn, told: console.Told) -> list[Measured]:
    """Each measure of the set beside its range over independent sets."""
    ruler = _Ruler(source, drawn.origin.target)
    own = ruler.values(drawn.z)
    if source.asked.method == "iid":
        return [Measured(name, value, unit) for name, (value, unit) in own.items()]
    trials = []
    for trial in range(TRIALS):
        told(trial, TRIALS, "independent sets to compare with")
        trials.append(ruler.values(drawn.origin.independent(source.asked.seed + trial)))
    return [Measured(name, value, unit, *_range(name, trials)) for name, (value, unit) in own.items()]


def _range(name: str, trials: list[Values]) -> tuple[float | None, float | None, float | None]:
    # A set with a black picture has no cosine similarity, so not every measure is there every time.
    others = [trial[name][0] for trial in trials if name in trial]
    return (float(np.mean(others)), min(others), max(others)) if others else (None, None, None)


class _Ruler:
    """Measures sets against one target; what belongs to the target alone is computed once."""

    def __init__(self, source: Source, target: np.ndarray | int) -> None:
        self._run, self._kept, self._temperature = source.run, source.kept, source.temperature
        self._target = target if isinstance(target, int) else energy.Cloud(target)
        self._spread = 0.0 if isinstance(self._target, int) else self._target.spread()

    def values(self, z: np.ndarray) -> Values:
        """What can be said of a set of codes."""
        found = self._distances(z)
        found["mean radius"] = (float(np.linalg.norm(z, axis=1).mean()), _UNIT)
        if len(z) < 2:
            return found
        found["mean distance between codes"] = (mean_pairwise_distance(z).value, _UNIT)
        images, what = self._images(z).reshape(len(z), -1), "bitmaps" if self._run.of_drawings else "pictures"
        if np.linalg.norm(images, axis=1).all():
            found[f"mean cosine similarity of {what}"] = (mean_cosine_similarity(images).value, "")
            found[f"Vendi score of {what}"] = (vendi_score(images).value, f"of {len(z)}")
        return found

    def _images(self, z: np.ndarray) -> np.ndarray:
        """Decoded pictures; of drawings their ink, since the paper is the same in all."""
        if self._run.of_drawings:
            return 1 - self._run.pictures(z, temperature=self._temperature)
        return self._run.decode(z)

    def _distances(self, z: np.ndarray) -> Values:
        if self._kept is None:
            return {"squared energy distance to the target": (self._to_target(z), _UNIT)}
        kept = self._kept.points
        together = self._to_target(np.concatenate([kept, z]))
        return {
            "squared energy distance to the target, with those avoided": (together, _UNIT),
            "mean distance to the nearest avoided": (float(nearest_distances(kept, z).mean()), _UNIT),
        }

    def _to_target(self, z: np.ndarray) -> float:
        if isinstance(self._target, int):
            return energy.distance(z, self._target)
        return float(self._target.potential(z).mean()) - (energy.spread(z) + self._spread) / 2
