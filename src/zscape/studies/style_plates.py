"""Charts that only the study style-paths draws: panels of lines, and codes in the plane, a panel a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from zscape.report.style import INK, MUTED, WIDTH, label, palette, styled

_COLUMNS = 4


@styled()
def lines(
    panels: Mapping[str, Mapping[str, Sequence[float] | np.ndarray]],
    *,
    across: str,
    up: str,
    start: int = 1,
    plain: Sequence[str] = (),
) -> Figure:
    """Panels of lines on the same axes, with one legend below.

    Args:
        panels: By the title of a panel, values one after the other by the name of their line; a name stands
            for the same look throughout.
        across: Label of the horizontal axis.
        up: Label of the vertical axis.
        start: Number of the first value.
        plain: Lines that are dashed and grey, since the others are read against them.
    """
    names = list(dict.fromkeys(name for part in panels.values() for name in part))
    coloured = [name for name in names if name not in plain]
    colours = dict(zip(coloured, palette(len(coloured)), strict=True))
    dashes = {name: (4, 2) if number == 0 else (1, 1.5) for number, name in enumerate(plain)}
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH, 0.7 + 1.9 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    shown = {}
    # The limits of one are those of all.
    top = max((float(np.max(values)) for part in panels.values() for values in part.values()), default=0.0)
    grid[0].set_ylim(0, 1.05 * top if top > 0 else 1)
    for axes, (title, part) in zip(grid, panels.items(), strict=False):
        for name, values in part.items():
            style = {"color": MUTED, "dashes": dashes[name]} if name in plain else {"color": colours[name]}
            places = np.arange(start, start + len(values))
            mark = "o" if len(values) <= 20 and name not in plain else None
            (shown[name],) = axes.plot(places, values, linewidth=1.3, marker=mark, markersize=2.5, **style)
        axes.set_title(label(title, 30))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    _finish(figure, grid, len(panels), columns, across, up)
    figure.legend(list(shown.values()), [label(name, 28) for name in shown], loc="outside lower center",
                  ncols=min(len(shown), 4), columnspacing=1.2)  # fmt: skip
    return figure


@styled()
def planes(
    panels: Mapping[str, Float[np.ndarray, "N 2"]], labels: Int[np.ndarray, "N"], names: Sequence[str]
) -> Figure:
    """Codes in a plane, a panel a model, each at its own scale, coloured by class.

    Args:
        panels: Points by the title of their panel.
        labels: Class of each point.
        names: Class names by label.
    """
    present = np.unique(labels)
    colours = np.array(palette(len(present)))
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH, 0.5 + 2.0 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (title, points) in zip(grid, panels.items(), strict=False):
        axes.scatter(
            *points.T, s=4, c=colours[np.searchsorted(present, labels)].tolist(), alpha=0.6, linewidths=0
        )
        axes.set_title(label(title, 30))
        axes.set_aspect("equal", adjustable="datalim")
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.yaxis.set_major_locator(MaxNLocator(3))
    _finish(figure, grid, len(panels), columns, "first component", "second")
    dots = [
        Line2D([], [], color=str(colour), marker="o", linestyle="none", markersize=5) for colour in colours
    ]
    texts = [label(names[which], 18) if which < len(names) else str(which) for which in present.tolist()]
    figure.legend(dots, texts, loc="outside lower center", ncols=min(len(texts), 8), labelcolor=INK)
    return figure


def _finish(figure: Figure, grid: np.ndarray, count: int, columns: int, across: str, up: str) -> None:
    """Labels at the edges; panels that are left over go."""
    for axes in grid[count:]:
        axes.set_visible(False)
    for axes in grid[max(count - columns, 0) : count]:
        axes.set_xlabel(across)
        axes.tick_params(labelbottom=True)
    for axes in grid[:count:columns]:
        axes.set_ylabel(up)
