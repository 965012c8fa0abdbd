"""What the page of sparse-disentanglement is written from, and what was published."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zscape.data import Images
from zscape.studies.evidence import Row, Values
from zscape.studies.order import Order
from zscape.studies.sparse_fits import BETA, VAE, Fit, Scale

# All cells of the paper's tables that are at hand, of dSprites.
PUBLISHED = {
    (VAE, "mig_hist"): 1.6e-8,
    (VAE, "aam_hist"): 0.20,
    (BETA, "mig_hist"): 0.4,
    (BETA, "aam_hist"): 2.8e-8,
}
PUBLISHED_PSNR = 64.25
# What may be below 0, and what may be above 1.
_FREE = ("nll", "difference")
_LARGE = (*_FREE, "kl", "sparsity", "active", "PSNR", "feature", "time")


@dataclass(frozen=True)
class Evidence:
    """Everything the page is written from.

    Attributes:
        order: What was asked.
        scale: How much of it is done.
        data: The pictures.
        network: The network that sees pictures, in words.
        found: What was measured, by kind and seed.
    """

    order: Order
    scale: Scale
    data: Images
    network: str
    found: Mapping[tuple[str, int], Mapping[str, Any]]

    def values(self, kind: str, measure: str) -> np.ndarray:
        """Something measured on the models of a kind, a value a seed."""
        return np.array([self.found[kind, seed][measure] for seed in self.scale.seeds], dtype=float)

    def gains(self, kind: str, base: str, measure: str) -> np.ndarray:
        """How much more it is than of another kind, paired by seed."""
        return self.values(kind, measure) - self.values(base, measure)

    def row(self, values: Values, kind: str, measure: str, *, held_out: bool, verdict: str = "") -> Row:
        """A row over the seeds, of test pictures or of all rows."""
        low = -math.inf if measure.startswith(_FREE) else 0.0
        high = math.inf if measure.startswith(_LARGE) else 1.0
        return Row.over(
            values,
            setting=kind,
            measure=measure,
            n=len(self.data.splits["test"]) if held_out else len(self.data),
            seeds=self.scale.seeds,
            paper=self._published(kind, measure),
            verdict=verdict,
            within=(low, high),
        )

    def run_of(self, kind: str, seed: int) -> str:
        """Name of a run folder."""
        return Fit(kind, seed).name

    def _published(self, kind: str, measure: str) -> float | None:
        """The paper's number, where the data are the paper's."""
        return PUBLISHED.get((kind, measure)) if self.scale.data.startswith("dsprites") else None
