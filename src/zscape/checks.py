"""Checks of the numbers that are given as settings, for every room."""

from __future__ import annotations

import numbers


def check_number(what: str, value: object, *, least: float) -> None:
    """Refuse what is no number of at least `least`; infinity is one.

    Args:
        what: Its name, in messages.
        value: What was given.
        least: What it must not be under.

    Raises:
        TypeError: If it is no number.
        ValueError: If it is under `least`, or NaN.
    """
    _check(what, value, least, numbers.Real, f"a number >= {least:g}")


def check_whole(what: str, value: object, *, least: int = 0) -> None:
    """Refuse what is no whole number of at least `least`, such as a seed.

    Args:
        what: Its name, in messages.
        value: What was given.
        least: What it must not be under.

    Raises:
        TypeError: If it is no whole number.
        ValueError: If it is under `least`.
    """
    _check(what, value, least, numbers.Integral, f"a whole number >= {least}")


def _check(what: str, value: object, least: float, kind: type, words: str) -> None:
    # True is a whole number to Python.
    if not isinstance(value, kind) or isinstance(value, bool):
        raise TypeError(f"{what} needs to be {words}, but is {value!r}")
    if not value >= least:  # type: ignore[operator] (a number, as checked)
        raise ValueError(f"{what} needs to be {words}, but is {value!r}")
