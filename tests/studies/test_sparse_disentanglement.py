"""The whole study on sprites, what its objectives are, and what its page may say."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

from zscape import codes, measure
from zscape import data as datasets
from zscape.base import Weighted
from zscape.errors import DataError
from zscape.run import Run
from zscape.studies import page as pages
from zscape.studies import sparse_claims, sparse_measures, sparse_page
from zscape.studies.order import Order
from zscape.studies.sparse_disentanglement import SCALES, _fitted_and_measured
from zscape.studies.sparse_evidence import Evidence
from zscape.studies.sparse_fits import (
    ANNEALED,
    BETA,
    BOTH,
    FACTOR,
    KINDS,
    MEAN,
    PERCEPTUAL,
    SPARSE,
    TC,
    VAE,
    Fit,
    objective,
    reader_of,
    weights_of,
)
from zscape.terms import Perceptual, TotalCorrelationCritic

VERDICTS = {"holds", "holds in part", "does not hold", "not decided"}
SMOKE = SCALES["smoke"]


@pytest.fixture(scope="module")
def rows(sparse):
    found = json.loads((sparse[0] / "page" / "results.json").read_text("utf-8"))["rows"]
    return {(row["setting"], row["measure"]): row for row in found}


@pytest.fixture
def order(tmp_path):
    return Order("sparse-disentanglement", "smoke", tmp_path)


@pytest.fixture
def evidence(order):
    """Evidence of three seeds: numbers by measure, changed by kind."""
    names = (
        "mig_hist", "aam_hist", "mig_aggregate", "dci_disentanglement_forest", "factor_vae_score", "PSNR",
        "PSNR of 255", "SSIM", "feature distance", "samples per second", "nll", "kl", "sparsity", "active",
    )  # fmt: skip
    pictures = datasets.load(SMOKE.data)

    def of(changes):
        scale = replace(SMOKE, seeds=(0, 1, 2))
        found = {
            (kind, seed): {name: changes.get(kind, {}).get(name, (0.1, 0.11, 0.09))[seed] for name in names}
            for kind in KINDS
            for seed in scale.seeds
        }
        return Evidence(order, scale, pictures, "a network", found)

    return of


def test_codes_that_models_are_compared_by_are_kept_where_they_are_measured(order):
    scale = replace(SMOKE, epochs=1)
    _fitted_and_measured(order, scale, Fit(VAE, 0), lambda *_: None)
    (kept,) = order.kept.glob("vae-seed-0-*.npz")
    with np.load(kept) as found:
        assert len(found["mean"]) == len(datasets.load(SMOKE.data).splits["test"])


def test_fits_whose_kl_carries_nothing_are_told(evidence, written):
    busy = {"active": (4, 5, 4), "kl": (9, 9, 9), "nll": (60, 60, 60), "sparsity": (4, 4, 4)}
    kinds = {kind: busy for kind in KINDS}
    said = sparse_page._quality
    assert "no latent in use" not in "".join(written(said, evidence(kinds))._body)
    failed = busy | {"active": (0, 0, 0), "kl": (25, 24, 26)}
    text = "".join(written(said, evidence(kinds | {ANNEALED: failed}))._body)
    assert "annealed VAE: a KL of 25.0 nats, but no latent in use" in " ".join(text.split())
    # Without a KL there is nothing to be spent, and one seed in use is not a failure of all.
    for change in ({"kl": (0, 0, 0)}, {"active": (0, 3, 0)}):
        text = "".join(written(said, evidence(kinds | {ANNEALED: failed | change}))._body)
        assert "no latent in use" not in text


def test_the_page_is_whole(sparse):
    out, told = sparse
    text = (out / "page" / "index.md").read_text("utf-8")
    verdicts = re.findall(r"^\| .+ \| \*\*(.+)\*\* \| .+ \|$", text, re.MULTILINE)
    assert len(verdicts) == 10
    assert set(verdicts) <= VERDICTS
    pictures = re.findall(r"!\[.+\]\((.+)\)", text)
    assert {"reconstructions.png", "information-vae.png", "information-sparse-perceptual.png"} <= set(
        pictures
    )
    assert {path.name for path in (out / "page").glob("*.png")} == set(pictures)
    assert all((out / "page" / name).stat().st_size <= pages.LARGEST for name in pictures)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)
    done, total, words = told[-1]
    assert (done, words) == (total, "fits  done")
    names = {Fit(kind, seed).name for kind in KINDS for seed in SMOKE.seeds}
    assert {path.stem for path in (out / "kept").glob("*.json")} == names
    assert {path.name for path in (out / "models").iterdir()} == names


def test_numbers_are_those_of_the_models(sparse, rows):
    """MIG of every row, the mean of its seeds; the slip adds 20 log10 255."""
    values = []
    for seed in SMOKE.seeds:
        run = Run(sparse[0] / "models" / Fit(BETA, seed).name)
        subject = sparse_measures.Subject.of(run, datasets.load(SMOKE.data), seed)
        table = codes.encode(subject.model, subject.data)
        values.append(measure.mig(measure.histogram_information(table, table.factors)).value)
    assert rows[BETA, "mig_hist"]["value"] == pytest.approx(np.mean(values), rel=1e-6)
    assert rows[BETA, "mig_hist"]["n"] == len(subject.data)
    models = [
        sparse_measures.Subject.of(
            Run(sparse[0] / "models" / Fit(BETA, seed).name), datasets.load(SMOKE.data), seed
        ).test
        for seed in SMOKE.seeds
    ]
    agreement = [each.value for each in measure.udr(models)]
    assert rows[BETA, "udr_lasso"]["value"] == pytest.approx(np.mean(agreement), rel=1e-6)
    # The published numbers are not of sprites.
    assert {row["paper"] for row in rows.values()} == {None}
    kept = json.loads((sparse[0] / "kept" / f"{Fit(VAE, 0).name}.json").read_text("utf-8"))["value"]
    assert kept["PSNR of 255"] - kept["PSNR"] == pytest.approx(20 * math.log10(255))


def test_objectives_are_those_of_the_kinds(order):
    made = {kind: objective(order, kind, SMOKE, 100) for kind in KINDS}
    assert [kind for kind in KINDS if "sparsity" in made[kind]] == [*SPARSE, BOTH]
    assert [made[kind]["sparsity"].term.keywords["of"] for kind in SPARSE] == ["mean", "z", "outputs"]
    assert {made[kind]["sparsity"].weight for kind in (*SPARSE, BOTH)} == {SMOKE.sparsity}
    for kind in (PERCEPTUAL, BOTH):
        assert isinstance(made[kind]["perceptual"].term, Perceptual)
        assert made[kind]["reconstruction"].weight == 0
    assert made[BETA]["kl"].weight == 4
    assert made[TC]["total_correlation"].weight == 5
    critic = made[FACTOR]["total_correlation"]
    assert isinstance(critic, Weighted)
    assert isinstance(critic.term, TotalCorrelationCritic)
    assert critic.weight == 35
    # The capacity is reached by the middle of the fit.
    assert [made[ANNEALED]["kl"].capacity(step) for step in (0, 25, 50, 99)] == [0.0, 3.0, 6.0, 6.0]
    assert made[VAE].keys() == {"reconstruction", "kl"}


def test_trained_weights_are_needed_where_they_are_asked_for(order, monkeypatch, tmp_path):
    monkeypatch.setenv("ZSCAPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ZSCAPE_DATA", str(tmp_path))
    trained = replace(SMOKE, trained=True)
    with pytest.raises(DataError, match="zscape data fetch network:squeezenet"):
        weights_of(order, trained)
    (tmp_path / "networks").mkdir()
    file = tmp_path / "networks" / "squeezenet1_1_features_fp32.npz"
    file.touch()
    assert weights_of(order, trained) == file
    assert weights_of(order, SMOKE) == "random"
    assert "random weights" in reader_of(order, SMOKE).description


def test_claims_follow_from_paired_differences(written, evidence):
    high, low = (0.4, 0.41, 0.39), (0.02, 0.01, 0.03)
    better = dict.fromkeys(sparse_claims.DISENTANGLED, high)
    page = written(sparse_claims.sparsity, evidence({MEAN: better, BOTH: {"mig_hist": low}}))
    verdicts = {each.claim: each.verdict for each in page.findings}
    assert verdicts["Paper (the likeliest reading): sparse, mean disentangles better than a VAE"] == "holds"
    # Equal to the base in all but one, in which it is worse.
    other = verdicts["Paper: sparsity and a perceptual loss together disentangle better than VAE"]
    assert other == "does not hold"


def test_the_target_is_judged_by_the_median(written, evidence):
    for values, verdict in (((0.1, 0.36, 0.9), "holds"), ((0.9, 0.34, 0.1), "does not hold")):
        (finding,) = written(sparse_claims.recipes, evidence({TC: {"mig_hist": values}})).findings
        assert finding.verdict == verdict
        assert finding.reason.startswith(f"best: {TC}, {values[1]:.4f}")


def test_better_pictures_have_smaller_feature_distances(written, evidence):
    near = {"PSNR": (20.0, 21.0, 19.0), "SSIM": (0.9, 0.91, 0.92), "feature distance": (0.01, 0.01, 0.02)}
    found = {
        each.claim: each.verdict for each in written(sparse_claims.pictures, evidence({BOTH: near})).findings
    }
    assert found[f"Paper: {BOTH} gives better pictures than pixels alone"] == "holds"
    assert found[f"Paper: {PERCEPTUAL} gives better pictures than pixels alone"] == "does not hold"


def test_the_cost_is_a_ratio_of_rates(written, evidence):
    fast = {VAE: {"samples per second": (100.0, 200.0, 300.0)}}
    slow = {kind: {"samples per second": (50.0, 100.0, 140.0)} for kind in (PERCEPTUAL, BOTH)}
    page = written(sparse_claims.cost, evidence(fast | slow))
    assert [row.value for row in page.rows] == pytest.approx([2 + 1 / 21] * 2)
    assert page.findings[0].verdict == "holds"
