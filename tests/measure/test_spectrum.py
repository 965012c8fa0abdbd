"""Principal components against scikit-learn, nulls and invariances."""

import re

import numpy as np
import pytest
from sklearn.decomposition import PCA

from zscape import measure


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def by_name(results):
    return {result.name: result for result in results}


@pytest.mark.parametrize(("count", "latents"), [(200, 6), (7, 20), (20, 20), (2, 3), (30, 1)])
def test_spectrum_is_that_of_scikit_learn(count, latents):
    z = draws(count, latents) @ np.diag(np.arange(1, latents + 1)) + 5
    spectrum = measure.pca_spectrum(z)
    expected = PCA(svd_solver="full").fit(z)
    assert spectrum.variances.shape == (min(count, latents),)
    assert np.allclose(spectrum.variances, expected.explained_variance_, atol=1e-10)
    assert np.allclose(spectrum.ratios, expected.explained_variance_ratio_, atol=1e-12)
    ranks = min(count - 1, latents)
    overlaps = np.abs(np.einsum("rd,rd->r", spectrum.components, expected.components_))[:ranks]
    assert np.allclose(overlaps, 1, atol=1e-8)


@pytest.mark.parametrize(("count", "latents"), [(200, 6), (7, 20)])
def test_components_are_orthonormal_signed_and_rebuild_the_codes(count, latents):
    z = draws(count, latents) + 3
    spectrum = measure.pca_spectrum(z)
    components = spectrum.components
    assert np.allclose(components @ components.T, np.eye(len(components)), atol=1e-10)
    assert (components[np.arange(len(components)), np.abs(components).argmax(axis=1)] > 0).all()
    assert np.allclose(spectrum.project(z) @ components + spectrum.mean, z, atol=1e-9)
    assert np.allclose(spectrum.project(z).var(axis=0, ddof=1), spectrum.variances, atol=1e-9)


def test_spectrum_does_not_change_with_rotation_and_order():
    z = draws(50, 4) * [3, 2, 1, 0.5]
    turned = z[::-1] @ np.linalg.qr(draws(4, 4, seed=3))[0] + 9
    assert np.allclose(measure.pca_spectrum(z).variances, measure.pca_spectrum(turned).variances)


def test_ranks_of_hand_worked_spectra():
    corners = np.vstack([np.eye(4), -np.eye(4)])
    spectrum = measure.pca_spectrum(corners)
    assert spectrum.participation_ratio == pytest.approx(4)
    assert spectrum.effective_rank == pytest.approx(4)
    # Variances 9 to 1: shares 0.9 and 0.1.
    spectrum = measure.pca_spectrum(np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    assert spectrum.participation_ratio == pytest.approx(1 / 0.82)
    assert spectrum.effective_rank == pytest.approx(np.exp(-0.9 * np.log(0.9) - 0.1 * np.log(0.1)))
    line = measure.pca_spectrum(np.outer(np.arange(5.0), [1, 2, 3]))
    assert (line.participation_ratio, line.effective_rank) == pytest.approx((1, 1))


def test_codes_that_are_all_equal_have_rank_0():
    spectrum = measure.pca_spectrum(np.full((5, 3), 0.1))
    assert np.array_equal(spectrum.ratios, np.zeros(3))
    for result in measure.pca_results(np.full((5, 3), 0.1)):
        assert (result.value, result.low, result.high) == (0, 0, 0)


def test_results_agree_with_the_spectrum():
    z = draws(300, 5) * [3, 2, 1, 1, 0.1]
    spectrum, found = measure.pca_spectrum(z), by_name(measure.pca_results(z))
    assert found["pca_first_share"].value == spectrum.ratios[0]
    assert found["participation_ratio"].value == spectrum.participation_ratio
    assert found["effective_rank"].value == spectrum.effective_rank


def test_intervals_cover_the_truth():
    scale = np.array([3.0, 2.0, 1.0])
    shares = scale**2 / (scale**2).sum()
    truth = {
        "pca_first_share": shares[0],
        "participation_ratio": 1 / (shares**2).sum(),
        "effective_rank": np.exp(-(shares * np.log(shares)).sum()),
    }
    inside = dict.fromkeys(truth, 0)
    for seed in range(300):
        for result in measure.pca_results(draws(1000, 3, seed) * scale):
            inside[result.name] += result.low <= truth[result.name] <= result.high
    for name, count in inside.items():
        assert 270 <= count <= 298, name


def test_wide_codes_give_finite_results():
    for result in measure.pca_results(draws(10, 300)):
        assert np.isfinite([result.value, result.low, result.high]).all()
        assert result.n == 10


@pytest.mark.parametrize(("count", "latents"), [(200, 128), (1000, 20), (30, 30), (40, 200)])
def test_the_definition_says_what_isotropic_codes_would_score(count, latents):
    found = [
        by_name(measure.pca_results(draws(count, latents, seed)))["effective_rank"] for seed in range(30)
    ]
    stated = float(
        re.search(r"as many draws from N\(0, I\) would score about ([\d.]+)\)", found[0].definition)[1]
    )
    assert np.mean([each.value for each in found]) == pytest.approx(stated, rel=0.015)
    # Well under the number of latents, which only many more codes would come near to.
    assert stated < min(count, latents)
