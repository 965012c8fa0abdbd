"""Quantization against exact optima, gradients by differences, nulls, invariances and wrong arguments."""

import dataclasses
import itertools
import tracemalloc

import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.stats import chi, norm

from zscape import energy
from zscape.base import Codes
from zscape.errors import ElsewhereWarning
from zscape.sample import (
    ByClass,
    Empirical,
    Gaussian,
    Mixture,
    StandardNormal,
    adam,
    quantize,
    quantize_by_class,
    quantizing,
)
from zscape.sample import _descent as descent
from zscape.sample import _targets as targets
from zscape.sample._inputs import checked_count, checked_seed


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def table(count=300, latents=2, logvar=None, labels=True):
    return Codes(
        id=np.arange(count),
        split=np.full(count, "train"),
        mean=draws(count, latents).astype(np.float32),
        logvar=None if logvar is None else np.full((count, latents), logvar, np.float32),
        label=np.arange(count) % 3 if labels else None,
    )


@pytest.mark.parametrize("count", [1, 2, 7, 10])
def test_one_latent_reaches_the_exact_optimum(count):
    result = quantize(StandardNormal(1), count)
    expected = norm.ppf((2 * np.arange(1, count + 1) - 1) / (2 * count))
    assert np.sort(result.points[:, 0]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("latents", "count", "radius", "distance"),
    [
        (1, 2, 0.6744898, 0.07136356),
        (1, 10, None, 0.00392035),
        (2, 2, 0.873952, 0.158691),
        (3, 2, 1.040873, 0.220614),
        (8, 2, 1.651109, 0.415967),
        (128, 2, 6.535248, 1.789656),
        (2, 3, 1.0473, 0.08452142),
        (3, 4, 1.3606, 0.08631314),
        (10, 10, 2.8415, 0.07888231),
    ],
)
def test_known_optima_of_the_normal(latents, count, radius, distance):
    result = quantize(StandardNormal(latents), count)
    assert result.points.shape == (count, latents)
    assert result.distance == pytest.approx(distance, rel=1e-5)
    if radius is not None:
        assert np.linalg.norm(result.points, axis=1) == pytest.approx(np.full(count, radius), rel=3e-4)
        # All pairs of a simplex, or of two antipodes, are equally far apart.
        pairs = [np.linalg.norm(a - b) for a, b in itertools.combinations(result.points, 2)]
        assert pairs == pytest.approx([pairs[0]] * len(pairs), rel=1e-3)


@pytest.mark.parametrize(
    ("latents", "count", "starts", "distance"),
    [(2, 10, 5, 0.0152575), (2, 100, 1, 0.000532), (20, 100, 1, 0.00937)],
)
def test_best_known_distances_are_reached(latents, count, starts, distance):
    result = quantize(StandardNormal(latents), count, starts=starts)
    assert result.distance <= distance
    assert result.expected_iid == pytest.approx(energy.normal_spread(latents) / (2 * count), rel=1e-5)


def test_one_start_is_within_1_percent():
    distances = [quantize(StandardNormal(2), 10, seed=seed).distance for seed in range(10)]
    assert max(distances) <= 1.01 * 0.0152575


def test_points_are_as_distant_as_they_say():
    codes = draws(500, 3) * [1, 2, 0.5]
    for target, bare, avoid in [
        (codes, codes, None),
        (StandardNormal(3), 3, None),
        (codes, codes, codes[:3]),
    ]:
        result = quantize(target, 6, avoid=avoid, smoothing=0.05)
        whole = result.points if avoid is None else np.concatenate([avoid, result.points])
        assert result.distance == pytest.approx(energy.distance(whole, bare, smoothing=0.05), abs=1e-12)


SHAPES = {
    "plain": {},
    "avoid": {"avoid": draws(4, 3, seed=8)},
    "weights": {"weights": np.arange(1.0, 6)},
    "free": {"free": True},
    "free, avoid": {"free": True, "avoid": draws(4, 3, seed=8)},
    "shell": {"radii": np.arange(1.0, 6)},
    "shell, avoid": {"radii": np.arange(1.0, 6), "avoid": draws(4, 3, seed=8)},
}


@pytest.mark.parametrize("options", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("target", [StandardNormal(3), draws(200, 3, seed=5) * [1, 3, 0.5] + 2])
def test_gradient_is_that_of_differences(options, target):
    goal = targets.target_of(target, 5, smoothing=0.1, seed=0)
    avoid = options.get("avoid")
    free = options.get("free", False)
    weights = np.full(5, 0.2) if free else options.get("weights")
    shape = descent.Shape(
        count=5,
        avoid=avoid,
        weights=None if weights is None else weights / weights.sum(),
        free=free,
        centre=goal.centre,
        scale=goal.scale,
        radii=options.get("radii"),
    )
    problem = descent.Problem(goal.field(goal.plan(5)[-1]), shape, goal.unit / 5)
    start = problem.pack(draws(5, 3, seed=3), shape.weights)
    start = start + 0.3 * draws(1, len(start), seed=4)[0]
    value, gradient = problem(start)
    assert np.isfinite(value)
    assert np.abs(gradient).max() > 1e-2
    assert gradient == pytest.approx(approx_fprime(start, lambda v: problem(v)[0], 1e-6), abs=2e-5)


@pytest.mark.parametrize("free", [False, True])
def test_objective_is_the_distance_up_to_a_constant(free):
    codes, avoid = draws(60, 2), draws(4, 2, seed=1)
    goal = targets.target_of(codes, 5, smoothing=0.1, seed=0)
    shape = descent.Shape(5, avoid, None, free, goal.centre, goal.scale)
    problem = descent.Problem(goal.field(goal.plan(5)[-1]), shape, 1.0)
    sets = [draws(5, 2, seed=seed) for seed in (2, 3)]
    # Over the share 5 / 9 of the points that move.
    gaps = [
        problem.energy(points, None)[0] * 5 / 9
        - energy.distance(np.concatenate([avoid, points]), codes, smoothing=0.1)
        for points in sets
    ]
    assert gaps[0] == pytest.approx(gaps[1], abs=1e-12)


def test_a_turned_normal_is_the_same_target():
    turn = np.linalg.qr(draws(3, 3, seed=2))[0]
    points = quantize(StandardNormal(3), 7).points
    assert energy.distance(points @ turn, 3) == pytest.approx(energy.distance(points, 3), rel=1e-10)


def test_order_and_place_of_codes_do_not_matter():
    codes = draws(400, 2) * [1, 3]
    expected = quantize(codes, 4, starts=8, smoothing=0.1)
    shuffled = quantize(np.random.default_rng(1).permutation(codes), 4, starts=8, smoothing=0.1)
    moved = quantize(codes + np.array([100, -7]), 4, starts=8, smoothing=0.1)
    scaled = quantize(1000 * codes, 4, starts=8, smoothing=100)
    assert shuffled.distance == pytest.approx(expected.distance, rel=1e-5)
    assert moved.points - [100, -7] == pytest.approx(expected.points, abs=1e-3)
    assert scaled.points / 1000 == pytest.approx(expected.points, abs=1e-3)


def test_one_point_is_the_spatial_median():
    codes = draws(301, 1) ** 3
    assert quantize(codes, 1).points[0, 0] == pytest.approx(np.median(codes), abs=1e-4)
    codes = draws(300, 2) + draws(300, 2, seed=1) ** 2
    found = quantize(codes, 1).points[0]
    gaps = found - codes
    # The unit vectors to the codes cancel at the median.
    assert np.linalg.norm((gaps / np.linalg.norm(gaps, axis=1)[:, None]).mean(axis=0)) < 1e-4


@pytest.mark.parametrize("smoothing", [0.0, 1e-6, 0.1])
def test_as_many_points_as_codes_come_to_lie_on_them(smoothing):
    codes = draws(5, 2)
    result = quantize(np.repeat(codes, 30, axis=0), 5, smoothing=smoothing)
    assert 0 <= result.distance + 1e-8 < 1e-6 * result.expected_iid + 2e-8
    assert np.sort(result.points[:, 0]) == pytest.approx(np.sort(codes[:, 0]), abs=1e-3)


@pytest.mark.parametrize("codes", [np.array([[3.0, 4.0]]), np.full((50, 2), 7.0), np.zeros((2, 2))])
def test_equal_codes_hold_all_points(codes):
    result = quantize(codes, 3)
    expected = np.repeat(codes[:1], 3, axis=0)
    assert result.points == pytest.approx(expected, abs=1e-5)
    assert quantize(codes, 3, shell=True).points == pytest.approx(expected, abs=1e-5)
    assert quantize(codes, 3, weights="free").points == pytest.approx(expected, abs=1e-5)
    assert result.distance == pytest.approx(0, abs=1e-6)
    assert (result.expected_iid, result.typical_radius) == pytest.approx((0, 0), abs=1e-9)


def test_more_points_than_codes():
    result = quantize(draws(4, 2), 40)
    assert result.points.shape == (40, 2)
    assert result.distance < 1e-6 * result.expected_iid


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_units_do_not_matter(scale):
    codes = draws(300, 2)
    expected = quantize(codes, 5, smoothing=0.0)
    result = quantize(scale * codes + 10 * scale, 5, smoothing=0.0)
    assert result.distance == pytest.approx(scale * expected.distance, rel=1e-3)


def test_new_points_stay_away_from_those_that_are_there():
    avoid = draws(4, 2, seed=3)
    kept = avoid.copy()
    result = quantize(StandardNormal(2), 6, avoid=avoid)
    assert np.array_equal(avoid, kept)
    assert result.points.shape == (6, 2)
    joint = energy.distance(np.concatenate([avoid, result.points]), 2)
    assert result.distance == pytest.approx(joint, rel=1e-4)
    assert result.expected_iid == pytest.approx(energy.normal_spread(2) / 20, rel=1e-5)
    alone = quantize(StandardNormal(2), 6).points
    independent = [energy.distance(np.concatenate([avoid, draws(6, 2, seed)]), 2) for seed in range(100, 120)]
    assert joint < 0.8 * energy.distance(np.concatenate([avoid, alone]), 2)
    assert joint < min(0.3 * np.mean(independent), min(independent))
    assert (
        quantize(StandardNormal(2), 6, avoid=np.empty((0, 2))).distance
        == quantize(StandardNormal(2), 6).distance
    )


def test_avoiding_the_optimum_adds_the_rest_of_it():
    # Of the exact ten points on the line, the four that are left out are found again.
    ten = norm.ppf((2 * np.arange(1, 11) - 1) / 20)
    avoid = ten[[0, 2, 3, 5, 8, 9], None]
    result = quantize(StandardNormal(1), 4, avoid=avoid, starts=3)
    assert np.sort(result.points[:, 0]) == pytest.approx(ten[[1, 4, 6, 7]], abs=1e-3)


def test_prefixes_are_nearer_than_random_parts():
    codes = draws(800, 2) * [1, 2]
    points = quantize(codes, 40).points
    for size in (2, 5, 10, 20):
        chosen = energy.distance(points[:size], codes)
        others = [
            energy.distance(random.permutation(points)[:size], codes)
            for random in map(np.random.default_rng, range(20))
        ]
        assert chosen < 0.7 * np.mean(others)
        assert chosen < np.quantile(others, 0.2)


@pytest.mark.parametrize("avoided", [0, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_order_takes_the_best_next_point_by_trying_all(avoided, weighted):
    points, avoid, codes = draws(7, 2), draws(avoided, 2, seed=1), draws(50, 2, seed=2)
    weights = np.arange(1.0, 8) / 28 if weighted else np.full(7, 1 / 7)
    given = weights if weighted else None
    shape = descent.Shape(7, avoid if avoided else None, given, False, np.zeros(2), 1.0)
    problem = descent.Problem(energy.Cloud(codes, smoothing=0.1), shape, 1.0)
    found = descent.order(problem, points, given)
    rest, chosen = list(range(7)), []
    while rest:

        def score(index):
            part = [*chosen, index]
            mass = np.concatenate([np.ones(avoided), 7 * weights[part]])
            return energy.distance(np.concatenate([avoid, points[part]]), codes, smoothing=0.1, weights=mass)

        best = min(rest, key=score)
        chosen.append(best)
        rest.remove(best)
    assert found.tolist() == chosen


def test_free_weights_are_better_and_given_ones_are_kept():
    equal = quantize(StandardNormal(2), 10, starts=3)
    free = quantize(StandardNormal(2), 10, starts=3, weights="free")
    assert np.array_equal(equal.weights, np.full(10, 0.1))
    assert free.distance < equal.distance
    assert free.weights.sum() == pytest.approx(1)
    assert free.weights.min() > 0
    assert free.distance == pytest.approx(energy.distance(free.points, 2, weights=free.weights), abs=1e-6)
    given = quantize(StandardNormal(2), 4, weights=np.array([4.0, 1.0, 2.0, 3.0]))
    assert np.sort(given.weights) == pytest.approx([0.1, 0.2, 0.3, 0.4])
    # The weights went with their points: any other assignment is worse.
    swapped = energy.distance(given.points, 2, weights=given.weights[[1, 0, 3, 2]])
    assert given.distance < swapped


def test_two_weighted_points_on_the_line_are_medians_of_their_parts():
    result = quantize(StandardNormal(1), 2, weights=np.array([0.3, 0.7]))
    low, high = np.sort(result.points[:, 0])
    light_first = result.weights[result.points[:, 0].argmin()] < 0.5
    expected = norm.ppf([0.15, 0.65] if light_first else [0.35, 0.85])
    assert [low, high] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("latents", [2, 64])
def test_points_on_the_shell_have_the_radii_of_draws(latents):
    result = quantize(StandardNormal(latents), 12, shell=True)
    expected = chi.ppf((np.arange(12) + 0.5) / 12, latents)
    assert np.sort(np.linalg.norm(result.points, axis=1)) == pytest.approx(expected, rel=1e-9)
    assert result.radius == pytest.approx(result.typical_radius, rel=0.03)
    assert result.typical_radius == pytest.approx(chi.mean(latents))
    plain = quantize(StandardNormal(latents), 12)
    assert plain.distance < result.distance < result.expected_iid


def test_points_on_the_shell_of_codes():
    codes = draws(2000, 50) * 2 + 3
    result, plain = quantize(codes, 6, shell=True), quantize(codes, 6)
    around = np.linalg.norm(codes - codes.mean(axis=0), axis=1)
    found = np.sort(np.linalg.norm(result.points - codes.mean(axis=0), axis=1))
    assert found == pytest.approx(np.quantile(around, (np.arange(6) + 0.5) / 6))
    assert result.typical_radius == pytest.approx(around.mean())
    assert plain.radius < 0.95 * plain.typical_radius
    assert result.radius == pytest.approx(result.typical_radius, rel=0.01)


def test_the_best_of_several_starts_counts():
    singles = [quantize(StandardNormal(2), 10, seed=0, starts=starts).distance for starts in (1, 2, 6)]
    assert singles[0] >= singles[1] >= singles[2]
    assert singles[0] > singles[2]


def test_same_seed_same_points_and_global_state_is_left_alone():
    codes = draws(5000, 2)
    before = np.random.get_state()[1].copy()
    first, again, other = (quantize(codes, 5, seed=seed).points for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert np.array_equal(before, np.random.get_state()[1])


def test_tables_arrays_pairs_and_densities():
    codes = table()
    means = quantize(codes, 5).points
    assert np.array_equal(quantize(codes.mean, 5).points, means)
    assert np.array_equal(quantize(Empirical().fit(codes), 5).points, means)
    # With log variances codes stand for the aggregate posterior, which is wider than the means.
    wide = table(logvar=2.0)
    spread = quantize(wide, 5)
    assert spread.typical_radius > 1.5 * quantize(wide.mean, 5).typical_radius
    for same in ((wide.mean, wide.logvar), Empirical().fit(wide)):
        assert np.array_equal(quantize(same, 5).points, spread.points)
    assert not np.array_equal(quantize(wide, 5, seed=1).points, spread.points)


def test_a_density_is_stood_for_by_draws_and_judged_on_others():
    density = Gaussian().fit(draws(4000, 2))
    result = quantize(density, 10, starts=3)
    assert result.distance == pytest.approx(0.0153, rel=0.05)
    assert result.expected_iid == pytest.approx(energy.normal_spread(2) / 20, rel=0.05)
    mixed = quantize(Mixture(2).fit(np.concatenate([draws(100, 1) - 9, draws(100, 1) + 9])), 2)
    assert np.sort(mixed.points[:, 0]) == pytest.approx([-9, 9], abs=0.5)


def test_many_codes_are_begun_on_few(monkeypatch):
    codes = draws(9000, 2)
    goal = targets.target_of(codes, 5, smoothing=0.0, seed=0)
    smoothings = [share * goal.scale for share in (0.1, 0.01, 0.001)]
    assert [stage.smoothing for stage in goal.plan(5)] == [*smoothings, 0, 0]
    assert [stage.codes for stage in goal.plan(5)] == [4000, 4000, 4000, 4000, 9000]
    assert [len(goal.field(stage)) for stage in goal.plan(5)[-2:]] == [4000, 9000]
    monkeypatch.setattr(targets, "_WORK", 5 * 6000 * 12)
    assert [stage.codes for stage in goal.plan(5)][-2:] == [4000, 6000]
    whole = targets.target_of(codes[:3000], 5, smoothing=0.0, seed=0)
    assert {stage.codes for stage in whole.plan(5)} == {3000}
    result = quantize(codes, 5)
    assert result.distance == pytest.approx(energy.distance(result.points, codes), abs=1e-5)


def test_spread_of_codes_is_summed_once(monkeypatch):
    codes = draws(500, 2, seed=77)
    calls = []
    real = energy.Cloud.spread
    monkeypatch.setattr(energy.Cloud, "spread", lambda cloud: (calls.append(len(cloud)), real(cloud))[1])
    results = [quantize(codes, 4, seed=seed) for seed in (0, 1)]
    assert calls == []
    assert [result.distance for result in results] == [result.distance for result in results]
    assert calls.count(500) == 1
    quantize(codes * 2, 4).distance  # noqa: B018 (computed on first use)
    assert calls.count(500) == 2


def test_no_matrix_of_all_pairs_is_held(monkeypatch):
    codes = draws(40_000, 4)
    monkeypatch.setattr(descent, "_FEWEST", 3)
    monkeypatch.setattr(descent, "_MOST", 3)
    tracemalloc.start()
    quantize(codes, 200, smoothing=0.1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6 < 40_000 * 200 * 8


def test_the_published_algorithm_comes_near():
    result = adam(StandardNormal(2), 4, steps=3000)
    best = quantize(StandardNormal(2), 4).distance
    assert best < result.distance < 1.5 * best < result.expected_iid
    fast = adam(draws(3000, 2), 4, steps=500, learning_rate=0.1, decay=True)
    assert fast.distance < 1.05 * quantize(draws(3000, 2), 4).distance
    assert fast.points.shape == (4, 2)
    few = adam(draws(30, 2), 4, steps=10)
    assert np.array_equal(few.points, adam(draws(30, 2), 4, steps=10).points)
    assert not np.array_equal(few.points, adam(draws(30, 2), 4, steps=11).points)


def test_the_published_algorithm_has_its_parameters_by_default():
    class Enough(Exception):
        pass

    def watch(*row):
        assert row == (100, 10_000, "Adam step 100")
        raise Enough

    with pytest.raises(Enough):
        quantize(StandardNormal(2), 4, method="adam", watch=watch)


def test_classes_are_quantized_each_on_its_own():
    codes = table(count=600)
    codes.mean[:] += 20 * codes.label[:, None]
    points, labels = quantize_by_class(codes, 4)
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for label in range(3):
        expected = quantize(codes.mean[codes.label == label], 4).points
        assert np.array_equal(points[labels == label], expected)
    points, labels = quantize_by_class(codes.mean, {2: 3, 0: 1}, labels=codes.label)
    assert labels.tolist() == [0, 2, 2, 2]
    assert np.abs(points[1:].mean() - 40) < 2
    wide = quantize_by_class((codes.mean, np.full((600, 2), 1.0)), {1: 4}, labels=codes.label)[0]
    assert wide.shape == (4, 2)


def test_each_class_stays_away_from_its_own():
    codes, kept = table(count=300), dataclasses.replace(table(count=8), mean=draws(8, 2, seed=5))
    for avoid in (kept, (kept.mean, kept.label), (kept.mean, kept.label.astype(np.uint8))):
        points, labels = quantize_by_class(codes, 4, avoid=avoid, seed=1)
        for label in range(3):
            own = kept.mean[kept.label == label]
            expected = quantize(codes.mean[codes.label == label], 4, avoid=own, seed=1).points
            assert np.array_equal(points[labels == label], expected)
    # Kept points of a class that is not asked for, or of none, make no difference.
    alone = quantize_by_class(codes, {1: 4})[0]
    for avoid in (None, (draws(3, 2), np.array([0, 2, 9])), (draws(0, 2), np.arange(0))):
        assert np.array_equal(quantize_by_class(codes, {1: 4}, avoid=avoid)[0], alone)
    assert not np.array_equal(quantize_by_class(codes, {1: 4}, avoid=kept)[0], alone)


@pytest.mark.parametrize(
    ("avoid", "message"),
    [
        (table(labels=False), r"one label a point, \(300,\), but got none"),
        ((draws(3, 2), np.arange(2)), r"one label a point, \(3,\), but got shape \(2,\)"),
        ((draws(3, 2), np.zeros((3, 2))), r"but got shape \(3, 2\)"),
        ((draws(3, 2), np.zeros(3)), "labels need to be whole numbers, but are float64"),
        ((draws(3, 4), np.arange(3)), "avoid needs points of 2 latents, but they have 4"),
        ((np.full((3, 2), np.nan), np.arange(3)), "finite"),
    ],
)
def test_points_to_avoid_by_class_are_checked(avoid, message):
    with pytest.raises(ValueError, match=message):
        quantize_by_class(table(), 2, avoid=avoid)


@pytest.mark.parametrize("avoid", [draws(3, 2), draws(2, 2), (draws(3, 2),), [draws(3, 2), [0, 1, 2]]])
def test_points_to_avoid_by_class_need_a_pair(avoid):
    with pytest.raises(TypeError, match=r"a pair \(points, labels\) or a table of codes"):
        quantizing._kept_by_class(avoid, 2)


def test_progress_is_told():
    told = []
    quantize(draws(5000, 2), 3, starts=2, watch=lambda *row: told.append(row))
    assert [row[0] for row in told] == sorted(row[0] for row in told)
    assert {row[1] for row in told} == {10}
    assert told[0][2] == "stage 1 of 10, step 1"
    assert told[-1] == (10, 10, "done")
    steps = []
    adam(StandardNormal(2), 3, steps=150, watch=lambda *row: steps.append(row))
    assert steps == [(100, 150, "Adam step 100"), (150, 150, "Adam step 150")]
    classes = []
    quantize_by_class(table(), 2, watch=lambda *row: classes.append(row))
    assert classes[-1] == (12, 12, "label 2, done")
    assert [row[0] for row in classes] == sorted(row[0] for row in classes)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: quantize(np.full((3, 2), np.nan), 2), "3 of 3 rows hold NaN"),
        (lambda: quantize(np.empty((0, 2)), 2), "at least 1 rows"),
        (lambda: quantize(np.zeros(3), 2), r"two dimensions, \(N, D\)"),
        (lambda: quantize(draws(9, 2), 0), "count >= 1, but got 0"),
        (lambda: quantize(draws(9, 2), 2, starts=0), "starts >= 1, but got 0"),
        (lambda: quantize(draws(9, 2), 2, smoothing=-1.0), "square is finite, but got -1"),
        (lambda: quantize(draws(9, 2), 2, method="exakt"), "did you mean 'exact'"),
        (lambda: quantize(draws(9, 2), 2, method="x"), "no method 'x'; known are adam, exact$"),
        (lambda: quantize(draws(9, 2), 2, method="adam", shell=True), "use method='exact'"),
        (
            lambda: quantize(draws(9, 2), 2, avoid=draws(3, 4)),
            "avoid needs points of 2 latents, but they have 4",
        ),
        (lambda: quantize(draws(9, 2), 2, avoid=np.full((3, 2), np.inf)), "finite"),
        (lambda: quantize(draws(9, 2), 2, weights=np.ones(3)), "need 2 numbers"),
        (lambda: quantize(draws(9, 2), 2, weights=np.array([1.0, -1.0])), "positive"),
        (lambda: quantize(draws(9, 2), 2, weights="fre"), "or 'free', but got 'fre'"),
        (lambda: quantize(draws(9, 2), 2, weights="free", shell=True), "equal weights"),
        (lambda: adam(draws(9, 2), 2, steps=0), "steps >= 1"),
        (lambda: adam(draws(9, 2), 2, batch=0), "batch >= 1"),
        (lambda: adam(draws(9, 2), 2, learning_rate=0.0), "learning_rate > 0, but got 0"),
        (lambda: quantize_by_class(draws(9, 2), 2), "the codes have none"),
        (lambda: quantize_by_class((draws(9, 2), np.arange(9)), 2), r"shape \(9,\).* go in labels="),
        (
            lambda: quantize_by_class(draws(9, 2), 2, labels=np.arange(8)),
            r"one label each, \(9,\), but got shape \(8,\)",
        ),
        (
            lambda: quantize_by_class(draws(9, 2), {5: 2}, labels=np.arange(9) % 3),
            r"\[5\] was asked for; .* 0, 1, 2",
        ),
        (lambda: quantize(draws(9, 2), 2, avoid=draws(9, 2)[0]), r"avoid needs points \(K, 2\).* z\[None\]"),
        (lambda: quantize(draws(9, 2), 2, avoid=[3, 1]), r"give codes\[rows\]"),
        (lambda: quantize(draws(9, 2), 2, avoid=[["a", "b"]]), "avoid needs points of real numbers"),
        (lambda: quantize(draws(9, 2), 2, seed=-1), "seed needs to be >= 0, but got -1"),
        (lambda: adam(draws(9, 2), 2, seed=-1), "seed needs to be >= 0"),
        (lambda: adam(draws(9, 2), 0), "adam needs count >= 1"),
        (
            lambda: quantize_by_class(draws(9, 2), {1: 0}, labels=np.arange(9) % 3),
            "label 1, needs count >= 1",
        ),
        (
            lambda: quantize_by_class(draws(9, 2), 2, labels=np.array(list("abcabcabc"))),
            "return_inverse=True",
        ),
        (lambda: quantize_by_class(draws(9, 2), {}, labels=np.arange(9) % 3), "no label was asked"),
        (
            lambda: quantize_by_class(draws(9, 2), 2, labels=np.arange(9) / 2),
            "labels need to be whole numbers, but are float64, such as 0.0",
        ),
        (
            lambda: quantize_by_class(draws(9, 2), 2, labels=np.arange(9)[:, None]),
            r"one label each, \(9,\), but got shape \(9, 1\)",
        ),
        (
            lambda: quantize_by_class(draws(9, 2), 2, labels=np.arange(9) > 4),
            "labels need to be whole numbers, but are bool, such as False",
        ),
        (
            lambda: quantize_by_class(
                draws(9, 2), 2, labels=np.arange(9, dtype=np.uint64) + np.uint64(2**63)
            ),
            r"labels need to be below 2\^63, but the largest is 9223372036854775816",
        ),
        (lambda: quantize(draws(9, 1), 2, shell=True), "at least 2 latents, .* but the target has 1"),
        (lambda: quantize(StandardNormal(1), 2, shell=True), "at least 2 latents"),
        (lambda: quantize(draws(9, 2), 2, smoothing=1e100), r"10,000 times the scale .* but is 1e\+100"),
        (lambda: quantize(StandardNormal(2), 2, smoothing=1e7), "of the target, 1, but is 1e"),
        (lambda: adam(StandardNormal(2), 2, smoothing=1e7), "of the target, 1, but is 1e"),
        (lambda: quantize(Empirical(), 2), "Empirical instance is not fitted yet"),
        (lambda: quantize(Gaussian(), 2), "Gaussian instance is not fitted yet"),
    ],
)
def test_wrong_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_what_is_neither_codes_nor_a_density_is_refused():
    with pytest.raises(TypeError, match="or a density, but got"):
        targets.target_of([[1.0, 2.0]], 2, smoothing=0.0, seed=0)


@pytest.mark.parametrize("count", [2.5, "3", None])
def test_counts_that_are_not_whole_are_refused(count):
    with pytest.raises(TypeError, match=f"quantize needs a whole number for count, but got {count!r}"):
        checked_count(count, "quantize")
    with pytest.raises(TypeError, match="seed needs to be a whole number"):
        checked_seed(count)


def test_one_class_of_a_density_is_a_target():
    codes = np.concatenate([draws(300, 2) - 9, draws(300, 2) + 9])
    density = ByClass("full").fit(codes, np.repeat([4, 7], 300))
    assert np.abs(quantize(density.of(7), 5).points - 9).max() < 3
    with pytest.raises(TypeError, match=r"density of one class, but got ByClass.*density\.of\(label\)"):
        targets.target_of(density, 5, smoothing=0.0, seed=0)


def test_points_of_something_else_are_warned_of():
    other = draws(24, 2, seed=1) * 3
    codes = draws(3000, 2)
    for target in (codes, StandardNormal(2), Gaussian().fit(codes)):
        with pytest.warns(ElsewhereWarning, match=r"the 24 points .* 6 new ones still .* leave it out"):
            quantize(target, 6, avoid=other)
    # Parts of the target are complemented, and so are independent draws; neither is warned of.
    quantize(codes, 24, avoid=codes[codes[:, 0] > 0][:24])
    for seed in range(10):
        quantize(StandardNormal(1), 2, avoid=draws(24, 1, seed=seed))


def test_nothing_to_avoid():
    expected = quantize(draws(50, 2), 4)
    for nothing in (None, [], np.empty((0, 2))):
        result = quantize(draws(50, 2), 4, avoid=nothing)
        assert result.avoid is None
        assert np.array_equal(result.points, expected.points)
    table_of_two = table(2)
    assert np.array_equal(quantize(draws(50, 2), 4, avoid=table_of_two).avoid, table_of_two.mean)


def test_five_starts_find_the_best_on_codes_in_pieces():
    # Ten blobs of unequal size, as the classes of a trained model: many local minima.
    random = np.random.default_rng(0)
    centres = 3 * random.standard_normal((10, 2))
    codes = np.concatenate(
        [centre + 0.5 * random.standard_normal((100 + 60 * k, 2)) for k, centre in enumerate(centres)]
    )
    five = quantize(codes, 10, starts=5, seed=1).distance
    assert five <= quantize(codes, 10, starts=30, seed=2).distance * (1 + 1e-5)


def test_short_words_for_points():
    result = quantize(draws(50, 2), 4, avoid=draws(3, 2))
    assert repr(result) == "Quantization(4 points, D=2, avoid 3)"
    distance = result.distance
    assert repr(result) == f"Quantization(4 points, D=2, avoid 3, distance {distance:.4g})"
    weighted = quantize(StandardNormal(1), 2, weights=np.array([1.0, 3.0]))
    assert repr(weighted) == "Quantization(2 points, D=1, weights 0.25 to 0.75)"


def test_labels_of_any_whole_type_are_alike():
    codes, labels = draws(30, 2), np.arange(30) % 3
    expected = quantize_by_class(codes, 2, labels=labels)
    for same in (labels.astype(np.uint8), labels.astype(np.uint64), labels.astype(np.int32)):
        points, found = quantize_by_class(codes, 2, labels=same)
        assert np.array_equal(points, expected[0])
        assert np.array_equal(found, expected[1])
        assert found.dtype == np.int64


def test_a_wide_smoothing_leaves_the_mean():
    # h(v) is |v|^2 / (2 a) for large a, so all that counts is the mean of the points.
    codes = draws(200, 2) + 5
    found = quantize(codes, 3, smoothing=9e3 * codes.std())
    assert found.points.mean(axis=0) == pytest.approx(codes.mean(axis=0), abs=1e-3)


@pytest.mark.parametrize("least", [1e-15, 1e-200, 1e-300])
def test_a_point_of_next_to_no_weight_takes_nothing_from_the_others(least):
    two = quantize(StandardNormal(2), 2)
    three = quantize(StandardNormal(2), 3, weights=np.array([1, least, 1]))
    assert np.isfinite(three.points).all()
    assert three.distance == pytest.approx(two.distance, rel=1e-6)
    assert three.weights.min() == pytest.approx(least / 2, rel=1e-6, abs=0)


def test_a_density_is_judged_on_fresh_draws_without_bias(monkeypatch):
    monkeypatch.setattr(targets, "_DRAWS", 12)
    monkeypatch.setattr(targets, "_DRAWS_EACH", 1)
    goal = targets.target_of(Gaussian().fit(draws(50, 2)), 3, smoothing=0.1, seed=4)
    assert goal.codes.shape == goal.judged.shape == (12, 2)
    assert not np.isin(goal.judged, goal.codes).any()
    gaps = [np.hypot(np.linalg.norm(a - b), 0.1) - 0.1 for a, b in itertools.permutations(goal.judged, 2)]
    assert goal.spread == pytest.approx(np.mean(gaps))
    # Of codes the zero diagonal is part of the law.
    codes = targets.target_of(goal.judged, 3, smoothing=0.1, seed=4)
    assert codes.spread == pytest.approx(np.sum(gaps) / 12**2)


def test_on_the_shell_the_innermost_draw_gets_the_smallest_radius():
    goal = targets.target_of(draws(400, 3) + 7, 20, smoothing=0.0, seed=0)
    plain = descent.Shape(20, None, None, False, goal.centre, goal.scale)
    shell = dataclasses.replace(plain, radii=np.arange(1.0, 21))
    loose, sorted_points = (quantizing._first_points(goal, shape, [3, 0]) for shape in (plain, shell))
    lengths = np.linalg.norm(sorted_points - goal.centre, axis=1)
    assert (np.diff(lengths) > 0).all()
    assert (np.diff(np.linalg.norm(loose - goal.centre, axis=1)) < 0).any()
    assert np.array_equal(np.sort(loose, axis=0), np.sort(sorted_points, axis=0))


def test_free_weights_of_far_logits_are_finite_and_positive():
    shape = descent.Shape(3, None, np.full(3, 1 / 3), True, np.zeros(2), 1.0)
    problem = descent.Problem(energy.Cloud(draws(9, 2)), shape, 1.0)
    points, weights = problem.unpack(np.concatenate([np.arange(6.0), [2000.0, 2000.0, -3000.0]]))
    assert np.array_equal(points, np.arange(6.0).reshape(3, 2))
    assert weights[:2] == pytest.approx([0.5, 0.5])
    assert 0 < weights[2] < 1e-100
    value, gradient = problem(np.concatenate([draws(1, 6)[0], [2000.0, 2000.0, -3000.0]]))
    assert np.isfinite(value)
    assert np.isfinite(gradient).all()
