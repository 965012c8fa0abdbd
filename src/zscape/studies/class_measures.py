"""What the study class-generation measures: how alike pictures of a class are, and how often of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.stats import truncnorm

from zscape import codes as tables
from zscape import measure
from zscape.base import Codes
from zscape.data import Images
from zscape.judge import Judge
from zscape.run import Run
from zscape.sample import ByClass, Gradient, recognised, tune

SIMPLE, MEDIUM1, MEDIUM2 = "Simple", "Medium1", "Medium2"
FULL, MIXTURE, TRUNCATED = "full covariance", "mixture", "truncation"
RECOGNISED = "mixture of recognised codes"
METHODS = (SIMPLE, MEDIUM1, MEDIUM2, FULL, MIXTURE, RECOGNISED, TRUNCATED)
# Methods whose pictures are shown, and how many of each class.
SHOWN, ROW = (MEDIUM2, RECOGNISED), 12
# Beyond the published grid, which ends at 1.
THETAS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.4)
CUTS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)
REPEATS = (2, 3, 5)

Parameters = Literal["simple", "medium1", "medium2"]
Told = Callable[[float, str], None]
Drawn = dict[int, np.ndarray]


@dataclass(frozen=True)
class Scale:
    """How much of the study is done.

    Attributes:
        data: Name of the data set.
        widths: Hidden layers of the encoder.
        latents: Numbers of latent dimensions.
        epochs: Passes of each fit.
        seeds: Fitted models of each kind and size.
        judge: Reconstructions and passes that each of the two judges is trained with.
        count: Pictures of each class that are tuned on.
        fresh: Pictures of each class that are scored.
        weights: Of the error in the objective; 1 is the paper's.
        components: Of the mixture of a class.
        batch: Samples a step.
        rate: Of Adam in the fits.
        mmd: Weight of the discrepancy; the published one is in proportion to 784 pixels.
    """

    data: str
    widths: tuple[int, ...]
    latents: tuple[int, ...]
    epochs: int
    seeds: tuple[int, ...]
    judge: tuple[int, int]
    count: int
    fresh: int
    weights: tuple[float, ...]
    components: int = 4
    batch: int = 128
    rate: float = 1e-3
    mmd: float = 1000.0


@dataclass(frozen=True)
class Subject:
    """A fitted model with its two judges.

    Attributes:
        run: Its run.
        train: Training codes, from which the statistics of the classes come.
        tuning: The judge that tuning may ask.
        scoring: The judge that only scores, of another half of the training data and another seed.
        seed: Of the fit.
    """

    run: Run
    train: Codes
    tuning: Judge
    scoring: Judge
    seed: int

    def score(self, drawn: Drawn) -> dict[str, float]:
        """Cosine similarity within classes, and the share that each judge gives the label asked for."""
        labels = np.concatenate([np.full(len(z), label) for label, z in drawn.items()])
        pictures = self.run.decode(np.concatenate(list(drawn.values())))
        flat = pictures.reshape(len(pictures), -1)
        cosine = measure.mean_cosine_similarity(flat, labels=labels).value
        right = {
            name: _right(judge, pictures, labels)
            for name, judge in (("accuracy", self.scoring), ("tuning accuracy", self.tuning))
        }
        return {"cosine": cosine, **right, "objective": cosine + 1 - right["accuracy"]}

    def through(self) -> Gradient:
        """Decoder and tuning judge as functions of tensors."""
        return Gradient(lambda z: self.run.model.decode(z).mean, self.tuning.logits)


def halves(codes: Codes, seed: int, rows: int) -> tuple[Int[np.ndarray, "A"], Int[np.ndarray, "B"]]:
    """Rows of the training codes for the tuning judge and, none of them shared, for the scoring judge."""
    order = np.random.default_rng((seed, 2)).permutation(len(codes))
    first, second = np.array_split(order, 2)
    return first[:rows], second[:rows]


def train_judge(run: Run, codes: Codes, rows: Int[np.ndarray, "N"], *, epochs: int, seed: int) -> Judge:
    """A judge trained on reconstructions of some rows, as published."""
    chosen = codes.take(rows)
    pictures = run.decode(chosen.mean)
    return Judge.fit(pictures, labels_of(chosen), epochs=epochs, batch=128, bf16=True, seed=seed)


def labels_of(codes: Codes) -> Int[np.ndarray, "N"]:
    """The labels of codes.

    Raises:
        ValueError: If they have none.
    """
    if codes.label is None:
        raise ValueError("class-generation needs labelled data, but these codes have no labels")
    return codes.label


def draws(density: ByClass, count: int, seed: int) -> Drawn:
    """Codes of every class."""
    return {int(label): density.sample(count, int(label), seed=seed) for label in density.classes_}


def averaged(density: ByClass, count: int, repeats: int, seed: int) -> Drawn:
    """Codes of every class, each the mean of `repeats` draws: n taken literally."""
    return {
        label: z.reshape(count, repeats, -1).mean(axis=1)
        for label, z in draws(density, count * repeats, seed).items()
    }


def truncated(density: ByClass, cut: float, count: int, seed: int) -> Drawn:
    """Codes of every class with no latent farther than `cut` standard deviations from its mean."""
    random = np.random.default_rng((seed, 7))
    found = {}
    for row, label in enumerate(density.classes_):
        mean, std = density.means_[row, 0], np.sqrt(density.covariances_[row, 0])
        steps = truncnorm.rvs(-cut, cut, size=(count, len(mean)), random_state=random)
        found[int(label)] = mean + std * steps
    return found


def known(subject: Subject, scale: Scale) -> Codes:
    """Training codes whose picture the tuning judge gives their label; all of a class where those are few."""
    kept = recognised(subject.train, subject.run.decode, subject.tuning, least=0.5)
    labels = labels_of(subject.train)
    for label in np.unique(labels):
        rows = labels == label
        if kept[rows].sum() < 10 * scale.components:
            kept |= rows
    return subject.train.take(kept)


def measured(subject: Subject, scale: Scale, data: Images, folder: Path, told: Told) -> dict[str, Any]:
    """Everything that is measured on one model, as JSON can hold it.

    Args:
        subject: The model and its judges.
        scale: How much is done.
        data: The data set, for pictures that are not generated.
        folder: Where tuning keeps what it has been to, from one weight to the next. What a stopped call
            left is removed: it may be of other settings, and seconds are of work done now.
        told: Told the share that is done.
    """
    densities = {
        SIMPLE: ByClass("diagonal").fit(subject.train),
        FULL: ByClass("full").fit(subject.train),
        MIXTURE: ByClass("mixture", components=scale.components, seed=subject.seed).fit(subject.train),
        RECOGNISED: ByClass("mixture", components=scale.components, seed=subject.seed).fit(
            known(subject, scale)
        ),
    }
    for name in densities:
        _checkpoint(folder, name).unlink(missing_ok=True)
    told(0.0, "curves")
    curves = _curves(subject, scale, densities)
    found: dict[str, Any] = {"curves": curves, "fronts": {}, "reference": _reference(subject, data)}
    jobs = [(method, weight) for weight in scale.weights for method in METHODS]
    for place, (method, weight) in enumerate(jobs):
        told(0.1 + 0.9 * place / len(jobs), f"{method}, weight {weight:g}")
        tuned = _tuned(subject, scale, densities, method, weight, folder)
        found["fronts"].setdefault(method, []).append(tuned)
    diagonal = densities[SIMPLE]
    found["repeats"] = [_repeated(subject, scale, diagonal, repeats) for repeats in REPEATS]
    return found


def _curves(
    subject: Subject, scale: Scale, densities: dict[str, ByClass]
) -> dict[str, list[dict[str, float]]]:
    """Scores along theta, or along the cut, without any tuning."""
    seed = _fresh(subject)
    found = {
        name: [
            {"theta": theta, **subject.score(draws(density.scaled(theta), scale.fresh, seed))}
            for theta in THETAS
        ]
        for name, density in densities.items()
    }
    cut = [
        {"cut": cut, **subject.score(truncated(densities[SIMPLE], cut, scale.fresh, seed))} for cut in CUTS
    ]
    return found | {TRUNCATED: cut}


def _tuned(
    subject: Subject, scale: Scale, densities: dict[str, ByClass], method: str, weight: float, folder: Path
) -> dict[str, Any]:
    """What one method comes to at one weight: on the draws tuned on, and on fresh ones."""
    begun = time.perf_counter()
    if method == TRUNCATED:
        return _cut(subject, scale, densities[SIMPLE], weight, begun)
    parameters: dict[str, Parameters] = {MEDIUM1: "medium1", MEDIUM2: "medium2"}
    name = method if method in densities else SIMPLE
    density = densities[name]
    asked = parameters.get(method, "simple")
    tuned = tune(
        density,
        subject.run.decode,
        subject.tuning,
        parameters=asked,
        search="auto" if asked == "simple" else subject.through(),
        weight=weight,
        count=scale.count,
        seed=subject.seed,
        checkpoint=_checkpoint(folder, name),
    )
    seconds = time.perf_counter() - begun
    theta = np.asarray(tuned.density.theta)
    shown = draws(tuned.density, ROW, subject.seed) if method in SHOWN else {}
    return {
        "shown": {label: z.tolist() for label, z in shown.items()},
        "weight": weight,
        "theta": theta.tolist(),
        "draws": tuned.density.draws,
        "seconds": seconds,
        "evaluations": tuned.evaluations,
        "tuned": {"cosine": tuned.cosine, "accuracy": tuned.accuracy, "objective": tuned.objective},
        **subject.score(draws(tuned.density, scale.fresh, _fresh(subject))),
    }


def _checkpoint(folder: Path, density: str) -> Path:
    """The file of what tuning has been to on the draws of one density."""
    return folder / f"{density.replace(' ', '-')}.npz"


def _cut(subject: Subject, scale: Scale, density: ByClass, weight: float, begun: float) -> dict[str, Any]:
    trials = []
    for cut in CUTS:
        score = subject.score(truncated(density, cut, scale.count, subject.seed))
        error = 1 - score["tuning accuracy"]
        trials.append((score["cosine"] + weight * error, cut, score))
    objective, cut, score = min(trials, key=lambda trial: trial[0])
    seconds = time.perf_counter() - begun
    return {
        "weight": weight,
        "cut": cut,
        "seconds": seconds,
        "evaluations": len(CUTS) * len(density.classes_),
        "tuned": {"cosine": score["cosine"], "accuracy": score["tuning accuracy"], "objective": objective},
        **subject.score(truncated(density, cut, scale.fresh, _fresh(subject))),
    }


def _repeated(subject: Subject, scale: Scale, density: ByClass, repeats: int) -> dict[str, float]:
    """The mean of n draws at theta 1, against one draw at theta 1 / sqrt(n), on draws of their own."""
    seed = _fresh(subject)
    mean = subject.score(averaged(density.scaled(1.0), scale.fresh, repeats, seed + 1))
    one = subject.score(draws(density.scaled(1 / np.sqrt(repeats)), scale.fresh, seed + 2))
    return {
        "repeats": repeats,
        "cosine": mean["cosine"] - one["cosine"],
        "accuracy": mean["accuracy"] - one["accuracy"],
    }


def _reference(subject: Subject, data: Images) -> dict[str, float]:
    """The same measures on test pictures and on their reconstructions."""
    codes = tables.load(subject.run.codes_path).of("test")
    labels = labels_of(codes)
    real = data.batch(torch.from_numpy(codes.id), "cpu")[0].numpy()
    rebuilt = subject.run.decode(codes.mean)
    found: dict[str, float] = {}
    for name, pictures in (("real", real), ("rebuilt", rebuilt)):
        flat = pictures.reshape(len(pictures), -1)
        found[f"{name} cosine"] = measure.mean_cosine_similarity(flat, labels=labels).value
        found[f"{name} accuracy"] = _right(subject.scoring, pictures, labels)
        found[f"{name} tuning accuracy"] = _right(subject.tuning, pictures, labels)
    return found


def _right(judge: Judge, pictures: Float[np.ndarray, "N C H W"], labels: Int[np.ndarray, "N"]) -> float:
    """Mean over the classes of the share of its pictures that the judge gives that label."""
    given = judge.classes_[judge(pictures).argmax(axis=1)]
    return float(np.mean([(given[labels == label] == label).mean() for label in np.unique(labels)]))


def _fresh(subject: Subject) -> int:
    """A seed that tuning has not seen."""
    return 1_000_000 + 10 * subject.seed
