"""The page of the study sketch-covariance, written from what was measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zscape.drawing import grid_png
from zscape.report.wording import number
from zscape.run import Run
from zscape.studies.evidence import counted, sizes_of
from zscape.studies.page import Page
from zscape.studies.sketch_claims import diversity, forms, noise, shrinking, targets
from zscape.studies.sketch_evidence import PUBLISHED, Evidence, Value
from zscape.studies.sketch_fits import (
    BATCH,
    IDENTITY,
    KL_FACTOR,
    LENGTH,
    MEANS,
    PAPER,
    RATE,
    RATE_FACTOR,
    SHORTEST,
    STEPS,
    Fit,
    Setting,
    epochs_of,
    last_kl_weight,
    last_model,
    steps_of,
)
from zscape.studies.sketch_measures import FITTED, PRIOR, TEMPERATURE, Subject, network_file

# Columns of tables: their words, and what was measured.
_THEIRS: dict[str, str | Value] = {
    "reconstruction per step": "step",
    "KL per dimension": "dimension",
    "penalty": "penalty",
    "floor of the penalty": "floor",
    "overall loss": "overall",
}
_OURS: dict[str, str | Value] = {
    "reconstruction, nats per drawing": "nll",
    "reconstruction, nats per point": "point",
    "worth of the code, nats": "use",
    "KL, nats": "kl",
    "negative ELBO, nats": lambda found: -found["elbo"],
    "variance of codes": "variance",
    "active latents": "active",
}
_CODES: dict[str, str | Value] = {
    "squared covariances": "covariance",
    "squared correlations": "correlation",
    "squared correlations of active latents": "active correlation",
    "effective rank": "rank",
}
_SHOWN, _SIDE = 10, 40.0


def page(found: Evidence) -> Page:
    """The page; nothing is written yet."""
    made = Page(found.order, "Sketch covariance: drawings from latents that are pushed apart")
    made.introduce(
        """
        A recurrent autoencoder of drawings with a penalty on the covariance of its latents: the published
        system adds λ times the squared off-diagonal entries of the sample covariance of a batch of 32 codes
        of 128 latents, and takes λ = 0, 0.5, 1 and 2 on four categories of Quick, Draw!. It claims codes
        that are less entangled and samples that are more diverse. Its tables give reconstruction per step,
        KL per dimension and overall loss; the diversity that it defines is missing from them. Here it is
        fitted as it is described, beside forms of the penalty that read 0 on independent latents, and
        measured on held-out drawings.
        """
    )
    for section in (_set_up, _theirs, noise, _ours, _codes, shrinking, targets, forms, _varied, diversity):
        section(made, found)
    _pictures(made, found)
    return made


def _set_up(page: Page, found: Evidence) -> None:
    scale = found.scale
    page.head("Set-up")
    sizes = "; ".join(
        f"{category}: {sizes_of(data)} drawings, {steps_of(scale, data):,} steps "
        f"({epochs_of(scale, data)} epochs)"
        for category, data in found.data.items()
    )
    grids = "; ".join(
        f"{category}: {', '.join(map(str, settings))}" for category, settings in scale.grids.items()
    )
    page.tell(
        f"""
        - Data: drawings of {SHORTEST} to {LENGTH} points, as published; {sizes}.
        - Settings: {grids}; {counted(scale.seeds)} of each. {_cut(found)}
        - Model: LSTM encoder of width {scale.encoder} in each direction, LSTM decoder of width
          {scale.decoder}, D = {scale.latent} latents, {scale.mixtures} Gaussians a point; batches of
          {BATCH}, Adam at {RATE:g} with a decay of {RATE_FACTOR:g} a step, gradients clipped by norm, no
          augmentation.
        - Objective: the paper's, times T = {LENGTH}. It divides the reconstruction by the longest drawing
          and the KL by D, so in nats a drawing its KL weighs (T / D) w and its penalty T λ. w = 1 − 0.99 ·
          {KL_FACTOR:g}^step rises from 0.01 to {last_kl_weight():.3f} in the {STEPS:,} steps of the paper;
          with other numbers of steps both decays are such that the same range is run through.
        - Not as published: padding costs nothing and is not read; mean and log variance are not swapped in
          the KL; batches are of drawings of nearly one length; what is reported is of the test split, not
          of the last batch.
        - The paper's penalty is read as that of codes as drawn from their posteriors; the other forms read
          posterior means (correlation: with the encoder's variance beside them). *unbiased* estimates the
          squared true covariances, *memory* does with 1,024 earlier codes, *correlation* takes
          correlations{_others(found)}.
        - Models are those after the last step. Numbers are means over seeds, ± half of the 95 % interval
          (Student's t). Posteriors are averaged over 4 draws for reconstruction; the penalty is the mean of
          50 partitions of the test codes into batches of {BATCH}, of random length.
        """
    )


def _others(found: Evidence) -> str:
    said = {
        IDENTITY: ", *identity* is unbiased, with the encoder's variance and a pull to unit variances",
        MEANS: ", *means* takes those of the means alone",
    }
    return "".join(words for form, words in said.items() if found.settings(form))


def _cut(found: Evidence) -> str:
    """What was left out against the paper."""
    if found.order.scale == "paper":
        return ""
    return (
        "Cut against the paper: width (128 and 512 there), steps (5,000 there), drawings (70,000 a category "
        "there), and settings or categories: its four are cat, butterfly, yoga and owl."
    )


def _theirs(page: Page, found: Evidence) -> None:
    page.head("By the paper's definitions")
    page.tell(
        f"""
        Reconstruction per step is nats a drawing over {LENGTH}; KL per dimension is over D; the penalty is
        in the paper's form whatever was trained with, and so is the overall loss, reconstruction per step +
        {last_kl_weight():.3f} KL per dimension + λ penalty. The floor is what the penalty reads on average
        on independent codes of the same variances. Of the paper's tables only overall loss over λ is at
        hand; its other cells are not.
        """
    )
    lines = []
    for category, setting in found.cells:
        rows = [
            found.row(found.values(category, setting, value), category, setting, words)
            for words, value in _THEIRS.items()
        ]
        published = _published(found, setting)
        over = found.values(category, setting, "overall") / (setting.weight or 1.0)
        shared = found.row(over, category, setting, "overall loss / λ", paper=published)
        lines.append(
            [
                f"{category}, {setting}",
                *rows,
                shared if setting.weight else "",
                "" if published is None else number(published),
            ]
        )
    page.table(("model", *_THEIRS, "overall loss / λ", "the paper's"), lines)


def _published(found: Evidence, setting: Setting) -> float | None:
    """The paper's overall loss over lambda; it does not say of which category, and none is of doodles."""
    real = found.scale.data.startswith("quickdraw")
    return PUBLISHED.get(setting.weight) if real and setting.form == PAPER else None


def _ours(page: Page, found: Evidence) -> None:
    page.head("By ours")
    page.tell(
        """
        Offsets are in units of the standard deviation of those of the training drawings. The worth of the
        code is what a drawing costs more given the code of another one: 0 where drawings are told nothing by
        their codes. The variance of
        codes is that of the aggregate posterior, summed over latents; a latent is active if its mean has a
        variance above 0.01.
        """
    )
    _table(page, found, _OURS)


def _codes(page: Page, found: Evidence) -> None:
    page.head("Are held-out codes decorrelated?")
    page.tell(
        """
        Sums over ordered pairs of latents of squared covariances and correlations of posterior means, on the
        whole test split and without bias: 0 on average for independent latents. Correlations do not depend
        on the scale of a latent, covariances do. With fewer than two active latents their sum is 0.
        """
    )
    _table(page, found, _CODES)


def _varied(page: Page, found: Evidence) -> None:
    weights = network_file(found.order.data_dir) if found.scale.pictured else None
    network = "weights fitted to photographs" if weights is not None else "random weights"
    page.head("Are drawings more varied?")
    page.tell(
        f"""
        Drawn at temperature {TEMPERATURE:g}, as many as there are test drawings, from the prior {PRIOR} as
        published and from a *{FITTED}* fitted on training codes. The pairwise distance is that between test
        codes, the paper's diversity; it grows with the scale of the codes. A drawing of fewer than three
        points is blank. The ratio is the distance between
        drawings that are encoded again over that between real ones. Vendi score (as a share of that of the
        real drawings) and coverage are on features of bitmaps (SqueezeNet, layer 9, {network}); results.json
        holds the same on the encoder's codes.
        """
    )
    columns: dict[str, str | Value] = {"pairwise distance": "pairwise"}
    for name in (PRIOR, FITTED):
        columns |= {
            f"blank, {name}": lambda each, name=name: each[name]["blank"],
            f"ratio, {name}": lambda each, name=name: each[name]["ratio"],
            f"Vendi, {name}": lambda each, name=name: each[name]["vendi of picture"],
            f"coverage, {name}": lambda each, name=name: each[name]["coverage of picture"],
        }
    _table(page, found, columns)
    for category, setting in found.cells:
        for name in (PRIOR, FITTED):
            for kind in _MORE:
                words = f"{_MORE[kind]}, {name}"
                values = found.values(category, setting, lambda each, name=name, kind=kind: each[name][kind])
                page.rows.append(found.row(values, category, setting, words))


_MORE = {
    "vendi of code": "Vendi on codes",
    "coverage of code": "coverage on codes",
    "precision of picture": "precision",
    "reencoded": "distance encoded again",
    "endless": "share that does not end",
}


def _table(page: Page, found: Evidence, columns: dict[str, str | Value]) -> None:
    """A line a category and setting."""
    lines = [
        [
            f"{category}, {setting}",
            *(
                found.row(found.values(category, setting, value), category, setting, words)
                for words, value in columns.items()
            ),
        ]
        for category, setting in found.cells
    ]
    page.table(("model", *columns), lines)


def _pictures(page: Page, found: Evidence) -> None:
    category, seed = found.first, found.scale.seeds[0]
    data = found.data[category]
    subjects = {
        setting: Subject.of(
            last_model(Run(found.order.models / Fit(category, setting, seed).name)), data, seed
        )
        for setting in found.scale.grids[category]
    }
    page.head("Drawings")
    first = next(iter(subjects.values()))
    real = first.drawings()[:_SHOWN]
    again = [each.drawn(each.test.mean[:_SHOWN].astype(np.float64)) for each in subjects.values()]
    names = [str(setting) for setting in subjects]
    said = f"{category}, seed {seed}, temperature {TEMPERATURE:g}; the first {_SHOWN}, not chosen."
    page.picture(
        "conditional",
        _sheet(["test drawing", *names], [real, *again]),
        alt=f"Rows of drawings of {category}: originals, then drawn again by each model",
        caption=f"Conditional: test drawings, and what each model draws from their codes; {said}",
    )
    for slug, name in (("unconditional", PRIOR), ("unconditional-fitted", FITTED)):
        page.picture(
            slug,
            _sheet(names, [each.drawn(each.sampler(name, _SHOWN)) for each in subjects.values()]),
            alt=f"Rows of new drawings of {category}, one row a model",
            caption=f"Unconditional, codes from {name}: the same codes for every model; {said}"
            if name == PRIOR
            else f"Unconditional, codes from a Gaussian fitted on the training codes of each model; {said}",
        )


def _sheet(names: Sequence[str], rows: Sequence[np.ndarray]) -> bytes:
    """Rows of drawings, each with its name."""
    length = max(each.shape[1] for each in rows)
    padded = [_to_length(each, length) for each in rows]
    # The letter is not in the font of the sheet.
    names = [name.replace("λ", "lambda") for name in names]
    return grid_png(np.concatenate(padded), _SHOWN, rows=names, side=_SIDE)


def _to_length(x: np.ndarray, length: int) -> np.ndarray:
    """Drawings with rows of padding up to a length."""
    rest = np.zeros((len(x), length - x.shape[1], 5), x.dtype)
    rest[..., 4] = 1
    return np.concatenate([x, rest], axis=1)
