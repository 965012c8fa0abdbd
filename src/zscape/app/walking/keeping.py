"""Walks of one sort stay in the folder of the run when those of the other are made anew."""

from __future__ import annotations

import re
import shutil
from pathlib import Path


def keep_files(old: Path, new: Path, names: re.Pattern[str]) -> None:
    """Copy files over into a folder that is about to replace theirs.

    Args:
        old: Where they are; nothing is done where there is no such folder.
        new: Where to.
        names: Of the files to keep.
    """
    for file in old.iterdir() if old.is_dir() else ():
        if names.fullmatch(file.name):
            shutil.copy2(file, new / file.name)
