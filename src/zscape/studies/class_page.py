"""The page of the study class-generation, written from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zscape.report.pictures import compared
from zscape.report.style import label
from zscape.report.wording import number
from zscape.studies import class_measures as measures
from zscape.studies.class_claims import methods, repeats
from zscape.studies.class_evidence import KINDS, MEASURES, PAPER, Evidence, name_of
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
from zscape.studies.class_targets import targets
from zscape.studies.evidence import Row, counted, mean_interval, sizes_of
from zscape.studies.page import Page
from zscape.studies.plates import Curve, curves

# Fewer seeds have intervals that bury the means: of two seeds 12.7 standard errors.
_SEEDS_FOR_WHISKERS = 3


def page(found: Evidence) -> Page:
    """The page; nothing is written yet."""
    made = Page(found.order, "Class generation: new pictures of a class asked for")
    made.introduce(
        """
        A variational autoencoder that never saw a label can still be asked for a class: draw from the mean
        and the spread of the codes of that class. The published system scales the spread by theta and
        averages n draws (*Simple*: one theta; *Medium1*: one for each latent; *Medium2*: one for each
        latent and class), and chooses them by the mean cosine similarity of pictures of one class plus the
        share that a classifier gives another class. Its best is a cosine of 0.8168 at an accuracy of
        0.9960.
        """
    )
    for section in (_set_up, _fronts, _statistics, _thetas, methods, repeats, targets, _pictures):
        section(made, found)
    return made


def _set_up(page: Page, found: Evidence) -> None:
    scale, data, sizes = found.scale, found.data, sizes_of(found.data)
    hidden = "-".join(map(str, scale.widths))
    latents = ", ".join(map(str, scale.latents))
    reference = {
        name: number(float(np.mean([each.found["reference"][name] for each in found.models])))
        for name in found.models[0].found["reference"]
    }
    page.head("Set-up")
    page.tell(
        f"""
        - Data: {data.name}, {sizes}. Models, statistics of the classes and judges see the training split
          alone.
        - Models: {hidden} softplus, D = {latents}, with the evidence lower bound (ELBO) and with maximum
          mean discrepancy in place of the KL (MMD); {scale.epochs} epochs of Adam at {scale.rate:g}, batch
          {scale.batch}; {counted(scale.seeds)} of each.
        - Two judges a model, the published convolutional net trained on reconstructions: one that tuning
          may ask and one that only scores, of disjoint halves of the training data and with other seeds;
          {scale.judge[0]:,} reconstructions and {scale.judge[1]} epochs each. Both are reported.
        - Tuned on {scale.count} pictures of each class, scored on {scale.fresh} others: draws that tuning
          has not seen, by the judge that it has not asked. Numbers are means over models, ± half of the 95
          % interval over seeds (Student's t).
        - theta multiplies the standard deviation, of the aggregate posterior of the class. The paper does
          not say whether it means that or the variance.
        - For orientation: test pictures of one class have a mean cosine of {reference["real cosine"]},
          their reconstructions {reference["rebuilt cosine"]}; the scoring judge is right on
          {reference["rebuilt accuracy"]} of those reconstructions (mean over all models).
        """
    )


def _fronts(page: Page, found: Evidence) -> None:
    page.head("Accuracy against cosine similarity")
    panels = {}
    for latent in found.scale.latents:
        panel = panels[f"D = {latent}"] = []
        for colour, (kind, title) in enumerate(KINDS.items()):
            simple, medium2 = found.curve(kind, latent, SIMPLE), found.front(kind, latent, MEDIUM2)
            panel += [
                _curve(f"{title}, Simple", simple, colour),
                _curve(f"{title}, Medium2", medium2, colour, dashed=True),
            ]
    page.picture(
        "fronts",
        _beside_paper(panels),
        alt="Accuracy against cosine similarity for ELBO and MMD, a panel for each number of latents",
        caption="Up and to the left is better: more diverse at the same accuracy. Simple runs along theta, "
        f"{measures.THETAS[0]:g} to {measures.THETAS[-1]:g}; Medium2 along the weight of the error it was "
        f"tuned with. {_whiskers(found)}",
    )
    page.rows += _front_rows(found)


def _front_rows(found: Evidence) -> list[Row]:
    """The points of the first figure."""
    rows = []
    for latent, kind in found.cells:
        for method, along, points in (
            (SIMPLE, "theta", found.curve(kind, latent, SIMPLE)),
            (MEDIUM2, "weight", found.front(kind, latent, MEDIUM2)),
        ):
            for place, first in enumerate(points[0]):
                setting = f"{name_of(kind, latent)}, {method}, {along} {first[along]:g}"
                rows += [
                    found.row([each[place][name] for each in points], setting, MEASURES[name])
                    for name in ("cosine", "accuracy")
                ]
    return rows


def _statistics(page: Page, found: Evidence) -> None:
    """The second figure of the same section."""
    shown = (SIMPLE, FULL, MIXTURE, RECOGNISED, TRUNCATED)
    panels = {
        title: [
            _curve(method, found.curve(kind, found.middle, method), colour)
            for colour, method in enumerate(shown)
        ]
        for kind, title in KINDS.items()
    }
    page.picture(
        "statistics",
        _beside_paper(panels),
        alt=f"Accuracy against cosine similarity of other statistics of a class, D = {found.middle}",
        caption=f"D = {found.middle}: what other statistics of a class give without tuning, along theta "
        f"(along the cut for truncation). {_whiskers(found)}",
    )


def _beside_paper(panels: Mapping[str, Sequence[Curve]]) -> Figure:
    return curves(
        panels,
        across="cosine similarity within a class",
        up="accuracy, scoring judge",
        mark=("the paper's best", PAPER["cosine"], PAPER["accuracy"]),
    )


def _whiskers(found: Evidence) -> str:
    """What thin lines are, for a caption."""
    if len(found.scale.seeds) < _SEEDS_FOR_WHISKERS:
        return f"Means over {counted(found.scale.seeds)}, too few to draw intervals."
    return "Thin lines are 95 % intervals over seeds."


def _curve(
    name: str, models: Sequence[Sequence[dict[str, Any]]], colour: int, *, dashed: bool = False
) -> Curve:
    """Means over the models, point by point, with intervals if there are enough models."""
    part = np.array([[(point["cosine"], point["accuracy"]) for point in points] for points in models])
    middle = part.mean(axis=0)
    low = high = middle
    if len(part) >= _SEEDS_FOR_WHISKERS:
        ends = np.array(
            [[mean_interval(values)[1:] for values in point] for point in part.transpose(1, 2, 0)]
        )
        low, high = np.clip(ends.astype(float), 0, 1).transpose(2, 0, 1)
    return Curve(name, middle, low, high, colour, dashed)


def _thetas(page: Page, found: Evidence) -> None:
    page.head("The best theta")
    page.tell(
        """
        Tuned with the published objective. Simple searches the whole published grid of 44 cells. Medium1
        and Medium2 follow the gradient through decoder and judge to a local optimum; given is the mean
        theta, and its range over latents (and classes).
        """
    )
    lines = []
    for latent, kind in found.cells:
        tuned = {method: [each.tuned(method, 1.0) for each in found.of(kind, latent)] for method in METHODS}
        simple = ", ".join(f"{each['theta']:g} (n = {each['draws']})" for each in tuned[SIMPLE])
        spans = [_span([each["theta"] for each in tuned[method]]) for method in (MEDIUM1, MEDIUM2)]
        lines.append([name_of(kind, latent), simple, *spans])
        effective = [each["theta"] / np.sqrt(each["draws"]) for each in tuned[SIMPLE]]
        setting = f"{name_of(kind, latent)}, {SIMPLE}"
        page.rows.append(found.row(effective, setting, "best theta / sqrt(n)", n=1))
    page.table(("model", "Simple: theta and n, each seed", "Medium1", "Medium2"), lines)


def _span(thetas: Sequence[Any]) -> str:
    values = np.array(thetas)
    return f"{values.mean():.2f} ({values.min():.2f} to {values.max():.2f})"


def _pictures(page: Page, found: Evidence) -> None:
    model = found.of("mmd", found.middle)[0]
    names = model.subject.train.names
    page.head("Pictures of each class")
    for method in measures.SHOWN:
        # Classes are text in JSON.
        shown = {int(which): np.array(z) for which, z in model.tuned(method, 1.0)["shown"].items()}
        groups = {
            label(names[which] if which < len(names) else which, 12): model.subject.run.decode(z)
            for which, z in shown.items()
        }
        page.picture(
            f"classes-{method.lower().replace(' ', '-')}",
            compared(groups, measures.ROW),
            alt=f"Rows of pictures generated by {method}, one row a class",
            caption=f"{name_of('mmd', found.middle)}, {method}, published objective, seed {model.seed}: "
            f"{measures.ROW} draws of each class, not chosen.",
        )
