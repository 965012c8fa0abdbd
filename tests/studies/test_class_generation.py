"""The whole study on 8 x 8 digits, and what its page may say."""

import json
import re

import pytest

from zscape.studies import page as pages
from zscape.studies.class_generation import SCALES
from zscape.studies.class_measures import METHODS, SIMPLE, THETAS

VERDICTS = {"holds", "holds in part", "does not hold", "not decided"}


@pytest.fixture(scope="module")
def models(by_class):
    return {
        path.parent.name.rpartition("-")[0]: json.loads(path.read_text("utf-8"))["value"]
        for path in (by_class[0] / "kept").glob("*/measured.json")
    }


@pytest.fixture(scope="module")
def rows(by_class):
    found = json.loads((by_class[0] / "page" / "results.json").read_text("utf-8"))["rows"]
    return {(row["setting"], row["measure"]): row for row in found}


def test_the_page_is_whole(by_class):
    out, _ = by_class
    text = (out / "page" / "index.md").read_text("utf-8")
    verdicts = re.findall(r"^\| .+ \| \*\*(.+)\*\* \| .+ \|$", text, re.MULTILINE)
    assert len(verdicts) == 12
    assert set(verdicts) <= VERDICTS
    pictures = re.findall(r"!\[.+\]\((.+)\)", text)
    assert pictures == [
        "fronts.png",
        "statistics.png",
        "classes-medium2.png",
        "classes-mixture-of-recognised-codes.png",
    ]
    assert all((out / "page" / name).stat().st_size <= pages.LARGEST for name in pictures)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)


def test_every_model_and_method_is_measured(models):
    scale = SCALES["smoke"]
    assert set(models) == {
        f"{kind}-{latent}-seed-{seed}"
        for kind in ("mmd", "elbo")
        for latent in scale.latents
        for seed in scale.seeds
    }
    for found in models.values():
        assert set(found["fronts"]) == set(METHODS)
        for trials in found["fronts"].values():
            assert [trial["weight"] for trial in trials] == list(scale.weights)


def test_spread_makes_pictures_less_alike(models):
    for name, found in models.items():
        cosines = [point["cosine"] for point in found["curves"][SIMPLE]]
        assert len(cosines) == len(THETAS)
        assert cosines[0] > cosines[-1], name


def test_more_weight_on_the_error_never_lowers_the_accuracy_tuned_on(models):
    for found in models.values():
        low, high = (trial["tuned"]["accuracy"] for trial in found["fronts"][SIMPLE])
        assert high >= low


def test_shares_are_shares(rows):
    for (_, measure), row in rows.items():
        if measure in ("cosine similarity", "accuracy, scoring judge", "accuracy, tuning judge"):
            assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1
    # The published numbers are of MNIST.
    assert {row["paper"] for row in rows.values()} == {None}
