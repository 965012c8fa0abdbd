"""Intervals by the bootstrap: within the values, and how often they hold the mean."""

import numpy as np
import pytest

from zscape.estimates import bootstrap_result, bootstrap_results


def of(values, seed=0):
    return bootstrap_result("it", np.array(values, float), unit="m", definition="words", seed=seed)


def test_ends_lie_within_the_values_and_one_value_has_none():
    skewed = of([0.0, 0.0, 0.0, 9.0])
    assert (skewed.value, skewed.low, skewed.high) == (2.25, 0.0, 9.0)
    assert (skewed.n, skewed.unit, skewed.definition, skewed.seed) == (4, "m", "words", 0)
    alone = of([3.0])
    assert (alone.value, alone.low, alone.high, alone.seed) == (3.0, None, None, None)
    for value in (0.1, 1e300, 0.0):
        same = of([value] * 7)
        assert (same.low, same.high) == (value, value)


def test_the_ends_are_normal_for_many_values_and_follow_the_seed():
    values = np.random.default_rng(0).exponential(size=800)
    found = of(values)
    half = 1.96 * values.std(ddof=1) / np.sqrt(800)
    assert found.high - found.value == pytest.approx(half, rel=0.1)
    assert found.value - found.low == pytest.approx(half, rel=0.1)
    assert found == of(values)
    assert found != of(values, seed=1)
    assert of(1e-200 * values).low == pytest.approx(1e-200 * found.low, rel=1e-9)


@pytest.mark.parametrize(("count", "least"), [(5, 243), (12, 270), (30, 270)])
def test_they_cover_the_mean_of_what_is_positive_and_skewed(count, least):
    """Of 300; quantiles at 2.5 and 97.5 % cover 237 for five exponential values."""
    rng = np.random.default_rng(4)
    values = rng.exponential(size=(count, 300))
    results = bootstrap_results(["it"] * 300, values, unit="", definitions=[""] * 300)
    assert sum(each.low <= 1 <= each.high for each in results) >= least
    assert all(0 <= each.low <= each.value <= each.high for each in results)
