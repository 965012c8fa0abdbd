"""Angles between components against constructions, scipy and the closed form of random directions."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from zscape import measure


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def along(direction, count=200, *, seed=0, noise=1e-4):
    """Codes that extend along a direction."""
    line = np.random.default_rng(seed).standard_normal(count)[:, None] * direction
    return line + noise * draws(count, len(direction), seed + 1)


def test_angles_are_those_built_in_and_folded():
    turned = [np.array([np.cos(np.radians(each)), np.sin(np.radians(each)), 0.0]) for each in (0, 169, 60)]
    codes = np.concatenate([along(each, seed=seed) + 5 * seed for seed, each in enumerate(turned)])
    labels = np.repeat([7, 2, 4], 200)
    found = measure.component_angles(codes, labels)
    assert found.labels.tolist() == [2, 4, 7]
    # 169 degrees are 11, and 109 are 71.
    np.testing.assert_allclose(found.degrees, [[0, 71, 11], [71, 0, 60], [11, 60, 0]], atol=0.01)


@pytest.mark.parametrize(("count", "latents"), [(200, 6), (9, 40)])
def test_first_components_are_those_of_the_spectrum(count, latents):
    codes = np.concatenate([draws(count, latents) * 3, draws(count, latents, 1) + 2])
    labels = np.repeat([0, 1], count)
    first, second = (measure.pca_spectrum(codes[labels == which]).components[0] for which in (0, 1))
    expected = np.degrees(np.arccos(abs(first @ second)))
    assert measure.component_angles(codes, labels).degrees[0, 1] == pytest.approx(expected, abs=1e-6)


def test_the_null_is_that_of_random_directions():
    codes, labels = draws(40, 4096), np.repeat([0, 1], 20)
    found = measure.component_angles(codes, labels)
    # Two random directions in 4,096 dimensions are at 90 +- 0.9 degrees (one standard deviation), folded.
    assert 88 < found.null_low < found.null_median < 90
    directions = draws(2000, 30), draws(2000, 30, 1)
    cosines = np.abs(
        np.einsum("nd,nd->n", *(each / np.linalg.norm(each, axis=1)[:, None] for each in directions))
    )
    angles = np.degrees(np.arccos(cosines))
    null = measure.component_angles(draws(40, 30), labels)
    assert np.median(angles) == pytest.approx(null.null_median, abs=0.6)
    assert (angles < null.null_low).mean() == pytest.approx(0.05, abs=0.015)
    random = measure.random_angles(30, 1, draws=2000)
    assert np.median(random) == pytest.approx(null.null_median, abs=0.6)
    assert (random < null.null_low).mean() == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(("count", "latents"), [(300, 8), (12, 60)])
def test_principal_angles_are_those_of_scipy(count, latents):
    one, other = draws(count, latents) * np.linspace(3, 1, latents), draws(count, latents, 1) + 4
    spans = [measure.pca_spectrum(each).components[:3].T for each in (one, other)]
    expected = np.degrees(subspace_angles(*spans))[::-1]
    np.testing.assert_allclose(measure.principal_angles(one, other, k=3), expected, atol=1e-5)


def test_principal_angles_do_not_change_with_scale_shift_and_common_rotation():
    one, other = draws(50, 6) * [4, 3, 2, 1, 1, 1], draws(50, 6, 1) * [1, 1, 1, 2, 3, 4]
    turn = np.linalg.qr(draws(6, 6, 2))[0]
    found = measure.principal_angles(one, other, k=2)
    np.testing.assert_allclose(
        measure.principal_angles(5 * one @ turn + 1, other @ turn, k=2), found, atol=1e-6
    )
    np.testing.assert_allclose(measure.principal_angles(one, one - 3, k=2), 0, atol=1e-5)


def test_random_subspaces_share_what_they_must():
    angles = measure.random_angles(5, 4, draws=20)
    np.testing.assert_allclose(angles[:, :3], 0, atol=1e-5)
    assert (angles[:, 3] > 0.1).all()
    np.testing.assert_array_equal(angles, measure.random_angles(5, 4, draws=20))


def test_what_has_no_direction_is_refused():
    line = np.outer(np.arange(9.0), [1, 2, 3])
    with pytest.raises(ValueError, match="2 principal components need codes that vary in as many"):
        measure.principal_angles(line, draws(9, 3), k=2)
    with pytest.raises(ValueError, match="4 principal components"):
        measure.principal_angles(draws(9, 3), draws(9, 3), k=4)
    with pytest.raises(ValueError, match="1 principal components"):
        measure.component_angles(np.ones((6, 3)), np.repeat([0, 1], 3))
    with pytest.raises(ValueError, match="sets of the same latents, but got 3 and 4"):
        measure.principal_angles(draws(9, 3), draws(9, 4), k=1)
    with pytest.raises(ValueError, match="two latents or more"):
        measure.component_angles(draws(9, 1), np.zeros(9, dtype=int))
