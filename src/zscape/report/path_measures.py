"""What is measured of whole paths: numbers of each, their means over pairs, and both as a figure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zscape.base import Result
from zscape.estimates import bootstrap_result
from zscape.measure import profile_shape, shape_correlation
from zscape.measure.style import STYLE_UNIT
from zscape.report.path_curves import headed_rows
from zscape.report.path_words import choice_name
from zscape.report.sections import Compared, Comparison
from zscape.report.style import INK, MUTED, WIDTH, label, palette, styled
from zscape.report.wording import in_powers, interval, power_of, words
from zscape.walk import PathSet

PROMINENCE = 0.1  # of a profile's range, by which a maximum of style stands out
_CORRELATION = "shape_correlation"
# Unit and definition.
_MEASURES = {
    "latent_length": ("latent units", "length of {kind} paths in codes"),
    "decoded_length": (
        "data units",
        "length of {kind} paths in what is decoded, Euclidean over all its numbers, which of pictures are "
        "from 0 to 1",
    ),
    "unevenness": ("ratio", "standard deviation over mean of the decoded lengths of steps of {kind} paths"),
    "over_linear": ("ratio", "decoded length of {kind} paths over that of linear ones"),
    "cross_dissolve": (
        "ratio",
        "squared distance of pictures on {kind} paths from the nearest mixture of their ends, over that from "
        "a grey picture: above 1 where a picture is flat; mean over points between the ends",
    ),
    "style_loss": (STYLE_UNIT, "{style}; mean over steps of {kind} paths"),
    "style_ratio": (
        "ratio",
        "mean style loss of the middle third of steps over that of the outer thirds, {kind} paths",
    ),
    "style_maxima": (
        "maxima",
        f"interior maxima of style loss along {{kind}} paths that stand out by {PROMINENCE:g} of its range",
    ),
    "converged": (
        "share",
        "share of {kind} paths of which the search says that they have converged",
    ),
    "excess": ("share", "estimated share by which the energy of {kind} paths is above its minimum"),
    "energy_share": (
        "ratio",
        "energy of {kind} paths over that of the straight lines that the search begins at",
    ),
}
# Title, unit, and what a value of the axis means.
_SHOWN = {
    "decoded_length": ("decoded\nlength", "data units", ""),
    "unevenness": ("unevenness\nof steps", "ratio", "0: constant pace"),
    "cross_dissolve": ("cross-dissolve\nindex", "ratio", "0: a mixture of\nthe ends"),
    "style_loss": ("style loss\nof a step", STYLE_UNIT.replace("^4", "⁴"), ""),
    "style_ratio": ("style, middle\nover outer steps", "ratio", "1: even"),
}
_ROOM = 1.75  # of an axis, over what its dots need: numbers stand right of them


def pair_measures(paths: PathSet, notes: Mapping[str, Any]) -> dict[str, dict[str, np.ndarray]]:
    """Numbers of each path, (P,) by kind and name; NaN where one is not defined.

    Args:
        paths: With profiles.
        notes: As `zscape walk` keeps them; of geodesics, what the search says of each.
    """
    return {kind: _of_kind(paths, kind) | _searched(notes, kind, len(paths.ends)) for kind in paths.z}


def path_results(paths: PathSet, notes: Mapping[str, Any]) -> list[Result]:
    """Means over the pairs of each choice, and over random ones whether style and cross-dissolve go together.

    Random pairs have an interval by the bootstrap, which covers the choice of the pairs. The closest and the
    furthest are what they are: no sample, and no interval.

    Args:
        paths: With profiles.
        notes: As `zscape walk` keeps them.
    """
    measures = pair_measures(paths, notes)
    found = []
    for choice, chosen in paths.chosen.items():
        for kind, columns in measures.items():
            few = {name: values[chosen] for name, values in columns.items()}
            found += [
                result
                for name, values in few.items()
                for result in _results(name, kind, choice, values, notes)
            ]
            if choice == "random":
                found += _correlated(kind, few, notes)
    return found


@styled()
def measure_dots(results: list[Result], paths: PathSet, notes: Mapping[str, Any] | None = None) -> Figure:
    """Measures of whole paths: a row a choice of pairs, a panel a measure, a dot and its interval a kind.

    Every panel has a scale of its own, from 0; the numbers stand right of it.

    Args:
        results: Of `path_results`.
        paths: Which they are of.
        notes: As `zscape walk` keeps them.
    """
    found = {result.name: result for result in results}
    choices, kinds = list(paths.chosen), list(paths.z)
    shown = [
        name for name in _SHOWN
        if any(_name(name, kind, choice) in found for choice in choices for kind in kinds)
    ]  # fmt: skip
    tall = 1.0 + 0.21 * len(kinds)
    figure = Figure(figsize=(WIDTH, 0.35 + tall * len(choices)), layout="constrained")
    heads = [choice_name(paths, notes or {}, choice) for choice in choices]
    for row, choice in zip(
        headed_rows(figure, heads, len(shown), height=0.15 / (0.05 + 0.21 * len(kinds))), choices, strict=True
    ):
        for axes, name in zip(row, shown, strict=True):
            values = {kind: found.get(_name(name, kind, choice)) for kind in kinds}
            _dots(axes, name, values, titled=choice == choices[0])
            if axes is not row[0]:
                axes.set_yticklabels([])
    return figure


def _dots(axes: Axes, name: str, values: Mapping[str, Result | None], *, titled: bool) -> None:
    title, unit, meaning = _SHOWN[name]
    known = [each for each in values.values() if each is not None]
    top = max((each.value if each.high is None else each.high for each in known), default=0)
    top = max(top, 1.0) if name == "style_ratio" else top
    power = power_of(top)
    top = top / 10.0**power if top > 0 else 1.0
    digits = max(0, 2 - math.floor(math.log10(top)))
    for place, (result, colour) in enumerate(zip(values.values(), palette(len(values)), strict=True)):
        if result is None:
            continue
        if result.low is not None and result.high is not None:
            ends = [result.low / 10.0**power, result.high / 10.0**power]
            axes.plot(ends, [place, place], color=colour, linewidth=1.6)
        value = result.value / 10.0**power
        axes.plot(value, place, color=colour, marker="o", markersize=4)
        axes.annotate(
            f"{value:.{digits}f}", (1, place), xycoords=("axes fraction", "data"), ha="right", va="center",
            fontsize=8, color=INK,
        )  # fmt: skip
    if name == "style_ratio":
        axes.plot([1 / 10.0**power] * 2, [-0.5, len(values) - 0.5], color=MUTED, linewidth=0.8, dashes=(4, 2))
    axes.set_xlim(-0.04 * top, _ROOM * top)
    axes.set_ylim(len(values) - 0.4, -0.6)
    ticks = np.asarray(MaxNLocator(2).tick_values(0, top))
    axes.set_xticks(ticks[(ticks >= 0) & (ticks <= 1.02 * top)])
    axes.grid(visible=False, axis="y")
    axes.set_yticks(range(len(values)), [label(kind) for kind in values])
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{in_powers(unit, power)}\n{meaning}".strip(), fontsize=8, loc="left")
    if titled:
        axes.set_title(title, fontsize=8.5)


def comparisons(results: list[Result], paths: PathSet, notes: Mapping[str, Any]) -> tuple[Comparison, ...]:
    """The same results as tables, one a choice of pairs, with a column a kind of path.

    Args:
        results: Of `path_results`.
        paths: Which they are of.
        notes: As `zscape walk` keeps them.
    """
    found = {result.name: result for result in results}
    style = "style loss, as it is defined above"
    defined = {name: text.format(kind="the", style=style) for name, (_, text) in _MEASURES.items()}
    defined[_CORRELATION] = (
        "rank correlation over random pairs of the style ratio with the cross-dissolve index: above 0 where "
        "paths that change in the middle are less of a mixture"
    )
    tables = []
    for choice in paths.chosen:
        rows = []
        for name, definition in defined.items():
            cells = [found.get(_name(name, kind, choice)) for kind in paths.z]
            known = [each for each in cells if each is not None]
            if known:
                power = power_of(max(each.value for each in known))
                shown = tuple(("–", "") if each is None else interval(_scaled(each, power)) for each in cells)
                rows.append(Compared(words(name), definition, in_powers(known[0].unit, power), shown))
        tables.append(Comparison(choice_name(paths, notes, choice), tuple(paths.z), tuple(rows)))
    return tuple(tables)


def _scaled(result: Result, power: int) -> Result:
    """The result in units of a power of ten."""
    value, low, high = (
        None if each is None else each / 10.0**power for each in (result.value, result.low, result.high)
    )
    return replace(result, value=value, low=low, high=high)


def _of_kind(paths: PathSet, kind: str) -> dict[str, np.ndarray]:
    profiles = {name: kinds[kind] for name, kinds in paths.profiles.items() if kind in kinds}
    found = {}
    if "length" in profiles:
        found["latent_length"] = profiles["length"].sum(axis=1)
    if "decoded" in profiles:
        decoded = profiles["decoded"]
        whole, mean = decoded.sum(axis=1), decoded.mean(axis=1)
        found["decoded_length"] = whole
        found["unevenness"] = _share(decoded.std(axis=1), mean)
        straight = paths.profiles["decoded"].get("linear")
        if straight is not None and kind != "linear":
            found["over_linear"] = _share(whole, straight.sum(axis=1))
    if "cross_dissolve" in profiles:
        # The last point is an end.
        inner = profiles["cross_dissolve"][:, :-1]
        defined = np.isfinite(inner)
        found["cross_dissolve"] = _share(np.where(defined, inner, 0).sum(axis=1), defined.sum(axis=1))
    if "style_loss" in profiles:
        losses = profiles["style_loss"]
        found["style_loss"] = losses.mean(axis=1)
        if losses.shape[1] >= 3:
            shape = profile_shape(losses, prominence=PROMINENCE)
            found |= {"style_ratio": shape.ratio, "style_maxima": shape.maxima.astype(np.float64)}
    return found


def _searched(notes: Mapping[str, Any], kind: str, count: int) -> dict[str, np.ndarray]:
    """What the search for these paths says of each, as far as notes have it."""
    searched = notes.get("search", {}).get(kind, {})
    found = {
        name: np.array(values, dtype=np.float64) for name, values in searched.items() if name in _MEASURES
    }
    return {name: values for name, values in found.items() if values.shape == (count,)}


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, where=whole > 0, out=np.full(len(whole), np.nan))


def _results(
    name: str, kind: str, choice: str, values: np.ndarray, notes: Mapping[str, Any]
) -> Iterator[Result]:
    """The mean of what is defined; nothing where nothing is."""
    defined = values[np.isfinite(values)]
    if not len(defined):
        return
    unit, defined_as = _MEASURES[name]
    text = defined_as.format(kind=kind, style=notes.get("style") or "style loss")
    text += f"; {_over(choice, values, defined)}"
    named = _name(name, kind, choice)
    if choice == "random" and name != "converged":
        yield bootstrap_result(named, defined, unit=unit, definition=text, seed=notes.get("seed", 0))
    else:
        yield Result(named, float(defined.mean()), None, None, len(defined), unit, text)


def _over(choice: str, values: np.ndarray, defined: np.ndarray) -> str:
    pairs = "pair" if len(values) == 1 else "pairs"
    text = f"the {choice} pair" if choice != "random" and len(values) == 1 else f"{choice} {pairs}"
    if len(values) > 1:
        text = f"mean over {len(defined)} {text}"
    return text if len(defined) == len(values) else f"{text}, of {len(values)}, where it is defined"


def _name(name: str, kind: str, choice: str) -> str:
    named = f"{kind.replace('-', '_')}_{name}"
    return named if choice == "given" else f"{choice}_{named}"


def correlation_name(kind: str) -> str:
    """Name of the result that says whether style and cross-dissolve go together along paths of a kind."""
    return _name(_CORRELATION, kind, "random")


def _correlated(kind: str, few: Mapping[str, np.ndarray], notes: Mapping[str, Any]) -> Iterator[Result]:
    if "style_ratio" not in few or "cross_dissolve" not in few:
        return
    both = np.stack([few["style_ratio"], few["cross_dissolve"]])
    both = both[:, np.isfinite(both).all(axis=0)]
    if both.shape[1] >= 4 and (np.ptp(both, axis=1) > 0).all():
        found = shape_correlation(*both, seed=notes.get("seed", 0))
        text = (
            f"{found.definition}; the shape is style_ratio, the middle third of steps over the outer thirds; "
            f"{kind} paths between random pairs"
        )
        yield replace(found, name=correlation_name(kind), unit="correlation", definition=text)
