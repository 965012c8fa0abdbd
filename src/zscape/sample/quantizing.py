"""Sample a set as a whole: few points that stand for a distribution together."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float, Int

from zscape.base import Codes, CodesLike, Density
from zscape.energy import checked_smoothing, checked_weights
from zscape.errors import nearest
from zscape.sample._avoid import Avoided, checked_avoid, warn_of_elsewhere
from zscape.sample._descent import Problem, Shape, descend, order
from zscape.sample._inputs import checked_count, checked_labels, labelled
from zscape.sample._targets import NormalTarget, Target, target_of
from zscape.sample.prior import StandardNormal
from zscape.sample.published import adam
from zscape.sample.quantization import Quantization

Watch = Callable[[int, int, str], None]
"""Called with stages done, stages in all and a few words on where the work is."""


def quantize(
    target: StandardNormal | CodesLike | Density,
    count: int,
    *,
    avoid: Avoided | None = None,
    smoothing: float = 1e-6,
    weights: np.ndarray | str | None = None,
    method: str = "exact",
    starts: int = 1,
    shell: bool = False,
    seed: int = 0,
    watch: Watch | None = None,
) -> Quantization:
    r"""Points that stand for a distribution as a set: they minimise the energy distance to it.

    .. math:: \sum_j w_j E\, h(x_j - Y) - \tfrac12 \sum_{jk} w_j w_k h(x_j - x_k) - \tfrac12 E\, h(Y - Y')

    with h(v) = sqrt(|v|^2 + a^2) - a and the smoothing a. The first term draws each point to the target, the
    second drives points apart: ten of them show ten different things, which ten independent draws do not.

    N(0, I) is taken in closed form and codes as the full sum, so nothing is estimated and no step size is
    chosen; L-BFGS ends in a local minimum, the best of `starts`. For many codes it begins on 4,000 of them,
    with less and less smoothing, so that points do not hang on single codes; where the full sum costs too
    much (points x codes x latents above 2e10) it ends on a random subset of at least 20 codes a point, and
    only the distance is taken to all. A density without closed form is replaced by 20 draws a point, at least
    20,000.

    Few points lie inside the shell where draws are: for N(0, I) of 20 latents and more their mean radius is
    0.58 (2 points), 0.91 (10), 0.96 (24), 0.99 (100) times that of draws; compare `radius` and
    `typical_radius` of the result. In few latents that does no harm, as draws are at all radii. Where points
    are far fewer than latents, such as a handful in 128, decoded pictures can look average: there use
    `shell=True`, which keeps each point at a distance from the centre that draws have and chooses only
    directions. The distance is then larger, by 5 % for 10 points in 128 latents; 24 points need no shell.

    Of few points there is one best set, which nearly every seed finds (98 % of single descents on codes
    of MNIST): another seed shows no new pictures. For the next set give what there is as
    `avoid`. That is a complement: points which stand for something else, such as 24 of all classes where one
    class is the target, push the new ones together, closer than independent draws. There is a warning when
    the avoided points are more than 3 times as far from the target as independent draws of it and the new
    ones cannot make up for it.

    Null: distance 0 for as many points as there are codes, or different codes with `weights="free"`. Cost:
    O(count (count + N) D) a step, some hundred steps; memory for the codes and their copy, never an N by N or
    N by count matrix.

    >>> two = quantize(StandardNormal(1), 2).points
    >>> np.abs(two).round(4)
    array([[0.6745],
           [0.6745]])

    Args:
        target: `StandardNormal(D)`; or codes: an array (N, D) stands for its rows (`codes.mean` for posterior
            means), while a table or a pair with log variances, or `Empirical` fitted on one, stands for the
            aggregate posterior by one draw a row; or any other density, such as
            `ByClass(...).fit(codes).of(label)` for one class.
        count: Points, J, at least 1.
        avoid: (K, D) points that are there already: they and the new ones approach the target together, each
            with the same weight; only the new ones move. None, or no points, for nothing.
        smoothing: a, in the units of the codes.
        weights: (count,) positive weights, scaled to sum 1; "free" to choose them with the points; equal ones
            if not given. Points with given weights keep them through the ordering.
        method: "exact", or "adam" for the published algorithm, which is there to compare (see `adam`).
        starts: Descents from other draws, of which the best counts. One came within 1 % of the best for
            N(0, I), within 5 % for codes of MNIST; for up to some 20 points five nearly always find it.
        shell: Whether distances from the target's centre stay at the quantiles of those of its draws; in two
            latents or more.
        seed: Of starts, subsets and draws.
        watch: Called with stages done, stages in all and a text at every step.

    Returns:
        The points, ordered so that a prefix is itself well spread, and what can be said of them.

    Raises:
        ValueError: If count or starts < 1, smoothing or seed < 0, the smoothing is more than 10,000 times
            the scale of the target, the method is unknown or does not know an option, weights are not
            positive or not one a point, `shell` is asked for in one latent, or arrays are not finite or do
            not fit each other.
        TypeError: If the target is neither codes nor a density, or count is not a whole number.
        NotFittedError: If the target is a density that was not fitted.

    References:
        Turinici, Diversity in deep generative models and generative AI, 2023 (smoothed distance, targets A1
        and A2). Mak and Joseph, Support points, 2018. Differs in: exact objectives, L-BFGS, `avoid`, `shell`.
    """
    count = checked_count(count, "quantize")
    if method not in ("exact", "adam"):
        raise ValueError(f"quantize knows no method {method!r}; {nearest(method, ('exact', 'adam'))}")
    if method == "adam":
        if avoid is not None or weights is not None or shell or starts != 1:
            raise ValueError(
                "quantize with method='adam' knows no avoid, weights, shell or starts; use method='exact'"
            )
        return adam(target, count, smoothing=smoothing, seed=seed, watch=watch)
    if starts < 1:
        raise ValueError(f"quantize needs starts >= 1, but got {starts}")
    smoothing = checked_smoothing(smoothing)
    goal = target_of(target, count, smoothing=smoothing, seed=seed)
    if shell and len(goal.centre) < 2:
        raise ValueError(
            "quantize with shell=True needs at least 2 latents, for in one there is no direction to choose, "
            "but the target has 1; leave shell out, few points in one latent are where draws are"
        )
    kept = checked_avoid(avoid, len(goal.centre))
    shape = Shape(
        count=count,
        avoid=kept if len(kept) else None,
        weights=_first_weights(weights, count, shell),
        free=isinstance(weights, str),
        centre=goal.centre,
        scale=goal.scale,
        radii=goal.radii((np.arange(count) + 0.5) / count) if shell else None,
    )
    points, found = _best_of(goal, shape, starts=starts, seed=seed, watch=watch)
    each = np.full(count, 1 / count) if found is None else found
    if len(kept):
        warn_of_elsewhere(
            kept, points, len(goal.centre) if isinstance(goal, NormalTarget) else goal.codes, seed=seed
        )
    return Quantization(points, each, shape.avoid, smoothing, goal)


def quantize_by_class(
    codes: CodesLike,
    counts: int | np.integer | Mapping[int, int],
    *,
    labels: np.ndarray | None = None,
    avoid: Codes | tuple[np.ndarray, np.ndarray] | None = None,
    smoothing: float = 1e-6,
    starts: int = 1,
    shell: bool = False,
    seed: int = 0,
    watch: Watch | None = None,
) -> tuple[Float[np.ndarray, "M D"], Int[np.ndarray, "M"]]:
    """Quantize the codes of each label on its own.

    Args:
        codes: As for `quantize`: a table, an array, or a pair (mean, logvar).
        counts: Points of every label, or of each label by its number; labels that are not named get none.
        labels: (N,) whole numbers; those of the table if not given.
        avoid: What is there already, a pair (points (K, D), labels (K,)) or a table with labels: each label
            keeps away from its own, as `quantize` does, and from no other's; None for nothing.
        smoothing: As for `quantize`.
        starts: As for `quantize`.
        shell: As for `quantize`.
        seed: As for `quantize`.
        watch: As for `quantize`, with stages of all labels.

    Returns:
        Points, labels in rising order, and the label of each.

    Raises:
        ValueError: If there are no labels, they are not one a code, a label that is asked for has no codes,
            a count is below 1, or what `quantize` raises for one label.
        TypeError: If a count is not a whole number, or `avoid` is neither a pair nor a table.
    """
    mean, logvar, labels = labelled(codes, labels)
    kept, kept_labels = _kept_by_class(avoid, mean.shape[1])
    wanted = _wanted(counts, np.unique(labels).tolist())
    parts = []
    for index, label in enumerate(sorted(wanted)):
        rows = labels == label
        part = mean[rows] if logvar is None else (mean[rows], logvar[rows])
        told = None if watch is None else _among(watch, index, len(wanted), label)
        found = quantize(
            part,
            wanted[label],
            avoid=kept[kept_labels == label],
            smoothing=smoothing,
            starts=starts,
            shell=shell,
            seed=seed,
            watch=told,
        )
        parts.append(found.points)
    return np.concatenate(parts), np.repeat(sorted(wanted), [len(part) for part in parts]).astype(np.int64)


def _kept_by_class(avoid: object, latents: int) -> tuple[Float[np.ndarray, "K D"], Int[np.ndarray, "K"]]:
    """Points to avoid and the label of each, checked."""
    if avoid is None:
        return np.empty((0, latents)), np.empty(0, np.int64)
    pair = (avoid.mean, avoid.label) if isinstance(avoid, Codes) else avoid
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise TypeError(
            "quantize_by_class needs avoid as a pair (points, labels) or a table of codes, but got "
            f"{type(avoid).__name__}; points without labels are for quantize"
        )
    points, labels = checked_avoid(pair[0], latents), pair[1]
    if labels is None or np.shape(labels) != (len(points),):
        has = "none" if labels is None else f"shape {np.shape(labels)}"
        raise ValueError(f"avoid needs one label a point, ({len(points)},), but got {has}")
    return points, checked_labels(labels, points)


def _wanted(counts: int | np.integer | Mapping[int, int], present: list[int]) -> dict[int, int]:
    """How many points of each label, checked."""
    asked = counts if isinstance(counts, Mapping) else dict.fromkeys(present, counts)
    missing = [label for label in asked if label not in present]
    if missing or not asked:
        raise ValueError(
            f"quantize_by_class needs labels that occur, but {missing or 'no label'} was asked for; "
            f"there are: {', '.join(map(str, present))}"
        )
    return {
        int(label): checked_count(count, f"quantize_by_class, for label {label},")
        for label, count in asked.items()
    }


def _among(watch: Watch, index: int, number: int, label: int) -> Watch:
    """Progress of one label as that of all."""
    return lambda done, total, text: watch(index * total + done, number * total, f"label {label}, {text}")


def _first_weights(
    weights: np.ndarray | str | None, count: int, shell: bool
) -> Float[np.ndarray, "{count}"] | None:
    if weights is None:
        return None
    if shell:
        raise ValueError("quantize with shell=True needs equal weights, but got others; leave weights out")
    if not isinstance(weights, str):
        return checked_weights(weights, count)
    if weights != "free":
        raise ValueError(f"weights need to be an array, None or 'free', but got {weights!r}")
    return np.full(count, 1 / count)


def _best_of(
    goal: Target, shape: Shape, *, starts: int, seed: int, watch: Watch | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Ordered points and weights of the best of several descents, each through all stages."""
    plan = goal.plan(shape.count)
    total = starts * len(plan)
    found = []
    for start in range(starts):
        vector, value = None, np.inf
        for index, stage in enumerate(plan):
            problem = Problem(goal.field(stage), shape, goal.unit / shape.count)
            if vector is None:
                vector = problem.pack(_first_points(goal, shape, [seed, start]), shape.weights)
            told = None if watch is None else _stage(watch, start * len(plan) + index, total)
            vector, value = descend(problem, vector, codes=stage.codes, told=told)
        found.append((value, start, vector))
    last = Problem(goal.field(plan[-1]), shape, goal.unit / shape.count)
    points, weights = last.unpack(min(found, key=lambda each: each[:2])[2])
    indices = order(last, points, weights)
    if watch is not None:
        watch(total, total, "done")
    return points[indices], None if weights is None else weights[indices]


def _first_points(goal: Target, shape: Shape, seeds: list[int]) -> np.ndarray:
    points = goal.draw(shape.count, np.random.default_rng(seeds))
    if shape.radii is None:
        return points
    # Radii rise, so the innermost draw gets the smallest.
    return points[np.argsort(np.linalg.norm(points - shape.centre, axis=1))]


def _stage(watch: Watch, done: int, total: int) -> Callable[[int], None]:
    return lambda step: watch(done, total, f"stage {done + 1} of {total}, step {step}")
