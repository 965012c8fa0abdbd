"""Sammon's map: exact where it can be, lower in stress than where it starts, and at a minimum."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from zscape import measure
from zscape.measure import sammon


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def test_planar_codes_are_kept_exactly():
    plane = draws(40, 2) @ draws(2, 9, 1) + 3
    found = measure.sammon_map(plane)
    assert measure.sammon_stress(plane, found) < 1e-20
    np.testing.assert_allclose(pdist(found), pdist(plane), rtol=1e-9)


def test_stress_is_0_again_from_a_start_that_is_off():
    plane = draws(25, 2)
    start = plane + 0.3 * draws(25, 2, 1)
    assert measure.sammon_stress(plane, start) > 0.01
    found = sammon._majorised(squareform(pdist(plane)), start, 3000, 0.0)
    assert measure.sammon_stress(plane, found) < 1e-9


def test_stress_by_hand():
    # Distances 1, 2, 3 mapped to 1, 1, 2: ((2 - 1)^2 / 2 + (3 - 2)^2 / 3) / 6.
    codes, points = np.array([[0.0], [1.0], [3.0]]), np.array([[0.0], [1.0], [2.0]])
    assert measure.sammon_stress(codes, points) == pytest.approx((1 / 2 + 1 / 3) / 6)
    assert measure.sammon_stress(codes, np.zeros((3, 2))) == pytest.approx(1)


def test_no_step_raises_the_stress_and_it_ends_under_the_pca_map():
    z = draws(60, 8)
    distances, start = squareform(pdist(z)), measure.pca_map(z)
    stresses = [
        measure.sammon_stress(z, sammon._majorised(distances, start, steps, 0.0))
        for steps in (1, 2, 5, 20, 80)
    ]
    assert stresses[0] < measure.sammon_stress(z, start)
    assert (np.diff(stresses) < 0).all()
    assert measure.sammon_stress(z, measure.sammon_map(z)) < 0.6 * measure.sammon_stress(z, start)


def test_the_end_is_a_minimum():
    z = draws(30, 5)
    found = measure.sammon_map(z, steps=20_000, tolerance=1e-13)
    least = measure.sammon_stress(z, found)
    slopes = []
    for seed in range(20):
        move = draws(30, 2, seed + 3)
        slopes.append((measure.sammon_stress(z, found + 1e-4 * move) - least) / 1e-4)
    # A slope along a move is first order; at a minimum only the second, positive, is left.
    assert max(map(abs, slopes)) < 1e-3
    assert min(slopes) > -1e-5


def test_equal_codes_are_one_point():
    z = np.repeat(draws(8, 4), 3, axis=0)[::-1]
    found = measure.sammon_map(z)
    np.testing.assert_array_equal(found[::3], found[1::3])
    np.testing.assert_allclose(found[::3], measure.sammon_map(z[::3]))
    np.testing.assert_array_equal(measure.sammon_map(np.ones((5, 3))), 0)


def test_scale_shift_and_order_do_not_matter():
    z = draws(40, 5)
    moved = measure.sammon_map(1e-6 * z[::-1] + 2)
    np.testing.assert_allclose(1e6 * pdist(moved[::-1]), pdist(measure.sammon_map(z)), rtol=1e-2)


def test_what_it_cannot_hold_is_refused(monkeypatch):
    monkeypatch.setattr(sammon, "_LIMIT", 20)
    with pytest.raises(ValueError, match="takes 20 codes at most, but got 21; choose some"):
        measure.sammon_map(draws(21, 3))
    with pytest.raises(ValueError, match="needs codes that differ"):
        measure.sammon_stress(np.ones((4, 2)), draws(4, 2))
    with pytest.raises(ValueError, match="a map of the 4 codes, but got 5 points"):
        measure.sammon_stress(draws(4, 2), draws(5, 2))


def test_codes_on_one_point_of_the_start_are_moved_apart(monkeypatch):
    """One above and one below a plane, which by symmetry stay together until rounding takes them apart."""
    plane = 10 * draws(20, 2) @ np.eye(2, 3)
    z = np.concatenate([plane - plane.mean(axis=0), [[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]]])
    # As the PCA map has it, but for rounding, which may take them apart or not.
    start = z[:, :2]
    np.testing.assert_allclose(pdist(start), pdist(measure.pca_map(z)), atol=1e-9)
    monkeypatch.setattr(sammon, "pca_map", lambda codes: codes[:, :2])
    together = sammon._majorised(squareform(pdist(z)), start, 1, 0.0)
    assert np.linalg.norm(together[-1] - together[-2]) < 1e-9
    one = measure.sammon_map(z, steps=1)
    assert np.linalg.norm(one[-1] - one[-2]) > 0.1
    found = measure.sammon_map(z)
    assert np.linalg.norm(found[-1] - found[-2]) > 0.8
    assert measure.sammon_stress(z, found) < 0.6 * measure.sammon_stress(z, start)
    np.testing.assert_array_equal(found, measure.sammon_map(z))
    np.testing.assert_allclose(1e-8 * pdist(found), pdist(measure.sammon_map(1e-8 * z)), rtol=1e-2)
