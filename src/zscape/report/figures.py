"""Charts of a run: learning curves, maps of codes, spectra. Arrays in, a matplotlib Figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from scipy.stats import norm

from zscape.report.style import HELD_OUT, INK, MUTED, SURFACE, TRAIN, WIDTH, label, palette, shades, styled


@styled()
def learning_curves(history: Mapping[str, np.ndarray]) -> Figure:
    """The total loss and each term against the optimiser step, train and validation, in nats per sample.

    The vertical range leaves out the first tenth of the steps where it would squeeze the rest; many training
    values are drawn thin, with their running mean over them.

    Args:
        history: Columns of history.csv: step, split, total, and for each term its raw value and its weight as
            `<term>.weight`.

    Raises:
        ValueError: If the history has no rows.
    """
    if not len(history.get("step", ())):
        raise ValueError(
            "learning_curves needs a history of at least one row, but it is empty; fit the run first"
        )
    terms = term_names(history)
    panels = ["total", *terms, *(name for name in history if name.endswith(".critic"))]
    rate = history.get("rate", np.empty(0))
    if len(np.unique(rate[np.isfinite(rate)])) > 1:
        panels.append("rate")
    columns = min(len(panels), 3 if len(panels) != 4 else 2)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(WIDTH, 0.35 + 2.15 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    for axes, name in zip(grid, panels, strict=False):
        _curves(axes, history, name)
        axes.set_title(label("learning rate" if name == "rate" else name) + _weight(history, name))
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    for axes in grid[max(len(panels) - columns, 0) : len(panels)]:
        axes.set_xlabel("optimiser step")
        axes.tick_params(labelbottom=True)
    for axes, name in list(zip(grid, panels, strict=False))[::columns]:
        axes.set_ylabel("step size" if name == "rate" else "nats per sample")
    grid[0].legend(loc="upper right")
    return figure


def term_names(history: Mapping[str, np.ndarray]) -> list[str]:
    """The terms of the objective, in the order of their columns."""
    return [name for name in history if f"{name}.weight" in history]


@styled()
def latent_map(
    points: Float[np.ndarray, "N 2"],
    labels: Int[np.ndarray, "N"] | None = None,
    names: Sequence[str] = (),
    *,
    across: str = "z1",
    up: str = "z2",
) -> Figure:
    """Codes in the plane, one dot a sample, coloured by label and with each class named at its median.

    Dots are drawn in a random but fixed order, so that no class hides another by coming last, and as a
    picture inside the SVG, so that its size does not grow with N. Both axes have the same scale.

    Args:
        points: Codes, or their projection; at least one, all finite.
        labels: One class index a point.
        names: Class names by label; a label without a name is written as its number.
        across: Label of the horizontal axis.
        up: Label of the vertical axis.
    """
    _drawable("latent_map", points)
    figure = Figure(figsize=(WIDTH, 5.4))
    axes = figure.add_axes((0.08, 0.09, 0.915, 0.89))
    size = np.array([WIDTH * 0.915, 5.4 * 0.89]) * 72  # of the axes, in points
    scale = _equal_limits(axes, points, size)
    order = np.random.default_rng(0).permutation(len(points))
    colours = np.array(palette(1 if labels is None else int(labels.max(initial=0)) + 1))
    axes.scatter(
        *points[order].T,
        s=float(np.clip(600 / np.sqrt(len(points)), 2, 30)),
        c=colours[0 if labels is None else labels[order]].tolist() if labels is not None else colours[0],
        alpha=0.9 if len(points) <= 2000 else 0.6,
        linewidths=0,
        rasterized=True,
    )
    axes.set_xlabel(label(across, 60))
    axes.set_ylabel(label(up, 60))
    if labels is not None and nameable(labels):
        _name_classes(axes, points, labels, names, scale)
    return figure


@styled()
def latent_line(
    points: Float[np.ndarray, "N"],
    labels: Int[np.ndarray, "N"] | None = None,
    names: Sequence[str] = (),
) -> Figure:
    """Codes of one dimension: a density histogram a class, one below the other, and the prior N(0, 1) dashed.

    Args:
        points: Codes; at least one, all finite.
        labels: One class index a point.
        names: Class names by label.
    """
    _drawable("latent_line", points)
    groups = [("all", points, palette(1)[0])]
    if labels is not None and nameable(labels):
        colours = palette(int(labels.max()) + 1)
        present = np.unique(labels).tolist()
        groups = [
            (_class_name(which, names), points[labels == which], colours[which]) for which in present[::-1]
        ]
    line = np.linspace(min(points.min(), -3.2), max(points.max(), 3.2), 400)
    edges = np.linspace(line[0], line[-1], 61)
    heights = [np.histogram(members, edges, density=True)[0] for _, members, _ in groups]
    unit = 0.9 / max(np.max(heights), norm.pdf(0))
    figure = Figure(figsize=(WIDTH, 1.0 + 0.42 * max(len(groups), 4)), layout="constrained")
    axes = figure.add_subplot()
    for row, (height, (_, _, colour)) in enumerate(zip(heights, groups, strict=True)):
        axes.stairs(row + unit * height, edges, baseline=row, fill=True, color=colour, alpha=0.8)
        axes.plot(line, row + unit * norm.pdf(line), color=MUTED, linewidth=0.8, dashes=(4, 2))
    axes.set_yticks(range(len(groups)), [name for name, _, _ in groups])
    axes.set_ylim(-0.12, len(groups))
    axes.set_xlabel("z1 (dashed: the prior, N(0, 1))")
    axes.set_ylabel("density, one row a class" if len(groups) > 1 else "density")
    return figure


@styled()
def factor_maps(points: Float[np.ndarray, "N 2"], factors: Mapping[str, np.ndarray]) -> Figure:
    """The same points once a factor, coloured from its smallest value to its largest.

    Args:
        points: Codes, or their projection; at least one, all finite.
        factors: Numbers, one a point, by the name of the factor.
    """
    _drawable("factor_maps", points)
    columns = min(len(factors), 3)
    rows = -(-len(factors) // columns)
    # As high as the points are at one scale for both axes, within reason.
    wide, high = np.maximum(np.ptp(points, axis=0), 1e-9)
    height = 0.55 + 0.75 * WIDTH / columns * float(np.clip(high / wide, 0.3, 1.2))
    figure = Figure(figsize=(WIDTH, height * rows), layout="constrained")
    grid = figure.subplots(
        rows, columns, squeeze=False, sharex=True, sharey=True, subplot_kw={"aspect": "equal"}
    )
    grid = grid.ravel()
    order = np.random.default_rng(0).permutation(len(points))
    size = float(np.clip(250 / np.sqrt(len(points)), 2, 14))
    for axes, (name, values) in zip(grid, factors.items(), strict=False):
        dots = axes.scatter(
            *points[order].T, s=size, c=values[order], cmap=shades(), linewidths=0, rasterized=True
        )
        whole = bool((values == np.round(values)).all())
        bar = figure.colorbar(dots, ax=axes, aspect=20, ticks=MaxNLocator(4, integer=whole))
        bar.outline.set_visible(False)
        axes.set_title(label(name))
    for axes in grid[max(len(factors) - columns, 0) : len(factors)]:
        axes.tick_params(labelbottom=True)
    for axes in grid[len(factors) :]:
        axes.set_visible(False)
    return figure


@styled()
def spectrum(
    ratios: Float[np.ndarray, "D"],
    low: Float[np.ndarray, "D"] | None = None,
    high: Float[np.ndarray, "D"] | None = None,
) -> Figure:
    """Share of the variance of codes along each principal component, and what the first so many hold.

    Args:
        ratios: Explained variance ratios, largest first; they add up to 1.
        low: Lower ends of their intervals.
        high: Upper ends.
    """
    count = len(ratios)
    figure = Figure(figsize=(WIDTH, 2.7), layout="constrained")
    left, right = figure.subplots(1, 2)
    place = np.arange(1, count + 1)
    left.bar(place, 100 * ratios, width=0.78, color=TRAIN)
    if low is not None and high is not None:
        # A bootstrap interval of an ordered value need not hold the estimate; no whisker has negative length.
        reach = 100 * np.clip([ratios - low, high - ratios], 0, None)
        left.errorbar(
            place,
            100 * ratios,
            reach,
            fmt="none",
            ecolor=INK,
            elinewidth=0.8,
            capsize=1.5 if count < 40 else 0,
        )
    left.axhline(100 / count, color=MUTED, linewidth=0.8, dashes=(4, 2))
    left.set_title("each component")
    left.set_ylabel("share of variance (%)")
    together = 100 * np.cumsum(ratios)
    right.plot(place, together, color=TRAIN, marker="o" if count <= 40 else None, markersize=3.5)
    needed = int(np.searchsorted(together, 95 - 1e-9)) + 1
    right.axhline(95, color=MUTED, linewidth=0.8, dashes=(4, 2))
    right.axvline(needed, color=MUTED, linewidth=0.8, dashes=(4, 2))
    right.text(
        0.97, 0.06, f"{needed} of {count} hold 95 %" if together[-1] else "nothing varies",
        ha="right", transform=right.transAxes, fontsize=8.5,
        bbox={"boxstyle": "square,pad=0.2", "facecolor": SURFACE, "edgecolor": "none"},
    )  # fmt: skip
    right.set_ylim(0, 104)
    right.set_title("the first so many together")
    for axes in (left, right):
        axes.set_xlabel("principal component, largest first")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        axes.set_xlim(0.3, count + 0.7)
    return figure


def _curves(axes: Axes, history: Mapping[str, np.ndarray], name: str) -> None:
    kept = []
    for split, colour in (("train", TRAIN), ("validation", HELD_OUT)):
        rows = (history["split"] == split) & np.isfinite(history[name])
        step, value = history["step"][rows], history[name][rows]
        if not len(step) or (name == "rate" and split != "train"):
            continue
        many = split == "train" and len(step) > 60
        if many:
            axes.plot(step, value, color=colour, linewidth=0.5, alpha=0.35)
            step, value = _running_mean(step, value, width=len(step) // 30)
        marker = "o" if (split == "validation" and len(step) <= 40) or len(step) == 1 else None
        axes.plot(step, value, color=colour, linewidth=1.4, marker=marker, markersize=2.8, label=split)
        if split == "validation" and name == "total":
            best = value.argmin()
            ring = {"markersize": 7, "fillstyle": "none", "linestyle": "none", "color": INK}
            axes.plot(step[best], value[best], marker="o", label="lowest, kept", **ring)
        kept.append((step, value))
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda tick, _: f"{tick / 1000:g}k" if tick >= 10_000 else f"{tick:g}")
    )
    axes.ticklabel_format(axis="y", useOffset=False)
    _leave_out_the_start(axes, kept)


def _running_mean(step: np.ndarray, value: np.ndarray, *, width: int) -> tuple[np.ndarray, np.ndarray]:
    window = np.ones(width) / width
    return np.convolve(step, window, "valid"), np.convolve(value, window, "valid")


def _leave_out_the_start(axes: Axes, curves: list[tuple[np.ndarray, np.ndarray]]) -> None:
    if not curves:
        return
    first = 0.1 * max(step.max() for step, _ in curves)
    late = np.concatenate([value[step > first] for step, value in curves])
    everything = np.concatenate([value for _, value in curves])
    if len(late) and np.ptp(everything) > 3 * np.ptp(late) > 0:
        margin = 0.15 * np.ptp(late)
        axes.set_ylim(late.min() - margin, late.max() + margin)


def _weight(history: Mapping[str, np.ndarray], name: str) -> str:
    weights = history.get(f"{name}.weight", np.empty(0))
    weights = weights[np.isfinite(weights)]
    if not len(weights):
        return ""
    least, most = f"{weights.min():.3g}", f"{weights.max():.3g}"
    return f" × {least}" if least == most else f" × {least} to {most}"


def _drawable(owner: str, points: np.ndarray) -> None:
    if not len(points) or not np.isfinite(points).all():
        raise ValueError(
            f"{owner} needs one or more finite codes, but got {len(points)} with "
            f"{int((~np.isfinite(points)).sum())} values that are not finite; encode the run again"
        )


def _equal_limits(axes: Axes, points: np.ndarray, size: np.ndarray) -> float:
    """Limits that hold all points at one scale, which is returned: data units a typographic point."""
    middle = (points.min(0) + points.max(0)) / 2
    extent = np.maximum(np.ptp(points, axis=0), 1e-9) * 1.06
    scale = float((extent / size).max())
    half = scale * size / 2
    axes.set_xlim(middle[0] - half[0], middle[0] + half[0])
    axes.set_ylim(middle[1] - half[1], middle[1] + half[1])
    return scale


def _name_classes(
    axes: Axes, points: np.ndarray, labels: np.ndarray, names: Sequence[str], scale: float
) -> None:
    present = np.unique(labels)
    texts = [_class_name(which, names) for which in present.tolist()]
    medians = np.array([np.median(points[labels == which], axis=0) for which in present])
    # 8.5-point letters are about 5.6 points wide, and a box with its padding about 15 high.
    boxes = np.array([(5.6 * len(text) + 9, 15.0) for text in texts])
    places = medians + scale * (spread(medians / scale, boxes) - medians / scale)
    colours = np.array(palette(int(present.max()) + 1))[present]
    for text, median, place, colour in zip(texts, medians, places, colours, strict=True):
        axes.plot(*zip(median, place, strict=True), color=INK, linewidth=0.7)
        axes.text(
            place[0], place[1], text, ha="center", va="center", fontsize=8.5, color=INK,
            bbox={"boxstyle": "round,pad=0.28", "facecolor": SURFACE, "edgecolor": colour, "linewidth": 1.4},
        )  # fmt: skip


def spread(
    centres: Float[np.ndarray, "K 2"], boxes: Float[np.ndarray, "K 2"], *, rounds: int = 200
) -> Float[np.ndarray, "K 2"]:
    """Centres moved apart until boxes of the given widths and heights do not overlap, or the rounds are over.

    Each overlapping pair moves along the axis on which it overlaps least, half the way each.
    Cost: O(rounds K^2).
    """
    placed = centres.astype(float)
    for _ in range(rounds):
        moved = False
        for one in range(len(placed)):
            for other in range(one):
                gap = placed[one] - placed[other]
                overlap = (boxes[one] + boxes[other]) / 2 - np.abs(gap)
                if (overlap <= 1e-6).any():
                    continue
                axis = int(overlap.argmin())
                step = (1.0 if gap[axis] >= 0 else -1.0) * overlap[axis] / 2
                placed[one, axis] += step
                placed[other, axis] -= step
                moved = True
        if not moved:
            break
    return placed


def nameable(labels: Int[np.ndarray, "N"]) -> bool:
    """Whether the classes are few enough, 40 at most, for each to be named in a figure."""
    return len(np.unique(labels)) <= 40


def _class_name(which: int, names: Sequence[str]) -> str:
    return label(names[which], 18) if 0 <= which < len(names) else str(which)
