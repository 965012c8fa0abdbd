import dataclasses

import numpy as np
import pytest

from zscape.base import Codes
from zscape.errors import RunFormatError
from zscape.sample import ByClass, tune
from zscape.studies import class_measures as measures
from zscape.studies.class_generation import SCALES


@pytest.fixture(scope="module")
def density(train):
    return ByClass("diagonal").fit(train)


@pytest.fixture(scope="module")
def subject(run, train):
    first, second = measures.halves(train, 0, 300)
    judges = [
        measures.train_judge(run, train, rows, epochs=20, seed=seed)
        for seed, rows in enumerate((first, second))
    ]
    return measures.Subject(run, train, *judges, seed=0)


def test_the_judges_share_no_row(train):
    first, second = measures.halves(train, 0, 10_000)
    assert len(first) + len(second) == len(train)
    assert not set(first) & set(second)
    short, _ = measures.halves(train, 0, 5)
    np.testing.assert_array_equal(short, first[:5])
    assert (measures.halves(train, 1, 5)[0] != short).any()


def test_the_mean_of_n_draws_has_the_spread_over_the_root_of_n(density):
    drawn = measures.averaged(density.scaled(0.5), 4000, 3, seed=0)
    for row, label in enumerate(density.classes_):
        variance = density.covariances_[row, 0]
        np.testing.assert_allclose(drawn[label].mean(axis=0), density.means_[row, 0], atol=0.03)
        np.testing.assert_allclose(drawn[label].var(axis=0), 0.25 * variance / 3, rtol=0.1)


def test_truncated_draws_stay_within_the_cut_and_a_wide_cut_cuts_nothing(density):
    near, wide = (measures.truncated(density, cut, 4000, seed=0) for cut in (0.5, 8.0))
    for row, label in enumerate(density.classes_):
        std = np.sqrt(density.covariances_[row, 0])
        assert (np.abs(near[label] - density.means_[row, 0]) <= 0.5 * std + 1e-12).all()
        np.testing.assert_allclose(wide[label].std(axis=0), std, rtol=0.06)


def test_equal_pictures_of_a_class_score_a_cosine_of_one(subject, density):
    found = subject.score(measures.draws(density.scaled(0.0), 5, seed=0))
    assert found["cosine"] == pytest.approx(1, abs=1e-6)
    assert found["objective"] == pytest.approx(2 - found["accuracy"], abs=1e-6)
    # All five of a class are one picture, so its class is right or wrong as a whole.
    assert 10 * found["accuracy"] == pytest.approx(round(10 * found["accuracy"]))


def test_each_judge_is_heard_for_itself(subject, density):
    drawn = measures.draws(density, 20, seed=0)
    found = subject.score(drawn)
    turned = dataclasses.replace(subject, tuning=subject.scoring, scoring=subject.tuning).score(drawn)
    assert found["accuracy"] == turned["tuning accuracy"]
    assert found["tuning accuracy"] == turned["accuracy"]
    assert found["cosine"] == turned["cosine"]


def test_decoder_and_judge_as_functions_of_tensors_agree_with_those_of_arrays(subject, density):
    import torch

    z = measures.draws(density, 3, seed=0)[0]
    through = subject.through()
    with torch.no_grad():
        found = through.logits(through.decode(torch.as_tensor(z, dtype=torch.float32))).softmax(1).numpy()
    np.testing.assert_allclose(found, subject.tuning(subject.run.decode(z)), atol=1e-5)


def test_recognised_codes_are_those_the_tuning_judge_gives_their_label(subject):
    train = subject.train
    own = subject.tuning(subject.run.decode(train.mean))[np.arange(len(train)), train.label]
    kept = set(measures.known(subject, dataclasses.replace(SCALES["smoke"], components=1)).id)
    wholes = 0
    for label in np.unique(train.label):
        rows = train.label == label
        sure = set(train.id[rows & (own >= 0.5)])
        whole = len(sure) < 10
        wholes += whole
        assert kept & set(train.id[rows]) == (set(train.id[rows]) if whole else sure)
    assert wholes < 10


def test_what_a_stopped_measurement_left_is_not_gone_on_with(subject, density, digits, tmp_path):
    scale = dataclasses.replace(SCALES["smoke"], count=5, fresh=5, weights=(1.0,), components=1)
    tune(density, subject.run.decode, subject.scoring, count=7, checkpoint=tmp_path / "Simple.npz")
    left = (tmp_path / "Simple.npz").read_bytes()
    with pytest.raises(RunFormatError):
        tune(density, subject.run.decode, subject.tuning, count=5, checkpoint=tmp_path / "Simple.npz")

    found = measures.measured(subject, scale, digits, tmp_path, lambda share, words: None)
    assert [trial["weight"] for trial in found["fronts"][measures.SIMPLE]] == [1.0]
    assert (tmp_path / "Simple.npz").read_bytes() != left


def test_labels_are_needed():
    codes = Codes(np.arange(3), np.full(3, "train"), np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="needs labelled data"):
        measures.labels_of(codes)
