"""Settings of a fit, and how spec.json writes them down."""

from __future__ import annotations

import functools
import importlib.metadata
import inspect
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from zscape import schedules, terms
from zscape.base import Critic, Objective, Weighted
from zscape.errors import SettingError
from zscape.schedules import Schedule

_SCHEDULES = {
    schedule.__name__: schedule
    for schedule in (
        schedules.CosineDecay,
        schedules.Cyclical,
        schedules.ExponentialApproach,
        schedules.ExponentialDecay,
        schedules.Warmup,
    )
}
_LIBRARIES = ("torch", "numpy", "lightning-fabric", "safetensors")


@dataclass(frozen=True, slots=True)
class Adam:
    """How parameters move, and when to stop.

    Attributes:
        rate: Learning rate, a number or a schedule over steps.
        betas: Decay of the running means of gradient and squared gradient.
        epsilon: Added to the denominator.
        weight_decay: Decoupled weight decay (AdamW); 0 for plain Adam.
        clip_norm: Largest norm of all gradients together; None for no limit.
        clip_value: Largest absolute gradient; None for no limit.
        patience: Epochs without a better validation loss before the fit stops; None never stops early.

    Raises:
        ValueError: If a number is out of its range.

    References:
        Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015. Loshchilov and Hutter, Decoupled
        Weight Decay Regularization, ICLR 2019.
    """

    rate: float | Schedule = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    patience: int | None = None

    def __post_init__(self) -> None:
        _need(callable(self.rate) or self.rate > 0, "Adam", "rate > 0", self.rate)
        pair = len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas)
        _need(pair, "Adam", "two betas in [0, 1)", self.betas)
        _need(self.epsilon > 0, "Adam", "epsilon > 0", self.epsilon)
        _need(self.weight_decay >= 0, "Adam", "weight_decay >= 0", self.weight_decay)
        for name in ("clip_norm", "clip_value", "patience"):
            value = getattr(self, name)
            _need(value is None or value > 0, "Adam", f"{name} > 0 or None", value)


@dataclass(frozen=True, slots=True)
class Engine:
    """Where and how a fit is carried out.

    Only `bf16`, `channels_last` and `flush_denormals` touch what is computed, all within rounding of their
    kind.

    Attributes:
        accelerator: "auto", "cpu", "cuda" or "mps".
        devices: Processes on this machine, one a device.
        nodes: Machines.
        bf16: Run encoder and decoder in bfloat16; terms and weights stay in float32.
        channels_last: Memory layout that is faster for convolutions on most hardware.
        flush_denormals: Treat subnormal numbers as zero while fitting; they slow CPUs down severalfold.
        log_every: Steps a row of history.csv averages over.
        checkpoint_seconds: Seconds between checkpoints.
        tensorboard: Also write TensorBoard event files (needs the extra `track`).

    Raises:
        ValueError: If a number is out of its range.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    bf16: bool = False
    channels_last: bool = False
    flush_denormals: bool = True
    log_every: int = 50
    checkpoint_seconds: float = 30.0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        allowed = ("auto", "cpu", "cuda", "mps")
        known = self.accelerator in allowed
        _need(known, "Engine", f"accelerator among {', '.join(allowed)}", self.accelerator)
        for name in ("devices", "nodes", "log_every"):
            _need(getattr(self, name) >= 1, "Engine", f"{name} >= 1", getattr(self, name))
        _need(self.checkpoint_seconds >= 0, "Engine", "checkpoint_seconds >= 0", self.checkpoint_seconds)


def weighted(objective: Objective) -> dict[str, Weighted]:
    """The objective with a weight at every term; a bare term weighs 1.

    Raises:
        ValueError: If the objective is empty or a name cannot be a column of history.csv.
        TypeError: If it is no mapping, or a value is not a term.
    """
    if not isinstance(objective, Mapping):
        raise TypeError(
            f"an objective is a mapping of named terms, but got {type(objective).__name__}; "
            "a recipe is called, as in zscape.recipes.vae()"
        )
    if not objective:
        raise ValueError("an objective needs at least one term, but it is empty; see zscape.recipes")
    reserved = {"step", "epoch", "split", "seconds", "total", "rate", "samples_per_second"}
    for name, part in objective.items():
        if name in reserved or not name.replace("_", "").isalnum():
            raise ValueError(
                f"a term's name must be letters, digits and underscores and none of "
                f"{', '.join(sorted(reserved))}, but got {name!r}"
            )
        if not callable(part) and not isinstance(part, Weighted):
            raise TypeError(f"term {name!r} must be a function of a Draw, but it is {part!r}")
    return {n: part if isinstance(part, Weighted) else Weighted(1.0, part) for n, part in objective.items()}


def describe_objective(objective: dict[str, Weighted]) -> dict[str, Any]:
    """Every term as spec.json holds it: import path, settings, weight, capacity."""
    return {
        name: {
            "term": term_path(part.term),
            "settings": {key: _plain(value) for key, value in _settings(part.term).items()},
            "weight": plain_schedule(part.weight),
            "capacity": None if part.capacity is None else plain_schedule(part.capacity),
        }
        for name, part in objective.items()
    }


def rebuild_objective(spec: dict[str, Any]) -> dict[str, Weighted]:
    """The objective that `describe_objective` wrote down, when all its terms are zscape's own.

    Raises:
        SettingError: If a term is a user's own, or takes a setting that spec.json cannot hold.
    """
    return {
        name: Weighted(
            schedule_from_plain(part["weight"]),
            _rebuild_term(name, part),
            None if part["capacity"] is None else schedule_from_plain(part["capacity"]),
        )
        for name, part in spec.items()
    }


def plain_schedule(value: float | Schedule) -> Any:  # noqa: ANN401 (a number or a mapping)
    """A number as it is; one of our schedules as {name: settings}; any other function by its import path."""
    if not callable(value):
        # Numbers of numpy and torch, too, become what JSON knows.
        return value.item() if isinstance(value, np.generic | Tensor) else value
    if is_dataclass(value) and type(value).__name__ in _SCHEDULES:
        return {type(value).__name__: asdict(value)}  # type: ignore[arg-type]
    return {"function": term_path(value)}  # type: ignore[arg-type]


def schedule_from_plain(value: Any) -> float | Schedule:  # noqa: ANN401 (a number or a mapping)
    """The number or schedule that `plain_schedule` wrote down.

    Raises:
        SettingError: If it is a user's own function.
    """
    if not isinstance(value, dict):
        return value
    ((name, settings),) = value.items()
    if name not in _SCHEDULES:
        raise SettingError(
            f"your own schedule {settings} cannot be rebuilt from spec.json; pass the objective"
        )
    return _SCHEDULES[name](**settings)


def adam_from_spec(spec: dict[str, Any]) -> Adam:
    """The Adam settings that spec.json holds.

    Raises:
        SettingError: If the learning rate is a function of the user's own.
    """
    settings = {**spec, "betas": tuple(spec["betas"]), "rate": schedule_from_plain(spec["rate"])}
    return Adam(**settings)


def adam_to_spec(optimiser: Adam) -> dict[str, Any]:
    """The Adam settings as spec.json holds them."""
    settings = {name: getattr(optimiser, name) for name in Adam.__slots__}
    return {**settings, "betas": list(optimiser.betas), "rate": plain_schedule(optimiser.rate)}


def need_json(spec: dict[str, Any]) -> None:
    """Refuse a spec with a value that a file cannot hold, before anything is written.

    Raises:
        ValueError: Naming the part of the spec.
    """
    for key, part in spec.items():
        try:
            json.dumps(part, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{key} of the fit needs plain finite values, but: {error}") from error


def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries whose arithmetic a fit rests on."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in _LIBRARIES
    }


def critics_of(objective: dict[str, Weighted]) -> dict[str, Critic]:
    """The critics among the terms, by name."""
    return {name: part.term for name, part in objective.items() if isinstance(part.term, Critic)}


def memories_of(objective: dict[str, Weighted]) -> dict[str, nn.Module]:
    """The terms by name that keep something from step to step and yet are no critics."""
    modules = {name: part.term for name, part in objective.items() if isinstance(part.term, nn.Module)}
    return {name: term for name, term in modules.items() if not isinstance(term, Critic)}


def term_path(term: Callable[..., Any]) -> str:
    """Import path "module:name" of a function or of a critic's class, seen through partials."""
    while isinstance(term, functools.partial):
        term = term.func
    named = type(term) if isinstance(term, nn.Module) or not hasattr(term, "__qualname__") else term
    return f"{named.__module__}:{named.__qualname__}"


def _settings(term: Callable[..., Any]) -> dict[str, Any]:
    """Keyword settings of a term: a function's defaults, overridden by those a partial has bound; of a module
    what it says in an attribute `settings`.
    """
    bound: dict[str, Any] = {}
    while isinstance(term, functools.partial):
        bound = {**term.keywords, **bound}
        term = term.func
    if isinstance(term, nn.Module):
        return {**getattr(term, "settings", {}), **bound}
    parameters = inspect.signature(term).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty} | bound


def _plain(value: Any) -> Any:  # noqa: ANN401 (whatever a term's setting is)
    if callable(value):
        return plain_schedule(value)  # type: ignore[arg-type]
    return list(value) if isinstance(value, tuple) else value


def _rebuild_term(name: str, part: dict[str, Any]) -> Callable[..., Any]:
    exported = _exported()
    if part["term"] not in exported:
        raise SettingError(
            f"term {name!r} ({part['term']}) is not one of zscape's, so it cannot be rebuilt from spec.json; "
            "resume from Python: zscape.resume(path, data, objective=objective)"
        )
    term = exported[part["term"]]
    settings = {key: _rebuild_value(value, exported) for key, value in part["settings"].items()}
    if isinstance(term, type):
        return term(**settings)
    return functools.partial(term, **settings) if settings else term


def _rebuild_value(value: Any, exported: dict[str, Callable[..., Any]]) -> Any:  # noqa: ANN401 (a setting)
    if not isinstance(value, dict):
        return value
    path = value.get("function")
    return exported[path] if path in exported else schedule_from_plain(value)


def _exported() -> dict[str, Callable[..., Any]]:
    """What the room of terms exports, by import path: a spec from elsewhere can name nothing else."""
    return {
        term_path(function): function for name in terms.__all__ if callable(function := getattr(terms, name))
    }


def _need(holds: bool, owner: str, needed: str, came: object) -> None:
    if not holds:
        raise ValueError(f"{owner} needs {needed}, but got {came}")


def changed(old: dict[str, Any], new: dict[str, Any], keys: Iterable[str]) -> list[str]:
    """Which of the keys differ between two specs."""
    return [key for key in keys if old.get(key) != new.get(key)]
