"""What a person sees. Results go to standard output; progress and errors go to standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

err = Console(stderr=True, soft_wrap=True, highlight=False)

# Cells shorter than this are never folded.
_LONG = 40
# Called with work done, work in all (0 if unknown), and a few words on how it goes.
Told = Callable[[float, float, str], None]


@contextmanager
def progress(title: str) -> Iterator[Told]:
    """Show how far work is: a bar with the time left on a terminal, else a line every ten seconds."""
    if not err.is_terminal:
        yield _Lines(title)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, TextColumn("{task.fields[words]}"), console=err) as bar:
        task = bar.add_task(title, total=None, words="")
        yield lambda done, total, words: bar.update(task, completed=done, total=total or None, words=words)


class _Lines:
    """Progress for a log: the first news, then at most one line every ten seconds, and the last."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._first: tuple[float, float] | None = None  # moment and work done at the first news
        self._next = 0.0

    def __call__(self, done: float, total: float, words: str) -> None:
        now = time.monotonic()
        self._first = self._first or (now, done)
        if now < self._next and not (total and done >= total):
            return
        self._next = now + 10
        share = f"{100 * done / total:.0f} %" if total else ""
        tell("  ".join(filter(None, (self._title, share, self._left(now, done, total), words))))

    def _left(self, now: float, done: float, total: float) -> str:
        begun, before = self._first or (now, done)
        if done == before or done >= total:
            return ""
        return f"{(now - begun) * (total - done) / (done - before):.0f} s left"


def tell(text: str) -> None:
    """One line on standard error."""
    err.print(text, markup=False)


def show(value: object) -> None:
    """One result on standard output: text as it is, anything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    sys.stdout.write(text + "\n")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table on standard output; numbers align to the right."""
    grid = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for column, values in zip(grid.columns, zip(*rows, strict=True), strict=False):
        column.overflow = "fold"
        column.no_wrap = max((len(str(value)) for value in values), default=0) < _LONG
        if all(isinstance(value, int | float) for value in values):
            column.justify = "right"
    for row in rows:
        grid.add_row(*(Text(f"{value:.5g}" if isinstance(value, float) else str(value)) for value in row))
    # A file or a pipe has no width of its own, and a table folded to 80 columns is hard to read in either.
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(grid)
