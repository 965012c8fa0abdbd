"""Draw a set: every method, and what its set stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from zscape import sample as samplers
from zscape.app import console
from zscape.app.sampling.asked import Asked
from zscape.app.sampling.source import Part, Source
from zscape.app.stored import remark_on_prior
from zscape.base import Density
from zscape.errors import SettingError


@dataclass(frozen=True)
class Points:
    """Codes.

    Attributes:
        z: (count, D).
        rows: (count,) rows of the data set that they are of, or None for new ones.
    """

    z: np.ndarray
    rows: np.ndarray | None = None


@dataclass(frozen=True)
class Origin:
    """What a set stands for.

    Attributes:
        target: What the distance of a set is measured to: codes (N, D), or D for N(0, I).
        independent: From a seed to as many independent codes of the same target.
        others: What sets of those are called.
    """

    target: np.ndarray | int
    independent: Callable[[int], Points]
    others: str = "i.i.d. sets"


@dataclass(frozen=True)
class Drawn:
    """A set of codes.

    Attributes:
        points: Its codes.
        origin: What they stand for.
        label: (count,) their classes, or None.
        classes: Classes that were drawn one after the other, here and in independent sets; empty for others.
        density: What was fitted to draw classes from, to be kept, or None.
    """

    points: Points
    origin: Origin
    label: np.ndarray | None = None
    classes: tuple[int, ...] = ()
    density: samplers.ByClass | None = None


def draw(source: Source, told: console.Told) -> Drawn:
    """The set that was asked for."""
    return _DRAWERS[source.asked.method](source, told)


def _iid(source: Source, told: console.Told) -> Drawn:
    parts, origin = _origin(source)
    return Drawn(origin.independent(source.asked.seed), origin, *_classes(parts))


def _quantized(source: Source, told: console.Told) -> Drawn:
    (parts, origin), asked, kept = _origin(source), source.asked, source.kept
    (label, known), goal = _classes(parts), origin.target
    options: dict[str, Any] = {"shell": asked.shell, "seed": asked.seed, "watch": told}
    if isinstance(goal, int) or not known:
        target = samplers.StandardNormal(goal) if isinstance(goal, int) else goal
        avoid = None if kept is None else kept.points
        points = samplers.quantize(target, asked.count, avoid=avoid, **options).points
    else:
        points, _ = samplers.quantize_by_class(
            goal,
            {which: part.count for which, part in zip(known, parts, strict=True)},
            labels=np.repeat(known, [len(part.rows) for part in parts]),
            avoid=None if kept is None or kept.label is None else (kept.points, kept.label),
            **options,
        )
    return Drawn(Points(points), origin, label, known)


def _representatives(source: Source, told: console.Told) -> Drawn:
    codes, parts, seed = source.codes, source.parts(source.classes), source.asked.seed
    points = codes.mean.astype(np.float64)

    def chosen(part: Part) -> np.ndarray:
        own = points[part.rows]
        try:
            return part.rows[samplers.representatives(own, part.count, avoid=source.kept_of(part), seed=seed)]
        except ValueError as error:
            which = "" if part.label is None else f" of class {source.name(part.label)}"
            raise SettingError(f"{error}; rows are chosen from the training split{which}") from error

    def of(rows: np.ndarray) -> Points:
        return Points(points[rows], codes.id[rows])

    def at_random(seed: int) -> Points:
        generators = map(np.random.default_rng, _seeds(seed, len(parts)))
        each = zip(generators, parts, strict=True)
        return of(
            np.concatenate([random.choice(part.rows, part.count, replace=False) for random, part in each])
        )

    rows = np.concatenate([chosen(part) for part in parts])
    target = points[np.concatenate([part.rows for part in parts])]
    return Drawn(
        of(rows),
        Origin(target, at_random, "random choices of training rows"),
        None if codes.label is None else codes.label[rows],
        _classes(parts)[1],
    )


def _by_class(source: Source, told: console.Told) -> Drawn:
    asked = source.asked
    if source.codes.label is None:
        raise SettingError("--method by-class needs codes with labels, but these have none")
    classes = source.classes
    fitted = _fit_by_class(source) if asked.fitted is None else _read_by_class(source, asked.fitted)
    parts = source.parts(classes or fitted.classes_.tolist())
    label, known = _classes(parts)
    left = [source.name(which) for which in (classes or fitted.classes_.tolist()) if which not in known]
    if left:
        console.tell(f"note: --count {asked.count} leaves no code for class {', '.join(left)}")
    drawn = zip(parts, known, strict=True)
    z = np.concatenate([fitted.sample(part.count, which, seed=asked.seed) for part, which in drawn])
    densities = [samplers.Empirical().fit(source.of(part)) for part in parts]
    # Draws by class are independent themselves, so what they are compared with has to be said.
    origin = replace(
        _shared(parts, densities, asked), others="i.i.d. sets of the data's codes of the same classes"
    )
    return Drawn(Points(z), origin, label, known, density=fitted if asked.fitted is None else None)


_DRAWERS: dict[str, Callable[[Source, console.Told], Drawn]] = {
    "iid": _iid,
    "quantize": _quantized,
    "representatives": _representatives,
    "by-class": _by_class,
}


def _classes(parts: Sequence[Part]) -> tuple[np.ndarray | None, tuple[int, ...]]:
    """The class of every code of a set that is drawn class by class, and the classes."""
    known = [part.label for part in parts if part.label is not None]
    return (np.repeat(known, [part.count for part in parts]), tuple(known)) if known else (None, ())


def _origin(source: Source) -> tuple[tuple[Part, ...], Origin]:
    """What codes are drawn from: the prior, or a density fitted on each part of the training codes."""
    if source.asked.from_prior:
        return (), _prior(source)
    parts = source.parts(source.classes)
    return parts, _shared(
        parts, [_density(source.asked).fit(source.of(part)) for part in parts], source.asked
    )


def _prior(source: Source) -> Origin:
    remark_on_prior(source.run, "--density empirical or gaussian draws from where they are")
    latent, count = source.run.model.latent, source.asked.count
    return Origin(latent, lambda seed: Points(samplers.StandardNormal(latent).sample(count, seed=seed)))


def _density(asked: Asked) -> Any:  # noqa: ANN401 (any density that is fitted; the protocol knows no fit)
    match asked.density:
        case "gaussian":
            return samplers.Gaussian()
        case "mixture":
            return samplers.Mixture(seed=asked.seed, **_given(components=asked.components))
        case _:
            return samplers.Empirical()


def _shared(parts: Sequence[Part], densities: Sequence[Density], asked: Asked) -> Origin:
    """Each part is drawn from a density of its own; as many draws of each as it has codes are the target."""

    def drawn(counts: Sequence[int], seed: int) -> np.ndarray:
        each = zip(densities, counts, _seeds(seed, len(parts)), strict=True)
        return np.concatenate([density.sample(count, seed=seed) for density, count, seed in each])

    # A seed of their own, so that draws are never compared with themselves.
    apart = int(np.random.SeedSequence([asked.seed, 1]).generate_state(1)[0])
    target = drawn([len(part.rows) for part in parts], apart)
    return Origin(target, lambda seed: Points(drawn([part.count for part in parts], seed)))


def _seeds(seed: int, number: int) -> list[int]:
    """A seed for each of as many parts; the first has the seed itself."""
    return [seed, *np.random.SeedSequence([seed, 2]).generate_state(number).tolist()][:number]


def _fit_by_class(source: Source) -> samplers.ByClass:
    asked = source.asked
    settings = _given(theta=asked.theta, components=asked.components)
    return samplers.ByClass(asked.statistics or "diagonal", seed=asked.seed, **settings).fit(source.codes)


def _read_by_class(source: Source, path: Path) -> samplers.ByClass:
    found, latent = samplers.load(path), source.codes.latent
    if not isinstance(found, samplers.ByClass) or found.means_.shape[-1] != latent:
        has = getattr(found, "means_", source.codes.mean).shape[-1]
        raise SettingError(
            f"--fitted needs a ByClass of {latent} latents, but {path} holds {type(found).__name__} of {has}"
        )
    foreign = [which for which in found.classes_.tolist() if which not in source.codes.label]
    if foreign:
        raise SettingError(
            f"--fitted needs a density of the classes of this run, but {path} knows {foreign[0]}, of which "
            "there are no codes"
        )
    return found


def _given(**settings: Any) -> dict[str, Any]:  # noqa: ANN401 (settings of any kind)
    """Those settings that were given."""
    return {name: value for name, value in settings.items() if value is not None}
