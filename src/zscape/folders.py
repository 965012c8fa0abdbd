"""Where data, networks and prepared files lie: folders that are named, and the user's cache."""

from __future__ import annotations

import os
from pathlib import Path

import pooch

from zscape.errors import DataError


def cache_dir() -> Path:
    """The folder of prepared and fetched data: ZSCAPE_CACHE, or the platform's cache folder for zscape."""
    named = os.environ.get("ZSCAPE_CACHE")
    return expanded(named).absolute() if named else Path(pooch.os_cache("zscape"))


def places(data_dir: str | os.PathLike[str] | None = None) -> tuple[Path, ...]:
    """The data folders, in the order they are looked at: the one given, ZSCAPE_DATA, the user's cache."""
    given = [data_dir, os.environ.get("ZSCAPE_DATA")]
    named = [expanded(folder).absolute() for folder in given if folder]
    return tuple(dict.fromkeys([*named, cache_dir() / "data"]))


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with ~ and ~user written out.

    Raises:
        DataError: If there is no such user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise DataError(f"{path} names a home folder that is not known; write the path in full") from error
