"""The table of all measures: what is in it, for which model and data."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from zscape import measure, strokes
from zscape.base import Codes

STRUCTURE = {
    "active_units",
    "aggregate_mean_norm",
    "aggregate_variance",
    "aggregate_wasserstein",
    "pca_first_share",
    "participation_ratio",
    "effective_rank",
    "mean_pairwise_distance",
    "components_above_null",
    "intrinsic_dimension_two_neighbours",
}
CLASSES = {
    "linear_probe_accuracy",
    "neighbour_accuracy_5",
    "cluster_purity",
    "cluster_nmi",
    "cluster_ari",
}


def table(latents=4, *, count=30, stochastic=True, shape=(1, 8, 8)):
    random = np.random.default_rng(0)
    mean = random.standard_normal((count, latents)).astype(np.float32)
    codes = Codes(
        id=np.arange(count),
        split=np.full(count, "test"),
        mean=mean,
        logvar=np.full_like(mean, -1.0) if stochastic else None,
    )
    x = random.random((count, *shape), dtype=np.float32)
    return codes, x, np.clip(x + 0.1, 0, 1)


def log_prob(x, z):
    return -((x.reshape(len(x), -1) ** 2).sum(axis=1)) - (z**2).sum(axis=1)


def run(codes, x, xhat, **settings):
    return {r.name: r for r in measure.everything(codes, x, xhat=xhat, log_prob=log_prob, **settings)}


def test_a_stochastic_model_of_images_gets_every_measure_once():
    codes, x, xhat = table()
    steps = []
    results = measure.everything(
        codes, x, xhat=xhat, log_prob=log_prob, samples=5, seed=3, on_step=steps.append
    )
    names = [result.name for result in results]
    likelihood = {"elbo", "importance_bound"}
    pictures = {"squared_error", "psnr", "ssim"}
    assert set(names) == STRUCTURE | likelihood | pictures | {"offdiagonal_correlation"}
    assert len(names) == len(set(names))
    assert steps[:2] == ["squared_error", "psnr"]
    assert steps[-1] == "intrinsic_dimension"
    for result in results:
        assert result.definition.endswith(", on the test split")
        assert math.isfinite(result.value)
        assert result.low is None or result.low <= result.value <= result.high
    json.dumps([result.to_dict() for result in results], allow_nan=False)


def test_each_number_is_that_of_the_measure_alone():
    codes, x, xhat = table()
    found = run(codes, x, xhat, samples=5, seed=3)
    assert found["psnr"].value == measure.psnr(x, xhat, data_range=1.0).value
    assert found["ssim"].value == measure.ssim(x, xhat, data_range=1.0, sigma=3 / 3.5).value
    assert found["elbo"].value == measure.elbo(x, codes, log_prob, samples=5, seed=3).value
    bound = measure.importance_bound(x, codes, log_prob, samples=5, seed=3)
    assert found["importance_bound"].value == bound.value
    assert found["importance_bound"].seed == 3


def test_what_does_not_fit_is_left_out():
    deterministic = run(*table(stochastic=False))
    assert not deterministic.keys() & {"elbo", "importance_bound"}
    one_latent = run(*table(latents=1))
    assert "offdiagonal_correlation" not in one_latent
    assert one_latent["effective_rank"].value == 1
    tiny = run(*table(shape=(1, 2, 2)))
    assert "ssim" not in tiny
    assert "psnr" in tiny
    vectors = run(*table(shape=(7,)))
    assert not vectors.keys() & {"psnr", "ssim"}
    codes, x, _ = table()
    exact = run(codes, x, x)
    assert "psnr" not in exact
    assert exact["ssim"].value == pytest.approx(1)


def test_a_collapsed_encoder_is_measured_too():
    codes, x, xhat = table()
    collapsed = Codes(codes.id, codes.split, np.zeros_like(codes.mean), np.zeros_like(codes.mean))
    found = run(collapsed, x, xhat)
    assert found["active_units"].value == 0
    assert found["aggregate_variance"].value == 1
    assert found["aggregate_wasserstein"].value == 0
    assert found["effective_rank"].value == 0
    assert found["mean_pairwise_distance"].value == 0


def drawings(*, stochastic=True):
    """Drawings of one to thirty points, and a table of their codes."""
    codes, _, _ = table(stochastic=stochastic)
    sketches = [np.column_stack([np.ones((count, 2)), np.zeros(count)]) for count in range(1, 31)]
    return codes, strokes.to_stroke5(sketches)


def test_drawings_are_measured_by_likelihood_and_not_by_squares():
    codes, x = drawings()
    found = run(codes, x, None, samples=5, seed=3)
    sketch, point = (found.pop(f"negative_log_likelihood_per_{of}") for of in ("sketch", "point"))
    assert set(found) == STRUCTURE | {"elbo", "importance_bound", "offdiagonal_correlation"}
    given = measure.log_likelihood_per_sample(x, codes, log_prob, seed=3)
    assert sketch.value == pytest.approx(-given.mean())
    assert point.value == pytest.approx(-given.sum() / (30 * 31 / 2))
    assert sketch.seed == point.seed == 3
    assert sketch.definition.endswith(", on the test split")
    still = run(*drawings(stochastic=False), None)
    assert not still.keys() & {"elbo", "importance_bound", "squared_error"}
    assert still["negative_log_likelihood_per_point"].seed is None


def test_only_drawings_go_without_reconstructions():
    codes, x, _ = table()
    with pytest.raises(ValueError, match=r"needs xhat for data of shape \(30, 1, 8, 8\)"):
        run(codes, x, None)
    with pytest.raises(ValueError, match="but got 30, 29 and 29"):
        run(codes, drawings()[1][1:], None)


def test_rows_that_do_not_belong_together_are_refused():
    codes, x, xhat = table()
    with pytest.raises(ValueError, match="but got 30, 29 and 30"):
        run(codes, x[1:], xhat)
    with pytest.raises(ValueError, match="at least 3 rows"):
        run(*table(count=2))


def test_classes_are_measured_where_there_are_some():
    codes, x, xhat = table(count=60)
    labels = np.arange(60) % 3
    apart = codes.mean + 9 * np.eye(3, 4, dtype=np.float32)[labels]
    labelled = replace(codes, mean=apart, label=labels)
    found = run(labelled, x, xhat, samples=5)
    assert found.keys() >= CLASSES
    assert all(found[name].value == 1 for name in CLASSES - {"cluster_nmi", "cluster_ari"})
    assert found["linear_probe_accuracy"].value == measure.linear_probe(labelled).value
    for label in (np.zeros(60, dtype=int), np.arange(60) // 59, None):
        assert not run(replace(labelled, label=label), x, xhat, samples=5).keys() & CLASSES
    collapsed = replace(labelled, mean=np.zeros_like(apart))
    found = run(collapsed, x, xhat, samples=5)
    assert "linear_probe_accuracy" in found
    assert not found.keys() & {"cluster_ari", "intrinsic_dimension_two_neighbours", "components_above_null"}
