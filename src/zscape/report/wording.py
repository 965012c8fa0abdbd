"""Numbers, names and settings as a person would write them."""

from __future__ import annotations

import math
from collections.abc import Mapping

from zscape import base

_ACRONYMS = ("aam", "dci", "elbo", "kl", "mig", "mmd", "pca", "psnr", "sap", "ssim", "udr", "vae")


def phrase(value: object) -> str:
    """A setting as a person would write it.

    >>> phrase({"rate": 0.001, "betas": [0.9, 0.999], "clip": None, "fused": True})
    'rate 0.001, betas 0.9 0.999, clip none, fused yes'
    """
    if isinstance(value, Mapping):
        return (
            ", ".join(f"{str(key).replace('_', ' ')} {phrase(entry)}" for key, entry in value.items())
            or "none"
        )
    if isinstance(value, list | tuple):
        return " ".join(phrase(entry) for entry in value) or "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def number(value: float, spread: float | None = None) -> str:
    """A measured value to two digits of its spread, or to four digits where there is none.

    >>> number(102.3456, 0.4), number(-1234567.8), number(0.01234), number(9.0)
    ('102.35', '−1,234,568', '0.01234', '9')
    """
    if value == round(value) and not spread:
        return f"{value:,.0f}".replace("-", "−")
    size = spread / 10 if spread else abs(value) / 1000
    decimals = max(0, -math.floor(math.log10(size)))
    # A long row of zeros is harder to read than a power of ten.
    text = f"{value:.3g}" if decimals > 8 else f"{value:,.{decimals}f}"
    return text.replace("-", "−")


def power_of(largest: float) -> int:
    """The power of ten that values are told in: 0 unless they have five digits or more, or three zeros.

    >>> power_of(2.1e8), power_of(9999.0), power_of(0.0004), power_of(0.0)
    (8, 0, -4, 0)
    """
    power = math.floor(math.log10(largest)) if largest > 0 else 0
    return power if power >= 4 or power <= -4 else 0


def in_powers(text: str, power: int) -> str:
    """What values are, with the power of ten that they are told in.

    >>> in_powers("style loss", 8), in_powers("ratio", 0)
    ('style loss / 10⁸', 'ratio')
    """
    raised = str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{text} / 10{raised}" if power else text


def interval(result: base.Result) -> tuple[str, str]:
    """A result's value, and its interval or an empty string, to the same number of decimals."""
    if result.low is None or result.high is None:
        return number(result.value), ""
    ends = (result.value, result.low, result.high)
    # Of whole numbers, as counts are, decimals would say nothing.
    spread = None if all(end == round(end) for end in ends) else (result.high - result.low) / 2
    return number(result.value, spread), f"{number(result.low, spread)} to {number(result.high, spread)}"


def words(name: str) -> str:
    """A name in snake_case as words.

    >>> words("pca_first_share")
    'PCA first share'
    """
    return " ".join(part.upper() if part in _ACRONYMS else part for part in name.split("_"))


def duration(seconds: float) -> str:
    """A span of time.

    >>> duration(2.13), duration(75.0), duration(7500.0)
    ('2.1 s', '1 min 15 s', '2 h 05 min')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"
