import numpy as np
import pytest

from zscape import energy
from zscape.base import Codes
from zscape.data import from_arrays
from zscape.errors import DataError
from zscape.judge import Judge
from zscape.studies import diverse_measures as measures
from zscape.studies.diverse_sampling import SCALES


@pytest.fixture(scope="module")
def judge(digits):
    images, labels = measures.pictures(digits, digits.splits["train"])
    return Judge.fit(images, labels, epochs=2, seed=0)


@pytest.fixture(scope="module")
def bench(run, judge):
    return measures.Bench(measures.Subject.of(run, 0), judge)


def test_posterior_draws_have_the_moments_of_the_posterior():
    mean = np.tile(np.array([[1.0, -2.0]], np.float32), (20_000, 1))
    logvar = np.tile(np.log(np.array([[4.0, 0.25]], np.float32)), (20_000, 1))
    codes = Codes(np.arange(20_000), np.full(20_000, "train"), mean, logvar)
    draws = measures.posterior_draws(codes, 1)
    np.testing.assert_allclose(draws.mean(axis=0), [1, -2], atol=0.05)
    np.testing.assert_allclose(draws.std(axis=0), [2, 0.5], rtol=0.02)
    np.testing.assert_array_equal(draws, measures.posterior_draws(codes, 1))
    assert (draws != measures.posterior_draws(codes, 2)).any()
    points = Codes(np.arange(20_000), np.full(20_000, "train"), mean)
    np.testing.assert_array_equal(measures.posterior_draws(points, 1), mean)


def test_distances_are_the_exact_energy_distances(bench):
    z = np.random.default_rng(0).normal(size=(10, 2))
    subject = bench.subject
    test = measures.posterior_draws(_codes(subject).of("test"), 1)
    found = bench.distances(z)
    assert found["prior"] == energy.distance(z, 2)
    assert found["training"] == pytest.approx(energy.distance(z, subject.draws), rel=1e-9)
    assert found["test"] == pytest.approx(energy.distance(z, test), rel=1e-9)


def test_the_expectation_of_independent_draws_is_the_mean_over_many_sets(bench):
    random = np.random.default_rng(1)
    sets = [random.choice(bench.subject.draws, 4) for _ in range(400)]
    plain = [random.normal(size=(4, 2)) for _ in range(400)]
    found = measures.expected(bench.subject, 4)
    for name, drawn in (("test", sets), ("prior", plain)):
        distances = np.array([bench.distances(z)[name] for z in drawn])
        error = distances.std() / np.sqrt(len(distances))
        assert found[name] == pytest.approx(distances.mean(), abs=4 * error)
        # The test is sharp enough to tell a missing factor of two.
        assert 8 * error < found[name]


def _codes(subject):
    from zscape import codes

    return codes.load(subject.run.codes_path)


def test_training_and_test_codes_share_no_row(bench):
    assert set(bench.subject.train.split) == {"train"}
    assert len(bench.subject.held_out) == 180


def test_equal_pictures_are_not_diverse(judge, digits):
    one = np.repeat(measures.pictures(digits, digits.splits["test"][:1])[0], 10, axis=0)
    found = measures.looks(one, judge)
    assert found["classes"] == 1
    assert found["pairwise"] == pytest.approx(0, abs=1e-6)
    assert found["cosine"] == pytest.approx(1)
    assert found["vendi"] == pytest.approx(1)


def test_models_share_no_seed(run):
    import dataclasses

    one = measures.Subject.of(run, 0)
    seeds = [set(measures.seeds_of(dataclasses.replace(one, seed=seed), 100)) for seed in range(5)]
    assert len(set.union(*seeds)) == 500


def test_every_kind_of_set_is_reproducible_and_exact_ones_are_near(bench):
    kinds = measures.makers(bench.subject, SCALES["smoke"])
    found = {name: make(7) for name, make in kinds.items()}
    for name, make in kinds.items():
        np.testing.assert_array_equal(make(7), found[name])
        assert found[name].shape == (10, 2)
    distances = {name: bench.distances(z) for name, z in found.items()}
    assert distances[measures.A1]["prior"] < 0.0157
    assert distances[measures.A2]["training"] < min(
        distances[name]["training"] for name in (measures.IID_PRIOR, measures.IID_CODES, measures.A1)
    )


def test_labels_are_needed():
    data = from_arrays(np.zeros((10, 8, 8), np.uint8))
    with pytest.raises(DataError, match="needs labels"):
        measures.pictures(data, np.arange(3))
