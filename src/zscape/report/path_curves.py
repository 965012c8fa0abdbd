"""What changes along paths as curves, a row of panels a choice of pairs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import blended_transform_factory

from zscape.estimates import bootstrap_results
from zscape.measure.style import STYLE_UNIT
from zscape.report.path_words import choice_name
from zscape.report.style import INK, WIDTH, label, palette, styled
from zscape.report.wording import in_powers, power_of
from zscape.walk import PathSet

_SINGLE = 8  # paths that have a line of their own, of all kinds together
_FEW = 2  # kinds of path among which single ones can be told apart
# Title and unit.
PANELS = {
    "length": ("length of each step\nin codes", "latent units"),
    "decoded": ("length of each step\nin what is decoded", "data units"),
    "cross_dissolve": ("cross-dissolve index\n(0: a mixture of the ends)", "ratio"),
    "style_loss": ("style loss\nof each step", STYLE_UNIT.replace("^4", "⁴")),
}
_DASHES = (
    "solid",
    (0, (4, 1.5)),
    (0, (1, 1)),
    (0, (6, 1, 1, 1)),
    (0, (2, 2)),
)  # by kind, as lines may coincide


@styled()
def path_curves(paths: PathSet, notes: Mapping[str, Any] | None = None) -> Figure:
    """What changes along paths: a row a choice of pairs, a panel a profile, a thick line the mean of a kind.

    Random pairs have a band, the 95 % interval of the mean by the bootstrap over pairs. Of one or two kinds
    some single paths are drawn too. Every panel has a scale of its own, from 0, that holds all its lines. The
    cross-dissolve index is of points, and 0 at both ends; all else is of steps.

    Args:
        paths: With profiles.
        notes: As `zscape walk` keeps them.

    Raises:
        ValueError: If there are no profiles.
    """
    if not paths.profiles:
        raise ValueError("path_curves needs paths with profiles, but these have none")
    notes, choices, kinds = notes or {}, paths.chosen, list(paths.z)
    figure = Figure(figsize=(WIDTH, 0.7 + 2.05 * len(choices)), layout="constrained")
    grid = headed_rows(figure, [choice_name(paths, notes, choice) for choice in choices], len(paths.profiles))
    looks = dict(zip(kinds, zip(palette(len(kinds)), itertools.cycle(_DASHES), strict=False), strict=True))
    for row, (choice, chosen) in zip(grid, choices.items(), strict=True):
        for axes, (name, profiles) in zip(row, paths.profiles.items(), strict=True):
            title, unit = PANELS.get(name, (label(name, 40), ""))
            few = {kind: _with_ends(name, values[chosen]) for kind, values in profiles.items()}
            power = power_of(max(_top(values) for values in few.values()))
            scaled = {kind: values / 10.0**power for kind, values in few.items()}
            _curves(axes, scaled, looks, first=0 if name == "cross_dissolve" else 1)
            if choice == "random" and chosen.sum() > 1:
                _bands(axes, scaled, looks, seed=int(notes.get("seed", 0)))
            axes.set_ylim(0, 1.06 * axes.dataLim.y1 if axes.dataLim.y1 > 0 else 1)
            axes.set_ylabel(in_powers(unit, power), fontsize=8)
            axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
            if row is grid[0]:
                axes.set_title(title, fontsize=8.5)
            if row is grid[-1]:
                axes.set_xlabel("point" if name == "cross_dissolve" else "step", fontsize=8)
    handles = [axes for axes in grid[0] if len(axes.get_legend_handles_labels()[1]) == len(kinds)]
    shown = handles[0] if handles else grid[0][0]
    figure.legend(
        *shown.get_legend_handles_labels(), loc="outside upper center", ncols=len(kinds), handlelength=2.6
    )
    return figure


def headed_rows(
    figure: Figure, heads: Sequence[str], columns: int, *, height: float = 0.11
) -> list[list[Axes]]:
    """Rows of panels, each under a line of its own that begins at the left edge of the figure.

    Args:
        figure: Empty.
        heads: One a row.
        columns: Panels in a row.
        height: Of a line, as a share of that of a panel.
    """
    grid = GridSpec(2 * len(heads), columns, figure, height_ratios=[height, 1] * len(heads))
    found = []
    for row, text in enumerate(heads):
        line = figure.add_subplot(grid[2 * row, :])
        line.set_axis_off()
        # It spans the figure, whatever the panels below need beside them.
        line.text(
            0.004, 0, text, transform=blended_transform_factory(figure.transFigure, line.transAxes),
            ha="left", va="bottom", color=INK, fontsize=9, weight="bold",
        ).set_in_layout(False)  # fmt: skip
        found.append([figure.add_subplot(grid[2 * row + 1, column]) for column in range(columns)])
    return found


def mean_of(values: Float[np.ndarray, "P S"]) -> Float[np.ndarray, "S"]:
    """Mean over paths of what is defined; NaN where nothing is."""
    defined = np.isfinite(values)
    count = defined.sum(axis=0)
    return np.divide(np.where(defined, values, 0).sum(axis=0), count, where=count > 0,
                     out=np.full(values.shape[1], np.nan))  # fmt: skip


def singles(kinds: int, pairs: int) -> int:
    """Paths of each of so many kinds that have a line of their own.

    >>> singles(1, 40), singles(2, 40), singles(5, 40), singles(2, 1)
    (8, 4, 0, 0)
    """
    return min(_SINGLE // kinds, pairs) if kinds <= _FEW and pairs > 1 else 0


def _curves(axes: Axes, profiles: Mapping[str, np.ndarray], looks: Mapping[str, Any], *, first: int) -> None:
    """Single paths and the mean of each kind, in the look that it has of all kinds."""
    for kind, values in profiles.items():
        colour, dashes = looks[kind]
        places = first + np.arange(values.shape[1])
        few = singles(len(looks), len(values))
        if few:
            axes.plot(places, values[:few].T, color=colour, linewidth=0.6, alpha=0.35)
        axes.plot(
            places, mean_of(values), color=colour, linewidth=1.6, linestyle=dashes, label=label(kind),
            marker="o" if len(places) <= 20 else None, markersize=2.5, clip_on=False,
        )  # fmt: skip


def _bands(axes: Axes, profiles: Mapping[str, np.ndarray], looks: Mapping[str, Any], *, seed: int) -> None:
    for kind, values in profiles.items():
        low, high = _interval(values, seed)
        places = axes.lines[-1].get_xdata()
        axes.fill_between(places, low, high, color=looks[kind][0], alpha=0.18, linewidth=0)


def _interval(values: Float[np.ndarray, "P S"], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of the mean of each column over what is defined; NaN for one or none."""
    low, high = (np.full(values.shape[1], np.nan) for _ in range(2))
    defined = np.isfinite(values)
    # Columns of which all is defined share their resamples.
    whole = np.flatnonzero(defined.all(axis=0))
    parts = [whole] if len(whole) else []
    parts += [np.array([column]) for column in np.flatnonzero(~defined.all(axis=0))]
    for columns in parts:
        rows = values[defined[:, columns[0]]][:, columns]
        if len(rows) < 2:
            continue
        names = [""] * len(columns)
        found = bootstrap_results(names, rows, unit="", definitions=names, seed=seed)
        low[columns], high[columns] = ([getattr(each, end) for each in found] for end in ("low", "high"))
    return low, high


def _with_ends(name: str, values: np.ndarray) -> np.ndarray:
    """Profiles of steps as they are; of the points that steps lead to, with the first, which is an end."""
    if name != "cross_dissolve":
        return values
    return np.concatenate([np.zeros((len(values), 1)), values], axis=1)


def _top(values: np.ndarray) -> float:
    return float(np.nanmax(mean_of(values), initial=0))
