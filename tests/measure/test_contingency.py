"""What clusters are made of: by hand, scikit-learn, nulls and coverage."""

import math

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from zscape import measure
from zscape.base import Codes


def test_composition_by_hand():
    table = measure.composition(np.array([0, 0, 0, 1, 1]), np.array([3, 3, 5, 5, 5]))
    assert table.counts.tolist() == [[2, 1], [0, 2]]
    assert table.classes.tolist() == [3, 5]
    np.testing.assert_allclose(table.shares, [[2 / 3, 1 / 3], [0, 1]])
    assert table.purity == pytest.approx(4 / 5)
    with pytest.raises(ValueError, match="one code or more"):
        measure.composition(np.empty(0, dtype=int), np.empty(0, dtype=int))


@pytest.mark.parametrize("seed", range(5))
def test_agreement_is_that_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 60)
    clusters = np.where(rng.random(60) < 0.6, labels + 10, rng.integers(0, 7, 60))
    purity, nmi, ari = measure.cluster_agreement(clusters, labels)
    assert nmi.value == pytest.approx(normalized_mutual_info_score(labels, clusters), abs=1e-12)
    assert ari.value == pytest.approx(adjusted_rand_score(labels, clusters), abs=1e-12)
    expected = sum(np.bincount(labels[clusters == each]).max() for each in np.unique(clusters)) / 60
    assert purity.value == pytest.approx(expected)
    for each in (purity, nmi, ari):
        assert each.low <= each.value <= each.high


def test_agreement_is_1_for_the_same_groups_and_about_0_for_others():
    labels = np.repeat([3, 1, 2], [30, 20, 10])
    for each in measure.cluster_agreement(7 - labels, labels):
        assert (each.value, each.low, each.high) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))
    for each in measure.cluster_agreement(np.zeros(9, dtype=int), np.zeros(9, dtype=int)):
        assert each.value == 1
    rng = np.random.default_rng(0)
    found = [
        measure.cluster_agreement(rng.permutation(labels), labels, resamples=2)[2].value for _ in range(300)
    ]
    assert abs(np.mean(found)) < 3 * np.std(found) / math.sqrt(300)


def test_intervals_of_agreement_cover_the_truth():
    """Clusters that are the class with probability 0.8: purity 0.8 of very many codes."""
    inside = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        labels = rng.integers(0, 2, 150)
        clusters = np.where(rng.random(150) < 0.8, labels, 1 - labels)
        found = measure.cluster_agreement(clusters, labels)[0]
        inside += found.low <= 0.8 <= found.high
    assert 52 <= inside <= 60


def test_the_labels_of_a_table_are_taken_from_it():
    rng = np.random.default_rng(0)
    labels, clusters = rng.integers(0, 3, (2, 90))
    table = Codes(np.arange(90), np.full(90, "test"), np.zeros((90, 2), np.float32), label=labels)
    np.testing.assert_array_equal(
        measure.composition(clusters, table).counts, measure.composition(clusters, labels).counts
    )
    assert measure.cluster_agreement(clusters, table) == measure.cluster_agreement(clusters, labels)
    with pytest.raises(ValueError, match="composition needs labels, but none were given"):
        measure.composition(clusters, Codes(table.id, table.split, table.mean))


def test_settings_that_cannot_be_are_refused():
    labels = np.array([0, 0, 1, 1])
    with pytest.raises(ValueError, match="resamples needs to be a whole number >= 2, but is 1"):
        measure.cluster_agreement(labels, labels, resamples=1)
    composition = getattr(measure.composition, "__wrapped__", measure.composition)
    with pytest.raises(ValueError, match=r"composition needs one whole number a row as its label, \(4,\)"):
        composition(labels, labels[:3])
