"""What kind of value a setting takes, read off the annotations of whatever takes it."""

from __future__ import annotations

import functools
import inspect
import os
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from zscape.errors import SettingError, nearest

# Not settings: what the caller supplies as objects.
_OBJECTS = {"self", "draw", "shape", "head"}


def parameters(owner: Callable[..., Any]) -> dict[str, Any]:
    """Names and types of the keyword settings of a function, seen through partials, or of a class."""
    while isinstance(owner, functools.partial):
        owner = owner.func
    if isinstance(owner, type) and hasattr(owner, "__dataclass_fields__"):
        hints = typing.get_type_hints(owner)
        return {field.name: hints[field.name] for field in fields(owner)}
    function = owner.__init__ if isinstance(owner, type) else owner
    hints = typing.get_type_hints(function)
    return {
        name: hints.get(name, Any) for name in inspect.signature(function).parameters if name not in _OBJECTS
    }


def call_with(function: Callable[..., Any], settings: dict[str, Any], section: str) -> Any:  # noqa: ANN401 (its result)
    """Call with checked settings; what the callee refuses is said in one line that names the section.

    Raises:
        SettingError: If it takes no such settings, or refuses them.
    """
    refuse_unknown(settings, function, section)
    try:
        return function(**settings)
    except ValueError as error:
        raise SettingError(f"{section}: {error}") from error


def refuse_unknown(
    settings: dict[str, Any], owner: Callable[..., Any], section: str, *, also: Sequence[str] = ()
) -> None:
    """Refuse keys that the owner does not take and values of the wrong type.

    Raises:
        SettingError: Naming the nearest key there is.
    """
    hints = parameters(owner)
    for name, value in settings.items():
        key = f"{section}.{name}"
        if name not in hints:
            near = nearest(key, (f"{section}.{known}" for known in (*hints, *also)))
            raise SettingError(f"unknown setting {key!r}: {near}")
        check_type(key, value, hints[name])


def check_type(key: str, value: object, hint: Any) -> None:  # noqa: ANN401 (a type expression)
    """Refuse a value that the type does not admit.

    Raises:
        SettingError: Saying what was needed and what came.
    """
    if not _fits(value, hint):
        raise SettingError(f"{key} needs {words(hint)}, but got {value!r}")


def _fits(value: Any, hint: Any) -> bool:  # noqa: ANN401 (anything, and a type expression)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin is typing.Literal:
        # Compared with their types: True is not 1.
        return any(value == argument and type(value) is type(argument) for argument in arguments)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, argument) for argument in arguments)
    if _is_callable(hint):
        return callable(value)
    if origin in (type, os.PathLike):
        return isinstance(value, origin)
    if origin is tuple and Ellipsis not in arguments:
        same = isinstance(value, list | tuple) and len(value) == len(arguments)
        return same and all(_fits(part, hint) for part, hint in zip(value, arguments, strict=True))
    if origin is not None:
        return isinstance(value, list | tuple) and all(_fits(part, arguments[0]) for part in value)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, hint)


def words(hint: Any) -> str:  # noqa: ANN401 (a type expression)
    """A type as a person would say it: words(int | None) is "a whole number or none"."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(words(argument) for argument in arguments))
    if origin is typing.Literal:
        return " or ".join(map(str, arguments))
    if _is_callable(hint):
        return "a schedule such as Warmup(stop=1, steps=1000)"
    if origin is os.PathLike:
        return "a path"
    if origin is not None and origin is not type:
        example = '"name"' if arguments[:1] == (str,) else "1"
        return f"a list such as [{', '.join(example for _ in arguments[:2]) or '1'}]"
    plain = {
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        str: "a word",
        type(None): "none",
    }
    return plain.get(hint, "a path" if hint is not type else "a name")


def _is_callable(hint: Any) -> bool:  # noqa: ANN401 (a type expression)
    return hint is Callable or getattr(typing.get_origin(hint), "__name__", "") == "Callable"
