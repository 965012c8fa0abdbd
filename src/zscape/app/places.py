"""Folders that results are written to, refused where that would lose something."""

from __future__ import annotations

import re
from pathlib import Path

from zscape.errors import SettingError


def check_new(folder: Path) -> None:
    """Refuse a folder that is there and holds something.

    Raises:
        SettingError: If it does.
    """
    if _holds_something(folder):
        raise SettingError(
            f"--out needs a new folder, but {folder} exists; choose another name, or delete it"
        )


def check_replaceable(folder: Path, files: re.Pattern[str]) -> None:
    """Refuse a folder of the run's that holds anything but what an earlier call wrote there.

    Args:
        folder: What is about to be replaced.
        files: The paths that such calls write, relative to it.

    Raises:
        SettingError: If it does.
    """
    if not _holds_something(folder):
        return
    if not folder.is_dir():
        raise SettingError(f"{folder} is replaced by each call, but is a file; move that away, or give --out")
    names = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    foreign = [name for name in names if not files.fullmatch(name)]
    if foreign:
        raise SettingError(
            f"{folder} is replaced by each call, but holds {foreign[0]}; move that away, or give another "
            "folder with --out"
        )


def _holds_something(folder: Path) -> bool:
    return folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
