"""Every score of disentanglement at once: which, of what, and what is left out."""

import warnings

import numpy as np
import pytest

from zscape import measure
from zscape.base import Codes

READ_OFF = {f"{score}_{by}" for score in ("mig", "aam", "modularity") for by in ("hist", "aggregate")}
OTHERS = {
    "infom_aggregate",
    "infoc_aggregate",
    "infoe",
    "dci_disentanglement_forest",
    "dci_completeness_forest",
    "dci_informativeness_forest",
    "sap",
    "explicitness",
    "factor_vae_score",
    "beta_vae_score",
}


def table(factors, *, logvar=-4.0):
    """Perfect codes: a latent a factor, and an idle one."""
    mean = np.stack([*factors.values(), np.zeros(len(factors["a"]))], axis=1).astype(np.float32)
    return Codes(
        id=np.arange(len(mean)),
        split=np.full(len(mean), "test"),
        mean=mean,
        logvar=None if logvar is None else np.full_like(mean, logvar),
        factors=dict(factors),
    )


@pytest.fixture(scope="module")
def factors():
    a, b = np.indices((4, 4)).reshape(2, -1)
    return {"a": np.tile(a, 20), "b": np.tile(b, 20)}


@pytest.fixture(scope="module")
def found(factors):
    return {result.name: result for result in measure.disentanglement(table(factors))}


def test_every_score_once_and_as_by_itself(factors, found):
    assert found.keys() == READ_OFF | OTHERS
    codes = table(factors)
    information = measure.aggregate_information(codes, factors)
    assert found["aam_aggregate"] == measure.aam(information)
    assert found["infom_aggregate"] == measure.infomec(codes, factors, information)[0]
    assert found["sap"] == measure.sap(codes, factors)


def test_perfect_codes_score_one(found):
    for name in ("mig_hist", "aam_aggregate", "infoc_aggregate", "dci_completeness_forest", "beta_vae_score"):
        assert found[name].value == pytest.approx(1, abs=0.01), name


def test_another_seed_moves_what_is_drawn_alone(factors, found):
    other = {result.name: result for result in measure.disentanglement(table(factors), seed=1)}
    assert other["sap"].seed == 1
    assert all(other[name] == found[name] for name in READ_OFF)


def test_latents_as_sampled_need_posteriors_that_are_no_points(factors):
    for logvar in (None, -40.0):
        names = {result.name for result in measure.disentanglement(table(factors, logvar=logvar))}
        assert names & READ_OFF == {"mig_hist", "aam_hist", "modularity_hist"}
        assert "infom_hist" in names


def test_a_score_that_rows_do_not_admit_is_left_out_with_the_reason(factors):
    alone = {"a": factors["a"]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        names = {result.name for result in measure.disentanglement(table(factors).mean, alone)}
    said = [str(each.message) for each in caught]
    assert any("infomec is left out: infomec needs two factors or more" in each for each in said)
    assert {"mig_hist", "sap"} <= names
    assert not any(name.startswith("info") for name in names)


def test_steps_are_told(factors):
    steps = []
    measure.disentanglement(table(factors, logvar=None), on_step=steps.append)
    assert steps[0] == "mig by histograms"
    assert steps[-1] == "beta_vae_score"


def test_bad_input_is_an_error_and_not_a_score_left_out(factors):
    mean = table(factors).mean
    with pytest.raises(TypeError, match="needs factors beside arrays"):
        measure.disentanglement(mean)
    with pytest.raises(ValueError, match="NaN"):
        measure.disentanglement(np.full_like(mean, np.nan), factors)
    with pytest.raises(ValueError, match="a"):
        measure.disentanglement(mean, {"a": factors["a"][:-1]})
