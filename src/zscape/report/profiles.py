"""Curves of what happens along paths. Arrays in, a matplotlib Figure out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zscape.measure import profile_results
from zscape.report.style import INK, MUTED, WIDTH, label, palette, styled

_COLUMNS = 3
# Single paths that are drawn behind their mean, spread over all.
_PATHS = 20


@styled()
def profile_curves(
    profiles: Mapping[str, np.ndarray], *, what: str = "style loss", shared: bool = True
) -> Figure:
    """What changes in each step along paths, a panel a set of paths: the mean with its 95 % interval.

    Behind it are up to 20 single paths, drawn thin. The interval is that of `profile_results`; one path alone
    has none. The axis ends where the mean and its interval fit, so
    single paths may leave it.

    Args:
        profiles: (P, S) values >= 0 by the name of the set, one a step of each path.
        what: What the values are, for the vertical axis.
        shared: Whether all panels have one scale.

    Raises:
        ValueError: If there is no set, or one is not (P, S) of finite numbers, one or more.
    """
    if not profiles:
        raise ValueError("profile_curves needs one set of profiles or more, but got none")
    for name, values in profiles.items():
        if values.ndim != 2 or not values.size or not np.isfinite(values).all():
            raise ValueError(
                f"profile_curves needs finite numbers (P, S), but those of {name!r} have shape "
                f"{values.shape} or are not finite"
            )
    columns = min(len(profiles), _COLUMNS)
    rows = -(-len(profiles) // columns)
    figure = Figure(figsize=(WIDTH, 0.35 + 2.0 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=shared).ravel()
    tops = []
    for axes, (name, values), colour in zip(grid, profiles.items(), palette(len(profiles)), strict=False):
        step, mean = np.arange(1, values.shape[1] + 1), values.mean(axis=0)
        found = profile_results(values)
        low = np.array([each.value if each.low is None else each.low for each in found])
        high = np.array([each.value if each.high is None else each.high for each in found])
        chosen = np.linspace(0, len(values) - 1, min(len(values), _PATHS)).astype(int)
        axes.plot(step, values[chosen].T, color=MUTED, linewidth=0.5, alpha=0.4)
        axes.fill_between(step, low, high, color=colour, alpha=0.25, linewidth=0)
        axes.plot(
            step, mean, color=colour, linewidth=1.6, marker="o" if len(step) <= 20 else None, markersize=3
        )
        axes.set_title(f"{label(name)}  ({len(values)})")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        tops.append(float(high.max()))
    for index, axes in enumerate(grid[: len(profiles)]):
        top = max(tops) if shared else tops[index]
        axes.set_ylim(0, 1.15 * top if top > 0 else 1)
    for axes in grid[len(profiles) :]:
        axes.set_visible(False)
    for axes in grid[max(len(profiles) - columns, 0) : len(profiles)]:
        axes.set_xlabel("step along the path")
    for axes in grid[: len(profiles) : columns]:
        axes.set_ylabel(label(what, 40))
    return figure


@styled()
def shape_against_dissolve(
    ratio: np.ndarray, dissolve: np.ndarray, groups: Mapping[str, np.ndarray] | None = None
) -> Figure:
    """The shape of each path's profile against its cross-dissolve index, a dot a path.

    Dashed is the ratio 1: a horseshoe lies above it. Paths without either number are left out.

    Args:
        ratio: (P,) as `zscape.measure.profile_shape` has it.
        dissolve: (P,) as `zscape.measure.cross_dissolve` has it for paths.
        groups: Which paths, as numbers or a mask, by the name of their group; None for one group.

    Raises:
        ValueError: If there is no path with both numbers.
    """
    if not (np.isfinite(ratio) & np.isfinite(dissolve)).any():
        raise ValueError("shape_against_dissolve needs a path with a ratio and an index, but got none")
    figure = Figure(figsize=(WIDTH * 0.62, 3.4), layout="constrained")
    axes = figure.add_subplot()
    sets = groups or {"paths": np.arange(len(ratio))}
    for (name, which), colour in zip(sets.items(), palette(len(sets)), strict=True):
        axes.scatter(
            dissolve[which], ratio[which], s=14, color=colour, alpha=0.8, linewidths=0, label=label(name)
        )
    axes.axhline(1, color=MUTED, linewidth=0.8, dashes=(4, 2))
    axes.set_xlim(left=0)
    axes.set_xlabel("cross-dissolve index (0: a mixture of the ends)")
    axes.set_ylabel("middle third over outer thirds")
    if groups:
        axes.legend(labelcolor=INK)
    return figure
