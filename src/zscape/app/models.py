"""The model that settings and data ask for: drawings have networks of their own, and no head."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection
from typing import Any

from zscape.app.kinds import call_with, parameters, refuse_unknown
from zscape.data import Images, Strokes
from zscape.errors import SettingError, nearest
from zscape.model import Autoencoder, BernoulliHead, GaussianHead

NETS: dict[str, Callable[..., Autoencoder]] = {
    "mlp": Autoencoder.mlp,
    "conv": Autoencoder.conv,
    "lstm": Autoencoder.lstm,
}
HEADS = {"bernoulli": BernoulliHead, "gaussian": GaussianHead}
_OF_DRAWINGS = ("lstm",)
LATENT = 10  # of pictures; lstm brings the published 128 of drawings itself


def check_model(settings: dict[str, Any], head: dict[str, Any]) -> None:
    """Refuse, before any data is loaded, what no data could make right.

    Args:
        settings: Of the model, by name; `net` may be among them.
        head: Of the likelihood.

    Raises:
        SettingError: If a setting or a choice is unknown, or does not go with the network that is named.
    """
    own = {key: value for key, value in settings.items() if key != "net"}
    if "net" in settings:
        _check_net(choice(settings["net"], NETS, "model.net"), own, head)
    known = [
        f"model.{name}" for name in ("net", *dict.fromkeys(itertools.chain(*map(parameters, NETS.values()))))
    ]
    for key in (f"model.{name}" for name in own):
        if key not in known:
            raise SettingError(f"unknown setting {key!r}: {nearest(key, known)}")
    _head(head)


def model_for(data: Images | Strokes, settings: dict[str, Any], head: dict[str, Any]) -> Autoencoder:
    """A model of the network that was named, or else of the one that fits the data, with fresh weights.

    Args:
        data: What it is to be fitted on.
        settings: Of the model, by name; `net` may be among them.
        head: Of the likelihood.

    Raises:
        SettingError: If the network does not fit the data, or refuses a setting.
    """
    drawn = isinstance(data, Strokes)
    own = dict(settings)
    net = own.pop("net", "lstm" if drawn else "mlp")
    if drawn != (net in _OF_DRAWINGS):
        fitting = [name for name in NETS if drawn == (name in _OF_DRAWINGS)]
        raise SettingError(
            f"model.net={net} is for {'pictures' if drawn else 'drawings'}, but {data.name} holds "
            f"{'drawings' if drawn else 'pictures'}; leave it out, or choose {' or '.join(fitting)}"
        )
    _check_net(net, own, head)
    if drawn:
        return call_with(functools.partial(NETS[net], data.shape), own, "model")
    return call_with(
        functools.partial(NETS[net], data.shape, head=_head(head)), {"latent": LATENT} | own, "model"
    )


def choice(name: object, known: Collection[str], key: str) -> str:
    """The name itself, if it is one of those known.

    Raises:
        SettingError: Naming the nearest.
    """
    if not isinstance(name, str) or name not in known:
        raise SettingError(f"{key} cannot be {name!r}: {nearest(str(name), known)}")
    return name


def _check_net(net: str, settings: dict[str, Any], head: dict[str, Any]) -> None:
    """Refuse settings of other networks."""
    if net in _OF_DRAWINGS and head:
        raise SettingError(
            f"head.{next(iter(head))} means nothing with net {net}, whose decoder itself says how likely "
            "a drawing is; leave it out"
        )
    for name in settings:
        owners = [other for other in NETS if name in parameters(NETS[other])]
        if owners and net not in owners:
            raise SettingError(
                f"model.{name} is a setting of {' and '.join(owners)}, but the network is {net}"
            )
    refuse_unknown(settings, NETS[net], "model")


def _head(settings: dict[str, Any]) -> Any:  # noqa: ANN401 (one of two unrelated modules)
    own = dict(settings)
    name = choice(own.pop("name", "bernoulli"), HEADS, "head.name")
    return call_with(HEADS[name], own, "head")
