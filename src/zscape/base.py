"""The records and protocols that every room speaks.

Symbols used throughout: `x` data, `y` labels, `q` posterior, `z` codes, `xhat` decoded; axes `B` batch, `D`
latent, `N` data set, `K` clusters, `C H W` image. Losses are in nats per sample: summed over features,
averaged over the batch.

A table of codes and everything measured on it are numpy; a pass over a batch is torch.
"""

from __future__ import annotations

import functools
import inspect
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from zscape.schedules import Schedule, at

F = TypeVar("F", bound=Callable[..., Any])
SPLITS = ("train", "validation", "test")
# Squares of larger numbers, and their sums, leave float64.
LARGEST = 1e100


@dataclass(frozen=True, slots=True)
class Posterior:
    """What an encoder says about a batch: a diagonal Gaussian, or a point when `logvar` is None.

    Attributes:
        mean: (B, D).
        logvar: (B, D) log variances, or None for a deterministic encoder.
    """

    mean: Float[Tensor, "B D"]
    logvar: Float[Tensor, "B D"] | None = None

    def sample(self, noise: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Codes mean + std * noise; the mean itself when deterministic."""
        return self.mean if self.logvar is None else self.mean + torch.exp(0.5 * self.logvar) * noise

    def detach(self) -> Posterior:
        """The same values without a gradient history."""
        return Posterior(self.mean.detach(), None if self.logvar is None else self.logvar.detach())


class _Unasked(type(Protocol)):
    """Knows a likelihood by the names it has and asks for no value, as Python itself does from 3.12 on.

    The mean of a likelihood of drawings is a drawing, which takes hundreds of steps.
    """

    def __instancecheck__(cls, instance: object) -> bool:
        names = ("mean", "log_prob", "sample")
        return all(inspect.getattr_static(instance, name, cls) is not cls for name in names)


@runtime_checkable
class Likelihood(Protocol, metaclass=_Unasked):
    """What a decoder says about data given codes: p(x | z), one per code."""

    @property
    def mean(self) -> Tensor:
        """Expected data, (B, *shape)."""
        ...

    def log_prob(self, x: Tensor) -> Float[Tensor, "B"]:
        """Log density of each sample, in nats, summed over its features."""
        ...

    def sample(self) -> Tensor:
        """One draw of data per code, (B, *shape)."""
        ...


@dataclass(frozen=True, slots=True)
class Draw:
    """One pass over one batch: everything a term may read.

    Attributes:
        x: Data, (B, *shape).
        y: Labels, (B,) int64, or None.
        q: Posterior of the batch.
        z: Codes sampled from `q`, (B, D).
        decoded: Likelihood at `z`.
        encode: Data to posterior, for terms that encode once more.
        decode: Codes to likelihood, for terms that decode other codes.
        step: Optimiser steps done so far.
        total: Optimiser steps this fit will do.
        rows: Rows of the data set that `x` holds, (B,), by which a term may keep what it worked out for them;
            None where they are varied at random, or not known.
        size: Rows of the training split, which estimators of the aggregate posterior ask for; None if not
            known.
    """

    x: Tensor
    y: Int[Tensor, "B"] | None
    q: Posterior
    z: Float[Tensor, "B D"]
    decoded: Likelihood
    encode: Callable[[Tensor], Posterior]
    decode: Callable[[Tensor], Likelihood]
    step: int
    total: int
    rows: Int[Tensor, "B"] | None = None
    size: int | None = None

    def detach(self) -> Draw:
        """The same pass with codes cut from the encoder's graph, which saves work in a critic's own loss."""
        return replace(self, q=self.q.detach(), z=self.z.detach())


@runtime_checkable
class Term(Protocol):
    """A part of an objective: any function from a Draw to a scalar tensor, nats per sample.

    The value must be a mean over the batch, so that halves of a batch average to the whole. A term that is
    not (a covariance, a maximum mean discrepancy) is marked with `whole_batch`; over several processes it is
    then given `y`, `q` and `z` of the batch of all of them (`x` and `decoded` stay those of its own process).
    """

    def __call__(self, draw: Draw, /) -> Float[Tensor, ""]: ...


class Critic(nn.Module):
    """A Term that owns parameters and a second loss. Calling it is the model's loss; `loss` trains the critic
    itself.

    The loop moves the model by the first and the critic by the second, whatever the author forgot to detach.
    """

    def build(self, latent: int, shape: Sequence[int]) -> None:
        """Make what depends on the model; called when a fit begins, seeded by it, and when it is resumed.

        Most critics know their sizes and leave this as it is: it does nothing.

        Args:
            latent: Latent dimensions of the model, D.
            shape: Shape of one sample.
        """

    @abstractmethod
    def forward(self, draw: Draw) -> Float[Tensor, ""]:
        """The term that moves encoder and decoder."""

    @abstractmethod
    def loss(self, draw: Draw) -> Float[Tensor, ""]:
        """The loss that moves this critic's parameters, and only those."""


def whole_batch(term: F) -> F:
    """Mark a term whose value is not a mean over samples: several processes give it their gathered batch."""
    term.whole_batch = True  # type: ignore[attr-defined]
    return term


def needs_whole_batch(term: Callable[..., Any]) -> bool:
    """Whether a term, or the function a partial wraps, is marked with `whole_batch`."""
    while isinstance(term, functools.partial):
        term = term.func
    return getattr(term, "whole_batch", False)


@dataclass(frozen=True, slots=True)
class Weighted:
    """A term, its weight and, optionally, a capacity. The raw value is what is logged.

    The contribution to the loss is weight * raw, or weight * |raw - capacity| where a capacity is given.

    Attributes:
        weight: A number, or a schedule from step to number.
        term: The term or critic.
        capacity: Value that the term is pulled to, in nats; a number or a schedule.

    References:
        Burgess et al., Understanding disentangling in beta-VAE, 2018 (the capacity form).
    """

    weight: float | Schedule
    term: Term | Critic
    capacity: float | Schedule | None = None

    def contribution(self, raw: Tensor, step: int, *, mean: Tensor | None = None) -> Tensor:
        """What the raw value of the term adds to the loss at `step`.

        Args:
            raw: Value of the term on this process's share of the batch.
            step: Step at which weight and capacity are taken.
            mean: Value on the whole batch, which decides on what side of the capacity it is; `raw` if not
                given.
        """
        if self.capacity is None:
            return at(self.weight, step) * raw
        capacity = at(self.capacity, step)
        side = torch.sign((raw if mean is None else mean).detach() - capacity)
        return at(self.weight, step) * side * (raw - capacity)


Objective = Mapping[str, Weighted | Term | Critic]


@runtime_checkable
class Density(Protocol):
    """A distribution of codes, fixed or fitted. Arrays are float64."""

    def sample(self, count: int, *, seed: int = 0) -> Float[np.ndarray, "{count} D"]:
        """Independent draws; the same `seed` gives the same `count` codes."""
        ...

    def log_prob(self, z: Float[np.ndarray, "N D"]) -> Float[np.ndarray, "N"]:
        """Log density of each row, in nats."""
        ...


@runtime_checkable
class Path(Protocol):
    """A way from one code to another: at t = 0 it is `start`, at t = 1 it is `end`."""

    def __call__(
        self, start: Float[np.ndarray, "D"], end: Float[np.ndarray, "D"], t: Float[np.ndarray, "T"]
    ) -> Float[np.ndarray, "T D"]: ...


@runtime_checkable
class Data(Protocol):
    """A data set as the loop, the encoder and the report see it."""

    @property
    def name(self) -> str:
        """What it is called in reports."""
        ...

    @property
    def fingerprint(self) -> str:
        """Short hash of the content, by which a run knows its data again."""
        ...

    @property
    def labels(self) -> np.ndarray | None:
        """Classes, (N,) int64, or None."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the classes, by label; empty without labels."""
        ...

    @property
    def factors(self) -> Mapping[str, np.ndarray]:
        """Known factors of variation, each (N,)."""
        ...

    @property
    def splits(self) -> Mapping[str, np.ndarray]:
        """Rows of "train", "validation" and "test", sorted int64."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one sample as the model sees it."""
        ...

    def __len__(self) -> int: ...

    def to_spec(self) -> dict[str, Any]:
        """What spec.json keeps of the data: a name and the options it was loaded with."""
        ...

    def batches(self, split: str, size: int, *, seed: int, epoch: int) -> Iterator[Int[Tensor, "B"]]:
        """Row indices of each batch of one epoch over a split, shuffled by (seed, epoch).

        Args:
            split: One of SPLITS.
            size: Rows a batch; the last may be smaller.
            seed: With the epoch, fixes the order.
            epoch: Which pass over the split this is.
        """
        ...

    def batch(self, index: Int[Tensor, "B"], device: torch.device | str) -> tuple[Tensor, Tensor | None]:
        """Data and labels of the rows in `index`, moved to `device` and scaled there.

        A batch of sequences may be shorter than `shape` says, which holds for the longest of the data set.
        """
        ...

    def augmented(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A batch as training shows it, varied at random; `x` itself where nothing is to be varied.

        Args:
            x: What `batch` gave. Not changed.
            generator: The only source of chance, on the device of `x`.
        """
        ...


@dataclass(frozen=True, eq=False)
class Codes:
    """A table of codes: one row a sample of the data set.

    Attributes:
        id: (N,) int64 rows of the data set.
        split: (N,) strings, each one of SPLITS.
        mean: (N, D) float32 posterior means; these are the codes.
        logvar: (N, D) float32 log variances, or None for a deterministic encoder.
        label: (N,) int64, or None.
        names: Class names by label; may be empty.
        factors: Known factors of variation, each (N,).
    """

    id: np.ndarray
    split: np.ndarray
    mean: np.ndarray
    logvar: np.ndarray | None = None
    label: np.ndarray | None = None
    names: tuple[str, ...] = ()
    factors: dict[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        columns = {
            "id": self.id,
            "split": self.split,
            "logvar": self.logvar,
            "label": self.label,
            **self.factors,
        }
        for name, column in columns.items():
            if column is not None and len(column) != len(self.mean):
                raise ValueError(
                    f"codes need columns of one length, but mean has {len(self.mean)} rows "
                    f"and {name} {len(column)}"
                )

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def latent(self) -> int:
        """Number of latent dimensions, D."""
        return self.mean.shape[1]

    def take(self, rows: np.ndarray) -> Codes:
        """The rows given by an index or a boolean mask."""
        return Codes(
            id=self.id[rows],
            split=self.split[rows],
            mean=self.mean[rows],
            logvar=None if self.logvar is None else self.logvar[rows],
            label=None if self.label is None else self.label[rows],
            names=self.names,
            factors={name: column[rows] for name, column in self.factors.items()},
        )

    def of(self, split: str) -> Codes:
        """The rows of one split, in order.

        Raises:
            ValueError: If no row has that split.
        """
        rows = self.split == split
        if not rows.any():
            present = ", ".join(sorted(set(self.split.tolist()))) or "none"
            raise ValueError(f"codes need rows of split {split!r}, but the splits present are: {present}")
        return self.take(rows)


@dataclass(frozen=True, slots=True)
class Result:
    """One measured number, with what is needed to defend it.

    Attributes:
        name: What was measured, in snake_case.
        value: The estimate.
        low: Lower end of its 95 % interval; None where no interval is meaningful.
        high: Upper end.
        n: Samples it rests on.
        unit: For example "nats", "dB"; empty when dimensionless.
        definition: One sentence that fixes the formula, data and settings.
        seed: Seed of whatever was drawn at random; None when nothing was.
    """

    name: str
    value: float
    low: float | None
    high: float | None
    n: int
    unit: str
    definition: str
    seed: int | None = None

    def __str__(self) -> str:
        ends = "" if self.low is None or self.high is None else f" ({self.low:.4g} to {self.high:.4g})"
        return " ".join(f"{self.name} {self.value:.4g} {self.unit}".split()) + f"{ends}, n = {self.n:,}"

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary, as results.json holds it."""
        return asdict(self)


CodesLike = Codes | np.ndarray | tuple[np.ndarray, np.ndarray]
"""Codes as other rooms take them: a table, an array (N, D) of points, or a pair of arrays (mean, logvar)."""


def code_arrays(
    codes: CodesLike, *, rows: int = 1
) -> tuple[Float[np.ndarray, "N D"], Float[np.ndarray, "N D"] | None]:
    """Means and log variances of codes as float64, checked; log variances are None where there are none.

    Args:
        codes: A table, an array of points, or a pair (mean, logvar). Not changed.
        rows: How many rows are needed at least.

    Raises:
        ValueError: If the arrays are not (N, D) and alike, have fewer rows, or hold NaN or infinities; or if
            a mean is 1e100 or larger, whose square would leave float64.
    """
    pair = (codes.mean, codes.logvar) if isinstance(codes, Codes) else codes
    mean, logvar = pair if isinstance(pair, tuple) else (pair, None)
    mean = _matrix(mean, "codes", LARGEST)
    if len(mean) < rows:
        raise ValueError(f"codes need at least {rows} rows here, but got {len(mean)}")
    if logvar is None:
        return mean, None
    logvar = _matrix(logvar, "log variances", np.inf)
    if logvar.shape != mean.shape:
        raise ValueError(f"log variances need the shape of the means, {mean.shape}, but got {logvar.shape}")
    return mean, logvar


def _matrix(values: np.ndarray, what: str, largest: float) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"{what} need two dimensions, (N, D) with D >= 1, but got shape {values.shape}")
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{what} need real numbers, but got dtype {values.dtype}")
    values = values.astype(np.float64, copy=False)
    # A comparison with NaN is false, so this finds NaN as well.
    bad = ~((values < largest) & (values > -largest)).all(axis=1)
    if bad.any():
        under, larger = (f" under {largest:g}", ", or larger ones") if np.isfinite(largest) else ("", "")
        raise ValueError(
            f"{what} need finite numbers{under}, but {bad.sum()} of {len(values)} rows hold NaN or infinity"
            f"{larger} (first: row {bad.argmax()}); leave those rows out or train again"
        )
    return values
