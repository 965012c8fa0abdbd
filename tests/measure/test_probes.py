"""Probes: separable, hidden and meaningless classes, and rows kept apart."""

from functools import partial

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


@pytest.mark.parametrize("probe", [measure.linear_probe, partial(measure.neighbour_accuracy, k=1)])
def test_one_class_to_learn_from_or_to_test_on_is_refused(probe):
    """Twelve rows, two of class 1: at some seeds both are to learn from, at some both to test on."""
    codes, labels = draws(12, 2), np.arange(12) < 2
    found = {"test": 0, "train": 0, "neither": 0}
    for seed in range(40):
        rows = np.random.default_rng(seed).permutation(12)
        lacking = {"train": rows[:8], "test": rows[8:]}
        missing = [name for name, part in lacking.items() if not labels[part].any()]
        found[missing[0] if missing else "neither"] += 1
        if missing:
            with pytest.raises(ValueError, match=f"takes one in {len(lacking[missing[0]])} rows"):
                probe(codes, labels.astype(int), seed=seed)
        else:
            assert probe(codes, labels.astype(int), seed=seed).n == 4
    assert min(found.values()) > 0


def test_nothing_is_learned_from_test_rows():
    """A test row that lies very far out is at most one answer more or less."""
    labels = np.arange(300) % 2
    codes = draws(300, 3) + 4 * labels[:, None]
    last = np.random.default_rng(0).permutation(300)[-1]
    far = codes.copy()
    far[last] = 1e9
    plain, moved = (measure.linear_probe(each, labels) for each in (codes, far))
    assert plain.value > 0.95
    assert abs(moved.value - plain.value) <= 1 / plain.n + 1e-12
