"""What points are spread over: N(0, I) in closed form, codes as a full sum, draws of another density."""

from __future__ import annotations

import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from scipy.stats import chi
from sklearn.utils.validation import check_is_fitted

from zscape.base import Codes, CodesLike, Density, code_arrays
from zscape.energy import Cloud, normal_potential, normal_potential_with_slope, normal_spread
from zscape.sample._inputs import centred, checked_seed
from zscape.sample.by_class import ByClass
from zscape.sample.empirical import Empirical
from zscape.sample.prior import StandardNormal

# Codes of the first stage, and how much each further stage has of the one before.
_FIRST, _GROWTH = 4000, 16
# Smoothings of the first stage before the one asked for, in units of the scale of the codes.
_SMOOTHINGS = (0.1, 0.01, 0.001)
# Most pairs times latents of one evaluation, some seconds of work; and codes a point that there are at least.
_WORK, _LEAST = 2e10, 20
# Of a density without a closed form: draws at least, and draws a point.
_DRAWS, _DRAWS_EACH = 20_000, 20
# Beyond this many scales h is lost in the rounding of the smoothing.
_WIDEST = 1e4
# Spreads of codes that are remembered, by content.
_KNOWN: OrderedDict[tuple[str, float], float] = OrderedDict()
_MOST_KNOWN = 32


@dataclass(frozen=True)
class Stage:
    """One descent of several: with what smoothing, and on how many codes."""

    smoothing: float
    codes: int


@dataclass(frozen=True)
class NormalField:
    """The potential of N(0, I)."""

    dimension: int
    smoothing: float

    def potential_with_gradient(
        self, points: Float[np.ndarray, "M D"]
    ) -> tuple[Float[np.ndarray, "M"], Float[np.ndarray, "M D"]]:
        """The closed form."""
        squared = np.einsum("md,md->m", points, points)
        values, slopes = normal_potential_with_slope(squared, self.dimension, smoothing=self.smoothing)
        return values, 2 * points * slopes[:, None]


@dataclass(frozen=True)
class NormalTarget:
    """N(0, I): algorithm A1 without sampling."""

    dimension: int
    smoothing: float

    @property
    def centre(self) -> np.ndarray:
        """The origin."""
        return np.zeros(self.dimension)

    @property
    def scale(self) -> float:
        """One standard deviation."""
        return 1.0

    @functools.cached_property
    def spread(self) -> float:
        """The closed form."""
        return normal_spread(self.dimension, smoothing=self.smoothing)

    @property
    def unit(self) -> float:
        """The spread."""
        return self.spread

    @property
    def typical_radius(self) -> float:
        """Mean of the chi law."""
        return float(normal_potential(np.zeros(1), self.dimension)[0])

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Independent draws."""
        return random.standard_normal((count, self.dimension))

    batch = draw

    def plan(self, count: int) -> list[Stage]:
        """One stage, whose cost is that of some hundred codes for any count."""
        return [Stage(self.smoothing, 128)]

    def field(self, stage: Stage) -> NormalField:
        """The closed form."""
        return NormalField(self.dimension, stage.smoothing)

    def radii(self, levels: np.ndarray) -> np.ndarray:
        """Quantiles of the chi law."""
        return chi.ppf(levels, self.dimension)

    def mean_potential(self, points: np.ndarray, weights: np.ndarray) -> float:
        """The closed form."""
        squared = np.einsum("md,md->m", points, points)
        return float(weights @ normal_potential(squared, self.dimension, smoothing=self.smoothing))


@dataclass(frozen=True, eq=False)
class CodesTarget:
    """Codes, each with the same weight: algorithm A2 without sampling.

    Attributes:
        codes: (N, D) float64.
        smoothing: a.
        seed: Of the subsets.
        fresh: Draws other codes, on which the distance is then taken, for codes that stand for a density.
    """

    codes: np.ndarray
    smoothing: float
    seed: int
    fresh: Callable[[], np.ndarray] | None = field(default=None, repr=False)

    @functools.cached_property
    def centre(self) -> np.ndarray:
        """Mean of the codes."""
        return self.codes.mean(axis=0)

    @functools.cached_property
    def scale(self) -> float:
        """Root mean variance, or 1 if all codes are equal."""
        return float(np.sqrt((centred(self.codes) ** 2).mean())) or 1.0

    @functools.cached_property
    def unit(self) -> float:
        """Spread of codes with that scale, roughly."""
        return self.scale * float(np.sqrt(2 * self.codes.shape[1]))

    @functools.cached_property
    def judged(self) -> np.ndarray:
        """The codes that the distance is taken to."""
        return self.codes if self.fresh is None else self.fresh()

    @functools.cached_property
    def spread(self) -> float:
        """The full sum, remembered by content; that of a density is freed of the zero diagonal."""
        value = _known_spread(self.judged, self.smoothing)
        number = len(self.judged)
        return value if self.fresh is None else value * number / (number - 1)

    @functools.cached_property
    def _distances(self) -> np.ndarray:
        return np.linalg.norm(self.codes - self.centre, axis=1)

    @property
    def typical_radius(self) -> float:
        """Mean distance of the codes from their mean."""
        return float(self._distances.mean())

    def draw(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Different codes while there are some, a little moved, for points on one place would never part."""
        rows = random.choice(len(self.codes), count, replace=count > len(self.codes))
        noise = random.standard_normal((count, self.codes.shape[1]))
        return self.codes[rows] + 1e-3 * self.scale * noise

    def batch(self, count: int, random: np.random.Generator) -> np.ndarray:
        """Different codes, at most all."""
        return self.codes[random.choice(len(self.codes), min(count, len(self.codes)), replace=False)]

    def plan(self, count: int) -> list[Stage]:
        """Stages on random subsets that grow up to all codes, or to what can be afforded.

        The first is also repeated with less and less smoothing: few codes make a landscape full of kinks.
        """
        number, latents = self.codes.shape
        affordable = max(int(_WORK / (count * (latents + 10))), _LEAST * count)
        limit = min(number, affordable)
        size = min(max(_FIRST, _LEAST * count), limit)
        stages = [
            Stage(share * self.scale, size) for share in _SMOOTHINGS if share * self.scale > self.smoothing
        ]
        while size < limit:
            stages.append(Stage(self.smoothing, size))
            size = min(size * _GROWTH, limit)
        return [*stages, Stage(self.smoothing, limit)]

    def field(self, stage: Stage) -> Cloud:
        """The codes of a stage; smaller subsets are parts of larger ones."""
        codes = self.codes
        if stage.codes < len(codes):
            codes = codes[np.random.default_rng(self.seed).permutation(len(codes))[: stage.codes]]
        return Cloud(codes, smoothing=stage.smoothing)

    def radii(self, levels: np.ndarray) -> np.ndarray:
        """Quantiles of the distances of the codes from their mean."""
        return np.quantile(self._distances, levels)

    def mean_potential(self, points: np.ndarray, weights: np.ndarray) -> float:
        """The full sum."""
        cloud = Cloud(points, smoothing=self.smoothing, weights=weights)
        return float(cloud.potential(self.judged).mean())


Field = NormalField | Cloud
Target = NormalTarget | CodesTarget


def target_of(target: object, count: int, *, smoothing: float, seed: int) -> Target:
    """The target that an argument stands for.

    Raises:
        TypeError: If it is neither codes nor a density.
        ValueError: If codes are not finite arrays (N, D) with at least one row, seed < 0, or the smoothing is
            more than 10,000 times the scale of the target.
        NotFittedError: If it is a density that was not fitted.
    """
    goal = _target_of(target, count, smoothing, seed)
    if smoothing > _WIDEST * goal.scale:
        raise ValueError(
            f"the smoothing needs to be at most {_WIDEST:,.0f} times the scale of the target, "
            f"{goal.scale:.3g}, but is {smoothing:g}; beyond, distances are lost in rounding"
        )
    return goal


def _target_of(target: object, count: int, smoothing: float, seed: int) -> Target:
    seed = checked_seed(seed)
    if isinstance(target, StandardNormal):
        return NormalTarget(target.dimension, smoothing)
    if isinstance(target, Empirical):
        check_is_fitted(target)
        target = target.mean_ if target.logvar_ is None else (target.mean_, target.logvar_)
    if isinstance(target, Codes | np.ndarray | tuple):
        return CodesTarget(_one_draw_each(target, seed), smoothing, seed)
    if isinstance(target, ByClass):
        raise TypeError(
            "quantize needs a density of one class, but got ByClass, which has one for each; give "
            "density.of(label), or the codes to quantize_by_class"
        )
    if not isinstance(target, Density):
        raise TypeError(
            "quantize needs codes (a table, an array or a pair) or a density, "
            f"but got {type(target).__name__}; a density by class gives one with density.of(label)"
        )
    density, draws = target, max(_DRAWS, _DRAWS_EACH * count)
    other = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    return CodesTarget(
        density.sample(draws, seed=seed), smoothing, seed, lambda: density.sample(draws, seed=other)
    )


def _one_draw_each(codes: CodesLike, seed: int) -> np.ndarray:
    mean, logvar = code_arrays(codes)
    if logvar is None:
        return mean
    return mean + np.exp(0.5 * logvar) * np.random.default_rng(seed).standard_normal(mean.shape)


def _known_spread(codes: np.ndarray, smoothing: float) -> float:
    content = hashlib.sha256(repr(codes.shape).encode())
    content.update(np.ascontiguousarray(codes).data)
    key = (content.hexdigest(), smoothing)
    if key not in _KNOWN:
        _KNOWN[key] = Cloud(codes, smoothing=smoothing).spread()
    _KNOWN.move_to_end(key)
    while len(_KNOWN) > _MOST_KNOWN:
        _KNOWN.popitem(last=False)
    return _KNOWN[key]
