"""Numbers over several seeds, and the verdicts that follow from them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.stats import t

from zscape.base import SPLITS, Data
from zscape.report.wording import number

Values = Sequence[float] | np.ndarray
HOLDS, FAILS, OPEN = "holds", "does not hold", "not decided"
IN_PART = "holds in part"


@dataclass(frozen=True)
class Row:
    """One line of results.json.

    Attributes:
        setting: What it was measured on, in words.
        measure: What was measured, in words.
        value: Mean over the seeds.
        low: Lower end of the 95 % interval over seeds; None for one seed.
        high: Upper end.
        n: What the value of one seed rests on, of all its models: pictures, points, sets or fits.
        seeds: Seeds, one a fitted model.
        paper: The published number, where there is one.
        verdict: What follows for a claim of the paper; empty where nothing does.
    """

    setting: str
    measure: str
    value: float
    low: float | None
    high: float | None
    n: int
    seeds: tuple[int, ...]
    paper: float | None = None
    verdict: str = ""

    @classmethod
    def over(
        cls,
        values: Values,
        *,
        setting: str,
        measure: str,
        n: int,
        seeds: Sequence[int],
        paper: float | None = None,
        verdict: str = "",
        within: tuple[float, float] = (-math.inf, math.inf),
    ) -> Row:
        """The row of one value a seed; its interval is cut at what is possible, `within`."""
        value, low, high = mean_interval(np.asarray(values, dtype=float))
        if low is not None and high is not None:
            low, high = max(low, within[0]), min(high, within[1])
        return cls(setting, measure, value, low, high, n, tuple(seeds), paper, verdict)

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return number(self.value)
        below, above = self.value - self.low, self.high - self.value
        half = max(below, above)
        # Less is rounding, and would be a long row of digits.
        if half <= 1e-6 * abs(self.value):
            return f"{number(self.value)} ± 0"
        if abs(above - below) <= 1e-6 * half:
            return f"{number(self.value, half)} ± {number(half, half)}"
        # Cut at what is possible.
        return f"{number(self.value, half)} ({number(self.low, half)} to {number(self.high, half)})"

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary, as results.json holds it."""
        return asdict(self)


@dataclass(frozen=True)
class Finding:
    """A claim and what became of it.

    Attributes:
        claim: What was claimed, in words.
        verdict: "holds", "holds in part", "does not hold" or "not decided".
        reason: The numbers behind it, in a sentence.
    """

    claim: str
    verdict: str
    reason: str


def mean_interval(values: Float[np.ndarray, "R"]) -> tuple[float, float | None, float | None]:
    """Mean of independent values and its 95 % interval by Student's t; no interval for one value.

    >>> [round(end, 4) for end in mean_interval(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.4841, 4.4841]

    Raises:
        ValueError: If there are no values or one is not finite.
    """
    if not len(values) or not np.isfinite(values).all():
        raise ValueError(f"a mean needs one or more finite values, but got {values.tolist()}")
    mean = float(values.mean())
    if len(values) == 1:
        return mean, None, None
    half = float(t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)))
    return mean, mean - half, mean + half


def verdict_on(gains: Values) -> str:
    """What follows for a claim from the gains it promises, one a seed, positive where the claim is right.

    It holds if the 95 % interval of their mean lies above 0, does not hold if it lies below or if the gains
    are all 0, and is not decided otherwise or for one seed.

    >>> verdict_on([0.3, 0.4, 0.35]), verdict_on([-0.3, -0.4, -0.35]), verdict_on([0.3, -0.2, 0.1])
    ('holds', 'does not hold', 'not decided')
    """
    _, low, high = mean_interval(np.asarray(gains, dtype=float))
    if low is None or high is None:
        return OPEN
    if low > 0:
        return HOLDS
    return FAILS if high <= 0 else OPEN


def verdict_beyond(differences: Values, margin: float) -> str:
    """What follows for the claim that something differs by more than a margin, from one difference a seed.

    It holds if the whole 95 % interval of the mean lies beyond the margin, on one side; it does not hold if
    the whole interval lies within; and it is not decided otherwise or for one seed.

    >>> [verdict_beyond([mean - 0.01, mean, mean + 0.01], 0.1) for mean in (0.0, 0.1, -0.3)]
    ['does not hold', 'not decided', 'holds']
    """
    _, low, high = mean_interval(np.asarray(differences, dtype=float))
    if low is None or high is None:
        return OPEN
    if low > margin or high < -margin:
        return HOLDS
    return FAILS if -margin <= low and high <= margin else OPEN


def verdict_reached(gaps: Values) -> str:
    """What follows for the claim that a target is reached, from what it is passed by, one a seed.

    It holds if the whole 95 % interval of the mean is at or above 0, does not hold if it lies below, and is
    not decided otherwise or for one seed.

    >>> verdict_reached([0.0, 0.0]), verdict_reached([-0.3, -0.4]), verdict_reached([0.1, -0.1])
    ('holds', 'not decided', 'not decided')
    """
    _, low, high = mean_interval(np.asarray(gaps, dtype=float))
    if low is None or high is None:
        return OPEN
    if low >= 0:
        return HOLDS
    return FAILS if high < 0 else OPEN


def together(verdicts: Sequence[str]) -> str:
    """The verdict on a claim that is tested in several ways, without correction for their number.

    It holds, or does not, if all tests say so; it holds in part if at least half of them hold.

    >>> together(["holds", "not decided"]), together(["holds", "not decided", "not decided"])
    ('holds in part', 'not decided')
    """
    kinds = set(verdicts)
    if len(kinds) == 1:
        return verdicts[0]
    return IN_PART if 2 * verdicts.count(HOLDS) >= len(verdicts) else OPEN


def at_once(verdicts: Sequence[str]) -> str:
    """The verdict on a claim that is right only if each of several conditions is.

    >>> at_once(["holds", "holds"]), at_once(["holds", "not decided"]), at_once(["holds", "does not hold"])
    ('holds', 'not decided', 'does not hold')
    """
    if FAILS in verdicts:
        return FAILS
    return HOLDS if set(verdicts) == {HOLDS} else OPEN


def tally(verdicts: Sequence[str]) -> str:
    """How many of several tests hold, in words.

    >>> tally(["holds", "not decided", "does not hold"])
    'holds in 1 of 3'
    """
    return f"holds in {verdicts.count(HOLDS)} of {len(verdicts)}"


def against(ours: Values, theirs: Values) -> str:
    """The means of two kinds of values, in words.

    >>> against([1.0, 2.0], [0.25])
    '1.500 against 0.2500'
    """
    return f"{number(float(np.mean(ours)))} against {number(float(np.mean(theirs)))}"


def sizes_of(data: Data) -> str:
    """How many samples each split has, in words."""
    return ", ".join(f"{len(data.splits[split]):,} {split}" for split in SPLITS)


def counted(seeds: Sequence[int], what: str = "seed") -> str:
    """How many seeds, in words.

    >>> counted((0,)), counted((0, 1, 2))
    ('1 seed', '3 seeds')
    """
    return f"{len(seeds)} {what}{'' if len(seeds) == 1 else 's'}"
