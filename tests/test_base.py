import functools

import numpy as np
import pytest
import torch

from zscape.base import Codes, Likelihood, Posterior, Weighted, code_arrays, needs_whole_batch
from zscape.schedules import Warmup
from zscape.terms import kl, negative_log_likelihood


def table(**changes):
    columns = {
        "id": np.arange(4),
        "split": np.array(["train", "train", "test", "test"]),
        "mean": np.arange(8, dtype=np.float32).reshape(4, 2),
        "label": np.array([0, 1, 0, 1]),
        "factors": {"size": np.array([5, 6, 7, 8])},
    }
    return Codes(**(columns | changes))


def test_a_posterior_sample_is_mean_plus_std_times_noise():
    q = Posterior(torch.tensor([[1.0]]), torch.tensor([[2.0]]).log())
    assert q.sample(torch.tensor([[3.0]])).item() == pytest.approx(1 + 2**0.5 * 3)
    assert Posterior(torch.tensor([[1.0]])).sample(torch.tensor([[3.0]])).item() == 1.0


def test_taking_a_split_takes_every_column():
    test = table(logvar=np.ones((4, 2), np.float32)).of("test")
    assert test.id.tolist() == [2, 3]
    assert test.label is not None
    assert test.label.tolist() == [0, 1]
    assert test.factors["size"].tolist() == [7, 8]
    assert test.logvar is not None
    assert test.logvar.shape == (2, 2)


def test_an_absent_split_is_named_beside_those_present():
    with pytest.raises(ValueError, match="'validation', but the splits present are: test, train"):
        table().of("validation")


def test_columns_of_another_length_are_refused():
    with pytest.raises(ValueError, match="mean has 4 rows and size 3"):
        table(factors={"size": np.arange(3)})


def test_capacity_pulls_the_raw_value_to_itself():
    pulled = Weighted(2.0, kl, capacity=Warmup(stop=10.0, steps=10))
    assert pulled.contribution(torch.tensor(7.0), 4).item() == pytest.approx(2 * 3)
    assert pulled.contribution(torch.tensor(7.0), 10).item() == pytest.approx(2 * 3)
    assert Weighted(Warmup(stop=1.0, steps=4), kl).contribution(torch.tensor(8.0), 1).item() == 2.0


def test_the_whole_batch_mark_is_seen_through_partials():
    assert needs_whole_batch(functools.partial(functools.partial(kl), free_bits=0.1))
    assert not needs_whole_batch(functools.partial(negative_log_likelihood))


def test_a_likelihood_is_known_without_asking_for_its_mean():
    class Dear:
        @property
        def mean(self):
            raise AssertionError("asked")

        def log_prob(self, x):
            return x

        def sample(self):
            return 0

    assert isinstance(Dear(), Likelihood)
    assert not isinstance(torch.zeros(1), Likelihood)


@pytest.mark.parametrize("large", [1e100, -1e100, 1e160, -np.inf, np.nan])
def test_codes_whose_squares_leave_float64_are_refused_and_log_variances_are_not(large):
    mean = np.array([[1.0, 2.0], [3.0, 9e99], [large, 0.0]])
    with pytest.raises(ValueError, match=r"codes need finite numbers under 1e\+100, but 1 of 3 .* row 2\)"):
        code_arrays(mean)
    assert code_arrays(mean[:2])[0].tolist() == mean[:2].tolist()
    if np.isfinite(large):
        assert code_arrays((mean[:2], mean[1:]))[1].tolist() == mean[1:].tolist()
    else:
        with pytest.raises(
            ValueError, match=r"log variances need finite numbers, but 1 of 2 .* infinity \(first"
        ):
            code_arrays((mean[:2], mean[1:]))
