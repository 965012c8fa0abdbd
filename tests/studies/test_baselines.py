import numpy as np
import pytest
import torch
from scipy.special import ndtri

from zscape.energy import distance
from zscape.studies import baselines
from zscape.studies.baselines import BASELINES

ALL = pytest.mark.parametrize("draw", BASELINES.values(), ids=[*BASELINES])
# Those that stand for the target by its density.
CLOSE = ("scrambled Sobol", "kernel herding", "support points")


def cloud(rows: int, latents: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, latents))


@ALL
@pytest.mark.parametrize(
    "target", [3, cloud(200, 3), cloud(200, 3).astype(np.float32)], ids=["I", "64", "32"]
)
@pytest.mark.parametrize("count", [1, 5])
def test_points_have_the_right_form_and_come_back_with_the_seed(draw, target, count):
    points = draw(target, count, seed=3)
    assert points.shape == (count, 3)
    assert points.dtype == np.float64
    assert np.isfinite(points).all()
    assert np.array_equal(draw(target, count, seed=3), points)


@ALL
def test_one_latent_will_do(draw):
    assert draw(cloud(50, 1), 4).shape == (4, 1)
    assert draw(1, 4).shape == (4, 1)


@ALL
def test_codes_are_left_as_they_were_and_so_is_the_global_state(draw):
    codes = cloud(60, 2)
    before, state, torch_state = codes.copy(), np.random.get_state()[1].copy(), torch.get_rng_state()
    draw(codes, 5)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert np.array_equal(codes, before)
    assert np.array_equal(np.random.get_state()[1], state)


@ALL
def test_what_cannot_be_drawn_is_refused(draw):
    with pytest.raises(ValueError, match="at least 1 point and 1 latent, but got 0"):
        draw(2, 0)
    with pytest.raises(ValueError, match="at least 1 point and 1 latent, but got 0"):
        draw(0, 2)
    with pytest.raises(ValueError, match="finite"):
        draw(np.full((5, 2), np.nan), 2)


@pytest.mark.parametrize("draw", [baselines.k_means, baselines.farthest_points])
def test_different_points_need_different_codes(draw):
    codes = np.repeat(cloud(3, 2), 4, axis=0)
    assert len(np.unique(draw(codes, 3), axis=0)) == 3
    with pytest.raises(ValueError, match="needs 4 different codes, but got 3; ask for fewer"):
        draw(codes, 4)


@pytest.mark.parametrize("name", CLOSE)
@pytest.mark.parametrize("target", [2, cloud(1000, 2) * [3.0, 1.0] + 5.0], ids=["normal", "codes"])
def test_they_are_closer_than_independent_draws(name, target):
    drawn = np.mean([distance(baselines.independent(target, 32, seed=seed), target) for seed in range(10)])
    assert distance(BASELINES[name](target, 32), target) < drawn / 3


def test_independent_draws_have_the_distance_that_theory_says():
    values = [distance(baselines.independent(2, 10, seed=seed), 2) for seed in range(2000)]
    assert np.mean(values) == pytest.approx(np.sqrt(np.pi) / 20, rel=0.05)


def test_independent_codes_are_rows():
    codes = cloud(20, 2)
    points = baselines.independent(codes, 100)
    assert {row.tobytes() for row in points} <= {row.tobytes() for row in codes}
    assert len(np.unique(points, axis=0)) == 20


def test_centres_of_two_clusters_are_their_means():
    codes = np.array([[0.0], [1.0], [10.0], [11.0], [12.0]])
    assert np.sort(baselines.k_means(codes, 2)[:, 0]) == pytest.approx([0.5, 11])


def test_sobol_is_one_point_a_stratum():
    points = baselines.sobol(3, 16)
    for axis in points.T:
        edges = ndtri(np.arange(1, 16) / 16)
        assert sorted(np.searchsorted(edges, axis).tolist()) == list(range(16))
    assert np.array_equal(baselines.sobol(3, 11), points[:11])


def test_sobol_takes_on_the_mean_and_covariance_of_the_codes():
    codes = cloud(500, 2) @ [[2.0, 1.0], [0.0, 0.5]] + [1.0, -3.0]
    points = baselines.sobol(codes, 4096)
    assert points.mean(axis=0) == pytest.approx(codes.mean(axis=0), abs=0.01)
    assert np.cov(points.T) == pytest.approx(np.cov(codes.T), abs=0.02)
    # A latent that is constant, or a single code, has a covariance without an inverse.
    assert np.ptp(baselines.sobol(codes * [1, 0], 8)[:, 1]) == pytest.approx(0, abs=1e-7)
    assert np.allclose(baselines.sobol(codes[:1], 8), codes[0])


def test_farthest_points_on_a_line():
    codes = np.array([[0.0], [1.0], [4.0], [10.0]])
    for seed in range(6):
        points = baselines.farthest_points(codes, 3, seed=seed)[:, 0].tolist()
        second = 10.0 if points[0] <= 4 else 0.0
        assert points[1] == second
        # From 0 and 10 the farthest is 4; from 4, 10 comes first and then 0; from 1, 10 and then 4.
        assert points[2] == {0.0: 4.0, 10.0: 4.0, 4.0: 0.0, 1.0: 4.0}[points[0]]


def test_herding_adds_the_best_code_each_time():
    codes = cloud(40, 2)
    points = baselines.herding(codes, 6)
    for size in range(1, 7):
        added = [distance(np.concatenate([points[: size - 1], [code]]), codes) for code in codes]
        assert distance(points[:size], codes) == pytest.approx(min(added), abs=1e-12)


def test_support_points_do_not_move_where_the_gradient_vanishes():
    # On a line the optimum is known: quantiles (2 j - 1) / 2 J.
    codes = ndtri((np.arange(2000) + 0.5) / 2000)[:, None]
    points = np.sort(baselines.support_points(codes, 4)[:, 0])
    assert points == pytest.approx(ndtri([1 / 8, 3 / 8, 5 / 8, 7 / 8]), abs=0.01)


def test_support_points_of_equal_codes_are_that_code():
    assert np.allclose(baselines.support_points(np.ones((10, 2)), 3), 1.0, atol=0.01)
