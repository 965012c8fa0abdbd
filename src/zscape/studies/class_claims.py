"""Sections of class-generation's page that compare: every method by the published objective, n with theta."""

from __future__ import annotations

import numpy as np

from zscape.report.wording import duration, number
from zscape.studies import class_measures as measures
from zscape.studies.class_evidence import KINDS, MEASURES, PAPER, Evidence, Model, name_of
from zscape.studies.class_measures import (
    FULL,
    MEDIUM1,
    MEDIUM2,
    METHODS,
    MIXTURE,
    RECOGNISED,
    SIMPLE,
    TRUNCATED,
)
from zscape.studies.evidence import (
    FAILS,
    HOLDS,
    Finding,
    against,
    counted,
    tally,
    together,
    verdict_beyond,
    verdict_on,
)
from zscape.studies.page import Page

# Differences of cosine and of accuracy that make no difference to who looks at pictures.
MARGIN = 0.01


def methods(page: Page, found: Evidence) -> None:
    """Every method at every size and kind, and the claims that compare them."""
    page.head("Every method by the published objective")
    page.tell(
        f"""
        All tuned with the published objective, cosine + (1 - accuracy), by the tuning judge, and scored on
        fresh draws by the other judge; less is better. {FULL.capitalize()} and {MIXTURE}
        ({found.scale.components} Gaussians a class) search theta and n as Simple does; recognised codes are
        those whose picture the tuning judge gives their label (all of a class where those are few);
        {TRUNCATED} cuts the draws of Simple at theta = 1. The paper's best is an objective of
        {number(PAPER["cosine"] + 1 - PAPER["accuracy"])}.
        """
    )
    lines = []
    for latent, kind in found.cells:
        for method in METHODS:
            tuned = [each.tuned(method, 1.0) for each in found.of(kind, latent)]
            setting = f"{name_of(kind, latent)}, {method}"
            rows = [
                found.row([each[name] for each in tuned], setting, measure)
                for name, measure in MEASURES.items()
            ]
            rows.append(found.row([each["seconds"] for each in tuned], setting, "seconds of tuning", n=1))
            lines.append([setting, *rows])
    page.table(("model, method", *MEASURES.values(), "seconds of tuning"), lines)
    for claim in (_kinds_compared, _methods_compared, _time, _flattery):
        claim(page, found)


def _kinds_compared(page: Page, found: Evidence) -> None:
    """Whether MMD models beat those of the ELBO, at every size."""
    verdicts, said = [], []
    for latent in found.scale.latents:
        mmd, elbo = (
            np.array([_best_objective(each) for each in found.of(kind, latent)]) for kind in ("mmd", "elbo")
        )
        verdict = verdict_on(elbo - mmd)
        setting = f"ELBO less MMD, D = {latent}"
        page.rows.append(found.row(elbo - mmd, setting, "difference of objective", verdict=verdict))
        said.append(f"D = {latent}: {against(mmd, elbo)} ({verdict})")
        verdicts.append(verdict)
    page.findings.append(
        Finding(
            "Models trained with MMD beat those trained with the ELBO",
            together(verdicts),
            f"{tally(verdicts)}; objective of the method that tuning likes best, " + "; ".join(said),
        )
    )


def _best_objective(model: Model) -> float:
    """Objective on fresh draws of the published method that tuning likes best."""
    tuned = (model.tuned(method, 1.0) for method in (SIMPLE, MEDIUM1, MEDIUM2))
    return min(tuned, key=lambda each: each["tuned"]["objective"])["objective"]


def _methods_compared(page: Page, found: Evidence) -> None:
    """Whether more parameters, or other statistics, lower the objective."""
    claims = {
        (MEDIUM1, SIMPLE): "A theta for each latent (Medium1) beats a single one (Simple)",
        (MEDIUM2, MEDIUM1): "A theta for each latent and class (Medium2) beats Medium1",
        (FULL, SIMPLE): "Ours: the full covariance of a class, no more tuning, beats Simple",
        (MIXTURE, SIMPLE): "Ours: a mixture for each class, no more tuning, beats Simple",
        (
            RECOGNISED,
            MIXTURE,
        ): "Ours: a mixture of the codes that the tuning judge recognises beats one of all",
        (SIMPLE, TRUNCATED): "Ours: scaling the spread (Simple) beats cutting its tails (truncation)",
    }
    for (one, other), claim in claims.items():
        ours, theirs = (
            found.by_seed(lambda each, method=method: each.tuned(method, 1.0)["objective"])
            for method in (one, other)
        )
        verdict = verdict_on(theirs - ours)
        setting = f"{one} less {other}, all models"
        row = found.row(
            ours - theirs, setting, "difference of objective", n=found.pictures_of_all, verdict=verdict
        )
        page.rows.append(row)
        said = f"objective {against(ours, theirs)}, difference {row}"
        page.findings.append(Finding(claim, verdict, f"{said} (mean over kinds and sizes; less is better)"))


def _time(page: Page, found: Evidence) -> None:
    """How long the two searches take that the paper could not finish, that of Simple before them included."""
    seconds = {
        method: max(
            each.tuned(SIMPLE, 1.0)["seconds"] + each.tuned(method, 1.0)["seconds"]
            for kind in KINDS
            for each in found.of(kind, found.middle)
        )
        for method in (MEDIUM1, MEDIUM2)
    }
    said = ", ".join(f"{method} {duration(each)}" for method, each in seconds.items())
    page.findings.append(
        Finding(
            f"Ours: Medium1 and Medium2 come to a local optimum in under two minutes, D = {found.middle}",
            HOLDS if max(seconds.values()) < 120 else FAILS,
            f"longest of {counted(found.scale.seeds)} and both kinds, on one thread of a machine that did "
            f"other things too: {said} (the paper stopped at 0.01 % of its grid)",
        )
    )


def _flattery(page: Page, found: Evidence) -> None:
    """Whether another judge than the one that was tuned with must score."""
    flattery = found.by_seed(_flattery_of)
    verdict = verdict_on(flattery)
    row = found.row(
        100 * flattery,
        "all models and methods",
        "tuning judge over scoring judge, points",
        n=found.pictures_of_all * len(METHODS),
        verdict=verdict,
    )
    page.rows.append(row)
    page.findings.append(
        Finding(
            "Ours: a judge that was tuned with flatters, so another must score",
            verdict,
            f"on fresh draws the tuning judge gives {row} percentage points more accuracy",
        )
    )


def _flattery_of(model: Model) -> float:
    """How much more accuracy the judge that was tuned with gives, on fresh draws, mean over the methods."""
    tuned = [model.tuned(method, 1.0) for method in METHODS]
    return float(np.mean([each["tuning accuracy"] - each["accuracy"] for each in tuned]))


def repeats(page: Page, found: Evidence) -> None:
    """Whether the mean of n draws is anything but one draw of less spread."""
    page.head("Is n a parameter of its own?")
    page.tell(
        f"""
        The mean of n draws with spread theta has the distribution of one draw with theta / sqrt(n), so the
        two published parameters should be one. Tested by drawing: the mean of n draws at theta = 1, less
        one draw at theta = 1 / sqrt(n), with random numbers of their own. A difference counts as none if
        its whole 95 % interval lies within ± {MARGIN:g}, and as one if the interval lies beyond that.
        """
    )
    lines, verdicts = [], []
    for place, count in enumerate(measures.REPEATS):
        rows = []
        for name in ("cosine", "accuracy"):
            gap = found.by_seed(lambda each, place=place, name=name: each.found["repeats"][place][name])
            verdict = verdict_beyond(gap, MARGIN)
            verdicts.append(verdict)
            setting, measure = f"mean of n = {count}, all models", f"difference of {MEASURES[name]}"
            rows.append(found.row(gap, setting, measure, n=found.pictures_of_all, verdict=verdict))
        lines.append([f"n = {count}", *rows])
    page.table(("draws averaged", "difference of cosine", "difference of accuracy"), lines)
    page.findings.append(
        Finding(
            "n, the draws averaged, does something that theta / sqrt(n) does not",
            together(verdicts),
            f"95 % intervals within ± {MARGIN:g}: {verdicts.count(FAILS)} of {len(verdicts)}; beyond: "
            f"{verdicts.count(HOLDS)} of {len(verdicts)}",
        )
    )
