"""The section of the page on classes: in how many directions they extend, and whether clusters find them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from zscape import base, codes
from zscape.measure import (
    Composition,
    NullSpectrum,
    class_spectra,
    cluster,
    cluster_agreement,
    composition,
    nearest_neighbours,
    silhouette,
)
from zscape.report import pictures
from zscape.report.sections import ACROSS, Plate, Section, fitted, picks, pictorial, some_of, width
from zscape.report.separation import separated
from zscape.report.style import HELD_OUT, MUTED, TRAIN, WIDTH, label, shades, styled
from zscape.report.wording import interval
from zscape.run import Run

MOST = 20  # classes that are told apart
LIMIT = 2000  # codes that are looked at; spectra of permuted codes are the most of the cost
PERMUTATIONS = 20
_PANELS = 12
_WRITTEN = 12  # clusters and classes up to which each share is written into its square
_NEIGHBOURS = 10
_LEAST = 12


def structured(run: Run, data: base.Data, *, seed: int) -> Section | None:
    """Spectra of classes beside their null, how far they lie apart, clusters, and neighbours as pictures.

    None without codes of two classes or more, of which the section before shows what there is.

    Args:
        run: The run.
        data: Its data set, for the pictures of neighbours.
        seed: Of codes that are chosen, permutations and clusters.
    """
    if not run.codes_path.exists():
        return None
    table = codes.load(run.codes_path)
    table = table.of("test") if (table.split == "test").any() else table
    total = len(table)
    if total > LIMIT:
        table = table.take(np.sort(np.random.default_rng(seed).choice(total, LIMIT, replace=False)))
    present = 0 if table.label is None else len(np.unique(table.label))
    if not 2 <= present <= MOST or len(table) < _LEAST or len(np.unique(table.mean, axis=0)) < _LEAST:
        return None
    which = f"{some_of(len(table), total)} codes"
    apart = separated(table, which, seed)
    plates = [_spectra(table, which, seed), *([apart] if apart else []), _clusters(table, which, seed)]
    if fitted(run) and pictorial(run) and not run.of_drawings:
        plates.append(_neighbours(run, data, table, which, seed))
    return Section("classes", "Classes", tuple(plates))


@styled()
def spectra_panels(spectra: Sequence[NullSpectrum], names: Sequence[str], sizes: Sequence[int]) -> Figure:
    """Shares of the first components, a panel a set of codes, and the null they have to exceed.

    Args:
        spectra: At most twelve.
        names: Titles, one a panel.
        sizes: Codes of each.
    """
    columns = min(len(spectra), 4)
    rows = -(-len(spectra) // columns)
    figure = Figure(figsize=(WIDTH, 0.45 + 1.75 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    for axes, found, name, size in zip(grid, spectra, names, sizes, strict=False):
        place = np.arange(1, len(found.ratios) + 1)
        above = place <= found.components
        axes.bar(place, 100 * found.ratios, width=0.78, color=[TRAIN if each else MUTED for each in above])
        axes.plot(place, 100 * found.null_high, color=HELD_OUT, marker="o", markersize=2.5, linewidth=1.0)
        axes.set_title(f"{label(name, 18)} (n = {size:,})\n{found.components} above")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for axes in grid[len(spectra) :]:
        axes.set_visible(False)
    for axes in grid[max(len(spectra) - columns, 0) : len(spectra)]:
        axes.set_xlabel("component")
        axes.tick_params(labelbottom=True)
    for axes in grid[::columns]:
        axes.set_ylabel("share of variance (%)")
    return figure


@styled()
def cluster_figure(
    silhouettes: Sequence[base.Result], counts: Sequence[int], table: Composition, names: Sequence[str]
) -> Figure:
    """Silhouette over the number of clusters, and the share of each class in each cluster.

    Args:
        silhouettes: One a number of clusters.
        counts: These numbers.
        table: What is in the clusters that are shown.
        names: Names of its classes.
    """
    clusters, classes = table.counts.shape
    figure = Figure(figsize=(WIDTH, max(2.6, 0.9 + 0.27 * clusters)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 2.2))
    values = np.array([each.value for each in silhouettes])
    reach = [[each.value - (each.low or 0.0), (each.high or 0.0) - each.value] for each in silhouettes]
    marks = {"color": TRAIN, "marker": "o", "markersize": 3.5, "capsize": 2, "linewidth": 1.2}
    left.errorbar(counts, values, np.array(reach).T, **marks)
    left.axvline(clusters, color=MUTED, linewidth=0.8, dashes=(4, 2))
    left.set_ylim(min(0.0, float(values.min())), None)
    left.set_xlabel("clusters")
    left.set_ylabel("silhouette")
    left.xaxis.set_major_locator(MaxNLocator(integer=True))
    picture = right.imshow(table.shares, cmap=shades(), vmin=0, vmax=1, aspect="auto")
    bar = figure.colorbar(picture, ax=right, aspect=18, label="share of the cluster")
    bar.outline.set_visible(False)
    if max(clusters, classes) <= _WRITTEN:
        for row, column in np.argwhere(table.counts > 0):
            share = table.shares[row, column]
            right.text(
                column, row, f"{share:.2f}", ha="center", va="center", fontsize=7.5,
                color="#ffffff" if share < 0.3 else "#101010",
            )  # fmt: skip
    long = max(len(label(name, 12)) for name in names) > 3
    right.set_xticks(range(classes), [label(name, 12) for name in names], rotation=45 if long else 0)
    sizes = table.counts.sum(axis=1)
    right.set_yticks(range(clusters), [f"{which + 1} ({size:,})" for which, size in enumerate(sizes)])
    right.set_xlabel("class")
    right.set_ylabel("cluster (codes)")
    right.grid(visible=False)
    right.tick_params(length=0)
    for spine in right.spines.values():
        spine.set_visible(False)
    return figure


def _spectra(table: base.Codes, which: str, seed: int) -> Plate:
    found = class_spectra(table, permutations=PERMUTATIONS, seed=seed)[:_PANELS]
    names = ["all" if each.label is None else _name(table, each.label) for each in found]
    labels = _labels(table)
    sizes = [len(table) if each.label is None else int((labels == each.label).sum()) for each in found]
    counts = ", ".join(f"{name} {each.components}" for name, each in zip(names, found, strict=True))
    caption = (
        f"Shares of the first principal components in the variance of {which}, all and class by class. "
        f"Orange: the 95 % quantile of the same share after each latent was permuted on its own "
        f"({PERMUTATIONS} times, seed {seed}), so that latents no longer go together. Blue: the components "
        "above it, without a gap."
    )
    return Plate(
        "class-spectra",
        spectra_panels(found, names, sizes),
        "Directions in which classes extend",
        caption,
        f"Components above the null: {counts}.",
    )


def _clusters(table: base.Codes, which: str, seed: int) -> Plate:
    labels = _labels(table)
    classes = len(np.unique(labels))
    different = len(np.unique(table.mean, axis=0))
    counts = sorted({*range(2, 9), classes} & set(range(2, different)))
    divided = {count: cluster(table, count, seed=seed) for count in counts}
    shown = divided[classes]
    found = composition(shown, labels)
    names = [_name(table, each) for each in found.classes.tolist()]
    agreement = {
        result.name.removeprefix("cluster_"): "{} ({})".format(*interval(result))
        for result in cluster_agreement(shown, labels, seed=seed)
    }
    caption = (
        f"k-means of {which} (ten starts, seed {seed}). Left: the mean silhouette by the number of clusters, "
        f"with 95 % intervals over codes. Right: what each of as many clusters as classes is made of. Purity "
        f"{agreement['purity']}, normalised mutual information {agreement['nmi']}, adjusted Rand index "
        f"{agreement['ari']}; 1 for clusters that are the classes, 0 by chance for the last."
    )
    silhouettes = [silhouette(table, divided[count], seed=seed) for count in counts]
    return Plate(
        "class-clusters",
        cluster_figure(silhouettes, counts, found, names),
        "Clusters and classes",
        caption,
        f"Silhouette over the number of clusters, and a table of {classes} clusters by {classes} classes; "
        f"purity {agreement['purity']}.",
    )


def _neighbours(run: Run, data: base.Data, table: base.Codes, which: str, seed: int) -> Plate:
    labels = _labels(table)
    classes = np.unique(labels)
    # One of each class: the classes come in turn.
    queries = picks(np.arange(len(table)), labels, count=len(classes), seed=seed)
    k = min(_NEIGHBOURS, len(table) - 1, max(1, ACROSS // width(run) - 1))
    found = nearest_neighbours(table, k).rows[queries]
    rows = np.concatenate([queries[:, None], found], axis=1)
    x = data.batch(torch.from_numpy(table.id[rows.ravel()]), "cpu")[0].numpy()
    x = x.reshape(len(queries), k + 1, *x.shape[1:])
    same = float((labels[found] == labels[queries][:, None]).mean())
    names = [_name(table, each) for each in labels[queries].tolist()]
    figure = pictures.beside_their_nearest(x[:, 0], x[:, 1:], names)
    caption = (
        f"A row a class, one of its codes, of {which}: the picture of the code, and behind the gap those of "
        f"the {k} nearest codes (Euclidean), the nearest first. Of these neighbours {100 * same:.0f} % are "
        f"of the class of the code (codes drawn at random, seed {seed})."
    )
    alt = f"{len(queries)} pictures, each followed by the {k} whose codes are nearest."
    return Plate("class-neighbours", figure, "Nearest neighbours", caption, alt, chart=False)


def _labels(table: base.Codes) -> Int[np.ndarray, "N"]:
    return np.empty(0, dtype=np.int64) if table.label is None else table.label


def _name(table: base.Codes, which: int) -> str:
    return table.names[which] if 0 <= which < len(table.names) else str(which)
