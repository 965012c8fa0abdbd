"""Maps: PCA, ICA, t-SNE and UMAP, and trustworthiness against scikit-learn."""

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.manifold import trustworthiness

from zscape import measure


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def test_pca_map_is_the_projection_and_keeps_planes():
    z = draws(50, 6) * [5, 4, 1, 1, 1, 1]
    np.testing.assert_allclose(measure.pca_map(z), measure.pca_spectrum(z).project(z)[:, :2])
    plane = draws(40, 2) @ draws(2, 9, 1) + 3
    np.testing.assert_allclose(pdist(measure.pca_map(plane)), pdist(plane), rtol=1e-9)
    line = measure.pca_map(draws(9, 1))
    assert line.shape == (9, 2)
    assert (line[:, 1] == 0).all()


def test_ica_finds_the_sources_that_pca_does_not():
    sources = np.random.default_rng(0).uniform(-1, 1, (2000, 2)) * np.sqrt(3)
    z = sources @ draws(2, 5, 3)
    found = measure.ica_map(z)
    np.testing.assert_allclose(np.cov(found.T), np.eye(2), atol=1e-2)
    across = np.abs(np.corrcoef(found.T, sources.T)[:2, 2:])
    np.testing.assert_allclose(np.sort(across.max(axis=1)), 1, atol=0.01)
    assert np.abs(np.corrcoef(measure.pca_map(z).T, sources.T)[:2, 2:]).max(axis=1).min() < 0.95
    np.testing.assert_array_equal(found, measure.ica_map(z))
    with pytest.raises(ValueError, match="vary in two directions or more"):
        measure.ica_map(np.outer(np.arange(9.0), [1, 2]))


def test_tsne_keeps_groups_together_and_repeats():
    labels = np.arange(60) % 3
    z = draws(60, 5) + 15 * np.eye(3, 5)[labels]
    found = measure.tsne_map(z, perplexity=100)
    assert found.shape == (60, 2)
    assert (labels[measure.nearest_neighbours(found, 1).rows[:, 0]] == labels).all()
    np.testing.assert_array_equal(found, measure.tsne_map(z, perplexity=100))
    with pytest.raises(ValueError, match="perplexity needs"):
        measure.tsne_map(z, perplexity=0)


def test_umap_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(ImportError, match=r"umap-learn: pip install 'zscape\[project\]'"):
        measure.umap_map(draws(20, 3))


def test_umap_is_asked_for_no_more_neighbours_than_there_are(monkeypatch):
    asked = {}

    class Umap:
        def __init__(self, **settings):
            asked.update(settings)

        def fit_transform(self, points):
            return points[:, :2].astype(np.float32)

    module = ModuleType("umap")
    module.UMAP = Umap
    monkeypatch.setitem(sys.modules, "umap", module)
    z = draws(9, 3)
    found = measure.umap_map(z, neighbours=15, min_distance=0.2, seed=4)
    assert asked == {"n_neighbors": 8, "min_dist": 0.2, "random_state": 4}
    np.testing.assert_allclose(found, z[:, :2], rtol=1e-6)
    assert found.dtype == np.float64


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("umap") is None, reason="needs the extra `project`")
def test_umap_keeps_groups_together():
    labels = np.arange(90) % 3
    found = measure.umap_map(draws(90, 5) + 15 * np.eye(3, 5)[labels])
    assert (labels[measure.nearest_neighbours(found, 1).rows[:, 0]] == labels).mean() > 0.95


@pytest.mark.parametrize("k", [1, 5, 12])
def test_trustworthiness_is_that_of_scikit_learn(k):
    z = draws(80, 6)
    for points in (measure.pca_map(z), draws(80, 2, 1), draws(80, 3, 2)):
        expected = trustworthiness(z, points, n_neighbors=k)
        found = measure.trustworthiness(z, points, k=k)
        assert found.value == pytest.approx(expected, rel=1e-12)
        assert found.low < found.value < found.high


def test_trustworthiness_of_the_codes_themselves_is_1_and_of_a_random_map_a_half():
    z = draws(300, 4)
    assert measure.trustworthiness(z, 2 * z - 1).value == 1
    assert measure.trustworthiness(z, draws(300, 2, 5)).value == pytest.approx(0.5, abs=0.03)


def test_trustworthiness_is_sampled_above_the_limit(monkeypatch):
    z = draws(400, 6)
    points = measure.pca_map(z)
    whole, some = (measure.trustworthiness(z, points, limit=limit, seed=2) for limit in (400, 100))
    assert (whole.n, some.n, some.seed) == (400, 100, 2)
    assert some.low < whole.value < some.high
    assert "mean over 100 of them chosen at random" in some.definition
    monkeypatch.setattr(measure.maps, "_BLOCK", 1000)
    assert measure.trustworthiness(z, points).value == pytest.approx(whole.value, rel=1e-12)


def test_what_is_no_map_of_the_codes_is_refused():
    with pytest.raises(ValueError, match="9 codes, 8 points and k = 2"):
        measure.trustworthiness(draws(9, 3), draws(8, 2), k=2)
    with pytest.raises(ValueError, match="k under half of them"):
        measure.trustworthiness(draws(10, 3), draws(10, 2), k=5)


def test_trustworthiness_keeps_its_digits_beside_a_code_very_far_out():
    z = draws(200, 3)
    points = measure.pca_map(z)
    z[7] = 1e12
    # Ranks by the differences themselves.
    apart = np.linalg.norm(z[:, None] - z, axis=2)
    expected = trustworthiness(apart, points, n_neighbors=5, metric="precomputed")
    assert measure.trustworthiness(z, points).value == pytest.approx(expected, rel=1e-12)


def test_the_interval_of_a_map_that_is_nearly_right_ends_at_1():
    z = draws(60, 3)
    z[:, 2] *= 0.05
    found = measure.trustworthiness(z, z[:, :2])
    assert 0.99 < found.value < 1
    assert found.low < found.value < found.high <= 1


@pytest.mark.parametrize("scale", [1e100, 1e160])
@pytest.mark.parametrize(
    "call",
    [
        measure.pca_map,
        measure.ica_map,
        measure.tsne_map,
        measure.umap_map,
        measure.sammon_map,
        lambda z: measure.sammon_stress(z, z[:, :2] / 1e200),
        lambda z: measure.trustworthiness(z, z[:, :2] / 1e200),
        lambda z: measure.trustworthiness(z / 1e200, z[:, :2]),
    ],
)
def test_codes_whose_squares_leave_float64_are_refused(call, scale):
    with pytest.raises(ValueError, match=r"codes need finite numbers under 1e\+100, but 12 of 12 rows"):
        call(scale * (1 + np.abs(draws(12, 3))))
