"""Sections of sparse-disentanglement's page that judge: sparsity, perceptual loss, recipes, cost, slips."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zscape.report.wording import number, words
from zscape.studies.evidence import (
    FAILS,
    HOLDS,
    OPEN,
    Finding,
    against,
    at_once,
    tally,
    together,
    verdict_on,
)
from zscape.studies.page import Page
from zscape.studies.sparse_evidence import PUBLISHED_PSNR, Evidence
from zscape.studies.sparse_fits import BETA, BOTH, KINDS, MEAN, PERCEPTUAL, SPARSE, VAE

# What is said to be better the more there is of it.
DISENTANGLED = ("mig_hist", "aam_hist", "mig_aggregate", "dci_disentanglement_forest", "factor_vae_score")
TARGET = 0.35  # of MIG, which this project set itself


def sparsity(page: Page, found: Evidence) -> None:
    """Whether sparse codes are disentangled codes."""
    for kind in SPARSE:
        whose = "Paper (one reading)" if kind != MEAN else "Paper (the likeliest reading)"
        _compared(page, found, f"{whose}: {kind} disentangles better than a VAE", kind, VAE, DISENTANGLED)
    for base in (VAE, BETA):
        claim = f"Paper: sparsity and a perceptual loss together disentangle better than {base}"
        _compared(page, found, claim, BOTH, base, DISENTANGLED)


def pictures(page: Page, found: Evidence) -> None:
    """Whether the perceptual loss gives better pictures."""
    kinds = {"PSNR": 1, "SSIM": 1, "feature distance": -1}
    for kind in (PERCEPTUAL, BOTH):
        verdicts, said = [], []
        for measure, sign in kinds.items():
            gains = sign * found.gains(kind, VAE, measure)
            verdicts.append(verdict_on(gains))
            said.append(_said(page, found, kind, VAE, measure, verdicts[-1], held_out=True))
        page.findings.append(
            Finding(
                f"Paper: {kind} gives better pictures than pixels alone",
                together(verdicts),
                f"{tally(verdicts)}; {'; '.join(said)} (feature distance: lower is better)",
            )
        )


def recipes(page: Page, found: Evidence) -> None:
    """Whether any recipe reaches the target, by the median of its seeds."""
    medians = {kind: float(np.median(found.values(kind, "mig_hist"))) for kind in KINDS}
    best = max(medians, key=medians.__getitem__)
    verdict = HOLDS if medians[best] >= TARGET else FAILS
    order = sorted(medians, key=medians.__getitem__, reverse=True)
    said = ", ".join(f"{kind} {number(medians[kind])}" for kind in order)
    page.findings.append(
        Finding(
            f"Ours: a recipe reaches a MIG of {TARGET:g} (histograms, median of the seeds)",
            verdict if len(found.scale.seeds) > 1 else OPEN,
            f"best: {best}, {number(medians[best])}; medians: {said}",
        )
    )


def estimators(page: Page, found: Evidence) -> None:
    """Whether the two estimators of MIG put recipes in the same order."""
    gaps = np.concatenate(
        [found.values(kind, "mig_aggregate") - found.values(kind, "mig_hist") for kind in KINDS]
    )
    by_hist, by_aggregate = (
        np.argsort(np.argsort([found.values(kind, name).mean() for kind in KINDS]))
        for name in ("mig_hist", "mig_aggregate")
    )
    same = float(np.corrcoef(by_hist, by_aggregate)[0, 1])
    page.tell(
        f"""
        MIG by densities of the aggregate posterior less MIG by histograms of means: {number(gaps.min())} to
        {number(gaps.max())} over all models; rank correlation of the kinds' means {same:.2f}. They are two
        quantities: the first counts the encoder's noise, the second does not.
        """
    )


def cost(page: Page, found: Evidence) -> None:
    """What each kind costs in time of training."""
    verdicts, said = [], []
    for kind in (PERCEPTUAL, BOTH):
        ratios = found.values(VAE, "samples per second") / found.values(kind, "samples per second")
        row = found.row(ratios, kind, "time of a step, VAE = 1", held_out=False)
        page.rows.append(row)
        verdicts.append(verdict_on(ratios - 1))
        said.append(f"{kind} {row} times as long a step as VAE")
    page.findings.append(
        Finding(
            "Ours: the perceptual loss costs time",
            at_once(verdicts),
            f"{'; '.join(said)}; {found.network}; models were fitted side by side, so times are rough",
        )
    )


def slips(page: Page, found: Evidence) -> None:
    """What the published PSNR would be with the range that it seems to have been taken with."""
    honest, slipped = found.values(VAE, "PSNR"), found.values(VAE, "PSNR of 255")
    reach = PUBLISHED_PSNR - 20 * np.log10(255.0)
    page.findings.append(
        Finding(
            "Ours: the paper's PSNR was taken with a range of 255 on pictures in [0, 1]",
            OPEN,
            f"it prints {PUBLISHED_PSNR} dB for dSprites, which is {reach:.2f} dB at the range of 1; our VAE "
            f"has {number(float(honest.mean()))} dB, and {number(float(slipped.mean()))} dB with the slip. "
            "Only its authors can tell",
        )
    )


def _compared(page: Page, found: Evidence, claim: str, kind: str, base: str, measures: Sequence[str]) -> None:
    verdicts = [verdict_on(found.gains(kind, base, measure)) for measure in measures]
    said = [
        _said(page, found, kind, base, measure, verdict, held_out=False)
        for measure, verdict in zip(measures, verdicts, strict=True)
    ]
    page.findings.append(Finding(claim, together(verdicts), f"{tally(verdicts)}; {'; '.join(said)}"))


def _said(
    page: Page, found: Evidence, kind: str, base: str, measure: str, verdict: str, *, held_out: bool
) -> str:
    """One comparison in words; its row is kept."""
    gains = found.gains(kind, base, measure)
    name = f"difference of {words(measure)} to {base}"
    page.rows.append(found.row(gains, kind, name, held_out=held_out, verdict=verdict))
    both = against(found.values(kind, measure), found.values(base, measure))
    return f"{words(measure)} {both} ({verdict})"
