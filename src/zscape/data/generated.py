"""Names of generated data sets, which hold what they are generated from: sprites:size=32,scales=4."""

from collections.abc import Mapping

from zscape.errors import DataError


def generated_name(kind: str, given: Mapping[str, int], defaults: Mapping[str, int]) -> str:
    """The name of a data set of that kind; numbers that are as by default are left out.

    >>> generated_name("doodles", {"count": 500, "seed": 0}, {"count": 2000, "seed": 0})
    'doodles:count=500'
    """
    other = [f"{key}={value}" for key, value in given.items() if value != defaults[key]]
    return kind + (":" + ",".join(other) if other else "")


def parse_generated_name(name: str, defaults: Mapping[str, int], *, example: str) -> dict[str, int]:
    """The numbers that a name gives.

    Raises:
        DataError: If it is not of the form kind:key=number,... with keys of `defaults`.
    """
    kind, _, numbers = name.partition(":")
    *others, last = defaults
    given = {}
    for part in filter(None, numbers.split(",")):
        key, _, value = part.partition("=")
        if key.strip() not in defaults or not value.strip().isdecimal():
            raise DataError(
                f"{kind} need whole numbers for {', '.join(others)} and {last}, but got {part!r} in "
                f"{name!r}; write for example {example}"
            )
        given[key.strip()] = int(value)
    return given
