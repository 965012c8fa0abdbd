"""Intrinsic dimension of manifolds that have one."""

import numpy as np
import pytest

from zscape import measure

ESTIMATES = [measure.two_neighbour_dimension, measure.likelihood_dimension]


def cube(count, dimension, within, seed=0):
    """Uniform draws of a cube in a rotated and curved copy in more dimensions."""
    rng = np.random.default_rng(seed)
    flat = rng.random((count, dimension))
    return np.concatenate([flat, 0.1 * np.sin(2 * flat)], axis=1) @ rng.standard_normal(
        (2 * dimension, within)
    )


def sphere(count, dimension, seed=0):
    points = np.random.default_rng(seed).standard_normal((count, dimension + 1))
    return points / np.linalg.norm(points, axis=1)[:, None]


@pytest.mark.parametrize("estimate", ESTIMATES)
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_the_dimension_of_a_sphere_is_found(estimate, dimension):
    found = estimate(sphere(1500, dimension))
    assert found.value == pytest.approx(dimension, rel=0.07)
    assert found.low < found.value < found.high
    assert found.high / found.low < 1.3


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_dimensions_around_a_surface_do_not_count(estimate):
    assert estimate(cube(1500, 2, 50)).value == pytest.approx(2, rel=0.08)


def test_intervals_cover_the_truth_of_a_plane_without_borders():
    """A flat torus. Codes are not independent: as if they were, the first would cover four in five."""
    inside = dict.fromkeys(ESTIMATES, 0)
    for seed in range(60):
        angle = np.random.default_rng(seed).uniform(0, 2 * np.pi, (400, 2))
        torus = np.concatenate([np.cos(angle), np.sin(angle)], axis=1)
        for estimate in ESTIMATES:
            found = estimate(torus)
            inside[estimate] += found.low <= 2 <= found.high
    assert inside[measure.two_neighbour_dimension] >= 53
    # Chords of the circle are short of its arcs, a bias of 2 % at 20 neighbours.
    assert inside[measure.likelihood_dimension] >= 30


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_scale_order_and_duplicates_do_not_matter(estimate):
    z = sphere(300, 2)
    expected = estimate(z).value
    moved = np.concatenate([z[::-1], z[:50]]) * 1e-5 + 3
    assert estimate(moved).value == pytest.approx(expected, rel=1e-6)
    assert estimate(moved).n == 300


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_many_codes_are_thinned_by_seed_and_it_is_said(estimate):
    z = sphere(600, 2)
    found, again = (estimate(z, limit=200, seed=3) for _ in range(2))
    assert found == again
    assert (found.n, found.seed) == (200, 3)
    assert "200 different codes chosen at random from 600" in found.definition
    assert estimate(z).seed is None


def test_two_neighbours_by_hand():
    # 0, 1, 3: ratios 3 / 1, 2 / 1 and 3 / 2, whose logarithms add up to log 9.
    found = measure.two_neighbour_dimension(np.array([[0.0], [1.0], [3.0]]))
    assert found.value == pytest.approx(2 / np.log(9))


def test_likelihood_by_hand():
    # On a line 0, 1, 3, 7 with k = 3: the mean over codes of half of log(r3 / r1) + log(r3 / r2).
    ratios = [7 * 7 / 3, 6 * 6 / 2, 4 * 4 / 6, 7 * 7 / 24]
    z = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert measure.likelihood_dimension(z, k=3).value == pytest.approx(8 / np.log(ratios).sum())


@pytest.mark.parametrize("estimate", ESTIMATES)
def test_too_few_or_equidistant_codes_are_refused(estimate):
    with pytest.raises(ValueError, match="codes that differ, but got 1"):
        estimate(np.ones((50, 3)))
    with pytest.raises(ValueError, match="neighbours at different distances, but most codes"):
        estimate(np.eye(25))


def test_codes_on_a_lattice_have_no_ratio_of_distances():
    lattice = 0.1 * np.indices((10, 10)).reshape(2, -1).T
    with pytest.raises(ValueError, match="as on a lattice"):
        measure.two_neighbour_dimension(lattice)
    with pytest.raises(ValueError, match="as on a lattice"):
        measure.two_neighbour_dimension(np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]]))


def test_few_codes_have_no_interval():
    """Where each code is the neighbour of all, no spread is left to see: the interval would have no width."""
    z = np.random.default_rng(0).standard_normal((60, 3))
    found = measure.likelihood_dimension(z[:21])
    assert (found.low, found.high) == (None, None)
    for count, k in ((14, 2), (15, 2), (24, 4), (25, 4)):
        found = measure.likelihood_dimension(z[:count], k=k) if k > 2 else ESTIMATES[0](z[:count])
        assert (found.low is None) == (found.high is None) == (count < 5 * (k + 1))


def test_intervals_of_few_codes_cover_the_truth():
    """20 codes in 3 dimensions, 200 times; by 1.96 standard errors 170. There is nearly no bias."""
    inside = 0
    for seed in range(200):
        found = measure.two_neighbour_dimension(np.random.default_rng(seed).standard_normal((20, 3)))
        inside += found.low <= 3 <= found.high
    assert inside >= 177


def test_intervals_cover_what_is_found_on_average_however_biased():
    """50 codes in 10 dimensions with k = 4, 200 times: 8 are found, which is what the intervals are about."""
    rng = np.random.default_rng(3)
    found = [measure.likelihood_dimension(rng.standard_normal((50, 10)), k=4) for _ in range(200)]
    middle = 1 / np.mean([1 / each.value for each in found])
    assert middle < 9
    assert 180 <= sum(each.low <= middle <= each.high for each in found) <= 198
