"""Cosines, Vendi scores and classes met against closed forms, whole matrices and invariances."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from zscape import measure
from zscape.base import Codes
from zscape.measure import _rows, diversity


def draws(count, features, seed=0):
    return np.random.default_rng(seed).standard_normal((count, features))


# Mean cosine similarity


def full_cosines(x):
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    return unit @ unit.T


@pytest.mark.parametrize("block", [4, 1 << 20])
def test_mean_cosine_is_that_of_the_whole_matrix(monkeypatch, block):
    monkeypatch.setattr(_rows, "BLOCK", block)
    monkeypatch.setattr(_rows, "_ROWS", 3)
    x = draws(40, 6) + 0.5
    result = measure.mean_cosine_similarity(x)
    pairs = full_cosines(x)[np.triu_indices(40, 1)]
    assert result.value == pytest.approx(pairs.mean(), rel=1e-12)
    assert (result.name, result.n) == ("mean_cosine_similarity", 40)
    pictures = measure.mean_cosine_similarity(x.reshape(40, 1, 2, 3))
    assert pictures == result
    codes = Codes(id=np.arange(40), split=np.full(40, "test"), mean=x)
    assert measure.mean_cosine_similarity(codes) == result


def test_one_direction_scores_1_and_opposite_ones_minus_1():
    x = np.outer([1.0, 3.0, 1e-300, 1e80], [1.0, 2.0, -1.0])
    assert measure.mean_cosine_similarity(x).value == pytest.approx(1)
    assert measure.mean_cosine_similarity(np.array([[2.0, 1.0], [-4.0, -2.0]])).value == pytest.approx(-1)
    assert measure.mean_cosine_similarity(np.eye(7)).value == pytest.approx(0)
    assert measure.mean_cosine_similarity(np.array([[0, 200], [200, 0]], dtype=np.uint8)).value == 0


@pytest.mark.parametrize("scale", [1e-163, 1e-161, 1e-155, 1e-101, 1e99])
def test_cosines_keep_their_digits_where_squares_lose_theirs(scale):
    """Squares of 1e-161 are not 0, but have three digits."""
    x = np.array([[3.0, 4.0], [4.0, 3.0]]) * scale
    assert measure.mean_cosine_similarity(x).value == pytest.approx(24 / 25, rel=1e-12)


def test_within_classes_it_is_the_mean_over_classes():
    x, labels = draws(30, 4) + 0.3, np.repeat(["a", "b", "c"], [5, 10, 15])
    expected = np.mean([measure.mean_cosine_similarity(x[labels == each]).value for each in "abc"])
    order = np.random.default_rng(0).permutation(30)
    result = measure.mean_cosine_similarity(x[order], labels=labels[order])
    assert result.value == pytest.approx(expected)
    assert "over the 3 classes" in result.definition
    numbers = np.unique(labels, return_inverse=True)[1]
    assert measure.mean_cosine_similarity(x, labels=numbers).value == pytest.approx(expected)
    with pytest.raises(ValueError, match="class 1 has one"):
        measure.mean_cosine_similarity(draws(3, 2), labels=np.array([0, 0, 1]))
    with pytest.raises(ValueError, match=r"\(3,\), but have shape \(2,\)"):
        measure.mean_cosine_similarity(draws(3, 2), labels=np.array([0, 0]))
    for wrong in ([0.0, math.nan, 0.0], [0.0, 0.0, 0.0], [None, None, None], [True, True, False]):
        with pytest.raises(ValueError, match=f"such as {wrong[0]}; number them first"):
            measure.mean_cosine_similarity(draws(3, 2), labels=np.array(wrong))


@pytest.mark.parametrize("classes", [1, 4])
def test_the_interval_of_the_cosine_covers_the_truth(classes):
    """Directions (cos t, sin t) with t ~ N(0, s^2): E cos(t - t') = exp(-s^2)."""
    covered = 0
    for seed in range(300):
        t = 0.8 * draws(80, 1, seed)
        x = np.hstack([np.cos(t), np.sin(t)])
        labels = None if classes == 1 else np.arange(80) % classes
        result = measure.mean_cosine_similarity(x, labels=labels)
        covered += result.low <= math.exp(-0.64) <= result.high
    assert 270 <= covered <= 297


def test_a_sample_of_zeros_has_no_direction():
    x = draws(5, 3)
    x[3] = 0
    for call in (measure.mean_cosine_similarity, measure.vendi_score):
        with pytest.raises(ValueError, match="sample 3 of generated is all zeros"):
            call(x)
    with pytest.raises(ValueError, match="at least 2"):
        measure.mean_cosine_similarity(x[:1])
    assert measure.mean_cosine_similarity(x[:2]).low is None


# Vendi scores

ORDERS = [0, 0.1, 0.5, 1, 2, 3.5, math.inf]


def full_vendi(kernel, order):
    """From all eigenvalues of the N by N matrix, as the definition reads."""
    weights = np.linalg.eigvalsh(kernel / len(kernel))
    weights = weights[weights > 1e-12]
    if order == 1:
        return np.exp(-(weights * np.log(weights)).sum())
    if order == math.inf:
        return 1 / weights.max()
    return (weights**order).sum() ** (1 / (1 - order))


def full_gaussian(x, std):
    return np.exp(-squareform(pdist(x, "sqeuclidean")) / (2 * std**2))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(50, 6), (9, 20), (12, 12), (30, 1)])
def test_the_linear_score_is_that_of_the_whole_matrix(order, shape):
    x = draws(*shape)
    result = measure.vendi_score(x, order=order)
    assert result.value == pytest.approx(full_vendi(full_cosines(x), order), rel=1e-9)
    assert f"n = {shape[0]}, order {order:g}, linear" in result.definition
    assert (result.n, result.low, result.seed) == (shape[0], None, None)


@pytest.mark.parametrize("order", [0.1, 1, 2, math.inf])
@pytest.mark.parametrize("std", [0.4, 2.0])
def test_the_gaussian_score_is_that_of_the_whole_matrix(order, std):
    x = draws(60, 4)
    result = measure.vendi_score(x, order=order, kernel="gaussian", bandwidth=std)
    assert result.value == pytest.approx(full_vendi(full_gaussian(x, std), order), rel=1e-6)
    assert f"Gaussian kernel, bandwidth {std:g}" in result.definition


OUTLIERS = [1e10, 1e11, 1e16, 1e60, 1e99]


@pytest.mark.parametrize("far", OUTLIERS)
def test_a_far_sample_takes_no_digits_from_the_others(far):
    x = draws(200, 2)
    x[0] = far
    std = float(np.median(pdist(x)))
    kernel = full_gaussian(x, std)
    assert measure.rke(x).value == pytest.approx(200**2 / (kernel**2).sum(), rel=1e-12)
    scores = [measure.vendi_score(x, kernel="gaussian", order=order).value for order in (1, 2, math.inf)]
    assert scores == pytest.approx([full_vendi(kernel, order) for order in (1, 2, math.inf)], rel=1e-9)


@pytest.mark.parametrize("far", OUTLIERS)
def test_a_far_sample_takes_no_digits_from_random_features(monkeypatch, far):
    """All but the far one, whose phases are those of no other, score the same."""
    monkeypatch.setattr(diversity, "_EXACT", 100)
    monkeypatch.setattr(diversity, "_FREQUENCIES", 256)
    x = draws(401, 2)
    near = measure.vendi_score(x[1:], kernel="gaussian", bandwidth=2.0).value
    x[0] = far
    exact = full_vendi(full_gaussian(x, 2.0), 1)
    found = measure.vendi_score(x, kernel="gaussian", bandwidth=2.0).value
    assert found == pytest.approx(exact, rel=0.03)
    assert found > near


@pytest.mark.parametrize("kernel", ["linear", "gaussian"])
@pytest.mark.parametrize("order", ORDERS)
def test_equal_samples_score_1_and_samples_with_nothing_in_common_n(kernel, order):
    options = {"order": order, "kernel": kernel, "bandwidth": 1e-3 if kernel == "gaussian" else "median"}
    assert measure.vendi_score(np.eye(20), **options).value == pytest.approx(20)
    copies = np.repeat(np.eye(20), 30, axis=0)
    assert measure.vendi_score(copies, **options).value == pytest.approx(20)
    for count in (1, 64, 500):
        same = np.tile(draws(1, 12), (count, 1))
        assert measure.vendi_score(same, order=order, kernel=kernel).value == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("kernel", ["linear", "gaussian"])
def test_the_score_falls_with_the_order_and_does_not_change_with_rotation(kernel):
    x = draws(100, 5)
    scores = [measure.vendi_score(x, order=order, kernel=kernel, bandwidth=1.0).value for order in ORDERS]
    assert scores == sorted(scores, reverse=True)
    assert 1 < scores[-1] < scores[0] < 100.000001
    turned = x[::-1] @ np.linalg.qr(draws(5, 5, 1))[0]
    again = [measure.vendi_score(turned, order=q, kernel=kernel, bandwidth=1.0).value for q in (1, 2)]
    assert again == pytest.approx([scores[3], scores[4]])


@pytest.mark.parametrize("order", [1 - 1e-13, 1 + 1e-9, 1 + 1e-5])
def test_orders_near_1_come_near_that_of_order_1(order):
    x = draws(80, 5)
    near = measure.vendi_score(x, order=order, kernel="gaussian").value
    assert near == pytest.approx(measure.vendi_score(x, kernel="gaussian").value, rel=1e-4)


@pytest.mark.parametrize("order", [1 - 1e-4, 1 + 1e-5, 1.0005])
def test_orders_near_1_are_not_that_of_order_1(order):
    x = np.array([[1.0, 0.0]] * 3 + [[0.0, 5.0]])
    result = measure.vendi_score(x, order=order)
    assert result.value == pytest.approx((0.75**order + 0.25**order) ** (1 / (1 - order)), rel=1e-9)
    assert result.value != pytest.approx(measure.vendi_score(x).value, rel=1e-7)
    assert result.name == "vendi_score_" + f"{order:g}".replace(".", "_")


def test_two_groups_of_unequal_size_by_hand():
    """Weights 3/4 and 1/4: entropy 0.5623 nats, purity 10/16."""
    x = np.array([[1.0, 0.0]] * 3 + [[0.0, 5.0]])
    expected = {
        0: 2,
        1: math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25)),
        2: 16 / 10,
        math.inf: 4 / 3,
    }
    for order, score in expected.items():
        assert measure.vendi_score(x, order=order).value == pytest.approx(score)
    assert measure.rke(x, kernel="linear").value == pytest.approx(1.6)


def test_the_score_is_that_of_the_public_package():
    vendi = pytest.importorskip("vendi_score.vendi", reason="needs the extra bench")
    x = draws(200, 12)
    for order in (0.5, 1, 2):
        assert measure.vendi_score(x, order=order).value == pytest.approx(vendi.score_dual(x, q=order))
    assert measure.vendi_score(x, order=math.inf).value == pytest.approx(vendi.score_dual(x, q="inf"))


@pytest.mark.parametrize("features", [1, 2, 8])
@pytest.mark.parametrize("order", [1, math.inf])
def test_random_features_come_near_the_exact_score(monkeypatch, features, order):
    x = draws(600, features)
    exact = measure.vendi_score(x, order=order, kernel="gaussian")
    monkeypatch.setattr(diversity, "_EXACT", 100)
    monkeypatch.setattr(diversity, "_FREQUENCIES", 256)
    first, again, other = (measure.vendi_score(x, order=order, kernel="gaussian", seed=s) for s in (0, 0, 1))
    assert first == again
    assert first.value != other.value
    assert first.value == pytest.approx(exact.value, rel=0.06)
    assert "256 random Fourier frequencies" in first.definition
    assert (first.seed, exact.seed) == (0, None)
    with pytest.raises(ValueError, match="order >= 1 for more than 100 samples"):
        measure.vendi_score(x, order=0.5, kernel="gaussian")


def test_a_score_beyond_the_random_features_warns(monkeypatch):
    x = draws(300, 3)
    monkeypatch.setattr(diversity, "_EXACT", 100)
    monkeypatch.setattr(diversity, "_FREQUENCIES", 64)
    with pytest.warns(UserWarning, match="a tenth too low or more"):
        measure.vendi_score(x, kernel="gaussian", bandwidth=1e-3)


def test_orders_kernels_and_classes_have_names_of_their_own():
    x = draws(30, 3)
    names = {
        "vendi_score": {},
        "vendi_score_inf": {"order": math.inf},
        "vendi_score_0_5": {"order": 0.5},
        "vendi_score_2": {"order": 2},
        "vendi_score_gaussian": {"kernel": "gaussian"},
        "vendi_score_gaussian_2": {"kernel": "gaussian", "order": 2},
        "vendi_score_gaussian_1e09": {"kernel": "gaussian", "order": 1e9},
    }
    assert {name: measure.vendi_score(x, **options).name for name, options in names.items()} == {
        name: name for name in names
    }
    assert measure.vendi_score(x, order=1 + 1e-9).name == "vendi_score"
    assert (measure.rke(x).name, measure.rke(x, kernel="linear").name) == ("rke", "rke_linear")
    within = measure.mean_cosine_similarity(x, labels=np.arange(30) % 2)
    assert within.name == "mean_cosine_similarity_within_classes"


# Rényi kernel entropy


@pytest.mark.parametrize("kernel", ["linear", "gaussian"])
@pytest.mark.parametrize("shape", [(50, 6), (9, 20), (2, 3)])
def test_rke_is_the_score_of_order_2(kernel, shape):
    x = draws(*shape)
    matrix = full_cosines(x) if kernel == "linear" else full_gaussian(x, 1.3)
    expected = shape[0] ** 2 / (matrix**2).sum()
    result = measure.rke(x, kernel=kernel, bandwidth=1.3)
    assert result.value == pytest.approx(expected)
    assert measure.vendi_score(x, order=2, kernel=kernel, bandwidth=1.3).value == pytest.approx(expected)
    assert (result.low is None) == (shape[0] == 2)


def test_rke_of_order_2_needs_no_eigenvalues_and_no_limit(monkeypatch):
    monkeypatch.setattr(diversity, "_EXACT", 10)
    x = draws(300, 3)
    exact = measure.vendi_score(x, order=2, kernel="gaussian", bandwidth=1.0)
    assert exact.value == pytest.approx(300**2 / (full_gaussian(x, 1.0) ** 2).sum())
    assert exact.seed is None


def test_the_interval_of_rke_covers_the_value_for_sets_of_this_size():
    """For N(0, I_3) and bandwidth 1: E k^2 = (1 / (1 + 4))^(3 / 2)."""
    truth = 1 / (1 / 100 + 0.99 * 5**-1.5)
    results = [measure.rke(draws(100, 3, seed), bandwidth=1.0) for seed in range(300)]
    assert 272 <= sum(result.low <= truth <= result.high for result in results) <= 298
    assert measure.rke(np.ones((10, 2))).value == pytest.approx(1)
    assert measure.rke(1e3 * np.eye(10), bandwidth=1.0).value == pytest.approx(10)


# Classifier


def test_entropies_by_hand():
    p = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    spread, single = measure.classifier_entropy(np.repeat(p, 5000, axis=0))
    assert (spread.name, single.name) == ("class_entropy", "prediction_entropy")
    assert spread.value == pytest.approx(math.log(2), abs=1e-4)
    assert (single.value, spread.unit) == (0, "nats")
    spread, single = measure.classifier_entropy(np.full((10, 4), 0.25))
    assert spread.value == single.value == pytest.approx(math.log(4))
    one = measure.classifier_entropy(np.tile([0.0, 1.0], (6, 1)))
    assert [result.value for result in one] == [0, 0]


@pytest.mark.parametrize("classes", [2, 10])
def test_the_interval_of_balanced_classes_is_that_of_the_second_order(classes):
    """The first order is 0; N times twice the entropy lost is chi-squared of K - 1, of variance 2 (K - 1)."""
    count = 40 * classes
    spread = measure.classifier_entropy(np.tile(np.eye(classes), (40, 1)))[0]
    error = math.sqrt(2 * (classes - 1)) / (2 * (count - 1))
    assert spread.value == spread.high == pytest.approx(math.log(classes))
    assert spread.low == pytest.approx(math.log(classes) - 1.959964 * error, rel=1e-9)


def test_probabilities_are_scaled_to_sum_1():
    p = np.random.default_rng(0).dirichlet(np.ones(4), 30)
    scaled = p * np.linspace(0.991, 1.009, 30)[:, None]
    for found, expected in zip(
        measure.classifier_entropy(scaled), measure.classifier_entropy(p), strict=True
    ):
        assert (found.value, found.low) == pytest.approx((expected.value, expected.low), rel=1e-12)


@pytest.mark.parametrize("truth", [np.full(10, 0.1), np.array([0.7, 0.2, 0.1])])
def test_class_entropy_has_no_bias_to_first_order_and_its_interval_covers(truth):
    entropy = -(truth * np.log(truth)).sum()
    values, covered = [], 0
    for seed in range(400):
        labels = np.random.default_rng(seed).choice(len(truth), 100, p=truth)
        result = measure.classifier_entropy(np.eye(len(truth))[labels])[0]
        values.append(result.value)
        covered += result.low <= entropy <= result.high
    # Cut at log K, the mean of the uniform case stays a little below it; the plug-in would be 0.046 low.
    assert np.mean(values) == pytest.approx(entropy, abs=0.012)
    assert covered >= 0.92 * 400


def test_distinct_classes_counts_the_most_probable():
    p = np.array([[0.4, 0.3, 0.3], [0.2, 0.3, 0.5], [0.5, 0.5, 0.0]])
    result = measure.distinct_classes(p)
    assert (result.value, result.n, result.low) == (2, 3, None)
    assert "classes of 3" in result.definition
    assert measure.distinct_classes(np.eye(6)[[0, 0, 4, 5]]).value == 3


@pytest.mark.parametrize("call", [measure.classifier_entropy, measure.distinct_classes])
@pytest.mark.parametrize(
    ("p", "message"),
    [
        (np.array([[0.5, 0.5], [2.0, 3.0]]), "row 1 has smallest entry 2 and sum 5; apply softmax"),
        (np.array([[0.5, 0.5], [1.5, -0.5]]), "row 1 has smallest entry -0.5"),
        (np.array([[np.nan, 0.5], [0.5, 0.5]]), "finite"),
        (np.zeros((0, 2)), "at least"),
    ],
)
def test_malformed_probabilities_are_refused(call, p, message):
    with pytest.raises(ValueError, match=message):
        call(p)


def test_probabilities_of_another_shape_are_refused_where_no_type_checker_is_first():
    with pytest.raises(ValueError, match=r"shape \(N, K\), but got \(2, 2, 2\)"):
        diversity._checked_probabilities(np.zeros((2, 2, 2)), least=1)


# What all of them refuse

CALLS = {
    "mean_cosine_similarity": measure.mean_cosine_similarity,
    "vendi_score": measure.vendi_score,
    "vendi_score, gaussian": lambda x: measure.vendi_score(x, kernel="gaussian"),
    "rke": measure.rke,
}


@pytest.mark.parametrize("name", CALLS)
def test_malformed_samples_are_refused_and_extremes_are_not(name):
    for x, message in (
        (np.zeros(5), "needs samples"),
        (np.zeros((5, 0)), "one feature"),
        (np.zeros((0, 3)), "at least"),
        (np.full((5, 3), np.nan), "sample 0"),
        (np.full((5, 3), 1e200), "finite numbers under"),
        (np.full((5, 3), 1j), "real numbers"),
    ):
        with pytest.raises(ValueError, match=message):
            CALLS[name](x)
    for dtype in (np.float16, np.float32):
        assert math.isfinite(CALLS[name](draws(20, 3).astype(dtype)).value)
    expected = CALLS[name](draws(20, 3)).value
    for scale in (1e-90, 1e60):
        assert CALLS[name](draws(20, 3) * scale).value == pytest.approx(expected)
    assert CALLS[name](draws(20, 512)).value < 20


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: measure.vendi_score(x, order=-1), "order needs to be a number >= 0, but is -1"),
        (lambda x: measure.vendi_score(x, order=math.nan), "order needs to be a number >= 0, but is nan"),
        (lambda x: measure.vendi_score(x, seed=-1), "seed needs to be a whole number >= 0, but is -1"),
        (lambda x: measure.rke(x, kernel="linear", seed=-1), "seed needs to be a whole number"),
        (lambda x: measure.mean_pairwise_distance(x, seed=-1), "seed needs to be a whole number"),
        (lambda x: measure.vendi_score(x, kernel="gaussian", bandwidth=-2.0), "number > 0, but is -2"),
        (lambda x: measure.rke(x, bandwidth=math.inf), "finite number > 0"),
    ],
)
def test_other_settings_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(draws(9, 2))


def test_cosines_and_linear_scores_hold_no_copy_of_the_samples():
    x = draws(60_000, 64).astype(np.float32)
    tracemalloc.start()
    measure.mean_cosine_similarity(x)
    measure.vendi_score(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 36e6
