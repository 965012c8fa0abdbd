"""The check that a user's density is put to finds each kind of fault."""

import numpy as np
import pytest

from zscape.sample import StandardNormal, check_density


class Faulty:
    """A right density, with one method replaced."""

    def __init__(self, **methods):
        self.right = StandardNormal(2)
        self.methods = methods

    def sample(self, count, *, seed=0):
        return self.methods.get("sample", self.right.sample)(count, seed=seed)

    def log_prob(self, z):
        return self.methods.get("log_prob", self.right.log_prob)(z)


RIGHT = StandardNormal(2)
FORGETFUL = np.random.default_rng(0)


def changing(z):
    values = RIGHT.log_prob(z)
    z += 1
    return values


FAULTS = [
    ("sample", lambda n, seed: RIGHT.sample(n, seed=seed).astype(np.float32), "float64"),
    ("sample", lambda n, seed: RIGHT.sample(n, seed=seed).tolist(), "returned list"),
    ("sample", lambda n, seed: RIGHT.sample(n + 1, seed=seed), r"shape \(2000, 2\)"),
    ("sample", lambda n, seed: RIGHT.sample(n, seed=seed) if n > 1 else RIGHT.sample(1)[0], r"sample\(1\)"),
    ("sample", lambda n, seed: RIGHT.sample(n, seed=seed) * np.inf, "finite"),
    ("sample", lambda n, seed: RIGHT.sample(n), "differ for different seeds"),
    ("sample", lambda n, seed: FORGETFUL.standard_normal((n, 2)), "repeat for the same seed"),
    ("sample", lambda n, seed: RIGHT.sample(max(n, 1), seed=seed)[:n], r"sample\(0\) must raise"),
    ("log_prob", lambda z: RIGHT.log_prob(z).sum(), r"shape \(2000,\)"),
    ("log_prob", lambda z: RIGHT.log_prob(z) * np.inf, "finite"),
    ("log_prob", changing, "not change its argument"),
    ("log_prob", lambda z: RIGHT.log_prob(z - z.mean(axis=0)), "whatever rows"),
    ("log_prob", lambda z: RIGHT.log_prob(z[:, :2]), "for 3 latents"),
    ("log_prob", lambda z: RIGHT.log_prob(z) + np.log(2 * np.pi), "integrates to about 6"),
    ("log_prob", lambda z: RIGHT.log_prob(z / 1.3), "integrates to about 1.6"),
]


@pytest.mark.parametrize(("method", "replacement", "message"), FAULTS)
def test_each_fault_is_named(method, replacement, message):
    with pytest.raises(ValueError, match=message):
        check_density(Faulty(**{method: replacement}), 2)


def test_a_right_density_passes_and_another_dimension_does_not():
    check_density(Faulty(), 2)
    with pytest.raises(ValueError, match=r"shape \(2000, 3\)"):
        check_density(Faulty(), 3)


@pytest.mark.parametrize("latents", [1, 10, 100])
def test_the_check_of_the_integral_is_silent_for_right_densities_of_any_dimension(latents):
    check_density(StandardNormal(latents), latents)
