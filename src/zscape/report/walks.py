"""The section of the page that walks along the latents, one at a time, and shows what factors move them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from zscape import base, codes, drawing, walk
from zscape.report import answers, moving, pictures, sheets, style
from zscape.report.path_measures import comparisons, path_results
from zscape.report.paths import path_plates, stored_paths
from zscape.report.sections import Plate, Section, fitted, lacking, not_pictures, pictorial
from zscape.report.wording import number
from zscape.run import Run

FOLDER = "walk"  # in a run folder, where zscape walk writes
MOST = 12  # latents that are walked along where none are named
STEPS = 9
QUANTILES = (0.025, 0.975)
_FRAMES = 15  # steps of pictures there, and as many back
_ANSWERING = 8  # latents whose answers to factors are shown
_FACTORS = 7
_VALUES = 100  # of a factor; one of more is rather a number that is measured


@dataclass(frozen=True)
class Walk:
    """Traversals and how they came about.

    Attributes:
        ways: The codes.
        notes: As walk.parquet keeps them: from, order, quantiles, seed.
    """

    ways: walk.Traversals
    notes: Mapping[str, Any]


def walked(run: Run, data: base.Data | None = None, *, seed: int) -> Section | None:
    """The walk along latents that was written last, or else the usual one, and the last from code to code.

    None without codes, of which the section before says what makes them.

    Args:
        run: The run.
        data: Its data set, for the originals of ends; None to leave them out.
        seed: Of the usual walk.
    """
    if not fitted(run) or not run.codes_path.exists():
        return None
    section = Section("walks", "Walks")
    table = codes.load(run.codes_path)
    if len(table) < 2:
        return lacking(section, f"A walk needs 2 or more codes, but there are {len(table)}.", "")
    made, wandered = _stored(run) or usual(table, seed=seed), stored_paths(run)
    if made is None and wandered is None:
        return lacking(section, f"None of the {table.latent} latents is in use, so there is no walk.", "")
    found = () if made is None else plates(run, table, made)
    tables = ()
    if wandered is not None:
        results = path_results(*wandered)
        found += path_plates(run, *wandered, results, data)
        tables = comparisons(results, *wandered)
    if not found:
        return not_pictures(section, run)
    return Section(section.anchor, section.title, found, comparisons=tables)


def usual(table: base.Codes, *, seed: int) -> Walk | None:
    """A walk along the latents in use from a draw of the aggregate posterior; None if none is in use."""
    latents = walk.ranked(table)[:MOST]
    if not len(latents):
        return None
    start = walk.from_posterior(table, seed=seed)
    ways = walk.traversals(table, start=start, steps=STEPS, quantiles=QUANTILES, latents=latents)
    return Walk(ways, {"from": "posterior", "order": "kl", "quantiles": list(QUANTILES), "seed": seed})


def plates(run: Run, table: base.Codes, made: Walk) -> tuple[Plate, ...]:
    """All figures of a walk: pictures along it, where samples are pictures, and answers to factors."""
    found = []
    if pictorial(run):
        found.append(_traversals(run, table, made))
    factors = plain_factors(table)
    if factors:
        found.append(_responses(table, factors, made.ways.latents[:_ANSWERING]))
    return tuple(found)


def plain_factors(table: base.Codes) -> dict[str, np.ndarray]:
    """The known factors that a curve can be drawn over: numbers of 2 to 100 different values."""
    numbers = {
        name: column
        for name, column in table.factors.items()
        if column.dtype.kind in "fiub" and np.isfinite(column).all()
    }
    return {name: column for name, column in numbers.items() if 1 < len(np.unique(column)) <= _VALUES}


def _stored(run: Run) -> Walk | None:
    """The walk in the run folder; None if there is none, or it is of other weights."""
    path = run.path / FOLDER / "walk.parquet"
    if not path.exists():
        return None
    ways, notes = walk.load(path)
    same = notes.get("weights") in (None, codes.hash_of_weights(run.model))
    return Walk(ways, notes) if same and ways.z.shape[2] == run.model.latent else None


def _traversals(run: Run, table: base.Codes, made: Walk) -> Plate:
    ways, seed = made.ways, int(made.notes.get("seed", 0))
    names = [walk.latent_name(latent) for latent in ways.latents.tolist()]
    weights = _weights(table)
    heads = [f"{name}  {weights[latent]}" for name, latent in zip(names, ways.latents.tolist(), strict=True)]
    if run.of_drawings:
        x = _drawn(run, ways, seed)
        values = [[_value(value, each) for value in each] for each in ways.values]
        bitmaps = drawing.bitmaps(x.reshape(-1, *x.shape[2:]), side=96)
        gif = moving.there_and_back(bitmaps.reshape(*x.shape[:2], 1, 96, 96), names)
        figure = sheets.traversals(x, heads, values, gif)
    else:
        ranges = [f"{_value(each[0], each)} to {_value(each[-1], each)}" for each in ways.values]
        two_lines = [f"{head}\n{ends}" for head, ends in zip(heads, ranges, strict=True)]
        still = pictures.traversals(_decoded(run, ways), two_lines)
        gif = moving.there_and_back(_decoded(run, ways.resampled(_FRAMES)), names)
        figure = sheets.Drawn(style.svg(still), style.png(still), gif)
    return Plate(
        "traversals",
        figure,
        "One latent at a time",
        _caption(table, made),
        f"A grid of decoded pictures: {len(names)} rows in which one latent each moves, {', '.join(names)}.",
        chart=False,
    )


def _decoded(run: Run, ways: walk.Traversals) -> np.ndarray:
    """Pictures (L, S, C, H, W) along the ways, all decoded together."""
    images = run.decode(ways.z.reshape(-1, ways.z.shape[2]))
    return images.reshape(*ways.values.shape, *images.shape[1:])


def _drawn(run: Run, ways: walk.Traversals, seed: int) -> np.ndarray:
    """Drawings (L, S, T, 5) along the ways.

    A step at a time, since the random numbers of a drawing go by its row: so those of one way share theirs,
    and what changes along it is the code alone.
    """
    return np.stack([run.shown(ways.z[:, step], seed=seed) for step in range(ways.steps)], axis=1)


def _weights(table: base.Codes) -> list[str]:
    """What each latent carries, in words."""
    if table.logvar is None:
        return [f"variance {value:.2g}" for value in table.mean.var(axis=0, dtype=np.float64)]
    return [f"{value:.2f} nats" for value in walk.latent_kl(table)]


def _value(value: float, values: np.ndarray) -> str:
    """A value of a latent, to as many digits as its range asks for."""
    return number(float(value), float(np.ptp(values)) / 10)


def _caption(table: base.Codes, made: Walk) -> str:
    notes, ways = made.notes, made.ways
    low, high = (f"{100 * float(each):g}" for each in notes.get("quantiles", QUANTILES))
    text = (
        f"Each row moves one latent in {ways.steps} equal steps from the {low} % to the {high} % quantile of "
        f"the codes, while the others stay at {_start(notes)}. {_order(table, notes)}."
    )
    idle = np.flatnonzero(~walk.active(table))
    if len(idle):
        names = [walk.latent_name(latent) for latent in idle.tolist()]
        several = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
        text += f" Not in use, as their means vary by less than 0.01: {several}."
    return text


def _start(notes: Mapping[str, Any]) -> str:
    start, seed = str(notes.get("from", "the start")), notes.get("seed", 0)
    named = {
        "origin": "the middle of the prior",
        "prior": f"a draw from the prior (seed {seed})",
        "posterior": f"a draw from the aggregate posterior (seed {seed})",
    }
    return named.get(start, f"the code of row {start} of the data")


def _order(table: base.Codes, notes: Mapping[str, Any]) -> str:
    unit = (
        "variance of its codes" if table.logvar is None else "KL to the prior in nats, a mean over the data"
    )
    orders = {
        "kl": f"Beside each is the {unit}, by which they are ordered",
        "information": f"They are ordered by mutual information with {notes.get('factor', 'the factors')}; "
        f"beside each is the {unit}",
    }
    return orders.get(str(notes.get("order")), f"Beside each is the {unit}")


def _responses(table: base.Codes, factors: Mapping[str, np.ndarray], latents: np.ndarray) -> Plate:
    shown = dict(list(factors.items())[:_FACTORS])
    found = walk.responses(table, shown)
    names = ", ".join(shown)
    left_out = f" Further factors: {', '.join(list(factors)[_FACTORS:])}." if len(factors) > _FACTORS else ""
    return Plate(
        "responses",
        answers.response_curves(found, latents.tolist()),
        "Which latent answers to which factor",
        f"Mean of each latent at each value of a factor, over all values of the others, with its 95 % "
        f"interval ({len(table):,} codes of all splits). The number is the share of the variance of the "
        f"latent that the factor accounts for, less what chance would give; a tenth or more is drawn in "
        f"blue.{left_out}",
        f"Small line charts of {len(latents)} latents against {names}.",
    )
