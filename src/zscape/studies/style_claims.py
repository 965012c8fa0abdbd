"""Sections of style-paths' page that judge: covariance, clusters, angles, shapes of profiles, paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from zscape.report.wording import number
from zscape.studies.evidence import (
    FAILS,
    HOLDS,
    OPEN,
    Finding,
    Row,
    at_once,
    mean_interval,
    tally,
    together,
    verdict_on,
    verdict_reached,
)
from zscape.studies.page import Page
from zscape.studies.style_evidence import HELD_OUT, PUBLISHED_ANGLES, TRAINING, Evidence, verdict_of_gains
from zscape.studies.style_fits import AAE, ACAI, AE, AEAI, KINDS, PAINTINGS, PUBLISHED, TRIPLET
from zscape.studies.style_structure import CLUSTERED, METHODS
from zscape.studies.style_views import ACROSS, DISSOLVE, GEODESIC, GRAPH, LINEAR, ON_DATA, SEEN

# What counts as a sphere, as clusters that are the classes, and as clusters that are not.
ROUND, GROUPED, APART = 0.9, 0.5, 0.1
PARTS = (TRAINING, HELD_OUT)
FOLLOWING = (GRAPH, GEODESIC, ON_DATA)


def covariance(page: Page, found: Evidence) -> None:
    """Whether the adversarial autoencoder's codes are a sphere, and the triplet VAE's are oblong."""
    verdicts, said = [], []
    for part in PARTS:
        values = found.values(PAINTINGS, AAE, part, "sphericity")
        verdicts.append(verdict_reached(values - ROUND))
        row = found.row(values, AAE, f"sphericity, {part}", n=found.codes_of(part), verdict=verdicts[-1])
        z = found.values(PAINTINGS, AAE, part, "sphericity z").mean()
        said.append(f"{part}: {row}, a test of 1 has z = {number(float(z))} ({verdicts[-1]})")
    page.findings.append(
        Finding(
            "Paper: the adversarial AE has spherical covariance in latent space",
            together(verdicts),
            f"sphericity (1: a sphere) of {ROUND:g} or more counts as one; {'; '.join(said)}",
        )
    )
    others = [kind for kind in PUBLISHED if kind != AAE]
    _compared(page, found, "Paper: ... and more so than the other four", AAE, others, "sphericity", 1)
    others = [kind for kind in PUBLISHED if kind != TRIPLET]
    claim = "Paper: the triplet VAE's distribution is oblong, more than those of the other four"
    _compared(page, found, claim, TRIPLET, others, "first share", 1)


def clusters(page: Page, found: Evidence) -> None:
    """Whether clusters are the classes: of the triplet VAE, and of the others."""
    for part in PARTS:
        verdicts, said = [], []
        for method in METHODS:
            values = _agreement(found, TRIPLET, part, method)
            verdicts.append(verdict_reached(values - GROUPED))
            said.append(
                f"{CLUSTERED[method]} {_agreement_row(page, found, TRIPLET, part, method, verdicts[-1])}"
            )
        page.findings.append(
            Finding(
                f"Paper: clusters of the triplet VAE are the classes ({part} paintings)",
                together(verdicts),
                f"adjusted Rand index of {found.classes} clusters, {GROUPED:g} or more counts as that: "
                f"{'; '.join(said)}",
            )
        )
    verdicts, means = [], []
    for kind in (each for each in PUBLISHED if each != TRIPLET):
        for method in METHODS:
            for part in PARTS:
                values = _agreement(found, kind, part, method)
                verdicts.append(verdict_reached(APART - values))
                means.append(values.mean())
                _agreement_row(page, found, kind, part, method, verdicts[-1])
    page.findings.append(
        Finding(
            "Paper (as far as we know it): clusters of the other four are not the classes",
            at_once(verdicts),
            f"adjusted Rand index of {found.classes} clusters, {APART:g} or less counts as that: means of "
            f"{_range(means)} over four models, k-means and spectral clusters, training and held-out "
            f"paintings; {tally(verdicts)}",
        )
    )


def angles(page: Page, found: Evidence) -> None:
    """Whether classes extend in the same direction, once angles are those between directions."""
    verdicts, means = {}, []
    for kind in KINDS:
        values = found.values(PAINTINGS, kind, HELD_OUT, "angle")
        verdicts[kind] = verdict_on(found.values(PAINTINGS, kind, HELD_OUT, "angle, random") - values)
        means.append(values.mean())
        n = found.codes_of(HELD_OUT)
        page.rows.append(found.row(values, kind, f"angle, {HELD_OUT}", n=n, verdict=verdicts[kind]))
    chance = float(found.values(PAINTINGS, AE, HELD_OUT, "angle, random")[0])
    folded = ", ".join(f"{printed} are {degrees}" for printed, degrees in PUBLISHED_ANGLES.items())
    page.findings.append(
        Finding(
            "Ours: classes extend in much the same direction, where the report prints angles of up to 169 "
            "degrees",
            together(list(verdicts.values())),
            f"a component has no sign, so of its angles {folded}; ours, folded, are {_range(means)} degrees, "
            f"means over pairs of classes, and {number(chance)} by chance; {_of_models(verdicts)}",
        )
    )


def shapes(page: Page, found: Evidence) -> None:
    """Whether horseshoes mean transformation, and waves cross-dissolve."""
    tests = {
        "ratio and dissolve": ("horseshoe-shaped style-loss curves mean transformation", 1,
                               "middle third over outer thirds against the cross-dissolve index"),
        "maxima and dissolve": ("wave-shaped curves (two humps) mean cross-dissolve", -1,
                                "number of humps against the cross-dissolve index (the claim: below 0)"),
    }  # fmt: skip
    table: dict[str, list[object]] = {kind: [kind] for kind in KINDS}
    for name, (claim, sign, what) in tests.items():
        verdicts, means = {}, []
        for kind in KINDS:
            values = found.values(PAINTINGS, kind, "profiles", name, "value")
            verdicts[kind] = verdict_on(sign * values)
            means.append(values.mean())
            count = int(found.values(PAINTINGS, kind, "profiles", name, "n").sum())
            low = found.values(PAINTINGS, kind, "profiles", name, "low")
            high = found.values(PAINTINGS, kind, "profiles", name, "high")
            row = found.row(values, kind, f"rho of {name}", n=count, verdict=verdicts[kind])
            table[kind] += [row, f"{_rounded(low.min())} to {_rounded(high.max())}"]
        page.findings.append(
            Finding(
                f"Paper: {claim}",
                together(list(verdicts.values())),
                f"rank correlation over paths of {what}: means of {_range(means)}; {_of_models(verdicts)}",
            )
        )
    page.tell(
        """
        Rank correlation over the random paths, with the cross-dissolve index, of the ratio and of the number
        of humps; *over paths* is from the lowest to the highest end of the intervals of single seeds.
        """
    )
    page.table(("model", "ratio", "over paths", "humps", "over paths"), list(table.values()))


def walks(page: Page, found: Evidence) -> None:
    """Whether paths that follow the data are nearer the true views than straight ones."""
    every: list[str] = []
    for between in (SEEN, ACROSS):
        table: dict[str, list[object]] = {kind: [kind] for kind in KINDS}
        for path in FOLLOWING:
            verdicts, means = {}, []
            for kind in KINDS:
                gains = found.gains(kind, path, between, "nearest")
                verdicts[kind] = verdict_of_gains(gains)
                means.append(gains.mean())
                row = _nearer(found, gains, f"{kind}, {path}, {between}", "linear", verdicts[kind])
                table[kind] += [row, _over_objects(gains)]
            every += verdicts.values()
            page.findings.append(
                Finding(
                    f"Ours: {path} paths are nearer the true views than straight ones, {between}",
                    together(list(verdicts.values())),
                    f"rms of pixels nearer: means of {_range(means)}; {_of_models(verdicts)}",
                )
            )
        page.tell(
            f"By how much the nearest view is nearer than on straight paths, {between}: over seeds, and over "
            "objects with the interval of their mean:"
        )
        page.table(
            ("model", *(head for path in FOLLOWING for head in (path, "over objects"))), list(table.values())
        )
    page.findings.append(
        Finding(
            "Ours: in at least one model a graph or geodesic path is nearer the true views than the "
            "straight one",
            HOLDS if HOLDS in every else FAILS if set(every) == {FAILS} else OPEN,
            f"{tally(every)} tests of a model, a path and a kind of pair, each over seeds and over "
            f"objects; with nothing to find {0.025 * len(every):.1f} of them would, or fewer",
        )
    )


def trained(page: Page, found: Evidence) -> None:
    """Whether training on interpolations helps straight paths, and whether any path beats pixels."""
    for kind in (ACAI, AEAI):
        verdicts, said = [], []
        for between in (SEEN, ACROSS):
            base = found.distances(AE, LINEAR, between, "nearest")
            gains = base - found.distances(kind, LINEAR, between, "nearest")
            verdicts.append(verdict_of_gains(gains))
            row = _nearer(found, gains, f"{kind}, linear, {between}", AE, verdicts[-1])
            page.rows.append(row)
            said.append(f"{between} {row} ({verdicts[-1]})")
        page.findings.append(
            Finding(
                f"Ours: straight paths of {kind} are nearer the true views than the AE's",
                together(verdicts),
                f"rms of pixels nearer: {'; '.join(said)}",
            )
        )
    verdicts, means = {}, []
    for kind in KINDS:
        straight = found.distances(kind, LINEAR, ACROSS, "nearest")
        gains = found.distances(kind, DISSOLVE, ACROSS, "nearest") - straight
        verdicts[kind] = verdict_of_gains(gains)
        means.append(gains.mean())
        page.rows.append(_nearer(found, gains, f"{kind}, linear, {ACROSS}", DISSOLVE, verdicts[kind]))
    page.findings.append(
        Finding(
            "Ours: straight paths are nearer the true views than their decoded ends, dissolved",
            together(list(verdicts.values())),
            f"{ACROSS}, rms of pixels nearer: means of {_range(means)}; {_of_models(verdicts)}",
        )
    )


def _compared(
    page: Page, found: Evidence, claim: str, kind: str, others: Sequence[str], measure: str, sign: int
) -> None:
    """A kind against others, paired by seed, on both parts; it must hold against each."""
    verdicts, said = [], []
    for part in PARTS:
        ours = found.values(PAINTINGS, kind, part, measure)
        for other in others:
            gains = sign * (ours - found.values(PAINTINGS, other, part, measure))
            verdicts.append(verdict_on(gains))
            page.rows.append(found.row(gains, kind, f"difference of {measure} to {other}, {part}",
                                       n=found.codes_of(part), verdict=verdicts[-1]))  # fmt: skip
        means = ", ".join(
            f"{other} {number(float(found.values(PAINTINGS, other, part, measure).mean()))}"
            for other in others
        )
        said.append(f"{part} {number(float(ours.mean()))} against {means}")
    page.findings.append(
        Finding(claim, at_once(verdicts), f"{measure}: {'; '.join(said)}; {tally(verdicts)}")
    )


def _agreement(found: Evidence, kind: str, part: str, method: str) -> np.ndarray:
    return found.values(PAINTINGS, kind, part, f"{method} {found.classes}", "ari")


def _agreement_row(page: Page, found: Evidence, kind: str, part: str, method: str, verdict: str) -> str:
    values = _agreement(found, kind, part, method)
    row = found.row(
        values, kind, f"ari of {method} {found.classes}, {part}", n=found.codes_of(part), verdict=verdict
    )
    page.rows.append(row)
    return str(row)


def _nearer(found: Evidence, gains: np.ndarray, setting: str, base: str, verdict: str) -> Row:
    """The row of by how much points are nearer the true views than those of a base."""
    measure = f"difference of nearest to {base}, rms of pixels"
    return found.row(gains.mean(axis=1), setting, measure, n=gains.size, verdict=verdict)


def _over_objects(gains: np.ndarray) -> str:
    """Mean over objects of gains by seed and object, with its interval."""
    value, low, high = mean_interval(gains.mean(axis=0))
    if low is None or high is None:
        return number(value)
    half = (high - low) / 2
    return f"{number(value, half)} ({number(low, half)} to {number(high, half)})"


def _of_models(verdicts: Mapping[str, str]) -> str:
    """Which models each verdict is of.

    >>> _of_models({"AE": "holds", "VAE": "not decided", "ACAI": "holds"})
    'holds for AE and ACAI; not decided for VAE'
    """
    parts = []
    for verdict in (HOLDS, FAILS, OPEN):
        kinds = [kind for kind, found in verdicts.items() if found == verdict]
        if len(kinds) == len(verdicts):
            return f"{verdict} for any of them" if verdict == FAILS else f"{verdict} for all of them"
        if kinds:
            parts.append(
                f"{verdict} for {' and '.join([', '.join(kinds[:-1])] * (len(kinds) > 1) + kinds[-1:])}"
            )
    return "; ".join(parts)


def _range(values: Sequence[float]) -> str:
    """From the least to the largest.

    >>> _range([0.123, -0.04567, 0.1])
    '−0.046 to 0.12'
    """
    return f"{_rounded(min(values))} to {_rounded(max(values))}"


def _rounded(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")
