"""Information by histograms against scikit-learn, hand-worked tables, nulls and invariances."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import mutual_info_score

from zscape import measure
from zscape.base import Codes
from zscape.measure import _histograms

SIZES = {"shape": 3, "scale": 6, "orientation": 40, "x": 32, "y": 32}


def some_factors(count, sizes=SIZES, seed=0):
    random = np.random.default_rng(seed)
    return {name: random.integers(0, size, count) for name, size in sizes.items()}


def noise(count, latents, seed=1):
    return np.random.default_rng(seed).standard_normal((count, latents))


def mixed(factors, latents=4, seed=2):
    """Codes that know a little of every factor."""
    columns = np.stack(list(factors.values()), axis=1)
    weights = np.random.default_rng(seed).standard_normal((columns.shape[1], latents))
    return (columns / columns.max(axis=0)) @ weights + 0.3 * noise(len(columns), latents)


def plug_in(z, factors, **settings):
    return measure.histogram_information(z, factors, corrected=False, **settings)


def by_scikit_learn(z, factors, bins=20):
    matrix = np.empty((z.shape[1], len(factors)))
    for latent, column in enumerate(z.T):
        cells = np.digitize(column, np.histogram_bin_edges(column, bins)[1:-1])
        matrix[latent] = [mutual_info_score(values, cells) for values in factors.values()]
    return matrix


@pytest.mark.parametrize("scale", [1e308, 1e-320])
def test_weights_are_relative_however_large(scale):
    factors = some_factors(300)
    found = measure.histogram_information(mixed(factors), factors, weights=np.full(300, scale))
    assert measure.mig(found) == replace(
        measure.mig(measure.histogram_information(mixed(factors), factors)),
        definition=measure.mig(found).definition,
    )


@pytest.mark.parametrize(
    ("count", "bins", "dtype"), [(300, 20, float), (5000, 20, np.float32), (70_000, 7, float)]
)
def test_plug_in_values_are_those_of_scikit_learn(count, bins, dtype):
    factors = some_factors(count)
    z = mixed(factors).astype(dtype)
    found = plug_in(z, factors, bins=bins)
    np.testing.assert_allclose(found.matrix, by_scikit_learn(z.astype(float), factors, bins), atol=1e-12)
    entropies = [mutual_info_score(values, values) for values in factors.values()]
    np.testing.assert_allclose(found.entropies, entropies, atol=1e-12)
    assert (found.names, found.n, found.estimator) == (tuple(SIZES), count, "hist")


@pytest.mark.parametrize("scale", [1.0, 0.05, 0.1, 1e-7, 1 / 3])
@pytest.mark.parametrize("shift", [0.0, 1.0, 1e6])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_on_the_edges_of_bins_go_where_numpy_puts_them(scale, shift, dtype):
    # Levels of a lattice fall on edges, where rounding decides; 21 levels on 20 bins are the hardest.
    z = (np.arange(210) % 21 * scale + shift).astype(dtype)[:, None].astype(float)
    ((_, cells),) = _histograms.equal_bins(z, 20)
    if np.ptp(z) > 0:
        expected = np.digitize(z[:, 0], np.histogram_bin_edges(z[:, 0], 20)[1:-1])
        np.testing.assert_array_equal(cells[0], expected)


def test_a_table_worked_by_hand():
    # Bins 0 and 1; of factor 0 three rows in the first, of factor 1 one there and two in the second.
    z = np.array([[0.0], [0.1], [0.2], [0.3], [0.9], [1.0]])
    found = measure.histogram_information(z, {"half": np.array([0, 0, 0, 1, 1, 1])}, bins=2)
    plain = 0.5 * np.log(1.5) + 1 / 6 * np.log(0.5) + 1 / 3 * np.log(2)
    # Two bins, two classes and three cells that occur.
    assert found.matrix[0, 0] == pytest.approx(plain + (2 + 2 - 3 - 1) / 12)
    assert found.entropies[0] == pytest.approx(np.log(2) + 1 / 12)
    assert plug_in(z, {"half": np.arange(6) // 3}, bins=2).matrix[0, 0] == pytest.approx(plain)


def test_bias_of_plug_in_values_and_what_the_correction_leaves():
    # Section 3.2 of the definitions: (bins - 1)(K - 1) / 2N is 0.0019 and 0.037 at 10,000 rows.
    expected = {3: 0.0019, 40: 0.037}
    for size, bias in expected.items():
        factors = {"v": np.random.default_rng(0).integers(0, size, 10_000)}
        z = np.random.default_rng(1).uniform(size=(10_000, 40))
        assert plug_in(z, factors).matrix.mean() == pytest.approx(bias, rel=0.15)
        left = measure.histogram_information(z, factors).matrix
        assert abs(left.mean()) < 4 * left.std() / np.sqrt(40) + 1e-3
    few = {"v": np.random.default_rng(0).integers(0, 40, 1000)}
    z = np.random.default_rng(1).uniform(size=(1000, 40))
    assert 0.37 < plug_in(z, few).matrix.mean() < 0.45
    assert 0.1 < measure.histogram_information(z, few).matrix.mean() < 0.2


def test_order_scale_and_names_of_classes_do_not_matter_but_bins_do():
    factors = some_factors(3000)
    z = mixed(factors)
    found = measure.histogram_information(z, factors)
    order = np.random.default_rng(3).permutation(3000)
    turned = measure.histogram_information(
        (z * [1, 2, 4, 8] + [0, 1, -16, 2])[order][:, [2, 0, 3, 1]],
        {name: values[order] for name, values in factors.items()},
    )
    np.testing.assert_allclose(turned.matrix, found.matrix[[2, 0, 3, 1]], atol=1e-3)
    names = np.random.default_rng(4).permutation(40) * 1_000_003 - 5_000_000
    renamed = measure.histogram_information(z, {**factors, "orientation": names[factors["orientation"]]})
    np.testing.assert_allclose(renamed.matrix, found.matrix, atol=1e-12)
    bent = measure.histogram_information(np.exp(3 * z), factors)
    assert np.abs(bent.matrix - found.matrix).max() > 0.01


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.uint64, bool])
def test_classes_of_every_whole_type(dtype):
    values = np.random.default_rng(0).integers(0, 2, 500)
    z = values[:, None] + 0.1 * noise(500, 1)
    given = (values * 255 - 128 if dtype == np.int8 else values).astype(dtype)
    expected = plug_in(z, {"v": values}).matrix
    assert plug_in(z, {"v": given}).matrix == pytest.approx(expected, abs=1e-12)


def test_weights_are_counts():
    factors = some_factors(400, {"a": 3, "b": 4})
    z = mixed(factors)
    times = np.random.default_rng(5).integers(0, 4, 400)
    # The least and the greatest of each latent stay, so that bins do.
    times[[*z.argmin(axis=0), *z.argmax(axis=0)]] = 1
    repeated = plug_in(
        np.repeat(z, times, axis=0), {name: np.repeat(values, times) for name, values in factors.items()}
    )
    weighted = plug_in(z, factors, weights=times * 7.5)
    np.testing.assert_allclose(weighted.matrix, repeated.matrix, atol=1e-12)
    np.testing.assert_allclose(weighted.entropies, repeated.entropies, atol=1e-12)
    assert weighted.n == np.count_nonzero(times)
    assert "rows weighted" in weighted.definition
    even = measure.histogram_information(z, factors, weights=np.full(400, 3.0))
    np.testing.assert_allclose(even.matrix, measure.histogram_information(z, factors).matrix, atol=1e-12)


def test_constant_latents_know_nothing_and_constant_factors_are_left_out():
    factors = some_factors(500, {"a": 3})
    z = np.hstack([mixed(factors, 1), np.full((500, 1), 0.1)])
    with pytest.warns(UserWarning, match="leaves out what is constant over these rows: still"):
        found = measure.histogram_information(z, {"still": np.full(500, 7), **factors})
    assert found.names == ("a",)
    assert found.matrix[1, 0] == 0
    with pytest.raises(ValueError, match="needs a factor that takes two values or more"):
        measure.histogram_information(z, {"still": np.zeros(500, int)})


def test_tables_of_codes_are_read_by_their_means():
    factors = some_factors(300, {"a": 3})
    z = mixed(factors).astype(np.float32)
    table = Codes(np.arange(300), np.full(300, "test"), z, logvar=z, factors=factors)
    np.testing.assert_array_equal(
        measure.histogram_information(table, table.factors).matrix,
        measure.histogram_information((z, -z), factors).matrix,
    )


def test_influence_is_the_derivative_by_the_weight_of_a_row():
    factors = some_factors(200, {"a": 3, "b": 5})
    z = mixed(factors)
    found = plug_in(z, factors)
    weights = np.ones(200)
    row = int(np.flatnonzero((z > z.min(axis=0)).all(axis=1) & (z < z.max(axis=0)).all(axis=1))[0])
    weights[row] += 1e-4
    moved = plug_in(z, factors, weights=weights)
    slope = (moved.matrix - found.matrix) / 1e-4 * 200
    np.testing.assert_allclose(found.influence[row], slope, atol=1e-3)
    np.testing.assert_allclose(found.surprisal[row], (moved.entropies - found.entropies) * 2e6, atol=1e-3)


def test_many_binary_factors_are_counted_together():
    factors = some_factors(2000, {f"attribute{number}": 2 for number in range(25)})
    z = mixed(factors, 3)
    np.testing.assert_allclose(plug_in(z, factors).matrix, by_scikit_learn(z, factors), atol=1e-12)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"factors": {"a": np.zeros(9, int)}}, "one value of each factor a row"),
        ({"factors": {"a": np.linspace(0, 1, 10)}}, "bin what is continuous"),
        ({"factors": {"a": np.array(list("ababababab"))}}, "number what is text"),
        ({"factors": {}}, "but got none"),
        ({"weights": np.ones(9)}, "one weight a row"),
        ({"weights": np.array([1.0] * 9 + [-1])}, "finite weights >= 0"),
        ({"weights": np.array([1.0] + [0] * 9)}, "two or more of them > 0"),
        ({"weights": np.array([1.0] * 9 + [np.nan])}, "finite weights >= 0"),
        ({"bins": 1}, "bins needs to be a whole number >= 2"),
        ({"codes": np.full((10, 2), np.nan)}, "codes need finite numbers"),
        ({"codes": np.array([[-1e308], [1e308]] * 5)}, r"under 1e\+100"),
        ({"codes": np.array([[0], [1e-295]] * 5)}, "rescale it"),
        ({"codes": np.zeros((1, 2)), "factors": {"a": np.zeros(1, int)}}, "at least 2 rows"),
    ],
)
def test_what_cannot_be_measured_is_refused(change, message):
    given = {"codes": np.zeros((10, 2)), "factors": {"a": np.arange(10) % 2}, **change}
    with pytest.raises(ValueError, match=message):
        measure.histogram_information(given.pop("codes"), given.pop("factors"), **given)


def test_whole_factors_are_those_that_vary_and_are_whole():
    count = 6
    table = Codes(
        id=np.arange(count),
        split=np.full(count, "test"),
        mean=np.zeros((count, 2), np.float32),
        factors={
            "kind": np.arange(count) % 2,
            "same": np.zeros(count, dtype=int),
            "measured": np.linspace(0, 1, count),
            "flag": np.arange(count) < 2,
        },
    )
    assert list(measure.whole_factors(table)) == ["kind", "flag"]
    assert measure.whole_factors(table.take(np.array([], dtype=int))) == {}
