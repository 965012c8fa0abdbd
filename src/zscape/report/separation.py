"""How far classes lie apart, as a figure: distances, offsets of centres, angles of first components."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from zscape import base
from zscape.measure import (
    ClassDistances,
    ComponentAngles,
    centroid_offsets,
    class_distances,
    component_angles,
)
from zscape.report.sections import Plate
from zscape.report.style import TRAIN, WIDTH, label, shades, styled

_LEAST = 3  # codes of a class
_WRITTEN = 10  # classes up to which each number is written into its square


def separated(table: base.Codes, which: str, seed: int) -> Plate | None:
    """Distances within and between classes, how far out each lies, and whether they extend alike.

    None where fewer than two classes have three codes that vary, or there is one latent only.

    Args:
        table: Codes with labels.
        which: What they are, in words.
        seed: Of the bootstrap of offsets.
    """
    labels = np.empty(0, np.int64) if table.label is None else table.label
    kept = [
        each
        for each in np.unique(labels)
        if (labels == each).sum() >= _LEAST and np.ptp(table.mean[labels == each], axis=0).any()
    ]
    if len(kept) < 2 or table.latent < 2:
        return None
    some = table.take(np.flatnonzero(np.isin(labels, kept)))
    distances, angles = class_distances(some, seed=seed), component_angles(some)
    offsets = [
        each for each in centroid_offsets(some, seed=seed) if each.name.startswith("centroid_offset_l2")
    ]
    names = [some.names[each] if 0 <= each < len(some.names) else str(each) for each in kept]
    sizes = [int((some.label == each).sum()) for each in kept]
    own, other = np.diag(distances.mean), distances.mean[~np.eye(len(kept), dtype=bool)]
    caption = (
        f"{which[:1].upper()}{which[1:]}; the number of codes of each class stands beside it. Distances and "
        "offsets are in latent units. Left: mean Euclidean distance between codes of two classes, within "
        f"a class on the diagonal ({own.mean():.3g} within, {other.mean():.3g} between, means over classes). "
        "Middle: from the mean of each class to that of all, the sampling noise taken off, with 95 % "
        f"bootstrap intervals (seed {seed}). Right: angle between the first components of two classes, from "
        f"0 to 90 degrees; random directions have {angles.null_median:.0f} in the median, and one pair in "
        f"twenty less than {angles.null_low:.0f}."
    )
    out = ", ".join(f"{name} {each.value:.3g}" for name, each in zip(names, offsets, strict=True))
    size = f"{len(kept)} by {len(kept)} classes"
    return Plate(
        "class-distances",
        separation_figure(distances, offsets, angles, names, sizes),
        "How far classes lie apart",
        caption,
        f"Tables of {size}, of distances and of angles; offsets of classes: {out}.",
    )


@styled()
def separation_figure(
    distances: ClassDistances,
    offsets: Sequence[base.Result],
    angles: ComponentAngles,
    names: Sequence[str],
    sizes: Sequence[int],
) -> Figure:
    """Mean distances, offsets of centres and angles of first components.

    Args:
        distances: Of K classes.
        offsets: One a class.
        angles: Of the same classes.
        names: Theirs.
        sizes: Codes of each.
    """
    count = len(names)
    figure = Figure(figsize=(WIDTH, max(2.4, 1.2 + 0.2 * count)), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(1, 0.8, 1))
    short = [label(name, 12) for name in names]
    counted = [f"{name} ({size:,})" for name, size in zip(short, sizes, strict=True)]
    _squares(left, distances.mean, "mean distance", short)
    left.set_yticks(range(count), counted)
    left.set_xlabel("latent units")
    values = np.array([each.value for each in offsets])
    reach = np.array([[each.value - (each.low or 0.0), (each.high or 0.0) - each.value] for each in offsets])
    marks = {"color": TRAIN, "fmt": "o", "markersize": 3.5, "capsize": 2, "linewidth": 1.2}
    middle.errorbar(values, range(count), xerr=reach.T, **marks)
    middle.set_title("offset of the centre")
    middle.set_xlabel("latent units")
    middle.set_xlim(left=0)
    middle.set_ylim(count - 0.5, -0.5)
    middle.set_yticks(range(count), [])
    _squares(right, angles.degrees, "angle of components", short)
    right.set_xlabel("degrees")
    return figure


def _squares(axes: Axes, values: Float[np.ndarray, "K K"], title: str, names: Sequence[str]) -> None:
    axes.imshow(values, cmap=shades(), vmin=0, aspect="auto")
    if len(names) <= _WRITTEN:
        for row, column in np.ndindex(values.shape):
            value = values[row, column]
            colour = "#ffffff" if value < 0.3 * values.max() else "#101010"
            text = f"{value:.0f}" if values.max() >= 10 else f"{value:.1f}"
            axes.text(column, row, text, ha="center", va="center", fontsize=7.5, color=colour)
    long = max(map(len, names)) > 3
    axes.set_xticks(range(len(names)), names, rotation=45 if long else 0)
    axes.set_yticks(range(len(names)), names)
    axes.set_title(title)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
