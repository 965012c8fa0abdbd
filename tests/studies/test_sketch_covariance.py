"""The whole study on doodles, and what its page may say."""

import json
import re

import pytest

from zscape.studies import page as pages
from zscape.studies.sketch_covariance import SCALES
from zscape.studies.sketch_fits import Fit

VERDICTS = {"holds", "holds in part", "does not hold", "not decided"}


@pytest.fixture(scope="module")
def rows(sketches):
    found = json.loads((sketches[0] / "page" / "results.json").read_text("utf-8"))["rows"]
    return {(row["setting"], row["measure"]): row for row in found}


def test_the_page_is_whole(sketches):
    out, told = sketches
    text = (out / "page" / "index.md").read_text("utf-8")
    verdicts = re.findall(r"^\| .+ \| \*\*(.+)\*\* \| .+ \|$", text, re.MULTILINE)
    assert len(verdicts) == 8
    assert set(verdicts) <= VERDICTS
    pictures = re.findall(r"!\[.+\]\((.+)\)", text)
    assert pictures == ["conditional.png", "unconditional.png", "unconditional-fitted.png"]
    assert all((out / "page" / name).stat().st_size <= pages.LARGEST for name in pictures)
    assert not re.search(r"\bnan\b|\bNone\b|\binf\b", text)
    done, total, words = told[-1]
    assert (done, words) == (total, "fits  done")


def test_every_fit_is_kept(sketches):
    scale = SCALES["smoke"]
    names = {Fit("doodles", setting, seed).name for setting in scale.grids["doodles"] for seed in scale.seeds}
    assert {path.stem for path in (sketches[0] / "kept").glob("*.json")} == names
    assert {path.name for path in (sketches[0] / "models").iterdir()} == names


def test_both_tables_are_of_the_same_measurements(rows):
    for setting in ("λ = 0", "paper, λ = 2", "unbiased, λ = 2"):
        step = rows[f"doodles, {setting}", "reconstruction per step"]
        sketch = rows[f"doodles, {setting}", "reconstruction, nats per drawing"]
        assert step["value"] == pytest.approx(sketch["value"] / 100)
        dimension, nats = (rows[f"doodles, {setting}", each] for each in ("KL per dimension", "KL, nats"))
        assert dimension["value"] == pytest.approx(nats["value"] / 8)
        weight = float(setting.rpartition("= ")[2])
        penalty, overall = (
            rows[f"doodles, {setting}", each]["value"] for each in ("penalty", "overall loss")
        )
        whole = step["value"] + (1 - 0.99 * 0.99999**5000) * dimension["value"] + weight * penalty
        assert overall == pytest.approx(whole)
    # The published numbers are not of doodles.
    assert {row["paper"] for row in rows.values()} == {None}


def test_the_published_penalty_shrinks_codes(rows):
    strong, base = (rows[f"doodles, {each}", "variance of codes"] for each in ("paper, λ = 2", "λ = 0"))
    assert strong["value"] < base["value"]
