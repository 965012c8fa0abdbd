"""The page of the study diverse-sampling, written from what was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zscape import codes as tables
from zscape.data import Images
from zscape.report.pictures import compared
from zscape.report.wording import number
from zscape.run import Run
from zscape.studies import diverse_measures as measures
from zscape.studies.diverse_measures import A1, A1_ADAM, A2, A2_ADAM, IID_CODES, IID_PRIOR, REAL
from zscape.studies.evidence import (
    FAILS,
    HOLDS,
    Finding,
    Row,
    Values,
    against,
    counted,
    sizes_of,
    tally,
    together,
    verdict_on,
)
from zscape.studies.order import Order
from zscape.studies.page import Page
from zscape.studies.plates import clouds

_DISTANCES = {
    "prior": "squared distance to N(0, I)",
    "training": "squared distance to training codes",
    "test": "squared distance to test codes",
}
_LOOKS = {
    "classes": "distinct classes",
    "pairwise": "mean pairwise distance",
    "cosine": "mean cosine similarity",
    "vendi": "Vendi score",
}
_SECONDS = "seconds a set"
# More of these is more diverse; of cosine similarity, less is.
_SIGNS = {"classes": 1, "pairwise": 1, "cosine": -1, "vendi": 1}


@dataclass(frozen=True)
class Evidence:
    """Everything the page is written from.

    Attributes:
        order: What was asked.
        scale: How much of it is done.
        data: The data set.
        runs: Fitted models, one a seed.
        models: What was measured on each.
        expected: What a set of independent draws of each is expected to come to.
        radii: What was measured in many dimensions, by dimension, then a seed each.
        deep: What sets of twenty latents decode to, by seed; empty without such models.
        accuracy: Of the judge, on test pictures.
    """

    order: Order
    scale: measures.Scale
    data: Images
    runs: list[Run]
    models: list[dict[str, Any]]
    expected: list[dict[str, float]]
    radii: dict[int, list[measures.Measured]]
    deep: dict[int, measures.Measured]
    accuracy: float

    def values(self, part: str, kind: str, name: str) -> np.ndarray:
        """One measure of one kind of set, a value a model."""
        return np.array([model[part][kind][name] for model in self.models])

    def row(
        self, values: Values, setting: str, measure: str, *, sets: int | None = None, verdict: str = ""
    ) -> Row:
        """A row over the models of this study; `sets` of each were measured."""
        sets = self.scale.draws if sets is None else sets
        n = sets if measure == _SECONDS else sets * self.scale.count
        seeds = self.scale.seeds
        least = 0.0 if measure == _SECONDS else -math.inf
        return Row.over(
            values,
            setting=setting,
            measure=measure,
            n=n,
            seeds=seeds,
            verdict=verdict,
            within=(least, math.inf),
        )


def page(found: Evidence) -> Page:
    """The page; nothing is written yet."""
    made = Page(found.order, "Diverse sampling: a set drawn as a whole")
    made.introduce(
        """
        Independent draws from a latent distribution "can repeatedly propose same type of objects". Turinici
        (*Diversity in deep generative models and generative AI*, arXiv 2202.09573) draws a set as a whole
        instead: the points that minimise the energy distance of the set to N(0, I) (A1) or to the codes of
        the data (A2), "even staying away from elements already drawn". What we know of the paper's results
        are pictures, so no published number stands beside ours; here the same sets are measured.
        """
    )
    for section in (_set_up, _clouds, _near, _looks, _avoiding, _adam, _sources, _starts, _contest, _shell):
        section(made, found)
    return made


def _set_up(page: Page, found: Evidence) -> None:
    scale, data, sizes = found.scale, found.data, sizes_of(found.data)
    hidden = " × ".join(map(str, scale.widths))
    page.head("Set-up")
    page.tell(
        f"""
        - Data: {data.name}, {sizes}. Models see the training split alone, and so does A2. Distances to test
          codes are to codes that neither the models nor the sets have seen.
        - Models: variational autoencoders with hidden layers {hidden} (ReLU), two latents and Bernoulli
          pixels; {scale.epochs} epochs of Adam at {scale.rate:g}, batch {scale.batch};
          {counted(scale.seeds)}.
        - Sets of {scale.count} points, {scale.draws} of each kind a model ({scale.adam[0]} by Adam).
          Numbers are means over the sets of a model, then over the models, ± half of the 95 % interval over
          models (Student's t).
        - A2 approximates one draw from the posterior of each training picture, as the paper's last epoch
          gives it.
        - Distances are squared energy distances as the paper defines them, computed exactly.
        - Classes of decoded pictures are told by a convolutional judge, trained on {scale.judge[0]:,}
          training pictures for {scale.judge[1]} epochs; it is right on {100 * found.accuracy:.1f} % of the
          test pictures.
        """
    )


def _clouds(page: Page, found: Evidence) -> None:
    run, shown, scale = found.runs[0], found.models[0]["shown"], found.scale
    codes = tables.load(run.codes_path).of("train")
    page.head("The latent plane and the decoded sets")
    if codes.label is not None:
        titles = {IID_PRIOR: IID_PRIOR, A1: "A1: N(0, I) quantized", A2: "A2: codes quantized"}
        sets = {title: np.array(shown[kind][0]) for kind, title in titles.items()}
        page.picture(
            "latent-cloud",
            clouds(measures.posterior_draws(codes, 2 * scale.seeds[0]), codes.label, codes.names, sets),
            alt="Codes of training pictures in the plane, coloured by class, with three sets of points",
            caption="Codes of training pictures by class, one draw from each posterior, seed "
            f"{scale.seeds[0]}; over them {scale.count} independent draws, an A1 set and an A2 set.",
        )
    groups = {
        title: np.concatenate([run.decode(np.array(z)) for z in shown[kind]])
        for kind, title in {IID_PRIOR: "i.i.d.", A1: "A1", A2: "A2"}.items()
    }
    page.picture(
        "decoded-rows",
        compared(groups, scale.count),
        alt="Rows of decoded pictures: independent draws, A1 sets, A2 sets",
        caption=f"Decoded sets of {scale.count}, one a row, {len(shown[A1])} of each kind, of one model. Of "
        "so few points there is nearly one best set, which every seed finds: rows of A1 are nearly alike, "
        "and so are those of A2.",
    )


def _table(
    page: Page, found: Evidence, part: str, kinds: Mapping[str, str], columns: Mapping[str, str]
) -> None:
    """A table of kinds of sets against measures."""
    lines = [
        [title, *(found.row(found.values(part, kind, name), title, what) for name, what in columns.items())]
        for kind, title in kinds.items()
    ]
    page.table(("set", *columns.values()), lines)


def _near(page: Page, found: Evidence) -> None:
    page.head("How near a set is to its target")
    _table(page, found, "sets", {kind: kind for kind in (IID_PRIOR, IID_CODES, A1, A2)}, _DISTANCES)
    page.tell(
        f"""
        The two lines of independent draws are of {counted(range(found.scale.draws), "set")} a model. The
        verdicts compare with the expectation of such distances, which is known exactly: E |Y - Y'| / (2 J)
        for sets of J draws Y of the target; to test codes, that and the squared distance between training
        and test codes.
        """
    )
    targets = {A1: (IID_PRIOR, "prior", "N(0, I)"), A2: (IID_CODES, "test", "test codes")}
    for kind, (iid, name, target) in targets.items():
        ours = found.values("sets", kind, name)
        theirs = np.array([each[name] for each in found.expected])
        verdict = verdict_on(theirs - ours)
        measure = f"ratio of {_DISTANCES[name]}"
        ratio = found.row(theirs / ours, f"{iid}, expected, over {kind}", measure, verdict=verdict)
        page.rows.append(ratio)
        page.findings.append(
            Finding(
                f"{kind} approximates the target as a whole, better than independent draws",
                verdict,
                f"squared distance to {target}: {against(ours, theirs)} expected of independent draws, "
                f"{ratio} times as much",
            )
        )


def _looks(page: Page, found: Evidence) -> None:
    count = found.scale.count
    page.head("How diverse the decoded pictures are")
    page.tell(
        f"""
        More is more diverse, but for cosine similarity. Distances and similarities are between pixels. The
        Vendi score (linear kernel, order 1) is the effective number of different pictures among {count}.
        The last line is what {count} test pictures, drawn at random, reach.
        """
    )
    kinds = {kind: kind for kind in (IID_PRIOR, IID_CODES, A1, A2, REAL)}
    _table(page, found, "sets", kinds, _LOOKS)
    for kind, iid in ((A1, IID_PRIOR), (A2, IID_CODES)):
        verdicts, said = [], []
        for name, sign in _SIGNS.items():
            ours, theirs = found.values("sets", kind, name), found.values("sets", iid, name)
            verdict = verdict_on(sign * (ours - theirs))
            measure = f"difference of {_LOOKS[name]}"
            page.rows.append(found.row(ours - theirs, f"{kind} less {iid}", measure, verdict=verdict))
            said.append(f"{_LOOKS[name]} {against(ours, theirs)} ({verdict})")
            verdicts.append(verdict)
        claim = f'{kind} "ensures a better diversity of the produced objects"'
        page.findings.append(Finding(claim, together(verdicts), f"{tally(verdicts)}: {'; '.join(said)}"))


def _avoiding(page: Page, found: Evidence) -> None:
    count = found.scale.count
    page.head("Staying away from elements already drawn")
    page.tell(
        f"""
        {count} independent draws from the codes are there, and {count} more are wanted. No published code
        does this; ours lets all {2 * count} together approximate the target and moves only the new ones.
        Measured are all {2 * count} together, and how far each new point is from the nearest that was
        there: the mean over the new points, and the least.
        """
    )
    columns = {
        "test": "squared distance of all to test codes",
        "gap": "mean distance to the nearest kept",
        "least gap": "least distance to a kept one",
        "classes": "distinct classes of all",
        "vendi": "Vendi score of all",
    }
    ours_kind, others = measures.AVOIDING, (measures.MORE_IID, measures.UNTOLD)
    _table(page, found, "avoid", {kind: kind for kind in (*others, ours_kind)}, columns)
    verdicts, said = [], []
    for name, sign in (("test", -1), ("gap", 1)):
        ours = found.values("avoid", ours_kind, name)
        for other in others:
            theirs = found.values("avoid", other, name)
            verdict = verdict_on(sign * (ours - theirs))
            setting, measure = f"{ours_kind}, less {other}", f"difference of {columns[name]}"
            page.rows.append(found.row(ours - theirs, setting, measure, verdict=verdict))
            said.append(f"{columns[name]} {against(ours, theirs)} for {other} ({verdict})")
            verdicts.append(verdict)
    claim = 'A2 draws "even staying away from elements already drawn"'
    page.findings.append(Finding(claim, together(verdicts), f"{tally(verdicts)}: {'; '.join(said)}"))


def _adam(page: Page, found: Evidence) -> None:
    few, steps = found.scale.adam
    page.head("Adam, as published, and the exact search")
    page.tell(
        f"""
        Adam with the paper's settings on sampled targets ({steps:,} steps at 0.001, batches of 1,000),
        against a deterministic search on the exact distance; {counted(range(few), "set")} a model by
        Adam. The excess is over the mean of the exact search.
        """
    )
    lines = []
    for exact, adam, name in ((A1, A1_ADAM, "prior"), (A2, A2_ADAM, "training")):
        ours, theirs = found.values("sets", exact, name), found.values("sets", adam, name)
        verdict = verdict_on(theirs - ours)
        excess = 100 * (theirs / ours - 1)
        rows = [
            found.row(ours, exact, _DISTANCES[name]),
            found.row(theirs, adam, _DISTANCES[name], sets=few),
            found.row(excess, f"{adam} over {exact}", "excess in %", sets=few, verdict=verdict),
            found.row(found.values("sets", exact, "seconds"), exact, _SECONDS),
            found.row(found.values("sets", adam, "seconds"), adam, _SECONDS, sets=few),
        ]
        lines.append([f"{exact}: {_DISTANCES[name]}", *rows])
        page.findings.append(
            Finding(
                f"Ours: for {exact} the exact search ends below {steps:,} steps of Adam",
                verdict,
                f"{_DISTANCES[name]} {against(ours, theirs)}, {rows[2]} % above, in "
                f"{number(rows[3].value)} s against {number(rows[4].value)} s a set",
            )
        )
    page.table(("target", "exact", "Adam", "Adam's excess in %", "exact, s a set", "Adam, s a set"), lines)


def _sources(page: Page, found: Evidence) -> None:
    page.head("A2 on draws from the posteriors, or on their means")
    page.tell(
        """
        The paper takes the reparametrised codes of the last epoch, one draw from each posterior. Means are
        less spread. Distances here are to draws, of training and of test pictures.
        """
    )
    columns = {name: _DISTANCES[name] for name in ("training", "test")} | _LOOKS
    _table(page, found, "sources", {"draws": "A2 on draws", "means": "A2 on means"}, columns)
    draws, means = found.values("sources", "draws", "test"), found.values("sources", "means", "test")
    verdict = verdict_on(means - draws)
    setting, measure = "A2 on means over A2 on draws", "excess distance to test codes in %"
    excess = found.row(100 * (means / draws - 1), setting, measure, verdict=verdict)
    page.rows.append(excess)
    page.findings.append(
        Finding(
            "A2 should be given draws from the posteriors, as in the paper, rather than means",
            verdict,
            f"squared distance to test codes {number(draws.mean())} on draws, {number(means.mean())} on "
            f"means: {excess} % more",
        )
    )


def _starts(page: Page, found: Evidence) -> None:
    results = [model["starts"] for model in found.models]
    excess = [each["few"] / each["many"] - 1 for each in results]
    many, codes = found.scale.starts, results[0]["codes"]
    page.head("How many starts A2 needs")
    page.tell(
        f"A2 with {found.scale.count} points on {codes:,} posterior means, those of all pictures but the "
        "test split's."
    )
    page.table(
        ("seed", "best of 5", f"best of {many}", "relative difference"),
        [
            (seed, f"{each['few']:.8f}", f"{each['many']:.8f}", f"{gap:.1e}")
            for seed, each, gap in zip(found.scale.seeds, results, excess, strict=True)
        ],
    )
    verdict = HOLDS if max(excess) <= 1e-5 else FAILS
    measure = f"best of 5 starts over best of {many}, less 1"
    page.rows.append(found.row(excess, f"A2 on {codes:,} means", measure, sets=1, verdict=verdict))
    page.findings.append(
        Finding(
            f"Ours: the best of 5 starts of A2 is within 1e-5 of the best of {many}",
            verdict,
            f"largest relative difference over {counted(found.scale.seeds, 'model')}: {max(excess):.1e}",
        )
    )


def _contest(page: Page, found: Evidence) -> None:
    sets = found.scale.baselines
    page.head("Other ways to draw a set")
    page.tell(
        f"""
        {sets} set{"" if sets == 1 else "s"} of {found.scale.count} a model and way, on the same targets.
        Coverage is the share of test pictures (at most 1,000) that have a picture of the set nearer than
        their fifth nearest neighbour among themselves. Seconds are of one thread on a machine that did
        other things too.
        """
    )
    columns = {
        "distance": "squared distance to the target",
        "classes": "distinct classes",
        "coverage": "coverage of test pictures",
        "seconds": _SECONDS,
    }
    for target, title in (("prior", "N(0, I)"), ("training", "training codes")):
        results = [model["baselines"][target] for model in found.models]
        lines = []
        for way in results[0]:
            rows = [
                found.row([each[way][name] for each in results], f"{way}, {title}", measure, sets=sets)
                for name, measure in columns.items()
            ]
            lines.append([way, *rows])
        page.table((f"on {title}", *columns.values()), lines)
        distances = {way: np.array([each[way]["distance"] for each in results]) for way in results[0]}
        ours = distances.pop(measures.EXACT)
        gains = {
            way: found.row(
                100 * (theirs / ours - 1),
                f"{way} over the exact search, {title}",
                "excess distance in %",
                sets=sets,
                verdict=verdict_on(theirs - ours),
            )
            for way, theirs in distances.items()
        }
        page.rows += gains.values()
        verdicts = [gain.verdict for gain in gains.values()]
        nearest = min(gains, key=lambda way: gains[way].value)
        rest = [f"{way} ({gain.verdict})" for way, gain in gains.items() if gain.verdict != HOLDS]
        said = f"{tally(verdicts)}; the nearest on average, {nearest}, is {gains[nearest]} % above"
        if rest:
            said += f"; against {', '.join(rest)}"
        page.findings.append(
            Finding(
                f"Ours: on {title} the exact search ends nearer than every baseline", together(verdicts), said
            )
        )


def _shell(page: Page, found: Evidence) -> None:
    page.head("Many dimensions: points shrink towards the centre")
    page.tell(
        """
        A1 in more dimensions; no model is involved. The radius is the mean |z| over the typical one of N(0,
        I). A few points that stand for the whole lie inside the shell where draws are. `shell=True` keeps
        the points on the shell, at a price in distance.
        """
    )
    lines = []
    for latent, results in found.radii.items():
        for kind in results[0]:
            setting = f"{kind}, D = {latent}"
            rows = [
                found.row([each[kind]["radius"] for each in results], setting, "radius over the typical one"),
                found.row([each[kind]["prior"] for each in results], setting, _DISTANCES["prior"]),
            ]
            lines.append([setting, *rows])
    page.table(("set", "radius over the typical one", _DISTANCES["prior"]), lines)
    most = max(found.radii)
    radius = np.array([each[A1]["radius"] for each in found.radii[most]])
    page.findings.append(
        Finding(
            f"Ours: in many dimensions A1 sets of {found.scale.count} lie inside the typical shell",
            verdict_on(1 - radius),
            f"at D = {most} their radius is {number(float(radius.mean()))} of the typical one",
        )
    )
    _deep(page, found)


def _deep(page: Page, found: Evidence) -> None:
    """What such sets decode to, where models with twenty latents are at hand."""
    if not found.deep:
        page.tell(
            """
            What such sets decode to stands here at scales cpu and paper, once the models with twenty latents
            of `zscape study class-generation` are there.
            """
        )
        return
    page.tell(
        f"""
        Decoded by class-generation's models of twenty latents, ELBO, {counted(tuple(found.deep))}. Certainty
        is the mean of the largest probability that the judge gives a picture. Were pictures from inside the
        shell more like averages of several classes, it would be less for them.
        """
    )
    columns = _LOOKS | {"sure": "certainty of the judge"}
    results = list(found.deep.values())
    lines = []
    for kind in results[0]:
        rows = [
            Row.over(
                [each[kind][name] for each in results],
                setting=f"{kind}, decoded, D = 20",
                measure=measure,
                n=found.scale.count * found.scale.draws,
                seeds=tuple(found.deep),
            )
            for name, measure in columns.items()
        ]
        lines.append([kind, *rows])
    page.table(("set, D = 20", *columns.values()), lines)
    iid, ours = (np.array([each[kind]["sure"] for each in results]) for kind in (IID_PRIOR, A1))
    gap = Row.over(
        iid - ours,
        setting=f"{IID_PRIOR} less {A1}, decoded, D = 20",
        measure="difference of certainty of the judge",
        n=found.scale.count * found.scale.draws,
        seeds=tuple(found.deep),
        verdict=verdict_on(iid - ours),
    )
    page.rows.append(gap)
    page.findings.append(
        Finding(
            "Ours: pictures decoded from A1 sets of twenty latents look more average than those of "
            "independent draws",
            gap.verdict,
            f"certainty of the judge {against(ours, iid)}; of independent draws less A1, paired over "
            f"{counted(tuple(found.deep))}: {gap}",
        )
    )
