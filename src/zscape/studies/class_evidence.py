"""What the pages of class-generation are written from: its models, what was measured on them, their names."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from zscape.data import Images
from zscape.studies import class_measures as measures
from zscape.studies.evidence import Row, Values
from zscape.studies.order import Order

# The best that is published.
PAPER = {"cosine": 0.8168, "accuracy": 0.9960}
KINDS = {"mmd": "MMD", "elbo": "ELBO"}
MEASURES = {
    "objective": "objective",
    "cosine": "cosine similarity",
    "accuracy": "accuracy, scoring judge",
    "tuning accuracy": "accuracy, tuning judge",
}
# What lies between 0 and 1; the cosine does for pictures, whose pixels are not negative.
_SHARES = tuple(MEASURES[name] for name in ("cosine", "accuracy", "tuning accuracy"))


@dataclass(frozen=True)
class Model:
    """What was measured on one model.

    Attributes:
        kind: "mmd" or "elbo".
        latent: Number of latent dimensions.
        seed: Of its fit.
        subject: The model with its judges.
        found: What `class_measures.measured` gave.
    """

    kind: str
    latent: int
    seed: int
    subject: measures.Subject
    found: dict[str, Any]

    def tuned(self, method: str, weight: float) -> dict[str, Any]:
        """What one method came to at one weight."""
        return next(each for each in self.found["fronts"][method] if each["weight"] == weight)


@dataclass(frozen=True)
class Evidence:
    """Everything the page is written from.

    Attributes:
        order: What was asked.
        scale: How much of it is done.
        data: The data set.
        models: Every model, by size, kind and seed.
    """

    order: Order
    scale: measures.Scale
    data: Images
    models: list[Model]

    def of(self, kind: str, latent: int) -> list[Model]:
        """The models of one kind and size, a seed each."""
        return [each for each in self.models if (each.kind, each.latent) == (kind, latent)]

    def curve(self, kind: str, latent: int, method: str) -> list[list[dict[str, float]]]:
        """Scores of a method along theta, or along the cut, without tuning; a list a seed."""
        return [each.found["curves"][method] for each in self.of(kind, latent)]

    def front(self, kind: str, latent: int, method: str) -> list[list[dict[str, Any]]]:
        """What a method came to along the weight of the error; a list a seed."""
        return [each.found["fronts"][method] for each in self.of(kind, latent)]

    @property
    def cells(self) -> list[tuple[int, str]]:
        """Sizes and kinds, in the order of tables."""
        return [(latent, kind) for latent in self.scale.latents for kind in KINDS]

    @property
    def middle(self) -> int:
        """The size that is looked at closely: ten, as in the paper, or the largest."""
        return 10 if 10 in self.scale.latents else max(self.scale.latents)

    def by_seed(self, value: Callable[[Model], float]) -> np.ndarray:
        """Mean over sizes and kinds of something measured on each model, a value a seed."""
        return np.array(
            [np.mean([value(each) for each in self.models if each.seed == seed]) for seed in self.scale.seeds]
        )

    @property
    def pictures(self) -> int:
        """Pictures that a score of one model and method is of."""
        return self.scale.fresh * len(self.models[0].subject.tuning.classes_)

    @property
    def pictures_of_all(self) -> int:
        """The same of all sizes and kinds of one seed together."""
        return self.pictures * len(self.cells)

    def row(
        self,
        values: Values,
        setting: str,
        measure: str,
        *,
        n: int | None = None,
        paper: float | None = None,
        verdict: str = "",
    ) -> Row:
        """A row over the seeds of this study, each value of `n` pictures or fits; by default of one score."""
        n = self.pictures if n is None else n
        return Row.over(
            values,
            setting=setting,
            measure=measure,
            n=n,
            seeds=self.scale.seeds,
            paper=paper,
            verdict=verdict,
            within=(0.0, 1.0) if measure in _SHARES else (-math.inf, math.inf),
        )


def name_of(kind: str, latent: int) -> str:
    """A kind and size as tables have it."""
    return f"{KINDS[kind]}, D = {latent}"
