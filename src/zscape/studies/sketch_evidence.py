"""What the page of sketch-covariance is written from: its models and what was measured on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zscape.data import Strokes
from zscape.studies.evidence import Row, Values
from zscape.studies.order import Order
from zscape.studies.sketch_fits import BASE, Scale, Setting

# Overall loss over lambda as published: all of its tables that is at hand.
PUBLISHED = {0.5: 103.8, 1.0: 104.3, 2.0: 103.4}
ALL = "all categories"
# What lies between 0 and 1, and what cannot be below 0.
_SHARES = ("coverage", "precision", "recall", "blank", "share")
_ABOVE = ("penalty", "floor", "variance", "distance", "rank", "latents", "Vendi", "ratio")

Value = Callable[[Mapping[str, Any]], float]


@dataclass(frozen=True)
class Model:
    """What was measured on one model.

    Attributes:
        category: What it draws.
        setting: Its penalty.
        seed: Of its fit.
        found: What `sketch_measures.measured` gave.
    """

    category: str
    setting: Setting
    seed: int
    found: Mapping[str, Any]


@dataclass(frozen=True)
class Evidence:
    """Everything the page is written from.

    Attributes:
        order: What was asked.
        scale: How much of it is done.
        data: The drawings by category.
        models: Every model, by category, setting and seed.
    """

    order: Order
    scale: Scale
    data: Mapping[str, Strokes]
    models: Sequence[Model]

    @property
    def first(self) -> str:
        """The category with the whole grid."""
        return next(iter(self.scale.grids))

    @property
    def cells(self) -> list[tuple[str, Setting]]:
        """Categories and settings, in the order of tables."""
        return [(category, setting) for category, grid in self.scale.grids.items() for setting in grid]

    def settings(self, form: str) -> list[Setting]:
        """Settings of a form in any category, in order of their weight."""
        found = {setting for _, setting in self.cells if setting.form == form}
        return sorted(found, key=lambda setting: setting.weight)

    def of(self, category: str, setting: Setting) -> list[Model]:
        """The models of a setting, a seed each."""
        return [each for each in self.models if (each.category, each.setting) == (category, setting)]

    def values(self, category: str, setting: Setting, value: str | Value) -> np.ndarray:
        """Something measured on the models of a setting, a value a seed."""
        take = (lambda found: found[value]) if isinstance(value, str) else value
        return np.array([take(each.found) for each in self.of(category, setting)], dtype=float)

    def against_base(self, category: str, setting: Setting, value: str | Value) -> np.ndarray:
        """How much more it is than without a penalty, paired by seed."""
        return self.values(category, setting, value) - self.values(category, BASE, value)

    def drawings(self, category: str) -> int:
        """Held-out drawings of a category, or of all."""
        chosen = self.data.values() if category == ALL else [self.data[category]]
        return sum(len(data.splits["test"]) for data in chosen)

    def row(
        self,
        values: Values,
        category: str,
        setting: Setting | str,
        measure: str,
        *,
        paper: float | None = None,
        verdict: str = "",
    ) -> Row:
        """A row over the seeds of this study, each value of all held-out drawings of a category."""
        return Row.over(
            values,
            setting=f"{category}, {setting}",
            measure=measure,
            n=self.drawings(category),
            seeds=self.scale.seeds,
            paper=paper,
            verdict=verdict,
            within=_possible(measure),
        )


def _possible(measure: str) -> tuple[float, float]:
    """What values of a measure can be, by its words."""
    if "difference" in measure or "per point" in measure:
        return -math.inf, math.inf
    if measure.startswith(_SHARES):
        return 0.0, 1.0
    return (0.0, math.inf) if any(word in measure for word in _ABOVE) else (-math.inf, math.inf)
