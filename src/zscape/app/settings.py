"""From words to objects: settings as flags, as key=value and as a TOML file, checked against what there is.

Every setting has a dotted key. `data.*` are the options of `zscape.data.load`, `model.*` those of the
network, `head.*` of the likelihood, `recipe.*` of the recipe, `optimiser.*` of `Adam`, `engine.*` of
`Engine`; `epochs`, `batch` and `seed` stand alone; and each term has `weight`, `capacity` and settings of its
own under its name.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from zscape import data as datasets
from zscape import recipes, terms
from zscape.app.kinds import call_with, check_type, parameters, refuse_unknown, words
from zscape.app.models import HEADS, LATENT, NETS, check_model, choice, model_for
from zscape.base import Critic, Objective, Weighted
from zscape.data import Images, Strokes
from zscape.errors import SettingError, nearest
from zscape.model import Autoencoder
from zscape.model.autoencoder import ACTIVATIONS, activation_named
from zscape.schedules import CosineDecay, Cyclical, ExponentialApproach, ExponentialDecay, Warmup
from zscape.training import Adam, Engine

Settings = dict[str, Any]

_ALONE = ("epochs", "batch", "seed")
_RECIPES: dict[str, Callable[..., Objective]] = {name: getattr(recipes, name) for name in recipes.__all__}
# Terms that --set may add to a recipe: whatever the room exports that takes a Draw.
_TERMS: dict[str, Callable[..., Any]] = {
    name: getattr(terms, name)
    for name in terms.__all__
    if next(iter(inspect.signature(getattr(terms, name)).parameters)) == "draw"
}
# Critics by the name that recipes give them; --set may add these too.
_CRITICS: dict[str, type[Critic]] = {
    "interpolation": terms.InterpolationCritic,
    "mixing": terms.MixingCritic,
    "prior": terms.PriorCritic,
}
_PARTS = (*_TERMS, *_CRITICS)
# Recipes of models whose encoder gives points.
_DETERMINISTIC = ("acai", "adversarial_autoencoder", "aeai", "autoencoder")
_SCHEDULES = {
    schedule.__name__: schedule
    for schedule in (CosineDecay, Cyclical, ExponentialApproach, ExponentialDecay, Warmup)
}
# Sections whose settings may be schedules: a path with a bracket in it is not one.
_SCHEDULED = ("optimiser.", "recipe.", "reconstruction.", *(f"{name}." for name in _PARTS))
_WEIGHT = float | Callable
# Longer text is no setting, and the parsers of Python give out on deep nesting.
_LONGEST = 1000
# What torch and numpy both take as a seed.
_SEEDS = 2**63
_FUNCTIONS = {
    "zhao": terms.zhao_bandwidth,
    "dimension": terms.dimension_bandwidth,
    "median": terms.median_bandwidth,
}


@dataclass(frozen=True)
class Request:
    """What a fit was asked for, as objects.

    Attributes:
        data: The data set.
        model: The model, freshly initialised from the seed.
        objective: Weighted terms by name.
        options: The other arguments of `zscape.fit`.
    """

    data: Images | Strokes
    model: Autoencoder
    objective: Objective
    options: dict[str, Any]


def gather(config: Path | None, flags: Settings, pairs: Sequence[str]) -> Settings:
    """Settings by dotted key: those of the TOML file, overridden by flags, overridden by key=value pairs.

    Raises:
        SettingError: If the file cannot be read, a pair is not key=value, or a number is not finite.
    """
    found: Settings = {} if config is None else dict(_flat(_toml(config)))
    found |= {key: value for key, value in flags.items() if value is not None}
    for pair in pairs:
        if len(pair) > _LONGEST:
            raise SettingError(
                f"--set needs at most {_LONGEST:,} characters, but {pair[:40]!r}... has {len(pair):,}; "
                "put longer values into a file and give it with --config"
            )
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise SettingError(f"--set needs key=value, as in --set kl.weight=4, but got {pair!r}")
        found[key.strip()] = _literal(key.strip(), text.strip())
    for key, value in found.items():
        _finite(key, value)
    return {key: _value(key, value) for key, value in found.items()}


def build(settings: Settings, *, data_dir: Path | None = None) -> Request:
    """The objects that settings describe.

    Raises:
        SettingError: If a key is unknown or a value cannot be; the message names the nearest known key.
        DataError: If the data set cannot be loaded.
    """
    sections = _sections(settings)
    recipe_name = choice(sections["recipe"].pop("name", "vae"), _RECIPES, "recipe.name")
    check_model(sections["model"], sections["head"])
    recipe = call_with(_RECIPES[recipe_name], sections["recipe"], "recipe")
    objective = _objective(recipe, sections)
    options = {
        **{key: settings[key] for key in _ALONE if key in settings},
        "optimiser": call_with(Adam, sections["optimiser"], "optimiser"),
        "engine": call_with(Engine, sections["engine"], "engine"),
    }
    for key in _ALONE:
        check_type(key, options.get(key, 0), int)
    if not 0 <= options.get("seed", 0) < _SEEDS:
        raise SettingError(f"seed needs a whole number >= 0 and below 2**63, but got {options['seed']}")
    data = call_with(datasets.load, {"name": "digits", "data_dir": data_dir} | sections["data"], "data")
    if isinstance(data, Strokes):
        objective = _of_drawings(objective, sections["squared_error"])
    torch.manual_seed(options.get("seed", 0))
    asked = {"stochastic": recipe_name not in _DETERMINISTIC} | sections["model"]
    model = model_for(data, asked, sections["head"])
    return Request(data, model, objective, options)


def known_settings() -> dict[str, tuple[str, str]]:
    """Every dotted key there is, with what it takes and what it is when not given."""
    found = {
        "epochs": ("a whole number", "30"),
        "batch": ("a whole number", "128"),
        "seed": ("a whole number", "0"),
        "recipe.name": (" or ".join(sorted(_RECIPES)), "vae"),
        "model.net": (" or ".join(NETS), "mlp, of drawings lstm"),
        "head.name": (" or ".join(HEADS), "bernoulli"),
    }
    owners: list[tuple[str, Callable[..., Any]]] = [("data", datasets.load), ("optimiser", Adam)]
    owners += [("engine", Engine)] + [("model", net) for net in NETS.values()]
    owners += [("head", head) for head in HEADS.values()]
    owners += [*_TERMS.items(), *_CRITICS.items()]
    # What decorrelated_vae(form="memory") has under that name takes a size besides.
    owners.append(("covariance", terms.RememberedCovariance))
    # And factor_vae has a critic under the name of what it estimates.
    owners.append(("total_correlation", terms.TotalCorrelationCritic))
    owners += [("recipe", recipe) for recipe in _RECIPES.values()]
    for section, owner in owners:
        defaults = inspect.signature(owner).parameters
        for name, hint in parameters(owner).items():
            key, takes, default = f"{section}.{name}", words(hint), _shown(defaults[name].default)
            if section == "recipe":
                # Recipes share names of settings, but not what these are when not given.
                others = f"{found[key][1]}, " if key in found else ""
                found[key] = (takes, f"{others}{default} ({owner.__name__})")
            found.setdefault(key, (takes, default))
    for name in ("reconstruction", *_PARTS):
        found[f"{name}.weight"] = (words(_WEIGHT), "the recipe's")
        found[f"{name}.capacity"] = (words(_WEIGHT | None), "none")
    choices = {"model.activation": ACTIVATIONS, "mmd.bandwidth": [*_FUNCTIONS, "a number"]}
    found |= {key: (" or ".join(known), found[key][1]) for key, known in choices.items()}
    # What build fills in where the function asks for a value.
    of_drawings = inspect.signature(Autoencoder.lstm).parameters["latent"].default
    found |= {
        "data.name": (found["data.name"][0], "digits"),
        "model.latent": (found["model.latent"][0], f"{LATENT}, of drawings {of_drawings}"),
    }
    found["head.std"] = ("a number, or none to learn it (gaussian)", found["head.std"][1])
    return dict(sorted(found.items()))


def _shown(default: object) -> str:
    """A default as --set would take it."""
    for name, function in _FUNCTIONS.items():
        if default is function:
            return name
    if isinstance(default, type):
        return default.__name__
    if isinstance(default, tuple):
        return str(list(default))
    return str(default).lower() if default is None or isinstance(default, bool) else str(default)


def _sections(settings: Settings) -> dict[str, Settings]:
    sections: dict[str, Settings] = {
        name: {}
        for name in ("data", "model", "head", "recipe", "optimiser", "engine", "reconstruction", *_PARTS)
    }
    for key, value in settings.items():
        section, dot, name = key.partition(".")
        if key in _ALONE:
            continue
        if not dot or section not in sections:
            raise SettingError(f"unknown setting {key!r}: {_hint(key)}")
        sections[section][name] = value
    return sections


def _objective(recipe: Objective, sections: dict[str, Settings]) -> Objective:
    """The recipe with the weights and settings asked for, and with terms added that it lacks."""
    parts = {
        name: part if isinstance(part, Weighted) else Weighted(1.0, part) for name, part in recipe.items()
    }
    for name in ("reconstruction", *_PARTS):
        asked = dict(sections[name])
        if not asked:
            continue
        if name not in parts and "weight" not in asked:
            raise SettingError(
                f"the recipe has no term {name!r}; to add it, give it a weight: --set {name}.weight=1"
            )
        old = parts.get(name) or Weighted(1.0, _CRITICS[name]() if name in _CRITICS else _TERMS[name])
        weight = asked.pop("weight", old.weight)
        capacity = asked.pop("capacity", old.capacity)
        for key, value in (("weight", weight), ("capacity", capacity)):
            check_type(f"{name}.{key}", value, _WEIGHT | None if key == "capacity" else _WEIGHT)
        owner = type(old.term) if isinstance(old.term, torch.nn.Module) else old.term
        refuse_unknown(asked, owner, name, also=("weight", "capacity"))
        parts[name] = Weighted(weight, _with(old.term, asked, name), capacity)
    return parts


def _of_drawings(objective: Objective, squared: Settings) -> Objective:
    """The objective with the likelihood where the recipe compares pictures number by number."""
    if squared:
        raise SettingError(
            "squared_error compares pictures number by number, and drawings have no such counterparts; leave "
            "it out, as the likelihood says how well they are reconstructed"
        )
    parts = {
        name: part if isinstance(part, Weighted) else Weighted(1.0, part) for name, part in objective.items()
    }
    return {
        name: replace(part, term=terms.negative_log_likelihood) if part.term is terms.squared_error else part
        for name, part in parts.items()
    }


def _with(term: Callable[..., Any], asked: Settings, name: str) -> Callable[..., Any]:
    """The term with settings of its own replaced; one with a memory or networks is made anew."""
    if isinstance(term, terms.RememberedCovariance | Critic):
        return call_with(type(term), {**getattr(term, "settings", {}), **asked}, name)
    return functools.partial(term, **asked) if asked else term


def _value(key: str, value: object) -> object:
    """A literal as the object it stands for: none, a schedule, an activation, a bandwidth."""
    if key == "model.activation":
        return _activation(value)
    if isinstance(value, list):
        return tuple(value) if key == "optimiser.betas" else value
    if not isinstance(value, str):
        return value
    if value.lower() == "none":
        return None
    if key == "mmd.bandwidth":
        return _FUNCTIONS[choice(value, _FUNCTIONS, key)]
    return _schedule(key, value) if "(" in value and key.startswith(_SCHEDULED) else value


def _activation(value: object) -> type:
    folded = {name.lower(): name for name in ACTIVATIONS}
    return activation_named(folded.get(str(value).lower(), str(value)))


def _schedule(key: str, text: str) -> Callable[[int], float]:
    """Warmup(stop=1, steps=1000) and its like, read without evaluating anything."""
    if len(text) > _LONGEST:
        raise SettingError(f"{key} needs at most {_LONGEST:,} characters, but got {len(text):,}")
    try:
        call = ast.parse(text, mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
            raise SyntaxError
        settings = {word.arg: ast.literal_eval(word.value) for word in call.keywords if word.arg}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise SettingError(f"{key} needs a number or Name(key=value, ...), but got {text!r}") from error
    for word, value in settings.items():
        _finite(f"{key}: {word}", value)
    name = choice(call.func.id, _SCHEDULES, key)
    return call_with(_SCHEDULES[name], settings, f"{key}={name}")


def _finite(key: str, value: object) -> None:
    """Refuse NaN, infinities and whole numbers that no float holds, also inside lists."""
    if isinstance(value, list | tuple):
        for part in value:
            _finite(key, part)
    # So written, it refuses NaN as well.
    elif isinstance(value, int | float) and not abs(value) <= sys.float_info.max:
        came = value if isinstance(value, float) else "a larger one"
        raise SettingError(f"{key} needs a finite number that a float can hold, but got {came}")


def _literal(key: str, text: str) -> object:
    """A TOML value where the text is one, else the text itself, so that words need no quotes."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
    except RecursionError as error:
        raise SettingError(f"{key} needs a plain value, but {text[:40]!r}... is nested too deeply") from error


def _toml(path: Path) -> Settings:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise SettingError(f"{path} needs plain tables and values, but is nested too deeply") from error
    except ValueError as error:  # not TOML, not UTF-8, or a whole number of too many digits
        raise SettingError(f"{path} is not a TOML file: {error}") from error


def _flat(table: Settings, prefix: str = "") -> Iterable[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _hint(key: str) -> str:
    return nearest(key, known_settings())
