"""What is measured, against second implementations and nulls."""

import numpy as np
import pytest
import torch

from zscape.base import Codes
from zscape.studies import sketch_measures as measures


def table(mean, variance=None):
    logvar = None if variance is None else np.full_like(mean, np.log(variance), dtype=np.float32)
    return Codes(
        id=np.arange(len(mean)), split=np.full(len(mean), "test"), mean=mean.astype(np.float32), logvar=logvar
    )


def test_the_penalty_of_independent_codes_is_its_floor():
    mean = 0.6 * np.random.default_rng(0).standard_normal((320, 16))
    found = measures._penalty(table(mean, 0.64), seed=0)
    assert found["penalty"] / found["floor"] == pytest.approx(1, abs=0.05)
    # Of codes as drawn, of unit variance: D (D - 1) / (B - 1).
    assert found["floor"] == pytest.approx(16 * 15 / 31, rel=0.1)


def test_correlated_codes_are_seen_at_any_scale():
    draws = np.random.default_rng(1).standard_normal((400, 6))
    mixed = draws.copy()
    mixed[:, 1] = draws[:, 0]
    independent, equal, small = (measures._shape(table(mean)) for mean in (draws, mixed, 0.01 * mixed))
    assert abs(independent["correlation"]) < 0.2
    assert equal["correlation"] == pytest.approx(2, abs=0.2)
    assert small["correlation"] == pytest.approx(equal["correlation"], rel=1e-4)
    assert small["covariance"] == pytest.approx(1e-8 * equal["covariance"], rel=1e-4)
    assert (equal["active"], small["active"], small["active correlation"]) == (6, 0, 0)
    assert equal["rank"] < independent["rank"]
    assert independent["variance"] == pytest.approx(draws.var(axis=0, ddof=1).sum(), rel=1e-5)


def test_a_pass_of_codes_has_no_drawings():
    passed = measures.as_draw(torch.zeros(3, 2))
    for ask in (
        lambda: passed.decoded.mean,
        lambda: passed.decoded.log_prob(passed.x),
        passed.decoded.sample,
    ):
        with pytest.raises(ValueError, match="codes alone"):
            ask()


def test_weights_of_the_network_are_looked_for_in_the_given_folder_first(tmp_path, monkeypatch):
    monkeypatch.setenv("ZSCAPE_DATA", str(tmp_path / "later"))
    assert measures.network_file(tmp_path / "first") is None
    for name in ("later", "first"):
        file = tmp_path / name / "networks" / "squeezenet1_1_features_fp32.npz"
        file.parent.mkdir(parents=True)
        file.touch()
        assert measures.network_file(tmp_path / "first") == file
