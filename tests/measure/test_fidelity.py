"""Distances of distributions, shared support and memorisation against closed forms and full matrices."""

import math
import tracemalloc
import warnings

import numpy as np
import pytest
import scipy.linalg
import torch
from scipy.spatial.distance import cdist

from zscape import energy, measure
from zscape.base import Codes
from zscape.measure import _kernels, _neighbours, _rows
from zscape.terms.divergence import median_bandwidth


def draws(count, features, seed=0):
    return np.random.default_rng(seed).standard_normal((count, features))


def by_name(results):
    return {result.name: result.value for result in results}


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(_neighbours, "_ROWS", 7)
    monkeypatch.setattr(_neighbours, "_COLUMNS", 13)
    monkeypatch.setattr(_neighbours, "BLOCK", 40)
    monkeypatch.setattr(_kernels, "_ROWS", 17)


# Precision, recall, density, coverage


def full_prdc(x, y, k, compare):
    """From whole matrices of differences, as the definition reads."""

    def distances(a, b):
        return ((a[:, None].astype(float) - b[None].astype(float)) ** 2).sum(axis=2)

    across = distances(x, y)
    radii = np.sort(distances(x, x), axis=1)[:, k]
    others = np.sort(distances(y, y), axis=1)[:, k]
    inside = compare(across, radii[:, None])
    return {
        "precision": inside.any(axis=0).mean(),
        "recall": compare(across, others[None]).any(axis=1).mean(),
        "density": inside.sum() / (k * len(y)),
        "coverage": inside.any(axis=1).mean(),
    }


COMPARE = {"lt": np.less, "le": np.less_equal}
SETS = {
    "normal": (draws(90, 5), draws(60, 5, 1) * 0.8),
    "float32": (draws(90, 5).astype(np.float32), draws(60, 5, 1).astype(np.float32)),
    "grid with ties": (
        np.random.default_rng(0).integers(0, 4, (90, 3)).astype(np.uint8),
        np.random.default_rng(1).integers(0, 4, (50, 3)).astype(np.uint8),
    ),
    "one dimension": (draws(40, 1), draws(80, 1, 1)),
    "far from the origin": (draws(60, 4) + 1e8, draws(60, 4, 1) + 1e8),
    "one row very far": (np.vstack([draws(60, 4), np.full((1, 4), 1e9)]), draws(60, 4, 1)),
    "the same set": (draws(70, 4), draws(70, 4)),
    "many scales": (draws(80, 3) * np.logspace(-9, 9, 80)[:, None], draws(70, 3, 1) * 1e-3),
}


@pytest.mark.filterwarnings("ignore:.*duplicates or more")
@pytest.mark.parametrize("ties", ["lt", "le"])
@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("name", SETS)
def test_prdc_is_that_of_whole_matrices_also_with_ties(small_blocks, name, k, ties):
    x, y = SETS[name]
    results = measure.prdc(x, y, neighbours=k, ties=ties)
    ending = ("_k1" if k == 1 else "") + ("_le" if ties == "le" else "")
    expected = {name + ending: value for name, value in full_prdc(x, y, k, COMPARE[ties]).items()}
    assert list(by_name(results)) == list(expected)
    assert by_name(results) == pytest.approx(expected, abs=1e-12)
    assert [result.n for result in results] == [len(y), len(x), len(y), len(x)]
    for result in results:
        assert f"k = {k}, ties {ties}" in result.definition
        assert f"{len(x)} real and {len(y)} generated" in result.definition


def test_equal_samples_are_nowhere_or_everywhere_by_the_ties():
    """With 64 equal samples and k = 5 open balls are empty; closed ones hold all: density 64 / 5."""
    x = np.ones((64, 3))
    with pytest.warns(UserWarning, match="64 real and 64 generated samples have 5 duplicates or more"):
        assert list(by_name(measure.prdc(x, x)).values()) == [0, 0, 0, 0]
    with pytest.warns(UserWarning, match="duplicates"):
        assert list(by_name(measure.prdc(x, x, ties="le")).values()) == pytest.approx([1, 1, 12.8, 1])


def test_duplicates_up_to_k_less_one_do_not_warn():
    x = np.repeat(draws(30, 3), 5, axis=0)
    measure.prdc(x, x, neighbours=5)
    with pytest.warns(UserWarning, match="150 real"):
        measure.prdc(x, x, neighbours=4)


def test_equal_distributions_have_the_values_of_the_paper():
    results = [by_name(measure.prdc(draws(1000, 8, 2 * s), draws(1000, 8, 2 * s + 1))) for s in range(4)]
    means = {name: np.mean([each[name] for each in results]) for name in results[0]}
    assert means["coverage"] == pytest.approx(1 - 2**-5, abs=0.01)
    assert means["density"] == pytest.approx(1, abs=0.06)
    assert means["precision"] == pytest.approx(0.945, abs=0.02)
    assert means["recall"] == pytest.approx(0.945, abs=0.02)


def test_a_collapsed_set_is_precise_and_covers_little():
    x = draws(300, 4)
    values = by_name(measure.prdc(x, 0.05 * draws(300, 4, 1)))
    assert values["precision"] == 1
    assert max(values["recall"], values["coverage"]) < 0.3
    assert list(by_name(measure.prdc(x, draws(300, 4, 1) + 100)).values()) == [0, 0, 0, 0]


def test_prdc_is_that_of_the_public_package(capsys):
    prdc = pytest.importorskip("prdc", reason="needs the extra bench")
    x, y = draws(400, 16), 0.9 * draws(300, 16, 1)
    theirs = prdc.compute_prdc(real_features=x, fake_features=y, nearest_k=5)
    assert by_name(measure.prdc(x, y)) == pytest.approx(theirs)


def test_prdc_of_codes_reads_means_and_pictures_are_flattened():
    x, y = draws(50, 12), draws(40, 12, 1)
    expected = measure.prdc(x, y)
    assert measure.prdc((x, x * 0), y) == expected
    assert measure.prdc(x.reshape(50, 3, 2, 2), y.reshape(40, 3, 2, 2)) == expected
    codes = Codes(id=np.arange(50), split=np.full(50, "test"), mean=x)
    assert measure.prdc(codes, y) == expected


def test_no_matrix_of_all_pairs_is_held():
    x, y = draws(6000, 8).astype(np.float32), draws(6000, 8, 1).astype(np.float32)
    tracemalloc.start()
    measure.prdc(x, y)
    measure.mmd(x[:4000], y[:4000], bandwidth=1.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50e6 < 6000 * 6000 * 4


# Nearest neighbours


@pytest.mark.parametrize("name", SETS)
def test_nearest_distances_are_those_of_scipy(small_blocks, name):
    x, y = SETS[name]
    expected = cdist(y.astype(float), x.astype(float)).min(axis=1)
    assert np.allclose(measure.nearest_distances(x, y), expected, rtol=1e-12, atol=0)


def test_a_copy_is_found_among_pictures_far_from_0():
    x = (1000 + draws(200, 48)).reshape(200, 3, 4, 4).astype(np.float32)
    y = np.concatenate([x[[17, 80]], x[[5]] + np.float32(0.01)])
    distances = measure.nearest_distances(x, y)
    assert distances[:2].tolist() == [0, 0]
    assert distances[2] == pytest.approx(0.01 * math.sqrt(48), rel=0.01)


def test_new_draws_are_half_the_time_nearer_than_training_and_copies_always():
    x = draws(2000, 4)
    mean, share = measure.nearest_training_distance(x, draws(2000, 4, 1))
    assert (mean.name, share.name) == ("nearest_training_distance", "nearer_than_training")
    assert share.low < 0.5 < share.high
    assert share.value == pytest.approx(0.5, abs=0.05)
    typical = np.median(np.sort(cdist(x, x), axis=1)[:, 1])
    assert f"{typical:.6g}" in share.definition
    assert mean.value == pytest.approx(cdist(draws(2000, 4, 1), x).min(axis=1).mean())
    assert [result.value for result in measure.nearest_training_distance(x, x[:50])] == [0, 1]
    assert measure.nearest_training_distance(x, x[:50] + 100)[1].value == 0
    assert measure.nearest_training_distance(x[[0, 0, 0]], x[:1])[1].value == 1


@pytest.mark.parametrize("sizes", [(400, 100), (100, 400)])
def test_the_interval_of_the_share_covers_a_half_for_new_draws(sizes):
    shares = [
        measure.nearest_training_distance(draws(sizes[0], 2, 2 * s), draws(sizes[1], 2, 2 * s + 1))[1]
        for s in range(200)
    ]
    assert 184 <= sum(share.low <= 0.5 <= share.high for share in shares) <= 199


# Energy distance


def test_energy_distance_by_hand():
    """X = {0, 2}, Y = {1, 1}: across 1, own 2 (U) or 1 (V) and 0."""
    x, y = np.array([[0.0], [2.0]]), np.array([[1.0], [1.0]])
    assert measure.energy_distance(x, y, unbiased=False).value == pytest.approx(0.5)
    assert measure.energy_distance(x, y).value == pytest.approx(0)
    assert "U-statistic" in measure.energy_distance(x, y).definition
    assert "V-statistic" in measure.energy_distance(x, y, unbiased=False).definition


@pytest.mark.parametrize("smoothing", [0.0, 0.7])
def test_the_v_statistic_is_the_distance_of_the_sets(smoothing):
    x, y = draws(70, 3), draws(50, 3, 1) + 0.3
    result = measure.energy_distance(x, y, smoothing=smoothing, unbiased=False)
    assert result.value == pytest.approx(energy.distance(x, y, smoothing=smoothing), rel=1e-9)
    assert (result.low, result.high) == (None, None)
    same = measure.energy_distance(x, x[::-1], smoothing=smoothing, unbiased=False)
    assert same.value == pytest.approx(0, abs=1e-9)


def test_the_v_statistic_is_half_of_that_of_scipy_squared_in_one_dimension():
    from scipy.stats import energy_distance

    x, y = draws(70, 1), draws(50, 1, 1) + 0.3
    expected = energy_distance(x[:, 0], y[:, 0]) ** 2 / 2
    assert measure.energy_distance(x, y, unbiased=False).value == pytest.approx(expected)


def gaussian_mmd(features, shift, std):
    """Squared MMD between N(0, I) and N(shift, I): each kernel expectation is a Gaussian integral."""
    factor = (std**2 / (std**2 + 2)) ** (features / 2)
    return 2 * factor * (1 - math.exp(-(shift**2) * features / (2 * (std**2 + 2))))


DISTANCES = {
    "energy_distance": measure.energy_distance,
    "mmd": lambda x, y, **options: measure.mmd(x, y, bandwidth=1.5, **options),
}


@pytest.mark.parametrize("name", DISTANCES)
def test_equal_distributions_have_expectation_0_and_the_interval_covers_it(name):
    results = [DISTANCES[name](draws(60, 3, 2 * s), draws(40, 3, 2 * s + 1)) for s in range(300)]
    values = np.array([result.value for result in results])
    assert abs(values.mean()) < 3 * values.std() / math.sqrt(300)
    assert (values < 0).any()
    covered = sum(result.low <= 0 <= result.high for result in results)
    assert covered >= 280
    biased = DISTANCES[name](draws(60, 3), draws(40, 3, 1), unbiased=False)
    assert biased.value > values.max() / 2 > 0
    assert biased.low is None


def test_the_interval_of_mmd_covers_the_closed_form_away_from_0():
    truth = gaussian_mmd(3, 0.6, 1.5)
    results = [
        measure.mmd(draws(60, 3, 2 * s), draws(90, 3, 2 * s + 1) + 0.6, bandwidth=1.5) for s in range(300)
    ]
    values = np.array([result.value for result in results])
    assert values.mean() == pytest.approx(truth, abs=4 * values.std() / math.sqrt(300))
    assert 274 <= sum(result.low <= truth <= result.high for result in results) <= 298


def test_the_interval_of_the_energy_distance_covers_the_closed_form_away_from_0():
    """Between N(0, 1) and N(m, 1): X - Y is N(m, 2), whose mean size is a folded normal's."""
    m = 1.0
    folded = 2 / math.sqrt(math.pi) * math.exp(-(m**2) / 4) + m * math.erf(m / 2)
    truth = folded - 2 / math.sqrt(math.pi)
    results = [measure.energy_distance(draws(60, 1, 2 * s), draws(90, 1, 2 * s + 1) + m) for s in range(300)]
    assert np.mean([result.value for result in results]) == pytest.approx(truth, rel=0.03)
    assert 274 <= sum(result.low <= truth <= result.high for result in results) <= 298


# Maximum mean discrepancy


def full_mmd(x, y, std, unbiased):
    """From whole matrices of differences, as the definition reads."""
    k = {
        name: np.exp(-np.square(cdist(a, b) / std) / 2)
        for name, (a, b) in {"xx": (x, x), "yy": (y, y), "xy": (x, y)}.items()
    }
    own = [(k[n].sum() - unbiased * len(k[n])) / (len(k[n]) * (len(k[n]) - unbiased)) for n in ("xx", "yy")]
    return sum(own) - 2 * k["xy"].mean()


@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd_is_that_of_whole_matrices(small_blocks, unbiased):
    x, y = draws(70, 3), draws(50, 3, 1) + 0.3
    result = measure.mmd(x, y, bandwidth=1.3, unbiased=unbiased)
    assert result.value == pytest.approx(full_mmd(x, y, 1.3, unbiased), rel=1e-10)
    assert "bandwidth 1.3" in result.definition
    assert "70 real and 50 generated" in result.definition
    assert result.seed is None


@pytest.mark.parametrize("far", [1e10, 1e11, 1e16, 1e60, 1e99])
@pytest.mark.parametrize("first", [True, False])
def test_mmd_of_a_set_with_one_far_sample_is_that_of_whole_matrices(small_blocks, far, first):
    x, y = draws(200, 2), draws(150, 2, 1)
    (x if first else y)[[0, 3]] = far
    std = _kernels.bandwidth_of("median", x, y, seed=0)
    assert measure.mmd(x, y).value == pytest.approx(full_mmd(x, y, std, True), rel=1e-10)


@pytest.mark.parametrize("gap", [1e3, 1e4, 1e8, 1e12])
def test_mmd_between_far_clusters_is_that_of_whole_matrices(small_blocks, gap):
    x, y = draws(60, 2), draws(50, 2, 1)
    x[::2] += gap
    y[1::3] += gap
    assert measure.mmd(x, y, bandwidth=1.0).value == pytest.approx(full_mmd(x, y, 1.0, True), rel=1e-7)
    # A bandwidth as wide as the gap sees both as points.
    assert measure.mmd(x, y, bandwidth=gap).value == pytest.approx(full_mmd(x, y, gap, True), rel=1e-7)


def test_bandwidths_by_name_are_those_of_the_term():
    x, y = draws(30, 4), draws(31, 4, 1) + 1
    # An odd number of pairs, as the median of torch is the lower of two.
    median = float(median_bandwidth(torch.from_numpy(np.vstack([x, y])[:58])))
    assert _kernels.bandwidth_of("median", x, y[:28], seed=0) == pytest.approx(median)
    assert measure.mmd(x, y, bandwidth="dimension").value == measure.mmd(x, y, bandwidth=2.0).value
    assert "(median)" in measure.mmd(x, y).definition
    assert measure.mmd(x, y).seed is None


def test_the_median_of_many_samples_is_drawn_by_seed_and_near():
    x, y = draws(3000, 2), draws(2000, 2, 1)
    first, again, other = (_kernels.bandwidth_of("median", x, y, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert first == pytest.approx(np.median(cdist(x, y)), rel=0.05)
    result = measure.mmd(x[:1200], y[:1200], seed=3)
    assert (result.seed, measure.mmd(x[:1200], y[:1200], bandwidth=1.0).seed) == (3, None)
    assert measure.rke(x, seed=3).seed == measure.vendi_score(x, order=2, kernel="gaussian", seed=3).seed == 3


def test_what_changes_the_quantity_changes_the_name():
    x, y = draws(40, 3), draws(30, 3, 1)
    assert measure.energy_distance(x, y).name == "energy_distance"
    assert measure.energy_distance(x, y, unbiased=False).name == "energy_distance_v"
    assert measure.mmd(x, y).name == measure.mmd(x, y, bandwidth=2.0).name == "mmd"
    assert measure.mmd(x, y, unbiased=False).name == "mmd_v"
    assert measure.frechet_distance(x, y).name == "frechet_distance"
    features = measure.frechet_distance(x, y, features=lambda samples: samples[:, :2])
    assert features.name == "frechet_distance_of_features"


def test_the_median_distance_is_the_bandwidth_of_that_name():
    x = draws(60, 4)
    distances = cdist(x, x)[np.triu_indices(60, 1)]
    assert measure.median_distance(x) == pytest.approx(np.median(distances), rel=1e-12)
    assert measure.median_distance(x.reshape(60, 1, 2, 2)) == measure.median_distance((x, x * 0))
    assert measure.rke(x, bandwidth=measure.median_distance(x)).value == measure.rke(x).value
    assert measure.median_distance(np.ones((5, 2))) == 1
    many = draws(3000, 2)
    first, again, other = (measure.median_distance(many, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    with pytest.raises(ValueError, match="real needs at least 2 samples"):
        measure.median_distance(x[:1])


def test_median_bandwidths_are_blind_to_scale_and_one_bandwidth_is_not():
    """A sampler shrunk tenfold: what each docstring says of "median"."""
    x, y = draws(200, 4), draws(150, 4, 1)
    one = measure.median_distance(x)
    for call in (measure.rke, lambda y, **s: measure.vendi_score(y, kernel="gaussian", **s)):
        assert call(0.1 * y).value == pytest.approx(call(y).value)
        assert call(0.1 * y, bandwidth=one).value < 0.7 * call(y, bandwidth=one).value
    assert measure.mmd(0.1 * x, 0.1 * y).value == pytest.approx(measure.mmd(x, y).value)


def test_equal_samples_have_mmd_0_whatever_the_bandwidth():
    x = np.full((20, 3), 0.1)
    assert measure.mmd(x, x[:7]).value == pytest.approx(0, abs=1e-12)
    assert measure.mmd(draws(20, 3), draws(20, 3)[::-1], unbiased=False).value == pytest.approx(0, abs=1e-12)


# Fréchet distance


def exact_moments(values, mean, covariance):
    """Draws moved so that mean and covariance are the given ones exactly."""
    white = values - values.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False))).T
    return white @ np.linalg.cholesky(covariance).T + mean


def test_frechet_distance_of_diagonal_gaussians_is_the_closed_form():
    """Equal axes: the squared distance of the means plus that of the standard deviations."""
    first, second = np.array([1.0, 2.0, 0.5]), np.array([3.0, 0.1, 0.5])
    x = exact_moments(draws(50, 3), np.zeros(3), np.diag(first**2))
    y = exact_moments(draws(80, 3, 1), np.array([1.0, -2.0, 0.0]), np.diag(second**2))
    result = measure.frechet_distance(x, y)
    assert result.value == pytest.approx(5 + ((first - second) ** 2).sum())
    assert (result.low, result.n) == (None, 80)


@pytest.mark.parametrize("rows", [1, 8, 256])
def test_frechet_distance_is_that_of_a_matrix_square_root_and_symmetric(monkeypatch, rows):
    monkeypatch.setattr(_rows, "BLOCK", 1)
    monkeypatch.setattr(_rows, "_ROWS", rows)
    x, y = draws(90, 6) @ draws(6, 6, 2), 1 + draws(70, 6, 1) @ draws(6, 6, 3)
    c, d = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    expected = ((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(c + d - 2 * scipy.linalg.sqrtm(c @ d).real)
    assert measure.frechet_distance(x, y).value == pytest.approx(expected, rel=1e-8)
    assert measure.frechet_distance(y, x).value == pytest.approx(expected, rel=1e-8)
    turn = np.linalg.qr(draws(6, 6, 4))[0]
    assert measure.frechet_distance(x @ turn + 5, y @ turn + 5).value == pytest.approx(expected, rel=1e-8)
    assert measure.frechet_distance(x, x[::-1]).value == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("scale", [1e-120, 1e-90, 1e-80, 1e-40, 1e40, 1e78, 1e80, 1e95])
def test_frechet_distance_goes_with_the_square_of_the_scale(scale):
    x, y = draws(50, 4), draws(40, 4, 1) @ draws(4, 4, 2) + 1
    expected, found = measure.frechet_distance(x, y), measure.frechet_distance(scale * x, scale * y)
    assert found.value / scale**2 == pytest.approx(expected.value, rel=1e-10)
    floors = [float(r.definition.split("score about ")[1].split(")")[0]) for r in (expected, found)]
    assert floors[1] / scale**2 == pytest.approx(floors[0], rel=2e-3)
    # Beside a set of size 1 only the larger counts.
    alone = float(np.trace(np.cov(x, rowvar=False))) + float(np.square(x.mean(axis=0)).sum())
    beside = measure.frechet_distance(x * max(scale, 1), y * min(scale, 1)).value
    assert beside / max(scale, 1) ** 2 == pytest.approx(alone, rel=1e-10)


def test_two_constant_sets_are_as_far_as_their_means():
    x = np.ones((9, 2))
    assert measure.frechet_distance(x, x + np.array([3.0, 4.0])).value == pytest.approx(25)


def test_the_bias_that_is_stated_is_that_of_two_draws():
    scales = np.array([2.0, 1.0, 0.5, 0.1])
    results = [
        measure.frechet_distance(scales * draws(150, 4, 2 * s), scales * draws(300, 4, 2 * s + 1))
        for s in range(200)
    ]
    stated = float(results[0].definition.split("score about ")[1].split(")")[0])
    assert np.mean([result.value for result in results]) == pytest.approx(stated, rel=0.15)


def test_features_are_made_in_batches_of_the_samples_as_they_are():
    x = np.random.default_rng(0).integers(0, 256, (70, 3, 4, 4)).astype(np.uint8)
    y = np.random.default_rng(1).integers(0, 200, (50, 3, 4, 4)).astype(np.uint8)
    seen = []

    def network(pictures):
        seen.append((pictures.shape, pictures.dtype))
        return torch.from_numpy(pictures).float().mean(dim=(2, 3))

    result = measure.frechet_distance(x, y, features=network, batch=32)
    assert seen[0] == ((32, 3, 4, 4), np.uint8)
    assert [shape[0] for shape, _ in seen] == [32, 32, 6, 32, 18]
    expected = measure.frechet_distance(x.mean(axis=(2, 3)), y.mean(axis=(2, 3))).value
    assert result.value == pytest.approx(expected, rel=1e-5)
    assert "3 features of a network" in result.definition


@pytest.mark.parametrize("made", [np.zeros(32), np.zeros((5, 2)), np.zeros((32, 0))])
def test_features_that_are_not_one_row_a_sample_are_refused(made):
    with pytest.raises(ValueError, match="features needs"):
        measure.frechet_distance(draws(32, 3), draws(32, 3), features=lambda samples: made)


def test_fewer_samples_than_features_warn():
    with pytest.warns(UserWarning, match="4 samples for 5 features"):
        value = measure.frechet_distance(draws(4, 5), draws(90, 5)).value
    assert value > 0
    with pytest.warns(UserWarning, match="lower rank"):
        assert measure.frechet_distance(draws(4, 5), draws(4, 5)).value == pytest.approx(0, abs=1e-9)


# What all of them refuse

CALLS = {
    "energy_distance": measure.energy_distance,
    "mmd": measure.mmd,
    "prdc": lambda x, y: measure.prdc(x, y, neighbours=1),
    "nearest_distances": measure.nearest_distances,
    "nearest_training_distance": measure.nearest_training_distance,
    "frechet_distance": measure.frechet_distance,
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(
    ("real", "message"),
    [
        (np.zeros(5), "real needs samples .* got shape \\(5,\\)"),
        (np.zeros((5, 0)), "one feature or more"),
        (np.zeros((0, 3)), "at least|needs two"),
        (np.full((5, 3), np.nan), "sample 0 holds one that is not"),
        (np.vstack([draws(4, 3), [[0, np.inf, 0]]]), "sample 4 holds one that is not"),
        (np.full((5, 3), 1e200), "finite numbers under"),
        (np.full((5, 3), "a"), "real numbers"),
        (draws(5, 4), "same number of features, but got 4 and 3"),
    ],
)
def test_malformed_sets_are_refused(name, real, message):
    with pytest.raises(ValueError, match=message):
        CALLS[name](real, draws(9, 3))


@pytest.mark.parametrize("name", CALLS)
def test_arguments_are_not_changed_and_extremes_stay_finite(name):
    x, y = draws(40, 3), draws(30, 3, 1)
    kept = x.copy(), y.copy()
    for scale in (1.0, 1e-30, 1e30):
        results = CALLS[name](x * scale, y * scale)
        values = results if isinstance(results, np.ndarray) else np.array(measured(results))
        assert np.isfinite(values).all()
        CALLS[name](x, y)
    assert np.array_equal(x, kept[0])
    assert np.array_equal(y, kept[1])


def measured(results):
    return [result.value for result in (results if isinstance(results, list) else [results])]


def test_other_settings_are_refused():
    x = draws(5, 2)
    for call, message in (
        (lambda: measure.prdc(x, x), "at least 6 samples here, but got 5"),
        (lambda: measure.prdc(x, x, neighbours=0), "neighbours needs to be a whole number >= 1, but is 0"),
        (lambda: measure.mmd(x, x, seed=-1), "seed needs to be a whole number >= 0, but is -1"),
        (lambda: measure.mmd(x, x, bandwidth=0.0), "number > 0, but is 0.0"),
        (lambda: measure.mmd(x, x, bandwidth=math.nan), "number > 0"),
        (lambda: measure.mmd(x, x, bandwidth=1e-200), "of the order of the distances"),
        (lambda: measure.mmd(x, x[:1]), "at least 2 samples"),
        (lambda: measure.energy_distance(x, x[:1]), "at least 2 samples"),
        (lambda: measure.energy_distance(x, x, smoothing=-1.0), "smoothing"),
        (lambda: measure.frechet_distance(x, x[:1]), "at least 2 samples"),
        (lambda: measure.frechet_distance(x, x, batch=0), "batch needs to be a whole number >= 1"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_sets_of_one_sample_have_a_v_statistic():
    one, other = np.zeros((1, 2)), np.array([[3.0, 4.0]])
    assert measure.energy_distance(one, other, unbiased=False).value == pytest.approx(5)
    expected = 2 - 2 * math.exp(-25 / 8)
    assert measure.mmd(one, other, bandwidth=2.0, unbiased=False).value == pytest.approx(expected)
    assert measure.nearest_distances(one, other).tolist() == [5]


@pytest.mark.parametrize("name", DISTANCES)
def test_intervals_of_equal_distributions_in_one_dimension_reach_the_truth(name):
    def coins(seed):
        return np.random.default_rng(seed).integers(0, 2, (100, 1)).astype(float)

    results = [DISTANCES[name](coins(2 * s), coins(2 * s + 1)) for s in range(200)]
    assert sum(result.low <= 0 <= result.high for result in results) >= 190
    assert all(result.low <= result.value <= result.high for result in results)


def test_two_samples_have_no_interval():
    x, y = draws(2, 2), draws(9, 2, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert measure.energy_distance(x, y).low is None
        assert measure.mmd(x, y).low is None
