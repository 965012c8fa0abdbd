"""FactorVAE and beta-VAE scores: oracles, chance, an implementation vote by vote, and awkward data."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from measure.factored import draws, perfect, random_factors, rotation
from zscape import measure

SIZES = (3, 6, 10)
FAST = {"votes": 600, "test": 600}


@pytest.fixture(scope="module")
def factors():
    return random_factors(6000, SIZES)


def covers(result, value):
    return result.low <= value <= result.high


@pytest.mark.parametrize("score", [measure.factor_vae_score, measure.beta_vae_score])
def test_a_perfect_code_scores_one_and_noise_chance(score, factors):
    result = score(perfect(factors, idle=3), factors, **FAST)
    assert (result.value, result.high, result.n, result.unit, result.seed) == (1.0, 1.0, 600, "", 0)
    # Wilson's lower end for 600 right of 600.
    assert result.low == pytest.approx(600 / (600 + 1.959964**2))
    assert "chance is 0.333" in result.definition
    noise = score(draws(6000, 6), factors, **FAST)
    assert covers(noise, 1 / 3)
    assert noise.high - noise.low < 0.1


def test_latents_of_a_perfect_code_may_split_a_factor_but_not_share_one(factors):
    columns = perfect(factors)
    split = np.hstack([columns, columns[:, :1] ** 3])
    assert measure.factor_vae_score(split, factors, **FAST).value == 1
    # One latent for two factors: neither is fixed by fixing the other, and it falls quiet for either.
    shared = np.stack([columns[:, 0] + columns[:, 1], columns[:, 2]], axis=1)
    assert 0.5 < measure.factor_vae_score(shared, factors, **FAST).value < 0.8


def test_the_linear_classifier_reads_rotated_codes(factors):
    # Rotation fools this score, as its documentation says.
    rotated = perfect(factors, idle=3) @ rotation(6)
    assert measure.beta_vae_score(rotated, factors, **FAST).value > 0.95


def test_factor_votes_on_two_latents_that_share_two_factors_evenly_are_chance():
    factors = random_factors(6000, (4, 4))
    # Both latents lose the same share of variance whichever factor is fixed.
    angle = np.array([[1.0, 1.0], [1.0, -1.0]]) / np.sqrt(2)
    result = measure.factor_vae_score(perfect(factors) @ angle, factors, **FAST)
    assert covers(result, 0.5)


def test_factor_votes_are_those_of_a_loop_over_batches():
    factors = random_factors(3000, (2, 4))
    z = perfect(factors, noise=1.5) @ rotation(2)
    result = measure.factor_vae_score(z, factors, votes=3000, test=3000, batch=8)
    random, columns = np.random.default_rng(5), list(factors.values())
    votes = np.zeros((2, 2))
    for _ in range(3000):
        factor = random.integers(2)
        value = columns[factor][random.integers(3000)]
        rows = random.choice(np.flatnonzero(columns[factor] == value), 8)
        votes[np.argmin(z[rows].var(axis=0, ddof=1) / z.var(axis=0, ddof=1)), factor] += 1
    expected = votes.max(axis=1).sum() / votes.sum()
    assert 0.5 < expected < 0.95
    assert result.value == pytest.approx(expected, abs=0.03)


def test_pair_differences_are_those_of_a_loop_over_batches():
    factors = random_factors(3000, (2, 4))
    z = perfect(factors, noise=1.0) @ (np.eye(2) + 0.3)
    result = measure.beta_vae_score(z, factors, votes=2000, test=2000, batch=8)
    random, columns = np.random.default_rng(5), list(factors.values())
    features, answers = [], random.integers(2, size=4000)
    for factor in answers:
        first = random.integers(3000, size=8)
        second = [random.choice(np.flatnonzero(columns[factor] == value)) for value in columns[factor][first]]
        features.append(np.abs(z[first] - z[second]).mean(axis=0))
    model = LogisticRegression().fit(features[:2000], answers[:2000])
    expected = model.score(features[2000:], answers[2000:])
    assert 0.55 < expected < 0.95
    assert result.value == pytest.approx(expected, abs=0.04)


def test_latents_that_hardly_vary_have_no_vote(factors):
    z = perfect(factors, idle=1)
    faint = z * [1, 1, 1, 0.04]
    assert "3 of 4 latents have a standard deviation of 0.05 or more" in (
        measure.factor_vae_score(faint, factors, **FAST).definition
    )
    # The faint latent takes the place of the third factor when it is let in, and would be quietest at random.
    swapped = np.stack([z[:, 0], z[:, 1], 0.01 * z[:, 2]], axis=1)
    assert measure.factor_vae_score(swapped, factors, least_std=0.0, **FAST).value == 1
    assert measure.factor_vae_score(swapped, factors, **FAST).value < 0.9
    nothing = measure.factor_vae_score(0.01 * z, factors, **FAST)
    assert (nothing.value, nothing.low, nothing.high) == (0.0, None, None)
    assert "0 of 4 latents" in nothing.definition
    assert "the score is 0" in nothing.definition
    # A constant latent has no vote even at threshold 0.
    constant = np.hstack([z, np.ones((len(z), 1))])
    assert measure.factor_vae_score(constant, factors, least_std=0.0, **FAST).value == 1


@pytest.mark.parametrize("score", [measure.factor_vae_score, measure.beta_vae_score])
def test_seeds_orders_and_units(score, factors):
    z = perfect(factors, noise=1.0, idle=2) @ rotation(5)
    once = score(z, factors, **FAST)
    assert score(z, factors, **FAST) == once
    assert score(z, factors, seed=1, **FAST).value != once.value
    recoded = {name: 7 - 3 * values for name, values in factors.items()}
    assert score(z, recoded, **FAST).value == pytest.approx(once.value, abs=0.06)
    assert score(1000 * z + 5, factors, **FAST).value == pytest.approx(once.value, abs=1e-9)
    assert score((z, np.zeros_like(z)), factors, **FAST) == once


@pytest.mark.parametrize("score", [measure.factor_vae_score, measure.beta_vae_score])
def test_values_of_one_row_make_no_batches(score):
    factors = random_factors(600, (2, 3))
    # Hundreds of values that one row has each, beside two common ones.
    rare = np.where(np.arange(600) < 300, np.arange(600), 1000 + factors["factor0"])
    result = score(
        np.stack([rare > 500, draws(600, 1)[:, 0]], axis=1) * 1.0, {**factors, "rare": rare}, **FAST
    )
    assert np.isfinite(result.value)
    with pytest.raises(ValueError, match="need values of row that two rows or more share, but the 400 rows"):
        score(draws(600, 2), {**factors, "row": np.arange(600)}, **FAST)


@pytest.mark.parametrize("score", [measure.factor_vae_score, measure.beta_vae_score])
def test_bad_input_is_refused(score, factors):
    z = perfect(factors)
    with pytest.raises(ValueError, match=r"row of codes, \(6000,\), but short has shape \(3,\)"):
        score(z, {"short": np.arange(3)})
    with pytest.raises(ValueError, match="whole numbers, the classes, but angle is float64; bin"):
        score(z, {"angle": z[:, 0]})
    with pytest.raises(ValueError, match="takes two values or more, but got none"):
        score(z, {})
    with pytest.raises(ValueError, match="got flat, constant over these rows"):
        score(z, {"flat": np.ones(6000, dtype=int)})
    with pytest.raises(ValueError, match="at least 12 rows"):
        score(z[:11], {name: values[:11] for name, values in factors.items()})
    with pytest.raises(ValueError, match=r"finite numbers under 1e\+100"):
        score(z * 1e101, factors)
    for setting in ("votes", "test", "batch"):
        with pytest.raises(ValueError, match=f"{setting} needs to be a whole number >= 2"):
            score(z, factors, **{setting: 1})
    with pytest.raises(ValueError, match="seed needs"):
        score(z, factors, seed=-1)
    with pytest.raises(ValueError, match="NaN or infinity"):
        score(np.where(np.arange(6000)[:, None] == 4, np.nan, z), factors)


def test_a_constant_factor_is_left_out_with_a_warning(factors):
    z = perfect(factors)
    with pytest.warns(UserWarning, match="leaves out what is constant over these rows: colour"):
        result = measure.factor_vae_score(z, {"colour": np.zeros(6000, dtype=int), **factors}, **FAST)
    assert result == measure.factor_vae_score(z, factors, **FAST)
    with pytest.raises(ValueError, match="two factors that vary, but got factor0 alone"):
        measure.beta_vae_score(z, {"factor0": factors["factor0"]})


def test_few_rows_and_one_factor_have_a_score():
    factors = {"half": np.arange(12) % 2}
    assert measure.factor_vae_score(draws(12, 2), factors, **FAST).value == 1
