"""Probes: separable, hidden and meaningless classes, and rows kept apart."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from zscape import measure
from zscape.measure import probes


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def test_classes_apart_are_read_and_meaningless_ones_are_not():
    labels = np.arange(600) % 3
    codes = draws(600, 4) + 6 * np.eye(3, 4)[labels]
    for probe in (measure.linear_probe, measure.neighbour_accuracy):
        found = probe(codes, labels)
        assert found.value > 0.98
        assert found.n == 200
        # Wilson's interval has a width also where all is right.
        assert found.low < found.value <= found.high
        null = probe(draws(600, 4), labels, seed=1)
        assert null.low < 1 / 3 < null.high
        assert "3 classes; the commonest alone scores 0.275" in null.definition


def test_a_ring_is_read_by_neighbours_and_not_by_a_line():
    labels = np.arange(400) % 2
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 400)
    codes = np.stack([np.cos(angle), np.sin(angle)], axis=1) * (1 + 2 * labels[:, None])
    assert measure.neighbour_accuracy(codes, labels).value == 1
    assert measure.linear_probe(codes, labels).value < 0.7


def test_more_latents_than_rows_do_not_help_where_there_is_nothing_to_read():
    found = measure.linear_probe(draws(90, 400), np.arange(90) % 2)
    assert found.low < 0.5 < found.high


def test_neighbours_vote_as_in_scikit_learn_where_there_is_no_tie():
    codes, labels = draws(300, 3), np.arange(300) % 2
    codes[:, 0] += labels
    found = measure.neighbour_accuracy(codes, labels, k=7, seed=5)
    rows = np.random.default_rng(5).permutation(300)
    model = KNeighborsClassifier(7).fit(codes[rows[:200]], labels[rows[:200]])
    assert found.value == model.score(codes[rows[200:]], labels[rows[200:]])
    assert (found.name, found.seed) == ("neighbour_accuracy_7", 5)


def test_of_equal_votes_the_nearest_wins():
    votes = np.array([[2, 1, 1, 2, 0], [0, 1, 1, 2, 2], [2, 0, 1, 3, 4]])
    assert probes._most_voted(votes, 5).tolist() == [2, 1, 2]


def test_rows_to_learn_from_are_chosen_by_seed_and_count():
    codes, labels = draws(200, 2), np.arange(200) % 2
    codes[:, 0] += labels
    one, again, other = (
        measure.linear_probe(codes, labels, train=50, test=40, seed=each) for each in (1, 1, 2)
    )
    assert one == again
    assert one.value != other.value
    assert "50 training rows" in one.definition
    assert one.n == 40


@pytest.mark.parametrize("probe", [measure.linear_probe, measure.neighbour_accuracy])
def test_nothing_to_learn_is_refused(probe):
    with pytest.raises(ValueError, match="needs labels, but none were given"):
        probe(draws(20, 2))
    with pytest.raises(ValueError, match="two values or more of each factor"):
        probe(draws(20, 2), np.zeros(20, dtype=int))
    with pytest.raises(ValueError, match="at least 12 rows"):
        probe(draws(5, 2), np.arange(5))


def test_more_neighbours_than_rows_are_refused():
    with pytest.raises(ValueError, match="needs k <= 20, the training rows, but got 21"):
        measure.neighbour_accuracy(draws(30, 2), np.arange(30) % 2, k=21)
