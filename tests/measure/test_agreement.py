"""UDR: closed forms for equal, permuted, rotated and independent models, and second implementations."""

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.linear_model import Lasso

from measure.factored import draws, rotation
from zscape import measure
from zscape.base import Codes
from zscape.measure import agreement


def values(results):
    return [result.value for result in results]


def table(mean, ids):
    return Codes(id=ids, split=np.full(len(mean), "test"), mean=mean)


def test_models_equal_up_to_order_sign_and_scale_agree():
    z = np.linalg.qr(draws(500, 4) - draws(500, 4).mean(axis=0))[0] * np.sqrt(500)
    models = [z, -3 * z[:, ::-1], z[:, [1, 0, 3, 2]] + 5]
    # Lasso with penalty 0.1 gives a coefficient of 0.9, and 0 elsewhere: 0.9^2 / 0.9.
    assert values(measure.udr(models)) == pytest.approx([0.9] * 3, abs=1e-9)
    ranked = values(measure.udr(models, similarity="spearman"))
    assert ranked[0] == pytest.approx(ranked[1])
    assert min(ranked) > 0.85
    for result in measure.udr(models):
        assert (result.name, result.n, result.low, result.unit) == ("udr_lasso", 500, None, "")
        assert "with 2 others" in result.definition
        assert "4 of 4 latents vary" in result.definition


def test_rotated_models_agree_less_and_independent_ones_not_at_all():
    z = draws(3000, 4)
    rotated = [z @ rotation(4, seed) for seed in range(4)]
    assert max(values(measure.udr(rotated))) < 0.6
    independent = [draws(3000, 4, seed) for seed in range(3)]
    assert values(measure.udr(independent)) == [0, 0, 0]
    assert max(values(measure.udr(independent, similarity="spearman"))) < 0.05


def test_one_entangled_model_among_others_scores_least():
    z = draws(2000, 3)
    models = [z, z[:, [2, 0, 1]], -z, z @ rotation(3)]
    scores = values(measure.udr(models))
    assert min(scores[:3]) > 0.85
    assert scores[3] < 0.7


@pytest.mark.parametrize("similarity", ["lasso", "spearman"])
def test_scores_are_those_of_a_second_implementation(similarity):
    random, z = np.random.default_rng(3), draws(400, 3)
    models = [
        np.hstack([z @ random.standard_normal((3, latents)), draws(400, 1, latents)]) for latents in (3, 4, 2)
    ]
    scaled = [(each - each.mean(axis=0)) / each.std(axis=0) for each in models]

    def pair(mine, other):
        columns = range(mine.shape[1])
        if similarity == "lasso":
            fitted = [
                Lasso(alpha=0.1, tol=1e-10, max_iter=100_000).fit(other, mine[:, b]).coef_ for b in columns
            ]
            strength = np.abs(fitted).T
        else:
            strength = np.abs([[spearmanr(a, mine[:, b])[0] for b in columns] for a in other.T])
        down = sum(column.max() ** 2 / column.sum() for column in strength.T if column.sum() > 0)
        across = sum(row.max() ** 2 / row.sum() for row in strength if row.sum() > 0)
        return (down + across) / sum(strength.shape)

    expected = [np.median([pair(mine, other) for other in scaled if other is not mine]) for mine in scaled]
    assert values(measure.udr(models, similarity=similarity)) == pytest.approx(expected, abs=1e-6)


def test_lasso_from_moments_meets_its_optimality_conditions():
    x = draws(300, 5) @ (np.eye(5) + 0.9)
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    gram, cross = x.T @ x / 300, x.T @ draws(300, 2, 4) / 300 + 0.3 * rotation(5)[:, :2]
    weights = agreement._lasso(gram, cross)
    slope = cross - gram @ weights
    assert np.count_nonzero(weights) not in (0, weights.size)
    assert slope[weights != 0] == pytest.approx(0.1 * np.sign(weights[weights != 0]), abs=1e-8)
    assert (np.abs(slope[weights == 0]) <= 0.1 + 1e-8).all()


def test_uninformative_latents_are_left_out():
    z = draws(1000, 3)
    # Posteriors of the third latent are the prior but for a trace: KL 0.005 nats.
    mean = np.stack([z[:, 0], z[:, 1], 0.1 * z[:, 2]], axis=1)
    logvar = np.stack([np.full(1000, -3.0), np.full(1000, -3.0), np.zeros(1000)], axis=1)
    pair = measure.udr([(mean, logvar), (mean[:, ::-1], logvar[:, ::-1])])
    assert "2 of 3 latents vary" in pair[0].definition
    assert values(pair) == pytest.approx(values(measure.udr([z[:, :2], z[:, :2]])))
    kept = measure.udr([(mean, logvar), (mean, logvar)], least_kl=0.001)
    assert "3 of 3 latents" in kept[0].definition
    collapsed = (np.zeros((1000, 2)), np.zeros((1000, 2)))
    assert values(measure.udr([collapsed, (mean, logvar), (mean, logvar)]))[0] == 0
    # A constant latent of points is no latent.
    padded = np.hstack([z[:, :2], np.ones((1000, 1))])
    assert values(measure.udr([padded, z[:, :2]])) == pytest.approx(values(pair))


def test_bad_input_is_refused():
    z = draws(20, 2)
    with pytest.raises(ValueError, match="two models or more, but got 1"):
        measure.udr([z])
    with pytest.raises(ValueError, match=r"the models have \[20, 19\] rows"):
        measure.udr([z, z[1:]])
    with pytest.raises(ValueError, match="tables have different ids"):
        measure.udr([table(z, np.arange(20)), table(z, np.arange(20)[::-1])])
    with pytest.raises(ValueError, match="least_kl needs to be a number >= 0"):
        measure.udr([z, z], least_kl=-1.0)
    with pytest.raises(ValueError, match=r"finite numbers under 1e\+100"):
        measure.udr([z * 1e101, z])
    with pytest.raises(ValueError, match="at least 3 rows"):
        measure.udr([z[:2], z[:2]])
    unchecked = getattr(measure.udr, "__wrapped__", measure.udr)
    with pytest.raises(ValueError, match='similarity "lasso" or "spearman", but got'):
        unchecked([z, z], similarity="pearson")
