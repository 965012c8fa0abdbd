"""Clusters and silhouettes: known groups, scikit-learn and nulls."""

import numpy as np
import pytest
from sklearn.cluster import SpectralClustering
from sklearn.metrics import silhouette_score

from zscape import measure
from zscape.measure import clusters


def draws(count, latents, seed=0):
    return np.random.default_rng(seed).standard_normal((count, latents))


def groups(sizes=(40, 30, 20), latents=5, apart=12.0, seed=0):
    """Well separated groups, shuffled, with their numbers."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    codes = draws(len(labels), latents, seed) + apart * np.eye(len(sizes), latents)[labels]
    order = np.random.default_rng(seed + 1).permutation(len(labels))
    return codes[order], labels[order]


@pytest.mark.parametrize("method", ["kmeans", "minibatch", "spectral", "mixture"])
def test_separate_groups_are_found_and_numbered_by_size(method):
    codes, labels = groups()
    before = codes.copy()
    np.testing.assert_array_equal(measure.cluster(codes, 3, method=method), labels)
    # Neither shift nor scale matters, and the codes stay as they are.
    np.testing.assert_array_equal(measure.cluster(1e-9 * codes + 5, 3, method=method), labels)
    np.testing.assert_array_equal(codes, before)


def test_rings_are_clusters_of_a_graph_and_not_of_centres():
    angle = np.linspace(0, 2 * np.pi, 150, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    codes, labels = np.concatenate([ring, 4 * ring]) + 0.02 * draws(300, 2), np.repeat([0, 1], 150)
    spectral, kmeans = (measure.cluster(codes, 2, method=each) for each in ("spectral", "kmeans"))
    assert measure.cluster_agreement(spectral, labels)[2].value == 1
    assert measure.cluster_agreement(kmeans, labels)[2].value < 0.5


def blobs(count, groups, seed=0):
    """Codes about centres that are near enough to be joined."""
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(groups, 3))[rng.integers(0, groups, count)] * 1.2 + rng.normal(size=(count, 3)) * 0.5
    )


@pytest.mark.parametrize("count", [300, 900])  # all eigenvectors are worked out, or a few looked for
def test_spectral_clusters_are_those_of_scikit_learn(count):
    codes = blobs(count, 5)
    model = SpectralClustering(5, affinity="precomputed", random_state=0)
    theirs = model.fit_predict(clusters._graph(codes))
    found = measure.cluster(codes, 5, method="spectral")
    assert measure.cluster_agreement(found, theirs)[2].value > 0.99


@pytest.mark.parametrize("count", [120, 700])
@pytest.mark.parametrize("parts", [1, 2, 3])
def test_nodes_are_embedded_in_eigenvectors(count, parts):
    codes = np.concatenate([blobs(count, 4, seed) + 100 * seed for seed in range(parts)])
    graph = clusters._graph(codes)
    embedded = clusters._embedded(graph, 5, 0)
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    steps = graph @ embedded / degrees[:, None]  # a step of the random walk
    values = (steps * embedded).sum(axis=0) / (embedded**2).sum(axis=0)
    np.testing.assert_allclose(steps, values * embedded, atol=1e-6 * np.abs(embedded).max())
    scaled = np.sqrt(degrees)[:, None] * embedded
    np.testing.assert_allclose(scaled.T @ scaled, np.eye(5), atol=1e-6)
    every = np.linalg.eigvalsh(graph.toarray() / np.sqrt(np.outer(degrees, degrees)))
    np.testing.assert_allclose(np.sort(values), every[-5:], atol=1e-8)
    np.testing.assert_allclose(np.sort(values)[-parts:], 1)


def test_parts_that_no_edge_joins_are_clusters():
    codes, labels = groups((40, 30, 20, 15), apart=50.0)
    np.testing.assert_array_equal(measure.cluster(codes, 4, method="spectral"), labels)
    # Fewer clusters than parts: each part stays whole.
    found = measure.cluster(codes, 2, method="spectral")
    assert len(set(zip(found.tolist(), labels.tolist(), strict=True))) == 4


def test_groups_of_unequal_width_are_a_mixture():
    codes = np.concatenate([draws(300, 2) * [8, 0.1], draws(300, 2, 1) * [0.5, 3]])
    labels = np.repeat([0, 1], 300)
    mixture, kmeans = (measure.cluster(codes, 2, method=each) for each in ("mixture", "kmeans"))
    assert measure.cluster_agreement(mixture, labels)[0].value > 0.95
    assert measure.cluster_agreement(kmeans, labels)[0].value < 0.8


def test_clusters_are_fixed_by_the_seed():
    codes = draws(200, 4)
    one, again = (measure.cluster(codes, 6, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert (np.diff(np.bincount(one)) <= 0).all()


def test_what_cannot_be_divided_is_refused():
    codes = np.repeat(draws(2, 3), 4, axis=0)
    with pytest.raises(ValueError, match="3 clusters need as many codes that differ, but got 2"):
        measure.cluster(codes, 3)
    with pytest.raises(ValueError, match="9 clusters need as many codes that differ, but got 8"):
        measure.cluster(draws(8, 2), 9)
    assert measure.cluster(np.ones((3, 2)), 1).tolist() == [0, 0, 0]
    assert sorted(measure.cluster(draws(4, 2), 4).tolist()) == [0, 1, 2, 3]


def test_silhouette_is_that_of_scikit_learn_and_of_a_hand_worked_case():
    codes, _ = groups(apart=3)
    clusters = measure.cluster(codes, 4)
    found = measure.silhouette(codes, clusters)
    assert found.value == pytest.approx(silhouette_score(codes, clusters), rel=1e-10)
    assert (found.name, found.n, found.seed) == ("silhouette_4", 90, None)
    # On a line at 0, 1 and 10, 12: (1 - 1/11, 1 - 1/10, 1 - 2/9.5, 1 - 2/11.5).
    line, pairs = np.array([[0.0], [1.0], [10.0], [12.0]]), np.array([0, 0, 1, 1])
    expected = np.mean([1 - 1 / 11, 1 - 1 / 10, 1 - 2 / 9.5, 1 - 2 / 11.5])
    assert measure.silhouette(line, pairs).value == pytest.approx(expected)


def test_silhouette_of_labels_at_random_is_about_0_and_of_equal_codes_0():
    codes, labels = draws(400, 5), np.random.default_rng(2).integers(0, 3, 400)
    assert abs(measure.silhouette(codes, labels).value) < 0.02
    assert measure.silhouette(np.ones((9, 2)), np.arange(9) // 3).value == 0


def test_silhouettes_are_sampled_above_the_limit_and_it_is_said():
    codes, labels = groups(sizes=(200, 150, 100))
    some, whole = (measure.silhouette(codes, labels, limit=limit, seed=1) for limit in (120, 450))
    assert (some.n, some.seed, whole.n, whole.seed) == (120, 1, 450, None)
    assert "120 codes chosen at random from 450" in some.definition
    assert some.low < whole.value < some.high


def test_the_silhouette_is_highest_at_the_number_of_groups():
    codes, _ = groups(sizes=(40, 30, 20, 25, 35), apart=8)
    found = measure.silhouettes(codes, range(3, 8))
    assert [each.name for each in found] == [f"silhouette_{count}" for count in range(3, 8)]
    assert max(found, key=lambda each: each.value).name == "silhouette_5"


def test_one_number_of_clusters_is_told_from_several():
    silhouettes = getattr(measure.silhouettes, "__wrapped__", measure.silhouettes)
    with pytest.raises(TypeError, match=r"such as range\(4, 9\), but are 4; give one as \[4\]"):
        silhouettes(draws(9, 2), 4)


def test_one_cluster_has_no_silhouette():
    with pytest.raises(ValueError, match="silhouette needs 2 to 8 clusters of 9 codes, but got 1"):
        measure.silhouette(draws(9, 2), np.zeros(9, dtype=int))
    with pytest.raises(ValueError, match="but got 9"):
        measure.silhouette(draws(9, 2), np.arange(9))


@pytest.mark.parametrize("method", ["kmeans", "minibatch", "spectral", "mixture"])
def test_one_cluster_and_one_a_row_by_every_method(method):
    z = np.random.default_rng(0).normal(size=(7, 3))
    assert measure.cluster(z, 1, method=method).tolist() == [0] * 7
    assert sorted(measure.cluster(z, 7, method=method)) == list(range(7))
    assert measure.cluster(z[:1], 1, method=method).tolist() == [0]


def test_small_batches_lose_no_cluster():
    for seed in range(5):
        z = np.random.default_rng(seed).normal(size=(12, 2))
        assert len(set(measure.cluster(z, 11, method="minibatch", seed=seed))) == 11


@pytest.mark.parametrize("reach", [1e8, 1e12])
def test_one_code_very_far_out_costs_the_others_no_digits(reach):
    codes, labels = groups(apart=3)
    codes[7] = reach
    apart = np.linalg.norm(codes[:, None] - codes, axis=2)
    expected = silhouette_score(apart, labels, metric="precomputed")
    assert measure.silhouette(codes, labels).value == pytest.approx(expected, abs=1e-12)
