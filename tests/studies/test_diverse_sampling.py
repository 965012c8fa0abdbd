"""The whole study on 8 x 8 digits, and what its page may say."""

import json
import re

import numpy as np
import pytest

from zscape.studies import page as pages
from zscape.studies.baselines import BASELINES
from zscape.studies.diverse_measures import BY_ADAM
from zscape.studies.diverse_sampling import SCALES
from zscape.studies.evidence import verdict_on

VERDICTS = {"holds", "holds in part", "does not hold", "not decided"}


@pytest.fixture(scope="module")
def rows(diverse):
    found = json.loads((diverse[0] / "page" / "results.json").read_text("utf-8"))["rows"]
    return {(row["setting"], row["measure"]): row for row in found}


def test_the_page_is_whole(diverse):
    out, _ = diverse
    text = (out / "page" / "index.md").read_text("utf-8")
    verdicts = re.findall(r"^\| .+ \| \*\*(.+)\*\* \| .+ \|$", text, re.MULTILINE)
    assert len(verdicts) >= 9
    assert set(verdicts) <= VERDICTS
    pictures = re.findall(r"!\[.+\]\((.+)\)", text)
    assert sorted(pictures) == sorted(path.name for path in (out / "page").glob("*.png"))
    assert {"latent-cloud.png", "decoded-rows.png"} <= set(pictures)
    assert all((out / "page" / name).stat().st_size <= pages.LARGEST for name in pictures)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)


def test_every_row_says_what_it_rests_on(rows):
    assert len(rows) > 60
    for row in rows.values():
        assert list(row) == [
            "setting", "measure", "value", "low", "high", "n", "seeds", "paper", "verdict",
        ]  # fmt: skip
        assert row["seeds"] == list(SCALES["smoke"].seeds)
        assert row["low"] <= row["value"] <= row["high"]
        assert row["n"] >= (1 if row["measure"] == "seconds a set" else 10)
        assert row["verdict"] in VERDICTS | {""}


def test_a_set_drawn_as_a_whole_is_nearer(rows):
    measure = "squared distance to N(0, I)"
    # The expectation for ten independent draws of N(0, I) in two dimensions is 0.0886.
    assert rows["i.i.d. from N(0, I)", measure]["value"] == pytest.approx(0.0886, rel=0.5)
    assert 0.01525 < rows["A1", measure]["value"] < 0.0157
    assert rows["A2", "squared distance to training codes"]["value"] < 0.3 * 0.0886


def test_verdicts_follow_from_what_was_measured(diverse, rows):
    models = [
        json.loads(path.read_text("utf-8"))["value"]
        for path in sorted((diverse[0] / "kept").glob("vae-*.json"))
    ]
    # E |Z - Z'| / (2 * 10) in the plane; nothing is estimated from a few sets.
    expected = np.sqrt(np.pi) / 20
    distances = np.array([model["sets"]["A1"]["prior"] for model in models])
    row = rows["i.i.d. from N(0, I), expected, over A1", "ratio of squared distance to N(0, I)"]
    assert row["verdict"] == verdict_on(expected - distances) == "holds"
    assert row["value"] == pytest.approx(np.mean(expected / distances), rel=1e-9)
    values = [model["sets"]["A1"]["vendi"] for model in models]
    assert rows["A1", "Vendi score"]["value"] == pytest.approx(np.mean(values))


def test_the_exact_search_is_compared_with_every_baseline(rows):
    for target in ("N(0, I)", "training codes"):
        compared = {
            setting.removesuffix(f" over the exact search, {target}"): row["verdict"]
            for (setting, _), row in rows.items()
            if setting.endswith(f" over the exact search, {target}")
        }
        assert compared.keys() == BASELINES.keys() | {BY_ADAM}
        assert set(compared.values()) <= VERDICTS


def test_seconds_rest_on_sets_and_looks_on_pictures(rows):
    assert rows["A1", "seconds a set"]["n"] == SCALES["smoke"].draws
    assert rows["A1", "Vendi score"]["n"] == 10 * SCALES["smoke"].draws


def test_progress_is_told_to_the_end(diverse):
    _, told = diverse
    done = [news[0] for news in told]
    assert done == sorted(done)
    assert told[-1][0] == pytest.approx(told[-1][1])
