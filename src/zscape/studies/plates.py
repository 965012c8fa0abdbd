"""Charts that only studies draw: sets over the cloud of codes, curves with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from zscape.report.style import INK, MUTED, SURFACE, WIDTH, label, palette, styled

_DOTS = 4000
_MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Curve:
    """A curve through points with intervals on both axes.

    Attributes:
        name: In the legend.
        x: (P,) means along the horizontal axis.
        y: (P,) means along the vertical one.
        x_half: (P,) half widths of the intervals of x; 0 draws none.
        y_half: (P,) those of y.
        dashed: Whether the line is dashed.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    x_half: np.ndarray
    y_half: np.ndarray
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
    panels: Mapping[str, Sequence[Curve]],
    *,
    across: str,
    up: str,
    marks: Mapping[str, tuple[float, float]] | None = None,
    logarithmic: bool = False,
) -> Figure:
    """A panel of curves each, side by side on the same axes, with one legend below.

    Args:
        panels: Curves by the title of their panel; curves of one name have one colour throughout.
        across: Label of the horizontal axis.
        up: Label of the vertical axis.
        marks: Single points, drawn as stars in every panel, by their name.
        logarithmic: Whether both axes are logarithmic.
    """
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    grid = figure.subplots(1, len(panels), squeeze=False, sharex=True, sharey=True)[0]
    names = list(dict.fromkeys(curve.name for part in panels.values() for curve in part))
    looks = {
        name: (colour, mark)
        for name, colour, mark in zip(names, palette(len(names)), _cycle(names), strict=True)
    }
    for axes, (title, part) in zip(grid, panels.items(), strict=True):
        for curve in part:
            colour, mark = looks[curve.name]
            axes.errorbar(
                curve.x, curve.y, xerr=curve.x_half, yerr=curve.y_half, color=colour, marker=mark,
                markersize=3,
                linewidth=1.2, elinewidth=0.7, linestyle="--" if curve.dashed else "-", label=curve.name,
            )  # fmt: skip
        for name, place in (marks or {}).items():
            axes.plot(*place, marker="*", markersize=11, color=INK, linestyle="none", label=name)
        axes.set_title(title)
        axes.set_xlabel(across)
        if logarithmic:
            axes.set_xscale("log")
            axes.set_yscale("log")
    grid[0].set_ylabel(up)
    shown = {}
    for axes in grid:
        handles, texts = axes.get_legend_handles_labels()
        shown |= dict(zip(texts, handles, strict=True))
    texts = [*names, *(marks or {})]
    figure.legend(
        [shown[text] for text in texts],
        texts,
        loc="outside lower center",
        ncols=min(len(texts), 5),
        columnspacing=1.2,
    )
    return figure


@styled()
def bars(values: Mapping[str, tuple[float, float]], *, across: str) -> Figure:
    """A horizontal bar a name, with its interval.

    Args:
        values: Mean and half width of the interval by name; a half width of 0 draws none.
        across: Label of the horizontal axis.
    """
    figure = Figure(figsize=(WIDTH, 0.7 + 0.26 * len(values)), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(values))[::-1]
    means, halves = np.array(list(values.values())).T
    axes.barh(places, means, height=0.7, color=palette(1)[0])
    axes.errorbar(means, places, xerr=halves, fmt="none", ecolor=MUTED, elinewidth=1.0)
    axes.set_yticks(places, list(values))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(across)
    return figure


def _cycle(names: Sequence[str]) -> list[str]:
    return [_MARKERS[index % len(_MARKERS)] for index in range(len(names))]
