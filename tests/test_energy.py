"""Potentials, spreads and distances against published values, scipy, sums over all pairs and invariances."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial.distance import cdist
from scipy.stats import chi, energy_distance, norm

from zscape import energy

SMOOTHINGS = (0.0, 1e-6, 0.3)


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def smoothed(first, second, smoothing):
    """h of every pair, from the differences."""
    return np.sqrt(cdist(first, second, "sqeuclidean") + smoothing**2) - smoothing


@pytest.mark.parametrize(
    ("latents", "radius", "expected"),
    [
        (1, 0, 0.797884560803),
        (2, 1, 1.54857246055),
        (3, 3, 3.33319770995),
        (8, 10, 10.3456902119),
        (128, 10, 15.0758415611),
        (4096, 60, 87.7226659355),
    ],
)
def test_potential_of_the_normal_without_smoothing(latents, radius, expected):
    assert energy.normal_potential(np.array([radius**2.0]), latents)[0] == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("a", "expected"), [(0.1, 1.67899217), (1, 1.08508851), (3, 0.55746559)])
def test_potential_of_the_normal_with_smoothing(a, expected):
    value = energy.normal_potential(np.array([1.85]), 2, smoothing=a)[0]
    assert value == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize(("latents", "expected"), [(1, 0.792223), (2, 1.365404), (8, 3.411649)])
def test_spread_of_the_normal_with_smoothing(latents, expected):
    assert energy.normal_spread(latents, smoothing=0.5) == pytest.approx(expected, abs=5e-7)


@pytest.mark.parametrize("latents", [1, 2, 20, 512, 4096])
def test_spread_of_the_normal_is_that_of_gamma_functions(latents):
    expected = 2 * math.exp(math.lgamma((latents + 1) / 2) - math.lgamma(latents / 2))
    assert energy.normal_spread(latents) == pytest.approx(expected, rel=1e-12)
    half = energy.normal_potential(np.zeros(1), latents)[0]
    assert half == pytest.approx(expected / math.sqrt(2), rel=1e-12)


@pytest.mark.parametrize("a", [0.0, 1e-6, 1e-4, 0.03, 2.0, 50.0, 1e4])
@pytest.mark.parametrize("latents", [1, 2, 40])
def test_potential_at_the_origin_is_an_integral_over_the_chi_law(latents, a):
    # (s^2 + a^2)^(1/2) - a without the cancellation.
    expected = quad(
        lambda s: s**2 / (math.hypot(s, a) + a) * chi.pdf(s, latents),
        0,
        30,
        epsabs=0,
        epsrel=1e-12,
        limit=500,
    )[0]
    value = energy.normal_potential(np.zeros(1), latents, smoothing=a)[0]
    assert value == pytest.approx(expected, rel=3e-9)


@pytest.mark.parametrize("a", [0.0, 1e-4, 0.7])
def test_potential_on_the_line_is_an_integral_over_the_normal(a):
    x = np.array([0.0, 0.2, 3.0, 25.0])
    expected = []
    for at in x:
        ends = [-12, *(e for e in (at - 0.01, at - a, at, at + a, at + 0.01) if -12 < e < 12), 12]
        parts = [
            quad(lambda z, at=at: (math.hypot(at - z, a) - a) * norm.pdf(z), low, high, epsrel=1e-12)[0]
            for low, high in itertools.pairwise(ends)
        ]
        expected.append(sum(parts))
    assert energy.normal_potential(x**2, 1, smoothing=a) == pytest.approx(expected, rel=3e-9)


@pytest.mark.parametrize("latents", [1, 2, 128, 4096])
@pytest.mark.parametrize("a", [0.0, 1e-6, 0.5, 5.0, 1e3])
def test_potential_and_slope_are_finite_and_fit_each_other(latents, a):
    squared = np.array([0.0, 1e-8, 0.3, 2.0, 90.0, 400.0, 1e4, 1e8])
    values, slopes = energy.normal_potential_with_slope(squared, latents, smoothing=a)
    assert np.isfinite(values).all()
    assert np.isfinite(slopes).all()
    assert (np.diff(values) > 0).all()
    step = 1e-4 * (1 + squared)
    # Richardson's central difference, exact to the fourth order.
    up, down = (energy.normal_potential(squared + k * step + step * 2, latents, smoothing=a) for k in (1, -1))
    up2, down2 = (
        energy.normal_potential(squared + k * step + step * 2, latents, smoothing=a) for k in (2, -2)
    )
    numeric = (8 * (up - down) - (up2 - down2)) / (12 * step)
    middle = energy.normal_potential_with_slope(squared + 2 * step, latents, smoothing=a)[1]
    assert middle == pytest.approx(numeric, rel=2e-6)


@pytest.mark.parametrize(
    ("smoothings", "stated"), [(np.logspace(-4, -2.5, 16), 3e-9), (np.array([0.0, 0.11, 1.0, 30.0]), 1e-12)]
)
@pytest.mark.parametrize("latents", [1, 2])
def test_the_stated_error_holds_against_many_nodes(monkeypatch, smoothings, stated, latents):
    """The worst is one latent, a = 6e-4 and |x|^2 = 0.08: 2.2e-9 with 128 nodes, 7e-9 with 96."""
    squared = np.array([0.0, 0.01, 0.0776, 0.15, 0.3, 1.0, 4.0, 100.0])

    def values(nodes):
        monkeypatch.setattr(energy, "_NODES", nodes)
        energy._legendre.cache_clear()
        return np.array([energy.normal_potential(squared, latents, smoothing=a) for a in smoothings])

    usual = values(energy._NODES)
    exact = values(600)
    energy._legendre.cache_clear()
    assert np.abs(usual / exact - 1).max() < stated


def test_points_of_float16_are_squared_in_float64():
    """The squares are over 65,504, the largest of float16."""
    points = np.array([[300.0, 3.0], [17.0, 256.0], [400.0, 500.0]]).astype(np.float16)
    assert energy.distance(points, 2) == pytest.approx(energy.distance(points.astype(float), 2), rel=1e-12)


def test_far_points_see_the_normal_as_one_point():
    assert energy.normal_potential(np.array([1e12]), 3)[0] == pytest.approx(1e6, rel=1e-11)


def test_blocks_of_the_closed_form_keep_shape_and_values(monkeypatch):
    squared = draws(40, 3) ** 2
    expected = energy.normal_potential(squared, 4)
    monkeypatch.setattr(energy, "_PAIRS", 7 * energy._NODES)
    assert expected.shape == (40, 3)
    assert np.allclose(energy.normal_potential(squared, 4), expected, rtol=1e-14)


@pytest.mark.parametrize("pairs", [20, 1000, 131_072])
@pytest.mark.parametrize("latents", [1, 3, 40])
@pytest.mark.parametrize("a", SMOOTHINGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_over_codes_are_those_over_all_differences(monkeypatch, pairs, latents, a, weighted):
    monkeypatch.setattr(energy, "_PAIRS", pairs)
    monkeypatch.setattr(energy, "_ROWS", 16)
    points, codes = draws(37, latents) + 5, draws(83, latents, seed=1) + 5
    weights = np.random.default_rng(2).random(83) + 0.1 if weighted else np.ones(83)
    cloud = energy.Cloud(codes, smoothing=a, weights=weights if weighted else None)
    share = weights / weights.sum()
    assert np.allclose(cloud.potential(points), smoothed(points, codes, a) @ share, atol=1e-13)
    own = smoothed(codes, codes, a) @ share
    assert np.allclose(cloud.own_potential(), own, atol=1e-13)
    assert cloud.spread() == pytest.approx(share @ own, abs=1e-13)
    for at, (values, gradient) in (
        (points, cloud.potential_with_gradient(points)),
        (codes, cloud.own_potential_with_gradient()),
    ):
        gaps = at[:, None] - codes
        roots = np.sqrt((gaps**2).sum(axis=2) + a**2)
        expected = (share[:, None] * gaps / np.where(roots == 0, 1, roots)[..., None]).sum(axis=1)
        assert np.allclose(gradient, expected, atol=1e-6)
        assert np.allclose(values, smoothed(at, codes, a) @ share, atol=1e-13)


@pytest.mark.parametrize("target", ["codes", "normal"])
def test_distance_is_its_definition(target):
    points, codes = draws(9, 3), draws(70, 3, seed=1) * 2
    weights = np.arange(1.0, 10)
    share = weights / weights.sum()
    own = share @ smoothed(points, points, 0.2) @ share
    if target == "codes":
        cross, rest = share @ smoothed(points, codes, 0.2).mean(axis=1), smoothed(codes, codes, 0.2).mean()
        found = energy.distance(points, codes, smoothing=0.2, weights=weights)
        assert energy.potential(points, codes, smoothing=0.2) @ share == pytest.approx(cross)
        assert energy.spread(codes, smoothing=0.2) == pytest.approx(rest)
    else:
        cross = share @ energy.normal_potential((points**2).sum(axis=1), 3, smoothing=0.2)
        rest = energy.normal_spread(3, smoothing=0.2)
        found = energy.distance(points, 3, smoothing=0.2, weights=weights)
    assert found == pytest.approx(cross - own / 2 - rest / 2, abs=1e-13)


def test_distance_on_the_line_is_half_of_the_square_of_scipys():
    first, second = draws(40, 1), draws(70, 1, seed=1) + 0.5
    expected = energy_distance(first[:, 0], second[:, 0]) ** 2 / 2
    assert energy.distance(first, second) == pytest.approx(expected, rel=1e-12)


def test_distance_is_0_for_equal_sets_and_does_not_change_with_order_rotation_and_shift():
    first, second = draws(30, 4), draws(50, 4, seed=1) * [1, 2, 3, 0.1]
    assert energy.distance(first, first[::-1].copy()) == pytest.approx(0, abs=1e-8)
    turn = np.linalg.qr(draws(4, 4, seed=2))[0]
    expected = energy.distance(first, second, smoothing=0.1)
    assert expected > 0.1
    moved = energy.distance(first[::-1] @ turn + 7, second @ turn + 7, smoothing=0.1)
    assert moved == pytest.approx(expected, rel=1e-10)
    assert energy.distance(second, first, smoothing=0.1) == pytest.approx(expected, rel=1e-10)
    assert energy.distance(5 * first, 5 * second, smoothing=0.5) == pytest.approx(5 * expected, rel=1e-10)


def test_independent_draws_are_at_the_stated_expectation():
    values = [energy.distance(draws(20, 3, seed), 3) for seed in range(400)]
    expected = energy.normal_spread(3) / 40
    assert np.mean(values) == pytest.approx(expected, abs=4 * np.std(values) / 20)


def test_equal_weights_are_no_weights():
    points = draws(12, 2)
    assert energy.distance(points, 2, weights=np.full(12, 3.0)) == pytest.approx(energy.distance(points, 2))


@pytest.mark.parametrize("a", SMOOTHINGS)
@pytest.mark.parametrize("scale", [1.0, 1e6])
def test_equal_codes_have_no_spread_and_no_pull_also_far_out(a, scale):
    codes = np.repeat(scale * draws(5, 3), 10, axis=0) + 10 * scale
    values, gradient = energy.Cloud(codes, smoothing=a).own_potential_with_gradient()
    assert np.isfinite(gradient).all()
    expected = smoothed(codes[::10], codes[::10], a).mean(axis=1)
    assert values[::10] == pytest.approx(expected, rel=1e-7)
    same = energy.Cloud(codes[:10], smoothing=a)
    assert same.spread() == pytest.approx(0, abs=1e-7 * scale)


def test_no_matrix_of_all_pairs_is_held():
    codes = draws(6000, 8)
    tracemalloc.start()
    energy.Cloud(codes, smoothing=1e-6).own_potential_with_gradient()
    energy.potential(codes, codes)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6 < 6000 * 6000 * 8


def test_arguments_are_left_alone_and_other_dtypes_are_taken():
    points, codes = draws(5, 2).astype(np.float32), draws(9, 2, seed=1).astype(np.float32)
    kept = points.copy(), codes.copy()
    value = energy.distance(points, codes, smoothing=0.1)
    assert value == pytest.approx(energy.distance(points.astype(float), codes.astype(float), smoothing=0.1))
    assert np.array_equal(points, kept[0])
    assert np.array_equal(codes, kept[1])
    assert energy.distance(points, 2) == pytest.approx(energy.distance(points.astype(float), 2))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: energy.spread(draws(3, 2), smoothing=-1),
            "smoothing >= 0 whose square is finite, but got -1",
        ),
        (lambda: energy.normal_spread(2, smoothing=1e200), "square is finite, but got 1e[+]200"),
        (lambda: energy.spread(draws(3, 2), smoothing=math.nan), "whose square is finite, but got nan"),
        (lambda: energy.spread(np.full((3, 2), np.nan)), "finite numbers"),
        (lambda: energy.spread(np.empty((0, 2))), "at least 1 rows"),
        (lambda: energy.potential(draws(3, 2), draws(3, 4)), "need the 4 latents of the codes, but have 2"),
        (lambda: energy.distance(draws(3, 2), 3), "need the 3 latents of the target, but have 2"),
        (lambda: energy.distance(draws(3, 2), 2, weights=np.ones(2)), "need 3 numbers"),
        (lambda: energy.distance(draws(3, 2), 2, weights=np.array([1.0, 0, 1])), "positive"),
        (lambda: energy.distance(draws(3, 2), 2, weights=np.array([1.0, np.nan, 1])), "positive and finite"),
        (lambda: energy.normal_potential(np.array([-1.0]), 2), "but the least is -1"),
        (lambda: energy.normal_potential(np.array([np.inf]), 2), "finite"),
        (lambda: energy.normal_spread(0), "dimension >= 1, but got 0"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_target_that_is_neither_codes_nor_a_number_is_refused():
    points = draws(5, 2)
    assert energy.distance(points, np.int64(2)) == energy.distance(points, 2)
    # The annotations refuse it first under test; this is what a user reads.
    with pytest.raises(TypeError, match=r"or the number of latents of N\(0, I\), but got list"):
        energy.distance.__wrapped__(points, [2])
