"""What is measured of whole paths: numbers of each, their means over pairs, and both as a figure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from zscape.base import Result
from zscape.estimates import bootstrap_result
from zscape.measure import profile_shape, shape_correlation
from zscape.report.style import INK, MUTED, WIDTH, label, palette, styled
from zscape.report.wording import in_powers, power_of
from zscape.walk import PathSet

PROMINENCE = 0.1  # of a profile's range, by which a maximum of style stands out
# Unit and definition.
_MEASURES = {
    "latent_length": ("latent units", "length of {kind} paths in codes"),
    "decoded_length": ("", "length of {kind} paths in what is decoded, Euclidean"),
    "unevenness": ("", "standard deviation over mean of the decoded lengths of steps of {kind} paths"),
    "over_linear": ("", "decoded length of {kind} paths over that of linear ones"),
    "cross_dissolve": (
        "",
        "share of a picture on {kind} paths that no mixture of their ends accounts for, mean over points",
    ),
    "style_loss": ("", "{style}; mean over steps of {kind} paths"),
    "style_ratio": (
        "",
        "mean style loss of the middle third of steps over that of the outer thirds, {kind} paths",
    ),
    "style_maxima": (
        "maxima",
        f"interior maxima of style loss along {{kind}} paths that stand out by {PROMINENCE:g} of its range",
    ),
    "converged": (
        "of paths",
        "share of {kind} paths of which the search says that they have converged",
    ),
    "excess": ("", "estimated share by which the energy of {kind} paths is above its minimum"),
    "energy_share": (
        "",
        "energy of {kind} paths over that of the straight lines that the search begins at",
    ),
}
_SHOWN = ("decoded_length", "unevenness", "cross_dissolve", "style_loss", "style_ratio")
_TITLES = {
    "decoded_length": "decoded length",
    "cross_dissolve": "cross-dissolve",
    "style_loss": "style loss",
    "style_ratio": "style ratio",
}


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
def measure_dots(results: list[Result], paths: PathSet) -> Figure:
    """Measures of whole paths, a panel a measure: a dot a kind of path and choice of pairs, and its interval.

    Args:
        results: Of `path_results`.
        paths: Which they are of.
    """
    found = {result.name: result for result in results}
    rows = [(choice, kind) for choice in paths.chosen for kind in paths.z]
    shown = [name for name in _SHOWN if any(_name(name, kind, choice) in found for choice, kind in rows)]
    figure = Figure(figsize=(WIDTH, 0.75 + 0.3 * len(rows)), layout="constrained")
    grid = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    colours = dict(zip(paths.z, palette(len(paths.z)), strict=True))
    for axes, name in zip(grid, shown, strict=True):
        power = power_of(max(found[each].value for row in rows if (each := _name(name, *row[::-1])) in found))
        for place, (choice, kind) in enumerate(rows):
            result = found.get(_name(name, kind, choice))
            if result is None:
                continue
            value = result.value / 10**power
            if result.low is not None and result.high is not None:
                ends = [result.low / 10**power, result.high / 10**power]
                axes.plot(ends, [place, place], color=colours[kind], linewidth=1.6)
            axes.plot(value, place, color=colours[kind], marker="o", markersize=4)
            axes.annotate(
                f"{value:.3g}", (value, place), (0, 4), textcoords="offset points", ha="center", va="bottom",
                fontsize=7.5, color=INK,
            )  # fmt: skip
        axes.set_title(in_powers(_TITLES.get(name, name), power))
        axes.margins(x=0.25)
        axes.locator_params(axis="x", nbins=3)
        axes.tick_params(axis="y", length=0)
        if name == "style_ratio":
            axes.axvline(1, color=MUTED, linewidth=0.8, dashes=(4, 2))
    several = len(set(paths.choices)) > 1
    grid[0].set_yticks(
        range(len(rows)),
        [
            f"{kind}, {choice} ({paths.choices.count(choice)})" if several else label(kind)
            for choice, kind in rows
        ],
    )
    grid[0].set_ylim(len(rows) - 0.5, -0.75)
    return figure


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
    unit, words = _MEASURES[name]
    text = words.format(kind=kind, style=notes.get("style") or "style loss")
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


def _correlated(kind: str, few: Mapping[str, np.ndarray], notes: Mapping[str, Any]) -> Iterator[Result]:
    if "style_ratio" not in few or "cross_dissolve" not in few:
        return
    both = np.stack([few["style_ratio"], few["cross_dissolve"]])
    both = both[:, np.isfinite(both).all(axis=0)]
    if both.shape[1] >= 4 and (np.ptp(both, axis=1) > 0).all():
        found = shape_correlation(*both, seed=notes.get("seed", 0))
        text = f"{found.definition}; {kind} paths between random pairs"
        yield replace(found, name=_name("shape_correlation", kind, "random"), definition=text)
