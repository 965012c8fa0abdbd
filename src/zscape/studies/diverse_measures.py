"""What the study diverse-sampling measures: kinds of sets, and how near and how diverse they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from zscape import codes as tables
from zscape import measure
from zscape.base import Codes
from zscape.data import Images
from zscape.energy import Cloud, distance, normal_spread
from zscape.errors import DataError
from zscape.judge import Judge
from zscape.run import Run
from zscape.sample import Empirical, StandardNormal, adam, quantize
from zscape.studies.baselines import BASELINES

IID_PRIOR, IID_CODES = "i.i.d. from N(0, I)", "i.i.d. from the codes"
A1, A1_ADAM, A2, A2_ADAM = "A1", "A1 by Adam", "A2", "A2 by Adam"
A1_SHELL = "A1 on the shell"
BY_ADAM, EXACT = "Adam", "exact search (ours)"
REAL = "test pictures"
SHOWN = 3
_COVERED = 1000  # test pictures that coverage is of

Told = Callable[[float, str], None]
Measured = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Scale:
    """How much of the study is done.

    Attributes:
        data: Name of the data set.
        widths: Hidden layers of the encoder.
        epochs: Passes of each fit.
        batch: Samples a step.
        rate: Of Adam in the fits.
        seeds: Fitted models.
        draws: Sets of each kind that are averaged over for a model.
        adam: Sets by Adam for a model, and its steps.
        judge: Pictures and passes that the judge is trained with.
        baselines: Sets of each baseline for a model.
        starts: Starts of the search whose best is compared with the best of 5.
        dimensions: Dimensions at which the radius of sets is measured.
        count: Points of a set.
    """

    data: str
    widths: tuple[int, ...]
    epochs: int
    batch: int
    rate: float
    seeds: tuple[int, ...]
    draws: int
    adam: tuple[int, int]
    judge: tuple[int, int]
    baselines: int
    starts: int
    dimensions: tuple[int, ...]
    count: int = 10


@dataclass(frozen=True)
class Subject:
    """A fitted model with what its sets are compared with.

    Attributes:
        run: Its run.
        train: Training codes.
        draws: One draw from the posterior of each training picture: what A2 approximates.
        held_out: One draw from the posterior of each test picture, ready for distances.
        seed: Of the fit and of those draws.
    """

    run: Run
    train: Codes
    draws: np.ndarray
    held_out: Cloud
    seed: int

    @classmethod
    def of(cls, run: Run, seed: int) -> Subject:
        """The subject that a run is."""
        codes = tables.load(run.codes_path)
        train = codes.of("train")
        held_out = Cloud(posterior_draws(codes.of("test"), 2 * seed + 1))
        return cls(run, train, posterior_draws(train, 2 * seed), held_out, seed)

    @property
    def latent(self) -> int:
        """Number of latent dimensions."""
        return self.train.latent

    def flat(self, z: Float[np.ndarray, "J D"]) -> Float[np.ndarray, "J P"]:
        """Decoded codes, a row of pixels each."""
        return self.run.decode(z).reshape(len(z), -1).astype(np.float64)


def posterior_draws(codes: Codes, seed: int) -> Float[np.ndarray, "N D"]:
    """One draw from the posterior of each row: what the paper's last epoch leaves."""
    noise = np.random.default_rng((seed, 311)).standard_normal(codes.mean.shape)
    if codes.logvar is None:
        return codes.mean.astype(np.float64)
    return codes.mean + np.exp(0.5 * codes.logvar.astype(np.float64)) * noise


def makers(subject: Subject, scale: Scale) -> dict[str, Callable[[int], np.ndarray]]:
    """Every kind of set, as a function of its seed."""
    prior, count, (_, steps) = StandardNormal(subject.latent), scale.count, scale.adam
    aggregate = Empirical().fit(subject.train)
    return {
        IID_PRIOR: lambda seed: prior.sample(count, seed=seed),
        IID_CODES: lambda seed: aggregate.sample(count, seed=seed),
        A1: lambda seed: quantize(prior, count, seed=seed).points,
        A2: lambda seed: quantize(subject.draws, count, seed=seed).points,
        A1_ADAM: lambda seed: adam(prior, count, steps=steps, seed=seed).points,
        A2_ADAM: lambda seed: adam(subject.draws, count, steps=steps, seed=seed).points,
    }


def expected(subject: Subject, count: int) -> dict[str, float]:
    r"""Expected distance of a set of independent draws to N(0, I) and, drawn from the codes, to test codes.

    With P what is drawn from, J the count and Y, Y' of P, the expectation is exact, as no set is drawn:

    .. math:: E\, d^2(S, Q) = d^2(P, Q) + E |Y - Y'| / (2 J)

    Cost: O(N^2 D) time for N training codes, some 10 s for 50,000.
    """
    own, clouds = Cloud(subject.draws).spread(), subject.held_out
    apart = float(clouds.potential(subject.draws).mean()) - (own + clouds.spread()) / 2
    return {"prior": normal_spread(subject.latent) / (2 * count), "test": apart + own / (2 * count)}


def seeds_of(subject: Subject, draws: int) -> range:
    """Seeds of the sets of a model: no two models share one."""
    return range(10_000 * subject.seed, 10_000 * subject.seed + draws)


class Bench:
    """What a set is measured with: the distance to its targets and the look of its pictures.

    Args:
        subject: The model that decodes.
        judge: Tells the class of a picture.
    """

    def __init__(self, subject: Subject, judge: Judge) -> None:
        self.subject = subject
        self.judge = judge
        self.target = Cloud(subject.draws)
        self._spreads = self.target.spread(), subject.held_out.spread()

    def distances(self, z: Float[np.ndarray, "J D"]) -> dict[str, float]:
        """Squared energy distances of codes to N(0, I), to training codes and to those of the test split."""
        own = Cloud(z).spread()
        clouds = zip(("training", "test"), (self.target, self.subject.held_out), self._spreads, strict=True)
        return {"prior": distance(z, self.subject.latent)} | {
            name: float(cloud.potential(z).mean()) - (own + spread) / 2 for name, cloud, spread in clouds
        }

    def looks(self, pictures: Float[np.ndarray, "J P"]) -> dict[str, float]:
        """How diverse decoded pictures are."""
        shape = (len(pictures), *self.subject.run.model.shape)
        return looks(pictures.reshape(shape).astype(np.float32), self.judge)

    def real(self, data: Images, count: int, seed: int) -> dict[str, float]:
        """How diverse test pictures are that are drawn at random."""
        rows = np.random.default_rng(seed).choice(data.splits["test"], count, replace=False)
        return self.looks(pictures(data, rows)[0].reshape(count, -1).astype(np.float64))

    def all(self, z: Float[np.ndarray, "J D"]) -> dict[str, float]:
        """Both."""
        return self.distances(z) | self.looks(self.subject.flat(z))


def looks(pictures: Float[np.ndarray, "J C H W"], judge: Judge) -> dict[str, float]:
    """How diverse pictures are: classes that the judge finds, and how far apart and unlike pixels are."""
    flat = pictures.reshape(len(pictures), -1).astype(np.float64)
    return {
        "classes": measure.distinct_classes(judge(pictures)).value,
        "pairwise": measure.mean_pairwise_distance(flat).value,
        "cosine": measure.mean_cosine_similarity(flat).value,
        "vendi": measure.vendi_score(flat).value,
    }


def mean_of(results: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Means of several results, name by name."""
    return {name: float(np.mean([result[name] for result in results])) for name in results[0]}


def sets(
    bench: Bench, scale: Scale, data: Images, told: Told
) -> tuple[Measured, dict[str, list[list[list[float]]]]]:
    """Measures of every kind of set, averaged over its draws, and the first few sets themselves."""
    kinds, found, shown = makers(bench.subject, scale), {}, {}
    for place, (name, make) in enumerate(kinds.items()):
        told(place / len(kinds), name)
        draws = seeds_of(bench.subject, scale.adam[0] if name in (A1_ADAM, A2_ADAM) else scale.draws)
        begun = time.perf_counter()
        drawn = [make(seed) for seed in draws]
        seconds = (time.perf_counter() - begun) / len(draws)
        found[name] = mean_of([bench.all(z) for z in drawn]) | {"seconds": seconds}
        shown[name] = [z.tolist() for z in drawn[:SHOWN]]
    found[REAL] = mean_of(
        [bench.real(data, scale.count, seed) for seed in seeds_of(bench.subject, scale.draws)]
    )
    return found, shown


MORE_IID, UNTOLD, AVOIDING = "more i.i.d.", "A2, not told of them", "A2, avoiding them"


def avoiding(bench: Bench, scale: Scale) -> Measured:
    """Ten codes are there, ten more are wanted: the two together, and how near the new come to the old."""
    subject, found = bench.subject, {MORE_IID: [], UNTOLD: [], AVOIDING: []}
    aggregate = Empirical().fit(subject.train)
    for seed in seeds_of(subject, scale.draws):
        kept = aggregate.sample(scale.count, seed=seed)
        new = {
            MORE_IID: aggregate.sample(scale.count, seed=seed + 5_000),
            UNTOLD: quantize(subject.draws, scale.count, seed=seed).points,
            AVOIDING: quantize(subject.draws, scale.count, avoid=kept, seed=seed).points,
        }
        for name, points in new.items():
            joint = np.concatenate([kept, points])
            gaps = np.linalg.norm(points[:, None] - kept[None], axis=2).min(axis=1)
            found[name].append(bench.all(joint) | {"gap": float(gaps.mean()), "least gap": float(gaps.min())})
    return {name: mean_of(results) for name, results in found.items()}


def sources(bench: Bench, scale: Scale) -> Measured:
    """A2 on one draw from each posterior, as published, and on the posterior means."""
    subject = bench.subject
    targets = {"draws": subject.draws, "means": subject.train.mean.astype(np.float64)}
    return {
        name: mean_of(
            [
                bench.all(quantize(codes, scale.count, seed=seed).points)
                for seed in seeds_of(subject, scale.draws)
            ]
        )
        for name, codes in targets.items()
    }


def starts(subject: Subject, scale: Scale) -> dict[str, float]:
    """The best of 5 starts of A2 against the best of many, on codes of all rows but the test split's."""
    codes = tables.load(subject.run.codes_path)
    points = codes.take(codes.split != "test").mean.astype(np.float64)
    few = quantize(points, scale.count, starts=5, seed=subject.seed).distance
    many = quantize(points, scale.count, starts=scale.starts, seed=subject.seed).distance
    return {"few": few, "many": many, "excess": few / many - 1, "codes": len(points)}


def contest(bench: Bench, scale: Scale, real: Float[np.ndarray, "N P"], told: Told) -> dict[str, Measured]:
    """Every way to draw a set, on N(0, I) and on the codes: distance, classes, coverage of real data, time.

    Args:
        bench: What sets are measured with.
        scale: How many sets of each way.
        real: Test pictures, a row of pixels each.
        told: Told the share that is done.
    """
    subject = bench.subject
    targets: dict[str, tuple[StandardNormal | np.ndarray, int | np.ndarray]] = {
        "prior": (StandardNormal(subject.latent), subject.latent),
        "training": (subject.draws, subject.draws),
    }
    found: dict[str, Measured] = {}
    for place, (name, (target, plain)) in enumerate(targets.items()):
        ways: dict[str, Callable[[int], np.ndarray]] = {
            way: lambda seed, draw=draw, plain=plain: draw(plain, scale.count, seed=seed)
            for way, draw in BASELINES.items()
        }
        ways[BY_ADAM] = lambda seed, target=target: (
            adam(target, scale.count, steps=scale.adam[1], seed=seed).points
        )
        ways[EXACT] = lambda seed, target=target: quantize(target, scale.count, seed=seed).points
        told(place / len(targets), f"baselines, {name}")
        found[name] = {way: _contestant(bench, scale, name, make, real) for way, make in ways.items()}
    return found


def _contestant(
    bench: Bench, scale: Scale, target: str, make: Callable[[int], np.ndarray], real: np.ndarray
) -> dict[str, float]:
    results = []
    for seed in seeds_of(bench.subject, scale.baselines):
        begun = time.perf_counter()
        z = make(seed)
        seconds = time.perf_counter() - begun
        pictures = bench.subject.flat(z)
        coverage = measure.prdc(real, pictures)[3].value
        looks = bench.looks(pictures)
        distance = bench.distances(z)[target]
        results.append({"distance": distance, "coverage": coverage, "seconds": seconds} | looks)
    return mean_of(results)


def deep(run: Run, judge: Judge, scale: Scale, seed: int) -> Measured:
    """Decoded sets of a model with more latents: how diverse, and how sure the judge is of a picture."""
    prior, count = StandardNormal(run.model.latent), scale.count
    makers: dict[str, Callable[[int], np.ndarray]] = {
        IID_PRIOR: lambda draw: prior.sample(count, seed=draw),
        A1: lambda draw: quantize(prior, count, seed=draw).points,
        A1_SHELL: lambda draw: quantize(prior, count, shell=True, seed=draw).points,
    }
    found: Measured = {}
    for name, make in makers.items():
        results = []
        for draw in range(10_000 * seed, 10_000 * seed + scale.draws):
            decoded = run.decode(make(draw))
            sure = float(judge(decoded).max(axis=1).mean())
            results.append(looks(decoded, judge) | {"sure": sure})
        found[name] = mean_of(results)
    return found


def radii(dimension: int, scale: Scale, seed: int) -> Measured:
    """Radius over the typical one and distance to N(0, I) of sets in many dimensions."""
    prior, count = StandardNormal(dimension), scale.count
    found: dict[str, list[dict[str, float]]] = {IID_PRIOR: [], A1: [], A1_SHELL: []}
    for draw in range(10_000 * seed, 10_000 * seed + scale.draws):
        exact, shell = quantize(prior, count, seed=draw), quantize(prior, count, shell=True, seed=draw)
        points = {
            IID_PRIOR: prior.sample(count, seed=draw),
            A1: exact.points,
            A1_SHELL: shell.points,
        }
        for name, z in points.items():
            radius = float(np.linalg.norm(z, axis=1).mean()) / exact.typical_radius
            found[name].append({"radius": radius, "prior": distance(z, dimension)})
    return {name: mean_of(results) for name, results in found.items()}


def measured(bench: Bench, scale: Scale, data: Images, told: Told) -> dict[str, Any]:
    """Everything that is measured on one model, as JSON can hold it."""
    kinds, shown = sets(bench, scale, data, lambda share, words="": told(0.6 * share, words))
    told(0.6, "sets that avoid others")
    avoid = avoiding(bench, scale)
    told(0.65, "A2 on means")
    source = sources(bench, scale)
    told(0.7, "A2 from many starts")
    many = starts(bench.subject, scale)
    rows = np.random.default_rng(0).permutation(data.splits["test"])[:_COVERED]
    real = pictures(data, rows)[0].reshape(len(rows), -1)
    baselines = contest(bench, scale, real, lambda share, words="": told(0.8 + 0.2 * share, words))
    return {
        "sets": kinds,
        "shown": shown,
        "avoid": avoid,
        "sources": source,
        "starts": many,
        "baselines": baselines,
    }


def pictures(data: Images, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pictures and labels of rows of a data set.

    Raises:
        DataError: If the data has no labels.
    """
    images, labels = data.batch(torch.from_numpy(rows), "cpu")
    if labels is None:
        raise DataError(f"the study needs labels, but {data.name} has none")
    return images.numpy(), labels.numpy()
