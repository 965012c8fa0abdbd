"""What the page of style-paths is written from, and what was published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from zscape.base import Codes
from zscape.data import Images
from zscape.studies.evidence import Row, Values, at_once, verdict_on
from zscape.studies.order import Order
from zscape.studies.style_fits import PAINTINGS, VIEWS, Fit, Scale, Where
from zscape.studies.style_views import LINEAR

TRAINING, HELD_OUT = "training", "held-out"
# Angles between first components that the report prints, in degrees, and what they are between directions.
PUBLISHED_ANGLES = {169: 11, 161: 19, 158: 22, 137: 43, 130: 50}
_SHARES = ("purity", "nmi", "linear probe", "nearest neighbours", "first share")
EXPLAINED = "explained"  # below 0 where a decoder does worse than the mean picture
_SIGNED = ("ari", "silhouette", "rho")


@dataclass(frozen=True)
class Evidence:
    """Everything the page is written from.

    Attributes:
        order: What was asked.
        scale: How much of it is done.
        data: Paintings and views.
        network: The network that sees pictures, in words.
        found: What was measured, by data, kind and seed.
    """

    order: Order
    scale: Scale
    data: Mapping[Where, Images]
    network: str
    found: Mapping[tuple[Where, str, int], Mapping[str, Any]]

    @property
    def classes(self) -> int:
        """Number of styles."""
        return len(np.unique(np.asarray(self.data[PAINTINGS].labels)))

    def of(self, where: Where, kind: str, *keys: str) -> list[Any]:
        """Something measured on the models of a kind, whatever it is, one a seed."""
        found: list[Any] = [self.found[where, kind, seed] for seed in self.scale.seeds]
        for key in keys:
            found = [each[key] for each in found]
        return found

    def values(self, where: Where, kind: str, *keys: str) -> np.ndarray:
        """A number measured on the models of a kind, one a seed."""
        return np.array(self.of(where, kind, *keys), dtype=float)

    def distances(self, kind: str, path: str, between: str, name: str) -> np.ndarray:
        """(seeds, objects) distances of the points of paths to the true views."""
        return np.array(self.of(VIEWS, kind, "quality", path, between, name), dtype=float)

    def gains(self, kind: str, path: str, between: str, name: str) -> np.ndarray:
        """(seeds, objects) by how much the points are nearer than those of straight paths."""
        return self.distances(kind, LINEAR, between, name) - self.distances(kind, path, between, name)

    def row(
        self,
        values: Values,
        setting: str,
        measure: str,
        *,
        n: int,
        verdict: str = "",
    ) -> Row:
        """A row over the seeds, its interval cut at what is possible."""
        low, high = 0.0, math.inf
        if measure.startswith("difference"):
            low = -math.inf
        elif measure.startswith(EXPLAINED):
            low, high = -math.inf, 1.0
        elif measure.startswith(_SIGNED):
            low, high = -1.0, 1.0
        elif measure.startswith(_SHARES):
            high = 1.0
        return Row.over(
            values,
            setting=setting,
            measure=measure,
            n=n,
            seeds=self.scale.seeds,
            verdict=verdict,
            within=(low, high),
        )

    def codes_of(self, part: str) -> int:
        """How many paintings a part has."""
        train = len(self.data[PAINTINGS].splits["train"])
        return train if part == TRAINING else len(self.data[PAINTINGS]) - train

    def run_of(self, where: Where, kind: str, seed: int) -> str:
        """Name of a run folder."""
        return Fit(where, kind, seed).name


def error_of_the_mean(data: Images) -> float:
    """Squared error, a mean over pixels in [0, 1], where each test picture is taken for the mean one.

    That is what a decoder reaches which makes the same of all codes.
    """
    train, test = (
        data.images[torch.from_numpy(data.splits[split])].double() / 255 for split in ("train", "test")
    )
    return float((test - train.mean(dim=0)).square().mean())


def parts_of(codes: Codes) -> dict[str, Codes]:
    """Codes that were trained on, and all others."""
    trained = codes.split == "train"
    return {TRAINING: codes.take(trained), HELD_OUT: codes.take(~trained)}


def verdict_of_gains(gains: np.ndarray) -> str:
    """What follows from gains by seed and object: they must hold over seeds and over objects.

    >>> verdict_of_gains(np.array([[0.1, 0.2, 0.3], [0.2, 0.2, 0.3]])), verdict_of_gains(-np.ones((1, 3)))
    ('holds', 'does not hold')
    """
    return at_once([verdict_on(gains.mean(axis=1)), verdict_on(gains.mean(axis=0))])
