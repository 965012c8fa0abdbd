"""Charts that only studies draw: sets over the cloud of codes, curves with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zscape.report.style import INK, SURFACE, WIDTH, label, palette, styled

_DOTS = 4000


@dataclass(frozen=True)
class Curve:
    """A curve through points with intervals on both axes.

    Attributes:
        name: In the legend.
        points: (P, 2) means, across and up.
        low: (P, 2) lower ends of their intervals; equal to the points where there are none.
        high: (P, 2) upper ends.
        colour: Curves of one number have one colour.
        dashed: Whether the line is dashed and its marks are hollow.
    """

    name: str
    points: np.ndarray
    low: np.ndarray
    high: np.ndarray
    colour: int
    dashed: bool = False


@styled()
def clouds(
    codes: Float[np.ndarray, "N 2"],
    labels: Int[np.ndarray, "N"],
    names: Sequence[str],
    sets: Mapping[str, Float[np.ndarray, "J 2"]],
    *,
    seed: int = 0,
) -> Figure:
    """A panel a set: its points as rings over the same codes, coloured by class, at one scale.

    Args:
        codes: Codes in the plane; at most 4,000 of them, chosen at random, are drawn.
        labels: Class of each code.
        names: Class names by label.
        sets: Sets of points by the title of their panel.
        seed: Of the choice.
    """
    chosen = np.random.default_rng(seed).permutation(len(codes))[:_DOTS]
    colours = np.array(palette(int(labels.max()) + 1))
    # A few codes far out would shrink the rest to a spot; all points of the sets stay inside.
    low, high = np.percentile(codes, [0.5, 99.5], axis=0)
    points = np.concatenate(list(sets.values()))
    low, high = np.minimum(low, points.min(axis=0)), np.maximum(high, points.max(axis=0))
    margin = 0.06 * (high - low)
    low, high = low - margin, high + margin
    wide = WIDTH / len(sets)
    height = float(np.clip((wide - 0.3) * (high[1] - low[1]) / (high[0] - low[0]), 1.6, 4.5))
    figure = Figure(figsize=(WIDTH, height + 1.0), layout="constrained")
    grid = figure.subplots(1, len(sets), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (title, points) in zip(grid, sets.items(), strict=True):
        axes.scatter(
            *codes[chosen].T,
            s=5,
            c=colours[labels[chosen]].tolist(),
            alpha=0.45,
            linewidths=0,
            rasterized=True,
        )
        axes.scatter(*points.T, s=58, c=SURFACE, edgecolors=INK, linewidths=1.5, zorder=3)
        axes.set_title(title)
        axes.set_aspect("equal")
        axes.set_xlim(low[0], high[0])
        axes.set_ylim(low[1], high[1])
        axes.set_xlabel("z1")
    grid[0].set_ylabel("z2")
    dots = [
        Line2D([], [], color=str(colours[which]), marker="o", linestyle="none", markersize=5)
        for which in np.unique(labels)
    ]
    texts = [label(names[which], 12) if which < len(names) else str(which) for which in np.unique(labels)]
    figure.legend(
        dots,
        texts,
        loc="outside lower center",
        ncols=min(len(texts), 10),
        handletextpad=0.1,
        columnspacing=1.2,
    )
    return figure


@styled()
def curves(
    panels: Mapping[str, Sequence[Curve]], *, across: str, up: str, mark: tuple[str, float, float]
) -> Figure:
    """A panel of curves each, side by side on the same axes, with one legend below.

    The axes hold all means; an interval that is longer is cut at the edge.

    Args:
        panels: Curves by the title of their panel; a name stands for the same look throughout.
        across: Label of the horizontal axis.
        up: Label of the vertical axis.
        mark: Name and place of a single point, a star in every panel.
    """
    name, *place = mark
    everything = [curve for part in panels.values() for curve in part]
    points = np.concatenate([np.array([place]), *(curve.points for curve in everything)])
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.05 * np.maximum(high - low, 1e-3)
    colours = palette(1 + max(curve.colour for curve in everything))
    figure = Figure(figsize=(WIDTH, 3.5), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    shown = {}
    for axes, (title, part) in zip(grid, panels.items(), strict=True):
        for curve in part:
            colour = colours[curve.colour]
            below, above = (curve.points - curve.low).T, (curve.high - curve.points).T
            axes.errorbar(
                *curve.points.T, xerr=(below[0], above[0]), yerr=(below[1], above[1]),
                fmt="none", ecolor=colour, elinewidth=0.7, alpha=0.45,
            )  # fmt: skip
            (shown[curve.name],) = axes.plot(
                *curve.points.T, color=colour, marker="s" if curve.dashed else "o", markersize=3.5,
                markerfacecolor=SURFACE if curve.dashed else colour, linewidth=1.3,
                linestyle="--" if curve.dashed else "-",
            )  # fmt: skip
        (shown[name],) = axes.plot(*place, marker="*", markersize=11, color=INK, linestyle="none", zorder=5)
        axes.set_title(title)
        axes.set_xlabel(across)
    grid[0].set_xlim(low[0] - margin[0], high[0] + margin[0])
    grid[0].set_ylim(low[1] - margin[1], high[1] + margin[1])
    grid[0].set_ylabel(up)
    shown[name] = shown.pop(name)  # the last in the legend
    figure.legend(
        list(shown.values()),
        list(shown),
        loc="outside lower center",
        ncols=min(len(shown), 5),
        columnspacing=1.2,
    )
    return figure
