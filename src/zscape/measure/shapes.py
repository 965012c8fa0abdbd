"""The shape of profiles, and whether pictures on a path are a mixture of its ends."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, Num
from scipy.signal import find_peaks
from scipy.stats import rankdata

from zscape.base import Result
from zscape.checks import check_number, check_whole
from zscape.measure.profiles import StyleProfiles, step_values

# A picture whose numbers vary by less than this share of their size is constant, to float32.
_CONSTANT = 1e-6
# Float64 numbers of a path's pictures, or of resampled paths, held at once.
_BLOCK = 1 << 22


@dataclass(frozen=True, slots=True, eq=False)
class ProfileShape:
    """Shapes of P profiles.

    Attributes:
        ratio: Mean over the middle third over mean over the outer thirds: 1 for a flat curve, over 1 where
            most happens in the middle, under 1 where it does near the ends; NaN where nothing happens there.
        maxima: Number of interior maxima: 1 for a horseshoe, if its ratio is over 1; 2 for a wave of two
            humps.
    """

    ratio: Float[np.ndarray, "P"]
    maxima: Int[np.ndarray, "P"]


@dataclass(frozen=True, slots=True, eq=False)
class CrossDissolve:
    """How near each of T points on P paths is to a mixture of the path's ends.

    Attributes:
        index: (P, T) squared distance from the nearest mixture over that from a grey picture; 0 at both ends,
            above 1 where a picture is flat. NaN for a constant picture that is no mixture.
        alpha: (P, T) share of the last picture in the nearest mixture.
    """

    index: Float[np.ndarray, "P T"]
    alpha: Float[np.ndarray, "P T"]

    @property
    def of_paths(self) -> Float[np.ndarray, "P"]:
        """Mean index over the points between the ends, without NaN; NaN where no point is left."""
        inner = self.index[:, 1:-1]
        defined = np.isfinite(inner)
        with np.errstate(invalid="ignore"):
            return np.where(defined, inner, 0).sum(axis=1) / defined.sum(axis=1)


def profile_shape(
    profiles: StyleProfiles | Num[np.ndarray, "P S"], *, prominence: float = 0.0
) -> ProfileShape:
    """Two numbers for the shape of each profile.

    A curve rises and falls once, a horseshoe, if its ratio is over 1 and it has one maximum; a wave has two
    maxima or more, and a U a ratio under 1 and none. Read maxima at a prominence: at 0.1, which `zscape walk`
    uses, a tenth of the range of the profile.

    A step s of S covers [(s - 1) / S, s / S] of its path. Where that lies across a border of thirds, it
    counts in both with its share. A maximum is higher than what is on both sides of it, and on neither end; a
    plateau is one. It stands out by its height over the higher of two dips: that before it, as far back as
    nothing is as high, and that after it, as far on as nothing is higher. That is the prominence of scipy but
    for maxima of exactly one height: there each of them looks over the dips between them, so that a shallow
    dip makes two; here the first alone does.

    Null: ratio 1 and no maxima for a constant profile. Unchanged by the scale of a profile, and by reversing
    it. Cost: O(P S).

    >>> shape = profile_shape(np.array([[1.0, 2.0, 3.0, 3.0, 2.0, 1.0], [1.0, 3.0, 2.0, 2.0, 3.0, 1.0]]))
    >>> shape.ratio.round(9).tolist(), shape.maxima.tolist()
    ([2.0, 1.0], [1, 2])

    Args:
        profiles: What `style_profiles` gives, or one value >= 0 a step of each path; 3 steps or more.
        prominence: By how much of a profile's range a maximum must stand out at least to count. 0 counts
            all, also those that rounding makes.

    Raises:
        TypeError: If `prominence` is no number.
        ValueError: If there are fewer than 3 steps, a value is negative or not finite, or prominence is
            negative.

    References:
        Rich, Exploring the Latent Space of Autoencoders with a Metric of Artistic Style, University of the
        Witwatersrand, 2021. Differs in: there horseshoes and waves are told by eye.
    """
    check_number("prominence", prominence, least=0)
    values = step_values(profiles, "profile_shape").astype(np.float64)
    if values.shape[1] < 3:
        raise ValueError(
            f"profile_shape needs profiles (P, S) of 3 steps or more, but got shape {values.shape}"
        )
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError("profile_shape needs finite values >= 0, but got one that is not")
    middle = _middle_shares(values.shape[1])
    outer = 1 - middle
    # A share of the largest value, so that no sum leaves float64.
    values = values / np.maximum(values.max(axis=1, keepdims=True, initial=0), np.finfo(float).tiny)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (values @ middle / middle.sum()) / (values @ outer / outer.sum())
    ratio[~np.isfinite(ratio)] = np.nan
    maxima = [np.count_nonzero(_prominences(each) >= prominence * np.ptp(each)) for each in values]
    return ProfileShape(ratio, np.array(maxima, dtype=np.int64))


def cross_dissolve(paths: Num[np.ndarray, "P T *shape"]) -> CrossDissolve:
    r"""How far each picture on a path is from the nearest cross-dissolve of the path's ends.

    .. math:: \frac{\min_\alpha \lVert x_t - ((1 - \alpha) x_0 + \alpha x_1) \rVert^2}
        {\lVert x_t - \bar x_t \rVert^2}, \quad
        \alpha = \frac{\langle x_t - x_0, x_1 - x_0 \rangle}{\lVert x_1 - x_0 \rVert^2}
        \text{ within } [0, 1]

    with :math:`x_0, x_1` the ends of the path and :math:`\bar x_t` the mean over the numbers of the picture:
    0 for a mixture of the ends, 1 if the mixture is no better than a grey picture; there is no upper bound. A
    mean over the path in its place would be met by the middle of a perfect dissolve. Alpha is cut at 0 and 1,
    as what lies beyond an end is no mixture. Ends that are equal have alpha 0.

    Null: 0 for a pixel cross-dissolve, at any pace. Unchanged by reversing the path, and by the scale of
    the pictures. Cost: O(P T F) time for pictures of F numbers, bounded memory.

    >>> ends = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> found = cross_dissolve(np.stack([ends[0], 0.25 * ends[0] + 0.75 * ends[1], ends[1]])[None])
    >>> found.index, found.alpha
    (array([[0., 0., 0.]]), array([[0.  , 0.75, 1.  ]]))

    Args:
        paths: Pictures, of any range; 3 or more points a path.

    Raises:
        ValueError: If there are fewer points, or a number is not finite.
    """
    paths = np.asarray(paths)
    if paths.ndim < 3 or paths.shape[1] < 3 or not paths.size:
        raise ValueError(
            f"cross_dissolve needs paths (P, T, *shape) of 3 or more points T, but got shape {paths.shape}"
        )
    if not np.isfinite(paths).all():
        raise ValueError("cross_dissolve needs finite numbers, but got NaN or infinity")
    index, alpha = (np.empty(paths.shape[:2]) for _ in range(2))
    for row, path in enumerate(paths):
        points = path.reshape(len(path), -1)
        first, last = points[0].astype(np.float64), points[-1].astype(np.float64)
        block = max(1, _BLOCK // points.shape[1])
        for start in range(0, len(points), block):
            here = slice(start, start + block)
            index[row, here], alpha[row, here] = _mixtures(points[here].astype(np.float64), first, last)
    return CrossDissolve(index, alpha)


def shape_correlation(
    shape: Num[np.ndarray, "P"],
    dissolve: Num[np.ndarray, "P"],
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Result:
    """Rank correlation over paths between the shape of a profile and the cross-dissolve index.

    Where a horseshoe means transformation and a wave cross-dissolve, the ratio of `profile_shape` rises
    with the index, and the correlation is positive; with the number of maxima it is negative.

    The coefficient is Spearman's, ties at their mean rank. The interval is from the 2.5 % to the 97.5 %
    quantile of bootstrap resamples of paths. Paths where either is NaN are left out, and the definition says
    how many.

    Null: 0 where the two are independent. Bias: that of the bootstrap, whose intervals are too narrow for
    few paths, and for paths that share ends. Cost: O(resamples P log P) time, bounded memory.

    >>> shape_correlation(np.array([0.5, 1.0, 1.5, 2.0]), np.array([0.0, 0.1, 0.4, 0.5])).value
    1.0

    Args:
        shape: One number a path, such as `profile_shape(...).ratio`.
        dissolve: One number a path, such as `cross_dissolve(...).of_paths`.
        resamples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        TypeError: If `resamples` or `seed` is no whole number.
        ValueError: If there are not as many of both, fewer than 4 paths are left, or either does not vary.

    References:
        Rich, Exploring the Latent Space of Autoencoders with a Metric of Artistic Style, University of the
        Witwatersrand, 2021. Differs in: the claim is tested by a number, there it is read off curves.
    """
    check_whole("resamples", resamples, least=100)
    check_whole("seed", seed)
    shape, dissolve = np.asarray(shape), np.asarray(dissolve)
    if shape.ndim != 1 or shape.shape != dissolve.shape:
        raise ValueError(
            f"shape and dissolve need one number a path each, but got shapes {shape.shape} and "
            f"{dissolve.shape}"
        )
    defined = np.isfinite(shape) & np.isfinite(dissolve)
    both = np.stack([shape[defined], dissolve[defined]]).astype(np.float64)
    count = both.shape[1]
    if count < 4:
        raise ValueError(f"shape_correlation needs 4 or more paths with both numbers, but got {count}")
    if (np.ptp(both, axis=1) == 0).any():
        raise ValueError(
            "shape_correlation needs numbers that vary over paths, but all of one kind are equal"
        )
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // count)
    parts = []
    for start in range(0, resamples, step):
        rows = rng.integers(0, count, (min(step, resamples - start), count))
        parts.append(_rank_correlations(both[0, rows], both[1, rows]))
    drawn = np.concatenate(parts)
    # A resample of one path alone, again and again, has no correlation.
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    left_out = f", {len(shape) - count} without a shape or an index left out" if count < len(shape) else ""
    return Result(
        "shape_dissolve_correlation",
        float(_rank_correlations(both[:1], both[1:])[0]),
        float(low),
        float(high),
        count,
        "",
        f"Spearman correlation over paths of the shape of a profile and the cross-dissolve index{left_out}; "
        f"percentile bootstrap over paths, {resamples} resamples",
        seed,
    )


def _prominences(values: Float[np.ndarray, "S"]) -> Float[np.ndarray, "M"]:
    """By how much each interior maximum stands out; of several of one height, the first as the highest."""
    _, edges = find_peaks(values, plateau_size=1)
    found = []
    for left, right in zip(edges["left_edges"], edges["right_edges"], strict=True):
        height, before, after = values[left], values[:left], values[right + 1 :]
        start = np.flatnonzero(before >= height)
        stop = np.flatnonzero(after > height)
        dips = (
            before[start[-1] + 1 if len(start) else 0 :].min(),
            after[: stop[0] if len(stop) else None].min(),
        )
        found.append(height - max(dips))
    return np.array(found)


def _middle_shares(steps: int) -> Float[np.ndarray, "S"]:
    """How much of each step lies in the middle third of the path."""
    borders = np.arange(steps + 1) / steps
    within = borders.clip(1 / 3, 2 / 3)
    return np.diff(within) * steps


def _mixtures(
    points: Float[np.ndarray, "B F"], first: Float[np.ndarray, "F"], last: Float[np.ndarray, "F"]
) -> tuple[Float[np.ndarray, "B"], Float[np.ndarray, "B"]]:
    """Index and alpha of pictures between two ends."""
    across = last - first
    length = across @ across
    alpha = ((points - first) @ across / length).clip(0, 1) if length > 0 else np.zeros(len(points))
    # Written so that alpha 0 and 1 give the ends to the bit.
    rest = points - ((1 - alpha[:, None]) * first + alpha[:, None] * last)
    error = np.einsum("bf,bf->b", rest, rest)
    centred = points - points.mean(axis=1, keepdims=True)
    varies = np.einsum("bf,bf->b", centred, centred)
    floor = _CONSTANT**2 * np.einsum("bf,bf->b", points, points)
    constant = varies <= floor
    index = error / np.where(constant, 1, varies)
    index[constant] = np.where(error[constant] <= floor[constant], 0, np.nan)
    return index, alpha


def _rank_correlations(ones: np.ndarray, others: np.ndarray) -> Float[np.ndarray, "R"]:
    """Spearman's coefficient of each row of both; NaN where one does not vary."""
    a, b = (rankdata(each, axis=1) for each in (ones, others))
    a, b = (each - each.mean(axis=1, keepdims=True) for each in (a, b))
    with np.errstate(invalid="ignore"):
        return (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
