"""Information of stochastic codes against exact sums, closed forms, draws, nulls and invariances."""

import numpy as np
import pytest
from scipy.stats import norm

from zscape import measure
from zscape.measure.information_aggregate import is_resolved


def some_rows(count, low, high, seed=0):
    """Means, log variances and factors: latents that know one, two or none, with deviations in a range."""
    random = np.random.default_rng(seed)
    factors = {"a": random.integers(0, 3, count), "b": random.integers(0, 12, count)}
    a, b = factors["a"] - 1.0, factors["b"] / 6 - 1
    mean = np.stack([2 * a, b, a + b, 0 * a], axis=1) + 0.02 * random.standard_normal((count, 4))
    logvar = random.uniform(2 * np.log(low), 2 * np.log(high), size=(count, 4)) + 0.4 * np.sin(3 * mean)
    logvar[:, 3] = 0.01 * random.standard_normal(count)
    return mean, logvar, factors


@pytest.mark.parametrize("logvar", [800.0, 1e300, -1e300])
@pytest.mark.parametrize("rows", [1, 60])
def test_log_variances_beyond_all_measure_are_refused(logvar, rows):
    mean, all_logvar, factors = some_rows(60, 0.1, 0.2)
    all_logvar[:rows] = logvar
    with pytest.raises(ValueError, match="span at most 32,768"):
        measure.aggregate_information((mean, all_logvar), factors)
    assert not is_resolved((mean, all_logvar))
    if abs(logvar) > 1400:
        with pytest.raises(ValueError, match="needs log variances from -1,400 to 1,400"):
            measure.sampled_information((mean, all_logvar), factors, draws=10)


def test_sampled_information_takes_deviations_of_any_size_that_there_is():
    mean, logvar, factors = some_rows(60, 0.1, 0.2)
    for row, extreme in enumerate((1400.0, -1400.0, 800.0)):
        logvar[row] = extreme
    assert np.isfinite(measure.sampled_information((mean, logvar), factors, draws=50).influence).all()


def test_intervals_of_sampled_scores_cover_draws_of_uneven_classes():
    rare = (np.arange(2000) % 10 == 0).astype(int)
    codes = np.stack([rare, 0 * rare], axis=1).astype(float), np.full((2000, 2), -6.0)
    found = [
        measure.mig(measure.sampled_information(codes, {"rare": rare}, draws=300, seed=n)) for n in range(40)
    ]
    covered = np.mean([each.low <= 1 <= each.high for each in found])
    assert covered >= 0.85
    errors = [(each.value - each.low) / 1.96 for each in found]
    assert np.median(errors) == pytest.approx(np.std([each.value for each in found]), rel=0.35)


def exact(mean, logvar, factors, nodes=4000):
    """The definition, summed over every row at every node."""
    found = np.zeros((mean.shape[1], len(factors)))
    for latent in range(mean.shape[1]):
        std = np.exp(logvar[:, latent] / 2)
        z = np.linspace(
            *(mean[:, latent].min() - 8 * std.max(), mean[:, latent].max() + 8 * std.max()), nodes
        )
        each = norm.pdf(z[:, None], mean[:, latent], std)
        whole = each.mean(axis=1)
        for place, values in enumerate(factors.values()):
            for value in np.unique(values):
                part = each[:, values == value].mean(axis=1)
                seen = part > 1e-300
                ratio = np.log(part[seen] / whole[seen])
                found[latent, place] += np.mean(values == value) * (part[seen] @ ratio) * (z[1] - z[0])
    return found


@pytest.mark.parametrize(("low", "high"), [(0.1, 0.101), (0.05, 0.5), (0.02, 0.05), (0.03, 1.5)])
@pytest.mark.parametrize(("count", "error"), [(25, 0.012), (300, 0.008)])
def test_it_is_the_exact_sum_to_the_stated_error(low, high, count, error):
    mean, logvar, factors = some_rows(count, low, high)
    found = measure.aggregate_information((mean, logvar), factors, corrected=False)
    np.testing.assert_allclose(found.matrix, exact(mean, logvar, factors), atol=error)


def test_two_normal_classes_have_the_information_of_a_mixture():
    # A bit through Gaussian noise, by quadrature. Means on two points are the worst to move to nodes.
    factors = {"sign": np.arange(200) % 2}
    mean = (2.0 * factors["sign"] - 1)[:, None]
    for std in (0.2, 0.7, 3.0):
        z = np.linspace(-40, 40, 100_001)
        one, both = norm.pdf(z, 1, std), (norm.pdf(z, 1, std) + norm.pdf(z, -1, std)) / 2
        seen = one > 1e-300
        truth = (one[seen] * np.log(one[seen] / both[seen])).sum() * (z[1] - z[0])
        logvar = np.full((200, 1), 2 * np.log(std))
        found = measure.aggregate_information((mean, logvar), factors, corrected=False)
        assert found.matrix[0, 0] == pytest.approx(truth, abs=6e-3)


def test_draws_agree_with_densities():
    mean, logvar, factors = some_rows(500, 0.1, 0.6)
    drawn = measure.sampled_information((mean, logvar), factors, draws=8000, seed=3)
    summed = measure.aggregate_information((mean, logvar), factors, corrected=False)
    error = drawn.influence.std(axis=0) / np.sqrt(drawn.n)
    assert (np.abs(drawn.matrix - summed.matrix) < 4 * error + 0.004).all()
    again = measure.sampled_information((mean, logvar), factors, draws=8000, seed=3)
    np.testing.assert_array_equal(again.matrix, drawn.matrix)
    assert (drawn.n, drawn.seed, drawn.corrected) == (8000, 3, False)


def test_information_of_a_collapsed_latent_is_0_and_means_say_otherwise():
    # Means that differ by a thousandth of the deviation tell a histogram everything, and the latent nothing.
    factors = {"v": np.arange(4000) % 4}
    mean = 1e-3 * factors["v"][:, None].astype(float)
    found = measure.aggregate_information((mean, np.zeros((4000, 1))), factors)
    assert found.matrix[0, 0] == pytest.approx(0, abs=1e-4)
    assert measure.histogram_information(mean, factors).matrix[0, 0] == pytest.approx(np.log(4), abs=1e-2)


def test_the_correction_takes_off_the_bias_of_few_rows():
    plain, left = [], []
    for seed in range(10):
        random = np.random.default_rng(seed)
        codes = random.standard_normal((2000, 5)), np.full((2000, 5), 2 * np.log(0.3))
        factors = {"v": random.integers(0, 10, 2000)}
        plain.append(measure.aggregate_information(codes, factors, corrected=False).matrix.mean())
        left.append(measure.aggregate_information(codes, factors).matrix.mean())
    assert np.mean(plain) > 0.01
    assert abs(np.mean(left)) < 0.2 * np.mean(plain) + 2 * np.std(left) / np.sqrt(10)


def test_narrow_posteriors_without_overlap_are_corrected_as_by_miller_and_madow():
    # Each class at a place of its own, the rows of a class on one another: I = H, by counts as by densities.
    factors = {"v": np.random.default_rng(0).integers(0, 5, 300)}
    mean = factors["v"][:, None].astype(float)
    found = measure.aggregate_information((mean, np.full((300, 1), 2 * np.log(0.01))), factors)
    assert found.matrix[0, 0] == pytest.approx(found.entropies[0], abs=1e-3)


def test_order_scale_names_and_weights():
    mean, logvar, factors = some_rows(400, 0.1, 0.5)
    found = measure.aggregate_information((mean, logvar), factors)
    order = np.random.default_rng(1).permutation(400)
    scale = np.array([8.0, 0.5, 1, 2])
    turned = measure.aggregate_information(
        ((mean * scale + 3)[order][:, ::-1], (logvar + 2 * np.log(scale))[order][:, ::-1]),
        {"a": 7 - 3 * factors["a"][order], "b": factors["b"][order]},
    )
    np.testing.assert_allclose(turned.matrix, found.matrix[::-1], atol=2e-3)
    times = np.random.default_rng(2).integers(1, 4, 400)
    twice = measure.aggregate_information(
        (np.repeat(mean, times, axis=0), np.repeat(logvar, times, axis=0)),
        {name: np.repeat(values, times) for name, values in factors.items()},
        corrected=False,
    )
    weighted = measure.aggregate_information((mean, logvar), factors, weights=times, corrected=False)
    np.testing.assert_allclose(weighted.matrix, twice.matrix, atol=1e-9)
    drawn = measure.sampled_information((mean, logvar), factors, weights=times, draws=4000)
    assert np.abs(drawn.matrix - weighted.matrix).max() < 0.06


def test_influence_is_the_derivative_by_the_weight_of_a_row():
    mean, logvar, factors = some_rows(150, 0.2, 0.5)
    found = measure.aggregate_information((mean, logvar), factors, corrected=False)
    weights = np.ones(150)
    weights[17] += 1e-3
    moved = measure.aggregate_information((mean, logvar), factors, weights=weights, corrected=False)
    np.testing.assert_allclose(found.influence[17], (moved.matrix - found.matrix) * 150e3, atol=0.05)


def test_one_variance_for_all_and_huge_ones():
    factors = {"v": np.arange(300) % 3}
    mean = factors["v"][:, None].astype(float)
    same = measure.aggregate_information((mean, np.full((300, 1), -2.0)), factors).matrix[0, 0]
    varied = -2 + 1e-9 * np.arange(300.0)[:, None]
    assert measure.aggregate_information((mean, varied), factors).matrix[0, 0] == pytest.approx(
        same, abs=1e-3
    )
    huge = measure.aggregate_information((mean, np.full((300, 1), 300.0)), factors).matrix[0, 0]
    assert huge == pytest.approx(0, abs=1e-6)
    mixed = np.where(np.arange(300)[:, None] < 3, 10.0, -2.0)
    assert measure.aggregate_information((mean, mixed), factors).matrix[0, 0] == pytest.approx(same, abs=0.05)


def test_many_classes_take_turns(monkeypatch):
    mean, logvar, factors = some_rows(400, 0.05, 0.2)
    whole = measure.aggregate_information((mean, logvar), factors)
    monkeypatch.setattr("zscape.measure.information_aggregate._MOST", 1 << 10)
    turns = measure.aggregate_information((mean, logvar), factors)
    np.testing.assert_allclose(turns.matrix, whole.matrix, atol=1e-12)
    np.testing.assert_allclose(turns.influence, whole.influence, atol=1e-6)


@pytest.mark.parametrize("logvar", [-40.0, -800.0])
def test_posteriors_that_are_points_are_refused(logvar):
    factors = {"v": np.arange(30) % 3}
    mean = factors["v"][:, None] + np.linspace(0, 0.1, 30)[:, None]
    with pytest.raises(ValueError, match=r"latent 0 has one of .* take histogram_information"):
        measure.aggregate_information((mean, np.full((30, 1), logvar)), factors)


@pytest.mark.parametrize("estimate", [measure.aggregate_information, measure.sampled_information])
def test_codes_without_variances_are_refused(estimate):
    with pytest.raises(ValueError, match="needs log variances, but these codes are points"):
        estimate(np.zeros((10, 2)), {"v": np.arange(10) % 2})


def test_draws_of_narrow_posteriors_stay_finite():
    factors = {"v": np.arange(40) % 4}
    codes = np.linspace(0, 1, 40)[:, None], np.full((40, 1), -60.0)
    found = measure.sampled_information(codes, factors, draws=200)
    # No two rows meet: every draw gives its row away, and with it the class.
    np.testing.assert_allclose(found.matrix[0, 0], np.log(4), atol=1e-9)
    with pytest.raises(ValueError, match="draws needs to be a whole number >= 2"):
        measure.sampled_information(codes, factors, draws=1)
