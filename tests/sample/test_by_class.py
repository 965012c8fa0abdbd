"""Densities by class against closed forms and scipy, and what they refuse."""

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import kstest, multivariate_normal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from zscape import sample
from zscape.base import Codes
from zscape.sample import ByClass, Gaussian, Mixture, check_density

LABELS = (3, -1, 12)


def classed(count=400, latents=3, seed=0):
    """Codes of three classes with other means and covariances, and their labels."""
    random = np.random.default_rng(seed)
    labels = np.asarray(LABELS)[np.arange(count) % 3]
    turn = random.standard_normal((latents, latents))
    centres = {label: 5.0 * random.standard_normal(latents) for label in LABELS}
    z = random.standard_normal((count, latents)) @ turn
    return np.stack(
        [z[row] * (1 + (label == 3)) + centres[label] for row, label in enumerate(labels)]
    ), labels


def logvars(count=400, latents=3):
    return -1 + 0.3 * np.random.default_rng(9).standard_normal((count, latents))


def moments(density, label, count=200_000):
    z = density.sample(count, label, seed=7)
    return z.mean(axis=0), np.cov(z, rowvar=False)


def test_diagonal_draws_are_the_published_ones():
    z, y = classed()
    theta = np.array([0.5, 1.0, 0.2])
    density = ByClass(theta=theta, draws=3).fit(z, y)
    for label in LABELS:
        part = z[y == label]
        mean, covariance = moments(density, label)
        expected = (theta * part.std(axis=0, ddof=1)) ** 2 / 3
        assert np.allclose(mean, part.mean(axis=0), atol=0.02)
        assert np.allclose(np.diag(covariance), expected, rtol=0.02)
        scale = np.sqrt(np.outer(expected, expected))
        assert np.abs((covariance - np.diag(np.diag(covariance))) / scale).max() < 0.02
    assert density.classes_.tolist() == [-1, 3, 12]


def test_full_draws_have_the_covariance_of_the_class_between_two_thetas():
    z, y = classed()
    theta = np.random.default_rng(1).random((3, 3))
    density = ByClass("full", theta=theta, draws=2).fit(z, y)
    for row, label in enumerate([-1, 3, 12]):
        covariance = Gaussian().fit(z[y == label]).covariance_
        expected = np.diag(theta[row]) @ covariance @ np.diag(theta[row]) / 2
        mean, found = moments(density, label)
        scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        assert np.allclose(found / scale, expected / scale, atol=0.02)
        assert np.allclose(mean, z[y == label].mean(axis=0), atol=0.05)


def test_mixture_draws_are_those_of_a_mixture_of_the_class():
    z, y = classed(900)
    z[y == 3, 0] += 20 * (np.arange((y == 3).sum()) % 2)
    density = ByClass("mixture", components=2, seed=4).fit(z, y)
    mixture = Mixture(2, seed=4).fit(z[y == 3])
    points = z[y == 3][:50]
    assert np.allclose(density.log_prob(points, 3), mixture.log_prob(points), rtol=1e-12)
    drawn = density.sample(50_000, 3)
    assert np.allclose(drawn.mean(axis=0), mixture.weights_ @ mixture.means_, atol=0.2)
    still = density.scaled(0.0).sample(2000, 3)
    assert np.allclose(np.unique(still, axis=0), mixture.means_[np.lexsort(mixture.means_.T[::-1])])


@pytest.mark.parametrize("statistics", ["diagonal", "full"])
def test_theta_0_gives_the_mean_of_the_class(statistics):
    z, y = classed()
    density = ByClass(statistics, theta=0).fit(z, y)
    assert np.allclose(density.sample(5, 12), z[y == 12].mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("statistics", ["diagonal", "full", "mixture"])
def test_theta_and_draws_act_through_their_ratio(statistics):
    z, y = classed()
    fitted = ByClass(statistics, components=2).fit(z, y)
    many, one = fitted.scaled(0.8, draws=4), fitted.scaled(0.4)
    assert np.allclose(many.log_prob(z, 3), one.log_prob(z, 3), rtol=1e-12)
    # Equality in law of the draws themselves, along a direction.
    way = np.array([1.0, -2.0, 0.5])
    a, b = (density.sample(20_000, 3, seed=seed) @ way for density, seed in ((many, 1), (one, 2)))
    assert kstest(a, b).pvalue > 0.01
    assert kstest(a, fitted.scaled(0.48).sample(20_000, 3, seed=2) @ way).pvalue < 0.01


@pytest.mark.parametrize("statistics", ["diagonal", "full", "mixture"])
def test_log_density_is_that_of_scipy_and_of_the_draws(statistics):
    z, y = classed()
    theta = np.array([0.5, 0.9, 1.0])
    density = ByClass(statistics, theta=theta, draws=2, components=3).fit(z, y)
    row, points = 1, z[:20]
    parts = []
    for weight, mean, covariance in zip(
        density.weights_[row], density.means_[row], density.covariances_[row], strict=True
    ):
        full = np.diag(covariance) if covariance.ndim == 1 else covariance
        scaled = np.outer(theta, theta) * full / 2
        parts.append(np.log(weight) + multivariate_normal(mean, scaled).logpdf(points))
    assert np.allclose(density.log_prob(points, 3), logsumexp(parts, axis=0), rtol=1e-9)
    # Both halves of the draws have one entropy.
    halves = [density.log_prob(density.sample(20_000, 3, seed=seed), 3).mean() for seed in (0, 1)]
    assert halves[0] == pytest.approx(halves[1], abs=0.05)


@pytest.mark.parametrize("statistics", ["diagonal", "full", "mixture"])
def test_draws_repeat_and_fewer_are_the_first_of_more(statistics):
    z, y = classed()
    density = ByClass(statistics, draws=2, components=2).fit(z, y)
    drawn = density.sample(50, 3, seed=5)
    assert np.array_equal(drawn, density.sample(50, 3, seed=5))
    assert np.allclose(drawn[:7], density.sample(7, 3, seed=5), rtol=1e-12)
    assert not np.allclose(drawn, density.sample(50, 3, seed=6))
    centre, deviation = density.parts(50, 3, seed=5)
    assert np.array_equal(centre + deviation, drawn)
    assert np.allclose(centre + 0.3 * deviation, density.scaled(0.3, draws=2).sample(50, 3, seed=5))


def test_classes_are_drawn_independently_under_one_seed():
    z = np.concatenate([np.random.default_rng(0).standard_normal((500, 1))] * 2)
    density = ByClass().fit(z, np.repeat([0, 1], 500))
    a, b = density.sample(5000, 0), density.sample(5000, 1)
    assert abs(np.corrcoef(a[:, 0], b[:, 0])[0, 1]) < 0.05


@pytest.mark.parametrize("statistics", ["diagonal", "full", "mixture"])
def test_posteriors_are_wider_than_their_means(statistics):
    z, y = classed()
    z = 0.05 * (z - np.stack([z[y == label].mean(axis=0) for label in LABELS])[np.arange(len(z)) % 3])
    table = Codes(
        np.arange(400), np.full(400, "train"), z.astype(np.float32), logvars().astype(np.float32), y
    )
    narrow, wide, same = (
        ByClass(statistics, components=1).fit(codes, labels)
        for codes, labels in ((table.mean, y), (table, None), ((table.mean, table.logvar), y))
    )
    assert np.array_equal(wide.sample(5, 3), same.sample(5, 3))
    added = moments(wide, 3)[1].diagonal() - moments(narrow, 3)[1].diagonal()
    rough = 0.3 if statistics == "mixture" else 0.05
    assert np.allclose(added, np.exp(logvars()[y == 3]).mean(axis=0), rtol=rough, atol=rough)


def test_given_labels_go_before_those_of_the_table():
    z, y = classed()
    table = Codes(np.arange(400), np.full(400, "train"), z.astype(np.float32), label=y)
    assert ByClass().fit(table, np.arange(400) % 2).classes_.tolist() == [0, 1]


@pytest.mark.parametrize("statistics", ["diagonal", "full", "mixture"])
@pytest.mark.parametrize("theta", [0.5, [1.0, 0.5, 0.2]])
def test_it_comes_back_from_disk_the_same(tmp_path, statistics, theta):
    z, y = classed()
    density = ByClass(statistics, theta=theta, draws=3, components=2, seed=8).fit(z, y)
    sample.save(density, tmp_path / "by-class.npz")
    again = sample.load(tmp_path / "by-class.npz")
    assert isinstance(again, ByClass)
    assert np.array_equal(again.sample(9, 12, seed=2), density.sample(9, 12, seed=2))
    assert np.array_equal(again.log_prob(z, 12), density.log_prob(z, 12))
    for name in ("statistics", "draws", "components", "seed"):
        assert getattr(again, name) == getattr(density, name)
    assert np.array_equal(again.theta, density.theta)


def test_it_is_an_estimator_and_fit_changes_nothing_it_is_given():
    z, y = classed()
    before = z.copy(), y.copy()
    density = ByClass("full", theta=0.5, draws=2, components=3, seed=1)
    assert repr(clone(density)) == repr(density)
    assert density.get_params() == {
        "statistics": "full", "theta": 0.5, "draws": 2, "components": 3, "seed": 1
    }  # fmt: skip
    assert density.fit(z, y) is density
    assert np.array_equal(z, before[0])
    assert np.array_equal(y, before[1])
    other = density.scaled(0.1)
    assert (density.theta, density.draws) == (0.5, 2)
    assert (other.theta, other.draws) == (0.1, 1)
    density.set_params(theta=0.1, draws=1)
    assert np.array_equal(density.sample(3, 3), other.sample(3, 3))


def test_extreme_shapes():
    two = ByClass("full").fit(np.array([[0.0], [2.0], [5.0], [6.0]]), np.array([0, 0, 1, 1]))
    assert two.sample(1, 1).shape == (1, 1)
    wide = np.random.default_rng(0).standard_normal((30, 512))
    for statistics in ("diagonal", "full"):
        density = ByClass(statistics).fit(wide, np.arange(30) % 2)
        assert np.isfinite(density.log_prob(wide, 0)).all()
        assert density.sample(4, 1).shape == (4, 512)
    constant = np.hstack([np.arange(6.0)[:, None], np.full((6, 1), 4.0)])
    density = ByClass().fit(constant, np.zeros(6, dtype=np.uint8))
    assert np.allclose(density.sample(9, 0)[:, 1], 4, atol=1e-3)
    assert np.isfinite(density.log_prob(constant, 0)).all()


def test_before_fit_it_refuses():
    for call in (
        lambda: ByClass().sample(1, 0),
        lambda: ByClass().log_prob(np.zeros((1, 2)), 0),
        lambda: ByClass().scaled(1.0),
        lambda: ByClass().to_arrays(),
    ):
        with pytest.raises(NotFittedError, match="is not fitted yet"):
            call()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"statistics": "ful"}, "did you mean 'full'"),
        ({"theta": -0.1}, "theta >= 0, but got -0.1"),
        ({"theta": np.nan}, "finite theta"),
        ({"theta": [1.0, 2.0]}, r"a number, \(3,\) or \(3, 3\), but got shape \(2,\)"),
        ({"draws": 0}, "draws >= 1"),
        ({"statistics": "mixture", "components": 0}, "components >= 1"),
        ({"statistics": "mixture", "components": 300}, "use fewer components"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ByClass(**settings).fit(*classed())


def test_bad_input_is_refused():
    z, y = classed()
    with pytest.raises(ValueError, match="labels go in labels="):
        ByClass().fit((z, y))
    for labels, message in (
        (None, "the codes have none"),
        (y[:-1], r"one label each, \(400,\), but got shape \(399,\)"),
        (y.astype(float), "whole numbers, but are float64, such as 3.0; number them"),
        (y.astype(str), r"such as '3'; number them first: .*np.unique\(labels, return_inverse=True\)"),
        (np.where(np.arange(400) == 0, 99, y), "class 99 has 1"),
    ):
        with pytest.raises(ValueError, match=message):
            ByClass().fit(z, labels)
    with pytest.raises(ValueError, match="hold NaN"):
        ByClass().fit(np.where(z > 5, np.nan, z), y)
    with pytest.raises(ValueError, match="of a class are equal"):
        ByClass().fit(np.ones((4, 2)), np.array([0, 0, 1, 1]))
    with pytest.raises(ValueError, match=r"whole number of draws >= 1, but got 2\.0"):
        ByClass().set_params(draws=2.0).fit(z, y)
    density = ByClass(theta=[1.0, 0.0, 1.0]).fit(z, y)
    with pytest.raises(ValueError, match="count >= 1, but got 0"):
        density.sample(0, 3)
    with pytest.raises(ValueError, match="not fitted on a class 4; its classes are -1, 3, 12"):
        density.sample(1, 4)
    with pytest.raises(ValueError, match="0 in 1 of 3 latents"):
        density.log_prob(z, 3)
    with pytest.raises(ValueError, match="codes of 3 latents"):
        ByClass().fit(z, y).log_prob(z[:, :2], 3)
    density.theta = [1.0, 2.0]
    with pytest.raises(ValueError, match="theta to be a number"):
        density.sample(1, 3)


@pytest.mark.parametrize("statistics", ["diagonal", "full", "mixture"])
def test_one_class_is_a_density(statistics):
    z, y = classed()
    density = ByClass(statistics, theta=0.7, components=2).fit(z, y)
    one = density.of(np.int64(3))
    check_density(one, 3)
    assert np.array_equal(one.sample(7, seed=2), density.sample(7, 3, seed=2))
    assert np.array_equal(one.log_prob(z), density.log_prob(z, 3))
    with pytest.raises(ValueError, match="not fitted on a class 4; its classes are -1, 3, 12"):
        density.of(4)


def test_labels_of_numpy_are_labels_and_strings_are_not():
    z, y = classed()
    density = ByClass().fit(z, y)
    assert np.array_equal(density.sample(3, density.classes_[1]), density.sample(3, 3))
    assert np.array_equal(density.log_prob(z, np.uint8(3)), density.log_prob(z, 3))
    with pytest.raises(ValueError, match="not fitted on a class '3'; its classes are -1, 3, 12"):
        density._row("3")


def test_negative_seeds_are_refused():
    z, y = classed()
    density = ByClass().fit(z, y)
    for call in (
        lambda: density.sample(3, 3, seed=-1),
        lambda: density.of(3).sample(3, seed=-1),
        lambda: ByClass("mixture", seed=-1).fit(z, y),
        lambda: Mixture(2).fit(z).sample(3, seed=-1),
        lambda: Gaussian().fit(z).sample(3, seed=-1),
        lambda: sample.Empirical().fit(z).sample(3, seed=-1),
        lambda: sample.StandardNormal(2).sample(3, seed=-1),
    ):
        with pytest.raises(ValueError, match="seed needs to be >= 0, but got -1"):
            call()


def test_variances_of_few_codes_are_unbiased():
    # Of 0 and 2 the unbiased variance is 2, and that of 1, 2 and 6 is 7.
    density = ByClass().fit(np.array([[0.0], [2.0], [1.0], [2.0], [6.0]]), np.array([0, 0, 1, 1, 1]))
    assert density.covariances_[:, 0, 0] == pytest.approx([2, 7], rel=1e-9)


def test_labels_that_int64_cannot_hold_are_refused():
    z, y = classed()
    with pytest.raises(ValueError, match=r"below 2\^63, but the largest is 9223372036854775809"):
        ByClass().fit(z, (y > 3).astype(np.uint64) + np.uint64(2**63))
    assert ByClass().fit(z, (y > 3).astype(np.uint64)).classes_.tolist() == [0, 1]
