"""The sections of the page that hold figures: each reads what the run folder has, or says what is missing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits

from zscape import base, codes
from zscape.measure import histogram_information, mig, pca_spectrum, whole_factors
from zscape.model.generation import TEMPERATURE
from zscape.report import figures, knowledge, pictures, sheets
from zscape.report.wording import interval, number
from zscape.run import Run
from zscape.walk import latent_name

TSNE_LIMIT = 5000  # codes; t-SNE takes about N log N, 20 seconds for these on one core
FACTOR_LIMIT = 5000  # codes a panel
BOOTSTRAP_LIMIT = 10_000  # codes; above, the intervals of a spectrum are too narrow to be seen
RESAMPLES = 200
ACROSS = 1400  # pixels of all pictures in a row
BINS = 20  # of the histograms of information
ROWS_A_CELL = 10  # of the largest of them; below, what is left of its bias shows
_MOVING = 6  # drawings that draw themselves
_DRAWN_SIDE = 12  # drawings along each axis of a manifold


@dataclass(frozen=True)
class Plate:
    """One figure of the page.

    Attributes:
        name: Stem of its files, unique in the page.
        figure: What is drawn, or the files it is drawn in.
        title: Its heading.
        caption: What is seen, how to read it, n and seed.
        alt: What a reader who cannot see it is told.
        chart: Whether it holds text that must stay readable on a narrow screen, rather than pictures.
    """

    name: str
    figure: Figure | sheets.Drawn
    title: str
    caption: str
    alt: str
    chart: bool = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """Endings of its files."""
        moves = isinstance(self.figure, sheets.Drawn) and self.figure.gif
        return ("png", "svg", "gif") if moves else ("png", "svg")


@dataclass(frozen=True)
class Row:
    """A measure in a section's table, in words: name, value, what it is beside, unit and definition."""

    name: str
    value: str
    beside: str
    unit: str
    definition: str


@dataclass(frozen=True)
class Compared:
    """A measure of several things, in words: its name, definition and unit, and a value and interval each."""

    name: str
    definition: str
    unit: str
    cells: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Comparison:
    """Measures of several things beside each other: what they are of, a name a column, and the rows."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[Compared, ...]


@dataclass(frozen=True)
class Section:
    """A heading with its figures, or with one line on why there are none.

    Attributes:
        anchor: Its id in the page.
        title: Its heading.
        plates: Its figures.
        note: One line on what is missing; empty if nothing is.
        command: The command that makes what is missing; empty if none does.
        measures: Measures of what is shown.
        beside: What those are compared with; empty if with nothing.
        comparisons: Tables of measures with a column for each of what is compared.
    """

    anchor: str
    title: str
    plates: tuple[Plate, ...] = ()
    note: str = ""
    command: str = ""
    measures: tuple[Row, ...] = ()
    beside: str = ""
    comparisons: tuple[Comparison, ...] = ()


def learning(run: Run) -> Section:
    """Learning curves of the total and of each term."""
    section = Section("learning", "Learning curves")
    history = run.history() if (run.path / "history.csv").exists() else {}
    if not len(history.get("step", ())):
        return lacking(section, "Nothing has been logged yet.", "zscape fit")
    steps, epochs = int(history["step"].max()), int(history["epoch"].max())
    lowest = _lowest_validation(history)
    plate = Plate(
        "learning-curves",
        figures.learning_curves(history),
        "Loss and terms while training",
        f"Raw value of each term, before its weight (in the panel's title) is applied, over {steps:,} "
        f"optimiser steps; epochs: {epochs}. Where training values are many, the thick line is their running "
        f"mean. The vertical range leaves out the first tenth of the steps where it would squeeze the rest."
        f"{lowest} Seed {run.spec['seed']}.",
        f"Line charts of the total loss and of {', '.join(figures.term_names(history)) or 'no terms'} "
        f"against the optimiser step.{lowest}",
    )
    return Section(section.anchor, section.title, (plate,))


def reconstructed(run: Run, data: base.Data, *, seed: int) -> Section:
    """Originals beside their reconstructions."""
    section = Section("reconstructions", "Reconstructions")
    if not fitted(run):
        return lacking(section, "The model has no weights yet.", "zscape fit")
    if not pictorial(run):
        return not_pictures(section, run)
    split = next((name for name in reversed(base.SPLITS) if len(run.splits.get(name, ()))), None)
    if split is None:
        return lacking(section, "All splits of this run are empty.", "zscape fit")
    classes = 0 if data.labels is None else len(np.unique(data.labels[run.splits[split]]))
    columns = classes * max(1, 10 // classes) if 1 <= classes <= 12 else 10
    columns = min(columns, max(1, ACROSS // width(run)))
    rows = picks(run.splits[split], data.labels, count=2 * columns, seed=seed)
    x, _ = data.batch(torch.from_numpy(rows), "cpu")
    with torch.no_grad():
        z = run.model.encode(x).mean.numpy()
    ordered = ", the classes in turn" if classes else ""
    share = some_of(len(rows), len(run.splits[split]))
    which = f"{share} {split} samples, drawn at random (seed {seed}){ordered}"
    xhat = run.shown(z, seed=seed)
    if run.of_drawings:
        return Section(section.anchor, section.title, _redrawn(x.numpy(), xhat, which, columns, seed))
    plate = Plate(
        "reconstructions",
        pictures.reconstructions(x.numpy(), xhat, columns=columns),
        "Originals and what is left of them",
        f"{which}; under each, what the decoder makes of its code, the posterior mean. Every pixel is shown "
        f"as it is, 0 dark and 1 light.",
        f"Rows of {len(rows)} original pictures, each above its reconstruction.",
        chart=False,
    )
    return Section(section.anchor, section.title, (plate,))


def _redrawn(x: np.ndarray, xhat: np.ndarray, which: str, columns: int, seed: int) -> tuple[Plate, ...]:
    """Drawings and what is drawn from their codes; the first of them draw themselves."""
    still = Plate(
        "reconstructions",
        sheets.reconstructions(x, xhat, columns=columns),
        "Originals, and drawn again from their codes",
        f"{which}; under each, what the decoder draws from its code, the posterior mean, "
        f"{at_temperature(seed)}.",
        f"Rows of {len(x)} original drawings, each above one drawn from its code.",
        chart=False,
    )
    count = min(_MOVING, len(x))
    moving = Plate(
        "redrawn",
        sheets.redrawn(x[:count], xhat[:count], columns=count),
        "The order in which they are drawn",
        f"The first {count} of them in the order and direction of the pen; each takes the same time.",
        f"{count} original drawings and those drawn from their codes, drawing themselves line by line.",
        chart=False,
    )
    return still, moving


def latent(run: Run, *, tsne: bool, seed: int) -> Section:
    """Maps of the codes, the manifold of a two-dimensional latent space, and the spectrum."""
    section = Section("latent", "Latent space")
    if not run.codes_path.exists():
        note = (
            "There are no codes yet."
            if fitted(run)
            else "The model has no weights yet, so there are no codes."
        )
        missing = lacking(section, note, f"zscape encode {place(run)}")
        return Section(section.anchor, section.title, _manifold(run), missing.note, missing.command)
    table = codes.load(run.codes_path)
    split = "test" if (table.split == "test").any() else ""
    shown = table.of(split) if split else table
    if len(shown) < 3:
        return lacking(section, f"A map needs 3 or more codes, but there are {len(shown)}.", "")
    which = f"{len(shown):,} {split} codes" if split else f"{len(shown):,} codes of all splits"
    plates = [*_maps(shown, which), *_information(shown, which), *_manifold(run)]
    note = ""
    if tsne and len(shown) < 10:
        note = f"t-SNE needs 10 or more codes, but there are {len(shown)}."
    elif tsne:
        plates.insert(1, _tsne(shown, seed=seed))
    plates += _spectrum(shown, which, seed=seed)
    return Section(section.anchor, section.title, tuple(plates), note)


def picks(rows: np.ndarray, labels: np.ndarray | None, *, count: int, seed: int) -> np.ndarray:
    """Up to `count` of the given rows at random; with labels, the classes in turn as long as they last."""
    drawn = np.random.default_rng(seed).permutation(rows)
    if labels is None:
        return np.sort(drawn[:count])
    turn = np.zeros(len(drawn), dtype=int)
    for which in np.unique(labels[drawn]):
        members = labels[drawn] == which
        turn[members] = np.arange(members.sum())
    return drawn[np.lexsort((labels[drawn], turn))][:count]


def place(run: Run) -> str:
    """The run folder as a command would name it; of an absolute path only the name: a page travels."""
    return run.path.name if run.path.is_absolute() else run.path.as_posix()


def _maps(shown: base.Codes, which: str) -> list[Plate]:
    coloured = "without labels"
    if shown.label is not None:
        how = (
            "each class named at its median"
            if figures.nameable(shown.label)
            else "the classes too many to name"
        )
        coloured = f"coloured by label, {how}"
    if shown.latent == 1:
        rows = (
            "one row a class"
            if shown.label is not None and figures.nameable(shown.label)
            else "all in one row"
        )
        caption = f"{which}, {rows}. The dashed curve is the prior, N(0, 1), on the same scale."
        figure = figures.latent_line(shown.mean[:, 0].astype(float), shown.label, shown.names)
        return [Plate("latent-map", figure, "The one latent dimension", caption, f"Histograms of {which}.")]
    if shown.latent == 2:
        points, across, up = shown.mean.astype(float), "z1", "z2"
        title, how = "The latent plane", "posterior means as they are"
    else:
        axes = pca_spectrum(shown)
        points, shares = axes.project(shown.mean.astype(float))[:, :2], axes.ratios
        across, up = (f"principal component {i + 1} ({100 * shares[i]:.1f} % of variance)" for i in (0, 1))
        title = "Latent map"
        how = f"their first two principal components hold {100 * shares[:2].sum():.1f} % of the variance"
    figure = figures.latent_map(points, shown.label, shown.names, across=across, up=up)
    caption = f"{which}, {coloured}; {how}. One dot a sample; both axes in latent units, on one scale."
    plates = [Plate("latent-map", figure, title, caption, f"Scatter plot of {which}, {coloured}.")]
    if shown.factors:
        plates.append(_factor_maps(shown, points, across, up))
    return plates


def _information(shown: base.Codes, which: str) -> list[Plate]:
    factors = whole_factors(shown)
    if not factors:
        return []
    found = histogram_information(shown, factors, bins=BINS)
    score = mig(found)
    value, ends = interval(score)
    caption = (
        f"Mutual information between each latent and each factor of {which}, as a share of the entropy of "
        f"the factor (1: the latent tells all of it). {found.definition[0].upper()}{found.definition[1:]}. "
        f"A frame marks the latent that knows most of a factor, the gap is by how much it is ahead of the "
        f"next. Mean gap, MIG: {value} ({ends})."
    )
    classes = max(len(np.unique(column)) for column in factors.values())
    if found.n < ROWS_A_CELL * BINS * classes:
        caption += (
            f" {found.n:,} codes are few for {BINS} bins and {classes} values: some of the bias stays, and "
            "what looks known may be chance."
        )
    figure = knowledge.information_map(found.matrix, found.entropies, found.names)
    best = ", ".join(
        f"{name}: {latent_name(int(latent))}"
        for name, latent in zip(found.names, found.matrix.argmax(axis=0), strict=True)
    )
    return [
        Plate(
            "information", figure, "What latents know of factors", caption, f"Latents that know most: {best}."
        )
    ]


def _factor_maps(shown: base.Codes, points: np.ndarray, across: str, up: str) -> Plate:
    rows = _some(len(points), FACTOR_LIMIT, seed=0)
    factors = {name: column[rows] for name, column in shown.factors.items()}
    figure = figures.factor_maps(points[rows], factors)
    caption = (
        f"The same plane ({across} across, {up} up), coloured by each known factor, from its smallest value "
        f"(dark blue) to its largest (yellow); {some_of(len(rows), len(points))} codes (seed 0)."
    )
    names = ", ".join(factors)
    return Plate(
        "latent-factors",
        figure,
        "Known factors on the map",
        caption,
        f"Scatter plots, one for each of {names}.",
    )


def _tsne(shown: base.Codes, *, seed: int) -> Plate:
    rows = _some(len(shown), TSNE_LIMIT, seed=seed)
    perplexity = min(30.0, (len(rows) - 1) / 3)
    # One thread: sums come out the same on every machine, and threads that share a core wait for each other
    # many times as long as they compute.
    with threadpool_limits(1):
        points = TSNE(perplexity=perplexity, init="random", random_state=seed).fit_transform(shown.mean[rows])
    labels = None if shown.label is None else shown.label[rows]
    figure = figures.latent_map(points.astype(float), labels, shown.names, across="t-SNE 1", up="t-SNE 2")
    caption = (
        f"t-SNE of {some_of(len(rows), len(shown))} codes (perplexity {perplexity:g}, seed {seed}). "
        f"Neighbours are kept; distances between clusters, their sizes and the axes have no meaning."
    )
    return Plate(
        "latent-tsne",
        figure,
        "Neighbourhoods (t-SNE)",
        caption,
        f"t-SNE scatter plot of {len(rows):,} codes.",
    )


def _manifold(run: Run) -> tuple[Plate, ...]:
    if not fitted(run) or run.model.latent != 2 or not pictorial(run):
        return ()
    steps = "Steps are equal shares of the prior (its quantiles), so pictures are dense where the prior is."
    if run.of_drawings:
        side = _DRAWN_SIDE
        figure = sheets.manifold(run.shown, side=side)
        caption = f"Drawn from {side} × {side} codes, z1 below and z2 beside, {at_temperature(0)}. {steps}"
    else:
        side = int(np.clip(ACROSS // max(run.model.shape[1:]), 5, 20))
        figure = pictures.manifold(run.decode, side=side)
        caption = f"What the decoder makes of {side} × {side} codes over the latent plane. {steps}"
    alt = f"A grid of {side} by {side} decoded pictures."
    return (Plate("manifold", figure, "The decoded manifold", caption, alt, chart=False),)


def _spectrum(shown: base.Codes, which: str, *, seed: int) -> list[Plate]:
    if shown.latent == 1:
        return []
    shares = pca_spectrum(shown).ratios
    low = high = None
    caption = f"Variance of {which} along their {len(shares)} components. Dashed: equal shares; 95 %."
    if len(shown) <= BOOTSTRAP_LIMIT:
        rng = np.random.default_rng(seed)
        resamples = (shown.mean[rng.integers(len(shown), size=len(shown))] for _ in range(RESAMPLES))
        low, high = np.quantile([pca_spectrum(points).ratios for points in resamples], [0.025, 0.975], axis=0)
        caption += f" Whiskers: 95 % bootstrap intervals ({RESAMPLES} resamples, seed {seed})."
    figure = figures.spectrum(shares, low, high)
    alt = f"Bars: the first component holds {100 * shares[0]:.1f} % of the variance."
    return [Plate("spectrum", figure, "Principal-component spectrum", caption, alt)]


def _lowest_validation(history: dict[str, np.ndarray]) -> str:
    rows = (history["split"] == "validation") & np.isfinite(history["total"])
    if not rows.any():
        return ""
    best = int(np.argmin(np.where(rows, history["total"], np.inf)))
    value, step = history["total"][best], int(history["step"][best])
    nats = number(float(value))
    return f" The lowest validation total, {nats} nats per sample, at step {step:,}, marks the model kept."


def _some(count: int, limit: int, *, seed: int) -> np.ndarray:
    if count <= limit:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, limit, replace=False))


def some_of(some: int, count: int) -> str:
    """How many of how many, as a caption says it."""
    return f"{count:,}" if some == count else f"{some:,} of {count:,}"


def fitted(run: Run) -> bool:
    """Whether the run has its weights and splits."""
    return (run.path / "weights.safetensors").exists() and (run.path / "splits.npz").exists()


def pictorial(run: Run) -> bool:
    """Whether samples can be shown: as drawings, or as grey or RGB pictures."""
    return run.of_drawings or (len(run.model.shape) == 3 and run.model.shape[0] in (1, 3))


def width(run: Run) -> int:
    """Pixels across one sample; of a drawing, those of its bitmap."""
    return 64 if run.of_drawings else run.model.shape[-1]


def at_temperature(seed: int, temperature: float = TEMPERATURE) -> str:
    """How drawings were drawn, as a caption says it."""
    how = f"variances times {temperature:g}, log odds divided by it; seed {seed}"
    return f"at temperature {temperature:g} ({how})"


def lacking(section: Section, note: str, command: str) -> Section:
    """The section with one line on what is missing, and the command that makes it."""
    return Section(section.anchor, section.title, note=note, command=command)


def not_pictures(section: Section, run: Run) -> Section:
    """The section with one line that says that samples are not pictures."""
    shape = " × ".join(map(str, run.model.shape))
    return lacking(section, f"Samples of shape {shape} are not grey or RGB pictures, so none are drawn.", "")
