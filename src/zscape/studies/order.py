"""What a study is asked to do, and how it tells how far it is."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

Told = Callable[[float, float, str], None]
"""Called with seconds of work done, seconds of work in all (estimates) and a few words on how it goes."""


def code_commit() -> str:
    """The commit of this code, with "-dirty" if it was changed since; words where git does not know the code.

    Returns:
        For example "1a2b3c4".
    """
    here = Path(__file__)

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here.parent), *words], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()

    try:
        # An installed copy may lie inside somebody's repository without being a part of it.
        known = git("ls-files", here.name)
        found = git("describe", "--always", "--dirty", "--exclude=*") if known else ""
    except FileNotFoundError:
        found = ""
    return found or "unknown (the code is not under git here)"


@dataclass(frozen=True)
class Order:
    """What a study is asked to do.

    Attributes:
        name: The study.
        scale: "smoke", "cpu" or "paper".
        out: Folder of the study: models/, kept/ and page/.
        data_dir: Folder of data sets to look in first, or None.
        watch: Told how far the study is, or None.
        commit: Of the code, when it was asked.
    """

    name: str
    scale: str
    out: Path
    data_dir: str | os.PathLike[str] | None = None
    watch: Told | None = None
    commit: str = field(default_factory=code_commit)

    @property
    def models(self) -> Path:
        """Where the run folders of the study's models are."""
        return self.out / "models"

    @property
    def kept(self) -> Path:
        """Where judges and what was measured are kept for the next call."""
        return self.out / "kept"

    @property
    def page(self) -> Path:
        """Where the page, its pictures and results.json are written."""
        return self.out / "page"


@dataclass
class Plan:
    """The parts of a study with what each will cost, so that progress can be told in time.

    Attributes:
        costs: Seconds that each part is expected to take, by its name.
        watch: Told at the start of every part and within it, or None.
    """

    costs: Mapping[str, float]
    watch: Told | None = None
    _done: float = field(default=0.0, init=False)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[Callable[[float, str], None]]:
        """One part of the work: yields a function of the share of it that is done and a few words."""
        cost = self.costs[name]

        def told(share: float, words: str = "") -> None:
            if self.watch is not None:
                total = sum(self.costs.values())
                self.watch(self._done + share * cost, total, f"{name}  {words}".rstrip())

        told(0.0)
        yield told
        self._done += cost
        told(0.0, "done")
