"""Closest, furthest and random pairs against all pairs, in any arithmetic and blocks."""

import inspect
import itertools
import tracemalloc

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform

from zscape import measure
from zscape.base import Codes
from zscape.measure import _extremes
from zscape.measure._neighbours import squares_between
from zscape.measure.pairs import _sides


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


SETS = {
    "normal": draws(150, 20),
    "many ties": np.random.default_rng(0).integers(0, 3, (100, 4)).astype(float),
    "duplicates": np.repeat(draws(30, 6), 3, axis=0),
    "equal": np.full((40, 3), 0.1),
    "two far groups": np.concatenate([draws(40, 5) * 1e-7, 1e6 + draws(40, 5, 1) * 1e-7]),
    "of all sizes": draws(60, 4) * 10.0 ** np.random.default_rng(1).integers(-20, 20, (60, 1)),
    "far from 0, single": (draws(80, 300) + 1000).astype(np.float32),
    "bytes": np.random.default_rng(2).integers(0, 256, (50, 9)).astype(np.uint8),
    "few": draws(2, 3),
    "one out": np.concatenate([draws(40, 3), [[1e60, 0.0, 0.0]], draws(300, 3, 1)])[::5],
}


def all_pairs(x, k, sign):
    """The best k of all pairs, from a list of them."""
    i, j = np.triu_indices(len(x), 1)
    keys = sign * squares_between(x, x, i, j)
    order = np.lexsort((j, i, keys))[:k]
    return np.stack([i[order], j[order]], axis=1), np.sqrt(np.abs(keys[order]))


@pytest.fixture(params=[torch.bfloat16, torch.float32], ids=["bfloat16", "float32"])
def arithmetic(request, monkeypatch):
    monkeypatch.setattr(_extremes, "_bfloat16_pays", lambda: request.param == torch.bfloat16)
    return request.param


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("tile", "many"), [(13, 3), (1024, 4096)])
def test_pairs_are_those_of_all_pairs_in_any_arithmetic_and_blocks(arithmetic, monkeypatch, name, tile, many):
    monkeypatch.setattr(_extremes, "TILE", tile)
    monkeypatch.setattr(_extremes, "_MANY", many)
    x = SETS[name]
    before = x.copy()
    for k in (1, 7, 40):
        if k > len(x) * (len(x) - 1) // 2:
            continue
        for found, sign in zip(measure.extreme_pairs(x, k), (1, -1), strict=True):
            rows, distances = all_pairs(x, k, sign)
            np.testing.assert_array_equal(found.rows, rows)
            np.testing.assert_array_equal(found.distances, distances)
    np.testing.assert_array_equal(x, before)


def test_pairs_far_nearer_than_they_are_long_are_found(arithmetic):
    # Rows in one direction from the centre, whose products are rounded most.
    for seed in range(10):
        rng = np.random.default_rng(seed)
        outlier = rng.normal(size=(26, 18))
        outlier[0] = 1e6
        assert measure.closest_pairs(outlier).distances[0] == pytest.approx(pdist(outlier).min(), rel=1e-9)
        groups = np.repeat(rng.normal(size=(4, 2)), 25, axis=0) + 1e-3 * rng.normal(size=(100, 2))
        assert measure.closest_pairs(groups).distances[0] == pytest.approx(pdist(groups).min(), rel=1e-9)


def test_distances_are_those_of_scipy():
    x = draws(120, 30)
    closest, furthest = measure.extreme_pairs(x, 5)
    expected = np.sort(pdist(x))
    np.testing.assert_allclose(closest.distances, expected[:5], rtol=1e-13)
    np.testing.assert_allclose(furthest.distances, expected[:-6:-1], rtol=1e-13)


def test_closest_and_furthest_alone_are_those_of_both():
    x = draws(90, 8)
    closest, furthest = measure.extreme_pairs(x, 4)
    np.testing.assert_array_equal(measure.closest_pairs(x, 4).rows, closest.rows)
    np.testing.assert_array_equal(measure.furthest_pairs(x, 4).rows, furthest.rows)


def test_pairs_within_a_class_and_between_two_are_those_of_a_whole_matrix(arithmetic, monkeypatch):
    monkeypatch.setattr(_extremes, "TILE", 16)
    x, labels = draws(100, 6), np.random.default_rng(3).integers(4, 7, 100)
    whole = squareform(pdist(x))
    for one, other in itertools.product((4, 5, 6), repeat=2):
        rows, columns = np.flatnonzero(labels == one), np.flatnonzero(labels == other)
        choice = {"within": one} if one == other else {"between": (one, other)}
        part = whole[np.ix_(rows, columns)].copy()
        closest, furthest = measure.extreme_pairs(x, 1, labels=labels, **choice)
        assert furthest.distances[0] == pytest.approx(part.max(), rel=1e-12)
        part[part == 0] = np.inf
        assert closest.distances[0] == pytest.approx(part.min(), rel=1e-12)
        for pairs in (closest, furthest):
            (i, j), expected = pairs.rows[0], pairs.distances[0]
            assert (labels[i], labels[j]) == (one, other)
            assert whole[i, j] == pytest.approx(expected, rel=1e-12)
            assert one != other or i < j


def test_pairs_follow_rotation_shift_scale_and_order(arithmetic):
    x = draws(80, 12)
    order = np.random.default_rng(5).permutation(80)
    turned = 3 * (x @ np.linalg.qr(draws(12, 12, seed=4))[0] - 7)[order]
    for found, moved in zip(measure.extreme_pairs(x, 3), measure.extreme_pairs(turned, 3), strict=True):
        np.testing.assert_array_equal(np.sort(order[moved.rows]), found.rows)
        np.testing.assert_allclose(moved.distances, 3 * found.distances, rtol=1e-12)


def test_a_table_brings_its_labels_and_a_pair_its_means():
    x, labels = draws(20, 3).astype(np.float32), np.arange(20) % 2
    table = Codes(np.arange(20), np.full(20, "test"), x, label=labels)
    expected = measure.closest_pairs(x, 2, labels=labels, within=1)
    np.testing.assert_array_equal(measure.closest_pairs(table, 2, within=1).rows, expected.rows)
    np.testing.assert_array_equal(measure.closest_pairs((x, x), 2).rows, measure.closest_pairs(x, 2).rows)


def test_the_bound_holds_for_every_pair(arithmetic):
    """What is ruled out must be out: no squared distance is off by more than is allowed for it."""
    for x in (draws(200, 64), draws(64, 700, 1) ** 3 + 5):
        ready = _extremes.Ready.of(x, np.arange(len(x)))
        products = (ready.factors @ ready.factors.T).double().numpy()
        sums = ready.norms[:, None] + ready.norms
        exact = squareform(pdist(x, "sqeuclidean")) / ready.scale**2
        off = np.abs(sums - 2 * products - exact)
        assert (off <= ready.error * sums).all()
        # It is no idle bound either, where most of it is the rounding of the rows.
        assert arithmetic == torch.float32 or off.max() > 1e-2 * ready.error * sums.max()


def test_no_n_by_n_matrix_is_held():
    x = draws(6000, 4).astype(np.float32)
    measure.closest_pairs(x[:50])
    tracemalloc.start()
    measure.extreme_pairs(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6 < 6000 * 6000 * 4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"k": 0}, "k needs to be a whole number >= 1"),
        ({"k": 46}, "46 pairs were asked for, but 10 rows have 45"),
        ({"within": 1}, "needs labels, but none were given"),
        ({"labels": np.zeros(9, dtype=int), "within": 0}, r"one whole number a row as its label, \(10,\)"),
        ({"labels": np.arange(10) // 5, "within": 2}, "rows of class 2, but the classes present are 0, 1"),
        ({"labels": np.arange(10) // 5, "between": (0, 0)}, "between classes need two classes"),
        ({"labels": np.arange(10) // 5, "between": (0, 1), "within": 1}, "within a class or between two"),
        ({"labels": np.arange(10), "within": 1}, "1 pairs were asked for, but 1 rows have 0"),
    ],
)
def test_what_cannot_be_searched_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        measure.closest_pairs(draws(10, 2), **settings)


@pytest.mark.parametrize("call", [measure.closest_pairs, measure.furthest_pairs, measure.extreme_pairs])
def test_malformed_codes_are_refused(call):
    x = draws(5, 3)
    for wrong, message in (
        (x[:1], "at least 2 samples"),
        (x[0], r"two dimensions, \(N, D\), but got shape \(3,\)"),
        (np.where(np.arange(5)[:, None] == 3, np.nan, x), "sample 3 holds one that is not"),
        (np.where(np.arange(5)[:, None] == 3, 1e200, x), "sample 3"),
    ):
        with pytest.raises(ValueError, match=message):
            call(wrong)
    floating = Codes(np.arange(5), np.full(5, "test"), x, label=np.zeros(5))
    with pytest.raises(ValueError, match="one whole number a row as its label"):
        call(floating, within=0)
    with pytest.raises(TypeError, match="k needs to be a whole number"):
        call(x, True)


def test_random_pairs_are_different_in_order_and_of_their_classes():
    labels = np.array([3, 1, 3, 3, 1, 2])
    for seed in range(20):
        rows = measure.random_pairs(labels, 15, seed=seed)
        assert len({tuple(pair) for pair in rows.tolist()}) == 15
        assert (rows[:, 0] < rows[:, 1]).all()
        rows = measure.random_pairs(labels, 3, within=3, seed=seed)
        assert sorted(map(tuple, rows.tolist())) == [(0, 2), (0, 3), (2, 3)]
        rows = measure.random_pairs(labels, 4, between=(1, 3), seed=seed)
        assert (labels[rows] == [1, 3]).all()
        assert len({tuple(pair) for pair in rows.tolist()}) == 4


def test_random_pairs_are_all_equally_probable_and_fixed_by_the_seed():
    labels = np.zeros(6, dtype=int)
    counts = np.zeros((6, 6))
    for seed in range(1500):
        i, j = measure.random_pairs(labels, 1, seed=seed)[0]
        counts[i, j] += 1
    cells = counts[np.triu_indices(6, 1)]
    assert cells.sum() == 1500
    # Chi-squared with 14 degrees of freedom: its 99.9 % point.
    assert ((cells - 100) ** 2 / 100).sum() < 36.1
    np.testing.assert_array_equal(*(measure.random_pairs(labels, 5, seed=3) for _ in range(2)))


def test_random_pairs_of_very_many_rows_are_pairs():
    rows = measure.random_pairs(np.zeros(3_000_000, dtype=int), 1000)
    assert (rows[:, 0] < rows[:, 1]).all()
    assert (rows >= 0).all()
    assert rows.max() < 3_000_000


def test_too_many_random_pairs_are_refused():
    with pytest.raises(ValueError, match="7 pairs were asked for, but 4 rows have 6"):
        measure.random_pairs(np.zeros(4, dtype=int), 7)
    with pytest.raises(ValueError, match="5 pairs were asked for, but 2 and 2 rows have 4"):
        measure.random_pairs(np.arange(4) % 2, 5, between=(0, 1))


def test_labels_that_are_none_are_refused_also_for_pairs_of_all():
    # Under pytest its annotation would speak first.
    choose = inspect.unwrap(measure.random_pairs)
    for wrong in (np.zeros((4, 2), dtype=int), np.array(3), np.zeros(4)):
        with pytest.raises(ValueError, match=r"random_pairs needs one whole number a row .* \(N,\)"):
            choose(wrong, 1)


def test_random_pairs_of_a_table_are_of_its_labels():
    labels = np.array([3, 1, 3, 3, 1, 2])
    table = Codes(np.arange(6), np.full(6, "test"), np.zeros((6, 2), np.float32), label=labels)
    np.testing.assert_array_equal(
        measure.random_pairs(table, 4, between=(1, 3), seed=2),
        measure.random_pairs(labels, 4, between=(1, 3), seed=2),
    )
    bare = Codes(np.arange(6), np.full(6, "test"), np.zeros((6, 2), np.float32))
    with pytest.raises(ValueError, match="random_pairs needs labels, but none were given"):
        measure.random_pairs(bare, 1)


@pytest.mark.parametrize("between", [(0, 1, 2), (0,), 5, "ab"])
def test_classes_to_be_between_are_two(between):
    sides = getattr(_sides, "__wrapped__", _sides)
    with pytest.raises(ValueError, match=r"need two classes, \(first, second\), but got") as told:
        sides(9, np.arange(9) % 3, None, between)
    assert repr(between) in str(told.value)
