"""Nearest neighbours against scikit-learn and a full matrix, with ties and duplicates."""

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from zscape import measure
from zscape.measure import _neighbours


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


@pytest.mark.parametrize(("rows", "columns"), [(7, 11), (512, 2048)])
def test_neighbours_are_those_of_scikit_learn(monkeypatch, rows, columns):
    monkeypatch.setattr(_neighbours, "_ROWS", rows)
    monkeypatch.setattr(_neighbours, "_COLUMNS", columns)
    z, others = draws(100, 6), draws(60, 6, 1)
    distances, places = NearestNeighbors(n_neighbors=4, algorithm="brute").fit(z).kneighbors()
    found = measure.nearest_neighbours(z, 4)
    np.testing.assert_array_equal(found.rows, places)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-10)
    distances, places = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(others).kneighbors(z)
    found = measure.nearest_neighbours(z, 3, others=others)
    np.testing.assert_array_equal(found.rows, places)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-10)


@pytest.mark.parametrize(("rows", "columns"), [(7, 5), (512, 2048)])
def test_ties_go_to_the_smaller_row_and_no_row_is_its_own(monkeypatch, rows, columns):
    monkeypatch.setattr(_neighbours, "_ROWS", rows)
    monkeypatch.setattr(_neighbours, "_COLUMNS", columns)
    z = np.random.default_rng(0).integers(0, 3, (60, 2)).astype(float)
    squares = np.square(z[:, None] - z).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    order = np.argsort(squares, axis=1, kind="stable")[:, :9]
    found = measure.nearest_neighbours(z, 9)
    np.testing.assert_array_equal(found.rows, order)
    np.testing.assert_array_equal(found.distances, np.sqrt(np.take_along_axis(squares, order, axis=1)))


def test_a_row_among_the_others_is_its_own_nearest_there():
    z = draws(20, 3)
    np.testing.assert_array_equal(measure.nearest_neighbours(z, 1, others=z).rows[:, 0], np.arange(20))


def test_too_few_others_are_refused():
    with pytest.raises(ValueError, match="5 neighbours need 6 codes or more, but there are 5"):
        measure.nearest_neighbours(draws(5, 2), 5)
    with pytest.raises(ValueError, match="codes of the same latents, but got 2 and 3"):
        measure.nearest_neighbours(draws(5, 2), 1, others=draws(5, 3))
    assert measure.nearest_neighbours(draws(5, 2), 5, others=draws(5, 2)).rows.shape == (5, 5)
