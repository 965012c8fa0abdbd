"""Centres and distances of classes: hand-worked values, scipy, nulls and coverage."""

import itertools

import numpy as np
import pytest
from scipy.spatial.distance import cdist, pdist
from scipy.stats import t

from zscape import measure
from zscape.base import Codes


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def by_name(results):
    return {result.name: result for result in results}


def test_offsets_by_hand():
    # Centres (0, 0) and (4, -2), that of all (2, -1); no code is off its centre, so there is no noise.
    codes, labels = np.repeat([[0.0, 0.0], [4.0, -2.0]], 3, axis=0), np.repeat([5, 8], 3)
    found = by_name(measure.centroid_offsets(codes, labels))
    assert set(found) == {f"centroid_offset_{norm}_{which}" for norm in ("l1", "l2") for which in (5, 8)}
    for which in (5, 8):
        assert found[f"centroid_offset_l1_{which}"].value == pytest.approx(3)
        assert found[f"centroid_offset_l2_{which}"].value == pytest.approx(np.sqrt(5))
        assert found[f"centroid_offset_l2_{which}"].low == pytest.approx(np.sqrt(5))
        assert found[f"centroid_offset_l1_{which}"].n == 3


def test_l1_is_the_report_s_sum_of_differences_of_means():
    codes, labels = draws(60, 7), np.arange(60) % 3
    found = by_name(measure.centroid_offsets(codes, labels))
    for which in range(3):
        expected = np.abs(codes[labels == which].mean(axis=0) - codes.mean(axis=0)).sum()
        assert found[f"centroid_offset_l1_{which}"].value == pytest.approx(expected, rel=1e-12)


def test_the_square_of_l2_has_no_bias_and_the_null_of_l1_is_as_stated():
    squares, sums, stated = [], [], []
    for seed in range(200):
        codes = draws(30, 20, seed) * np.linspace(1, 3, 20)
        codes[:10, 0] += 2.0
        results = by_name(measure.centroid_offsets(codes, np.repeat([0, 1], [10, 20]), resamples=2))
        squares.append(results["centroid_offset_l2_0"].value ** 2)
        codes = draws(30, 20, seed + 1000)
        results = by_name(measure.centroid_offsets(codes, np.repeat([0, 1], [10, 20]), resamples=2))
        sums.append(results["centroid_offset_l1_0"].value)
        stated.append(float(results["centroid_offset_l1_0"].definition.split("about ")[1].rstrip(")")))
    # The centre of the class of ten is 2 * 20 / 30 from that of all; a square cut at 0 is a little high.
    assert np.mean(squares) == pytest.approx((4 / 3) ** 2, abs=1)
    assert np.mean(sums) == pytest.approx(np.mean(stated), rel=0.03)


def test_intervals_of_offsets_cover_the_truth():
    inside = np.zeros(2)
    for seed in range(100):
        codes = draws(200, 3, seed)
        codes[:50] += [2.0, -1.0, 0.0]
        results = by_name(measure.centroid_offsets(codes, np.repeat([0, 1], [50, 150]), seed=seed))
        for place, (norm, truth) in enumerate((("l1", 3 * 0.75), ("l2", np.sqrt(5) * 0.75))):
            result = results[f"centroid_offset_{norm}_0"]
            inside[place] += result.low <= truth <= result.high
    assert (inside >= 87).all(), inside
    assert (inside <= 100).all(), inside


def test_names_of_a_table_stand_in_definitions_and_seeds_repeat():
    table = Codes(
        np.arange(20), np.full(20, "test"), draws(20, 3).astype(np.float32), label=np.arange(20) % 2,
        names=("cat", "dog"),
    )  # fmt: skip
    results = measure.centroid_offsets(table, seed=3)
    assert "class 1 (dog)" in results[-1].definition
    assert results == measure.centroid_offsets(table, seed=3)
    assert results != measure.centroid_offsets(table, seed=4)


def test_distances_are_those_of_scipy():
    codes, labels = draws(70, 5) * 2, np.random.default_rng(1).choice([2, 3, 8], 70)
    found = measure.class_distances(codes, labels)
    assert found.labels.tolist() == [2, 3, 8]
    for (one, a), (other, b) in itertools.product(enumerate((2, 3, 8)), repeat=2):
        mine, theirs = codes[labels == a], codes[labels == b]
        distances = pdist(mine) if a == b else cdist(mine, theirs).ravel()
        assert found.mean[one, other] == pytest.approx(distances.mean(), rel=1e-10)
        assert found.shortest[one, other] == pytest.approx(distances.min(), rel=1e-10)
        assert found.longest[one, other] == pytest.approx(distances.max(), rel=1e-10)
        assert found.low[one, other] < found.mean[one, other] < found.high[one, other]
        for rows, distance in ((found.shortest_rows, found.shortest), (found.longest_rows, found.longest)):
            i, j = rows[one, other]
            assert (labels[i], labels[j]) == (a, b)
            assert np.linalg.norm(codes[i] - codes[j]) == pytest.approx(distance[one, other], rel=1e-12)


def test_intervals_of_means_cover_the_truth():
    away = np.array([2.0, 0.0, 0.0])
    big = draws(2000, 3), draws(2000, 3, 1) + away
    truth = np.array([[pdist(big[0][:1000]).mean(), cdist(*big).mean()], [0, pdist(big[1][:1000]).mean()]])
    inside = np.zeros((2, 2))
    for seed in range(100):
        codes = draws(70, 3, seed + 10)
        codes[40:] += away
        found = measure.class_distances(codes, np.repeat([0, 1], [40, 30]))
        inside += (found.low <= truth) & (truth <= found.high)
    assert (inside[np.triu_indices(2)] >= 87).all(), inside


def test_more_codes_than_the_limit_are_thinned_for_the_means_alone():
    codes, labels = draws(300, 3), np.arange(300) % 2
    whole, some = (measure.class_distances(codes, labels, limit=limit) for limit in (300, 100))
    np.testing.assert_array_equal(whole.longest, some.longest)
    np.testing.assert_array_equal(whole.shortest_rows, some.shortest_rows)
    assert (whole.mean != some.mean).all()
    assert (np.abs(whole.mean - some.mean) < 0.4).all()
    with pytest.raises(ValueError, match="hold fewer of one; raise limit"):
        measure.class_distances(codes, np.repeat([0, 1], [298, 2]), limit=20)


@pytest.mark.parametrize("call", [measure.centroid_offsets, measure.class_distances])
def test_a_class_of_one_row_and_missing_labels_are_refused(call):
    with pytest.raises(ValueError, match="two rows or more of each class, but class 4 has one"):
        call(draws(5, 2), np.array([1, 1, 4, 2, 2]))
    with pytest.raises(ValueError, match="needs labels, but none were given"):
        call(draws(5, 2))
    with pytest.raises(ValueError, match=r"one whole number a row as its label, \(5,\)"):
        call(draws(5, 2), np.zeros(4, dtype=int))


def test_a_class_of_two_has_no_interval_of_its_mean():
    found = measure.class_distances(draws(4, 2), np.array([0, 0, 1, 1]))
    assert np.isnan(found.low[0, 0])
    assert np.isfinite(found.low[0, 1])


@pytest.mark.parametrize("sizes", [(200, 200, 200), (300, 60, 12)])
def test_the_null_of_l1_is_that_of_labels_at_random_where_classes_are_apart(sizes):
    """Of codes within classes alone it would be a tenth to a sixth less."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), sizes)
    codes = draws(len(labels), 16) + 4 * np.eye(3, 16)[labels]
    results = by_name(measure.centroid_offsets(codes, labels, resamples=2))
    means = codes.mean(axis=0)
    for which in range(3):
        sums = [
            np.abs(codes[rng.permutation(len(codes))[: sizes[which]]].mean(axis=0) - means).sum()
            for _ in range(300)
        ]
        definition = results[f"centroid_offset_l1_{which}"].definition
        stated = float(definition.split("about ")[1].rstrip(")"))
        # Five standard errors of the mean of these.
        assert abs(np.mean(sums) - stated) < 5 * np.std(sums) / np.sqrt(300), which
        assert stated == pytest.approx(np.mean(sums), rel=0.04)


@pytest.mark.parametrize(("size", "within", "between"), [(3, 170, 177), (5, 170, 180)])
def test_intervals_of_small_classes_cover_the_truth(size, within, between):
    """In 200 pairs of normal classes. By 1.96 standard errors 148 for classes of 3, and 161 of 5."""
    away = np.array([2.0, 0.0])
    big = draws(1500, 2), draws(1500, 2, 1) + away
    truth = np.array([[pdist(big[0]).mean(), cdist(*big).mean()], [0, pdist(big[1]).mean()]])
    inside = np.zeros((2, 2))
    for seed in range(200):
        codes = draws(2 * size, 2, seed + 10)
        codes[size:] += away
        found = measure.class_distances(codes, np.repeat([0, 1], size))
        inside += (found.low <= truth) & (truth <= found.high)
    assert (inside.diagonal() >= within).all(), inside
    assert inside[0, 1] >= between, inside


def test_the_interval_between_classes_is_that_of_welch():
    codes = draws(12, 2)
    found = measure.class_distances(codes, np.repeat([0, 1], [3, 9]))
    apart = cdist(codes[:3], codes[3:])
    squares = [apart.mean(axis=axis).var(ddof=1) / n for axis, n in ((1, 3), (0, 9))]
    freedom = sum(squares) ** 2 / (squares[0] ** 2 / 2 + squares[1] ** 2 / 8)
    half = t.ppf(0.975, freedom) * np.sqrt(sum(squares))
    assert found.high[0, 1] - found.mean[0, 1] == pytest.approx(half, rel=1e-6)
    same = measure.class_distances(np.repeat([[0.0], [1.0]], 3, axis=0), np.repeat([0, 1], 3))
    assert (same.low[0, 1], same.high[0, 1]) == (1, 1)
