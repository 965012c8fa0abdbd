"""Traversals: one latent moves over its range, the others stay, and what decodes them sees just that."""

import numpy as np
import pytest

from zscape import walk
from zscape.base import Codes

MEAN = np.random.default_rng(0).normal(size=(500, 3)) * [1.0, 3.0, 0.01]
LOGVAR = np.full((500, 3), -1.0)
START = np.array([0.5, -0.25, 4.0])


def test_one_latent_moves_and_the_others_stay():
    ways = walk.traversals((MEAN, LOGVAR), start=START, steps=5, latents=[2, 0])
    assert ways.z.shape == (2, 5, 3)
    assert ways.latents.tolist() == [2, 0]
    assert ways.steps == 5
    for way, latent in enumerate((2, 0)):
        others = [each for each in range(3) if each != latent]
        np.testing.assert_array_equal(ways.z[way][:, others], np.tile(START[others], (5, 1)))
        np.testing.assert_array_equal(ways.z[way, :, latent], ways.values[way])


def test_ways_go_in_equal_steps_between_the_quantiles():
    ways = walk.traversals((MEAN, LOGVAR), start=START, steps=7, quantiles=(0.1, 0.9), latents=[1])
    ends = walk.aggregate_quantiles((MEAN, LOGVAR), (0.1, 0.9), latents=[1])[0]
    np.testing.assert_allclose(ways.values[0], np.linspace(*ends, 7))


def test_by_default_those_in_use_move_the_most_important_first():
    assert walk.traversals((MEAN, LOGVAR), start=START).latents.tolist() == [1, 0]
    assert walk.traversals(MEAN, start=START).latents.tolist() == [1, 0]


def test_a_linear_decoder_sees_one_column():
    columns = np.random.default_rng(1).normal(size=(3, 6))
    ways = walk.traversals(MEAN, start=START, steps=4)
    pictures = ways.z @ columns
    for way, latent in enumerate(ways.latents):
        steps = np.diff(pictures[way], axis=0)
        np.testing.assert_allclose(steps, np.diff(ways.values[way])[:, None] * columns[latent])


def test_a_walk_from_a_table_reads_its_log_variances():
    table = Codes(np.arange(500), np.full(500, "test"), MEAN.astype(np.float32), LOGVAR.astype(np.float32))
    found = walk.traversals(table, start=START)
    np.testing.assert_allclose(found.values, walk.traversals((MEAN, LOGVAR), start=START).values, rtol=1e-5)


def test_resampled_ways_have_the_same_ends():
    ways = walk.traversals(MEAN, start=START, steps=3, latents=[0, 1])
    fine = ways.resampled(5)
    np.testing.assert_allclose(fine.z[:, ::2], ways.z)
    np.testing.assert_allclose(fine.values[:, ::4], ways.values[:, ::2])
    with pytest.raises(ValueError, match="steps >= 2, but got 1"):
        ways.resampled(1)


def test_a_way_through_a_start_on_it_passes_it():
    start = walk.aggregate_quantiles(MEAN, (0.025, 0.975)).mean(axis=1)
    ways = walk.traversals(MEAN, start=start, steps=3)
    np.testing.assert_allclose(ways.z[:, 1], np.tile(start, (2, 1)))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"start": np.zeros(2)}, "a finite start of 3 latents"),
        ({"start": np.array([0, np.inf, 0])}, "a finite start of 3 latents"),
        ({"steps": 1}, "steps >= 2, but got 1"),
        ({"quantiles": (0.9, 0.1)}, "the lower first"),
        ({"quantiles": (0.5, 0.5)}, "the lower first"),
        ({"quantiles": (0.0, 1.0)}, "above 0 and below 1"),
        ({"latents": [3]}, "latents 0 to 2, but got 3"),
    ],
)
def test_walks_that_cannot_be_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        walk.traversals(MEAN, **{"start": START, **settings})


def test_without_a_latent_in_use_they_must_be_named():
    idle = MEAN * 0.001
    with pytest.raises(ValueError, match="none of the 3 latents is in use; name"):
        walk.traversals(idle, start=START)
    assert walk.traversals(idle, start=START, latents=[1]).z.shape == (1, 9, 3)


def test_one_row_of_points_is_a_walk_on_the_spot():
    ways = walk.traversals(MEAN[:1], start=START, latents=[0])
    np.testing.assert_allclose(ways.values, np.full((1, 9), MEAN[0, 0]))


def test_starts_of_the_prior():
    np.testing.assert_array_equal(walk.from_prior(4), np.zeros(4))
    np.testing.assert_array_equal(walk.from_prior(4, seed=1), walk.from_prior(4, seed=1))
    assert not np.array_equal(walk.from_prior(4, seed=1), walk.from_prior(4, seed=2))


def test_starts_of_the_posterior_have_its_moments():
    few, spread = MEAN[:3], np.log(np.full((3, 3), 0.25))
    draws = np.array([walk.from_posterior((few, spread), seed=seed) for seed in range(2000)])
    np.testing.assert_allclose(draws.mean(0), few.mean(0), atol=0.2)
    np.testing.assert_allclose(draws.var(0), few.var(0) + 0.25, rtol=0.1)


def test_a_start_among_points_is_one_of_them():
    point = walk.from_posterior(MEAN, seed=3)
    assert (point == MEAN).all(axis=1).sum() == 1
    point[0] = 99
    assert MEAN.max() < 99
