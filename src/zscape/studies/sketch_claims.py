"""Sections of sketch-covariance's page that judge: noise, shrinking, the targets, variety, the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from zscape.report.wording import number
from zscape.studies.evidence import (
    FAILS,
    HOLDS,
    OPEN,
    Finding,
    Values,
    against,
    at_once,
    tally,
    together,
    verdict_beyond,
    verdict_on,
    verdict_reached,
)
from zscape.studies.page import Page
from zscape.studies.sketch_evidence import ALL, PUBLISHED, Evidence
from zscape.studies.sketch_fits import BASE, NONE, PAPER, Setting
from zscape.studies.sketch_measures import FITTED, PRIOR

# Shares by which a penalty may miss its floor, and overall loss / lambda differ between weights.
FLOOR_MARGIN, CONSTANT_MARGIN = 0.1, 0.05
# What this project set itself: squared correlation left, and more reconstruction at most.
LEFT, COST = 0.1, 0.02


def noise(page: Page, found: Evidence) -> None:
    """Whether the published penalty reads as sampling noise."""
    verdicts, said = [], []
    for category, setting in _cells(found, PAPER):
        values = found.values(category, setting, lambda each: each["penalty"] / each["floor"])
        verdict = verdict_within(values - 1, FLOOR_MARGIN)
        row = found.row(values, category, setting, "penalty / floor", verdict=verdict)
        page.rows.append(row)
        verdicts.append(verdict)
        said.append(f"{category}, λ = {setting.weight:g}: {row}")
    page.findings.append(
        Finding(
            "Ours: the paper's penalty reads as sampling noise on the codes that it trained",
            together(verdicts),
            f"within {FLOOR_MARGIN:.0%} of its floor: {tally(verdicts)}; penalty / floor " + "; ".join(said),
        )
    )
    settings = [setting for setting in found.scale.grids[found.first] if setting.form == PAPER]
    if len(settings) > 1:
        _constant(page, found, settings)


def _constant(page: Page, found: Evidence, settings: Sequence[Setting]) -> None:
    over = np.array([found.values(found.first, setting, "overall") / setting.weight for setting in settings])
    spans = (over.max(axis=0) - over.min(axis=0)) / over.mean(axis=0)
    verdict = verdict_reached(CONSTANT_MARGIN - spans)
    words = "range of overall loss / λ over λ, share of its mean, difference"
    row = found.row(spans, found.first, PAPER, words, verdict=verdict)
    page.rows.append(row)
    ours = ", ".join(number(float(values.mean())) for values in over)
    theirs = ", ".join(number(value) for value in PUBLISHED.values())
    weights = ", ".join(f"{setting.weight:g}" for setting in settings)
    page.findings.append(
        Finding(
            "Paper: overall loss / λ is the same for every λ (from its tables)",
            verdict,
            f"{found.first}, λ = {weights}: {ours}, a range of {row} of their mean, where at most "
            f"{CONSTANT_MARGIN:.0%} counts as the same; the paper's, λ = 0.5, 1, 2: {theirs}",
        )
    )


def shrinking(page: Page, found: Evidence) -> None:
    """Whether the published form decorrelates, or makes codes smaller."""
    claims = {
        "correlation": ("Paper: its penalty decorrelates held-out codes", "squared correlations"),
        "variance": ("Ours: the paper's penalty shrinks the codes", "variance of codes"),
    }
    for name, (claim, words) in claims.items():
        verdicts, said = [], []
        for category, setting in _cells(found, PAPER):
            gains = -found.against_base(category, setting, name)
            verdict = verdict_on(gains)
            page.rows.append(
                found.row(-gains, category, setting, f"difference of {words} to λ = 0", verdict=verdict)
            )
            verdicts.append(verdict)
            ours, base = (found.values(category, each, name) for each in (setting, BASE))
            said.append(f"{category}, λ = {setting.weight:g}: {against(ours, base)} ({verdict})")
        reason = f"{tally(verdicts)}; {words} against those at λ = 0, " + "; ".join(said)
        page.findings.append(Finding(claim, together(verdicts), reason))


def targets(page: Page, found: Evidence) -> None:
    """Whether a form lowers the squared correlation tenfold and costs next to no reconstruction."""
    page.head("A tenth of the correlation at no cost?")
    page.tell(
        f"""
        What this project set itself: at most {LEFT:.0%} of the squared correlations that held-out codes have
        at λ = 0, over all latents, at a cost of at most {COST:.0%} of their reconstruction (nats a drawing),
        both paired by seed. A form reaches that if it does at one of its λ in the first category; λ is not
        chosen on data of its own.
        """
    )
    lines = []
    for form in _forms(found):
        verdicts, said = [], []
        for category, setting in _cells(found, form):
            left, cost = _left(found, category, setting), _cost(found, category, setting)
            kept = found.row(
                left, category, setting, "difference: share of squared correlations left",
                verdict=verdict_reached(LEFT - left),
            )  # fmt: skip
            paid = found.row(
                cost, category, setting, "difference: cost in reconstruction, share",
                verdict=verdict_reached(COST - cost),
            )  # fmt: skip
            both = at_once([kept.verdict, paid.verdict])
            lines.append([f"{category}, {setting}", kept, kept.verdict, paid, paid.verdict, both])
            if category == found.first:
                verdicts.append(both)
                said.append(f"λ = {setting.weight:g}: {kept} of it left, cost {paid} ({both})")
        page.findings.append(
            Finding(
                f"Ours: the {form} form leaves at most {LEFT:.0%} of the squared correlation and costs at "
                f"most {COST:.0%} of the reconstruction",
                any_of(verdicts),
                f"{found.first}, shares of those at λ = 0: " + "; ".join(said),
            )
        )
    columns = ("model", "squared correlations left", f"≤ {LEFT:g}", "cost, share", f"≤ {COST:g}", "both")
    page.table(columns, lines)


def forms(page: Page, found: Evidence) -> None:
    """Which form to choose, in words."""
    page.head("Which form to choose")
    settings = [setting for setting in found.scale.grids[found.first] if setting.form != NONE]
    means = {
        setting: (
            float(_left(found, found.first, setting).mean()),
            float(_cost(found, found.first, setting).mean()),
        )
        for setting in settings
    }
    cheap = {setting: left for setting, (left, cost) in means.items() if cost <= COST}
    least = min(means, key=lambda setting: means[setting][0])
    said = [
        f"On {found.first} the least squared correlation of all is that of {least}: {means[least][0]:.2g} of "
        f"it left, at a cost of {means[least][1]:.1%} of the reconstruction."
    ]
    if cheap:
        best = min(cheap, key=cheap.__getitem__)
        said.append(
            f"Of those that cost at most {COST:.0%} on average, it is {best}: {cheap[best]:.2g} left, at a "
            f"cost of {means[best][1]:.1%}."
        )
    else:
        said.append(f"None costs {COST:.0%} or less on average.")
    page.tell(" ".join(said))


def diversity(page: Page, found: Evidence) -> None:
    """Whether codes pushed apart give more varied drawings, and which codes to draw from."""
    measures = {
        "pairwise distance of codes": lambda each: each["pairwise"],
        "distance ratio, encoded again": lambda each: each[PRIOR]["ratio"],
        "Vendi score": lambda each: each[PRIOR]["vendi of picture"],
        "coverage": lambda each: each[PRIOR]["coverage of picture"],
    }
    for form in (PAPER, *_forms(found)):
        verdicts, said = [], []
        for words, value in measures.items():
            gains = np.mean(
                [found.against_base(category, setting, value) for category, setting in _cells(found, form)],
                axis=0,
            )
            verdict = verdict_on(gains)
            row = found.row(gains, ALL, form, f"difference of {words} to λ = 0", verdict=verdict)
            page.rows.append(row)
            verdicts.append(verdict)
            said.append(f"{words} {row} ({verdict})")
        whose = "Paper: its" if form == PAPER else f"Ours: the {form}"
        page.findings.append(
            Finding(
                f"{whose} penalty makes unconditional drawings more diverse",
                together(verdicts),
                f"{tally(verdicts)}; differences to λ = 0, mean over categories and λ: " + "; ".join(said),
            )
        )
    _samplers(page, found)


def _samplers(page: Page, found: Evidence) -> None:
    def gain(each: Mapping[str, Any]) -> float:
        return each[FITTED]["coverage of picture"] - each[PRIOR]["coverage of picture"]

    gains = np.mean([found.values(category, setting, gain) for category, setting in found.cells], axis=0)
    verdict = verdict_on(gains)
    row = found.row(
        gains, ALL, "all settings", f"difference of coverage, {FITTED} less prior", verdict=verdict
    )
    page.rows.append(row)
    page.findings.append(
        Finding(
            f"Ours: codes from a Gaussian fitted on training codes cover more than codes from {PRIOR}",
            verdict,
            f"coverage {row} more, mean over categories and settings",
        )
    )


def verdict_within(differences: Values, margin: float) -> str:
    """What follows for the claim that something differs by no more than a margin, from one value a seed.

    >>> [verdict_within([mean - 0.01, mean, mean + 0.01], 0.1) for mean in (0.0, 0.1, -0.3)]
    ['holds', 'not decided', 'does not hold']
    """
    opposite = {HOLDS: FAILS, FAILS: HOLDS, OPEN: OPEN}
    return opposite[verdict_beyond(differences, margin)]


def any_of(verdicts: Sequence[str]) -> str:
    """The verdict on a claim that is right if one of several conditions is.

    >>> any_of(["holds", "does not hold"]), any_of(["not decided", "does not hold"])
    ('holds', 'not decided')
    """
    if HOLDS in verdicts:
        return HOLDS
    return FAILS if set(verdicts) == {FAILS} else OPEN


def _cells(found: Evidence, form: str) -> list[tuple[str, Setting]]:
    return [(category, setting) for category, setting in found.cells if setting.form == form]


def _forms(found: Evidence) -> list[str]:
    """The forms that are ours."""
    known = (setting.form for setting in found.scale.grids[found.first])
    return [form for form in dict.fromkeys(known) if form not in (NONE, PAPER)]


def _left(found: Evidence, category: str, setting: Setting) -> np.ndarray:
    """Squared correlations as a share of those without a penalty, a value a seed."""
    base = found.values(category, BASE, "correlation")
    return found.values(category, setting, "correlation") / base


def _cost(found: Evidence, category: str, setting: Setting) -> np.ndarray:
    """Nats of reconstruction more than without a penalty, as a share of those, a value a seed."""
    base = found.values(category, BASE, "nll")
    # Densities may exceed 1, and nats be negative.
    return (found.values(category, setting, "nll") - base) / np.abs(base)
