"""What a fit tells while it runs: rows of history.csv, progress, TensorBoard."""

from __future__ import annotations

import csv
import io
import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from zscape.errors import DivergedError, RunFormatError, SettingError
from zscape.files import write_text


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a fit is, told at every row of its history.

    Attributes:
        step: Optimiser steps done.
        total: Optimiser steps this fit will do, if it is not stopped early.
        epoch: Epochs done or begun.
        epochs: Epochs asked for.
        values: Newest row of history.csv.
        samples_per_second: Rate since the row before.
        seconds_left: Estimate for the rest.
    """

    step: int
    total: int
    epoch: int
    epochs: int
    values: dict[str, Any]
    samples_per_second: float
    seconds_left: float


Watch = Callable[[Progress], None]


@dataclass
class Journal:
    """Rows of history.csv, and the steps that the next row will average over.

    Attributes:
        path: The history file.
        names: Names of the values a step gives: total, terms, critics' losses.
        rows: Rows so far.
        pending: Values of the steps since the last row, each (len(names),).
        first_step: Step of the first of the pending values.
        seconds: Time spent fitting so far, over all resumed parts.
    """

    path: Path
    names: tuple[str, ...]
    rows: list[dict[str, Any]] = field(default_factory=list)
    pending: list[Tensor] = field(default_factory=list)
    first_step: int = 0
    seconds: float = 0.0
    _since: float = field(default_factory=time.perf_counter)

    def add(self, step: int, values: Tensor) -> None:
        """Keep the values of one step, on their device."""
        if not self.pending:
            self.first_step = step
        self.pending.append(values)

    def settle(self) -> Tensor:
        """The pending values on the CPU, (steps, names).

        Raises:
            DivergedError: If one is not finite; names the first such step and its term.
        """
        values = torch.stack(self.pending).cpu()
        for row in (~torch.isfinite(values).all(1)).nonzero()[:1]:
            self.need_finite(values[int(row)], self.first_step + int(row))
        return values

    def is_finite(self) -> bool:
        """Whether all pending values are finite."""
        return not self.pending or bool(torch.isfinite(torch.stack(self.pending)).all())

    def need_finite(self, values: Tensor, step: int) -> None:
        """Stop the fit if a value is not finite.

        Raises:
            DivergedError: Naming the term and the step.
        """
        bad = (~torch.isfinite(values)).nonzero()
        if len(bad):
            # The total is not finite whenever a term is, so the term is named rather than the total.
            column = int(bad[-1])
            raise DivergedError(
                f"{self.names[column]} is {values[column].item()} at step {step}: the fit has diverged and "
                "was stopped; lower optimiser.rate, set optimiser.clip_norm, or look at the data"
            )

    def row(self, values: Tensor, extra: dict[str, Any]) -> dict[str, Any]:
        """Add a row with the given values and columns."""
        # Validation has no values for the critics' own losses, which come last.
        named = zip(self.names, values.tolist(), strict=False)
        place = {name: extra.pop(name) for name in ("step", "epoch", "split")}
        row = {**place, "seconds": round(self.elapsed(), 3)}
        row |= dict(named) | extra
        self.rows.append(row)
        return row

    def close_window(self, count: int, extra: dict[str, Any]) -> dict[str, Any]:
        """Turn the pending steps into a row; `count` samples a step."""
        values = self.settle()
        before = self.rows[-1]["seconds"] if self.rows else 0.0
        rate = count * len(values) / max(self.elapsed() - before, 1e-9)
        row = self.row(values.mean(0), {**extra, "samples_per_second": round(rate, 1)})
        self.pending.clear()
        return row

    def elapsed(self) -> float:
        """Seconds spent fitting, over all resumed parts."""
        now = time.perf_counter()
        self.seconds += now - self._since
        self._since = now
        return self.seconds

    def begin(self) -> None:
        """Start the clock: what came before does not count as fitting."""
        self._since = time.perf_counter()

    def reload(self, rows: int, pending: Tensor, step: int, seconds: float) -> None:
        """Take up where a checkpoint left: its rows of the file, its pending values, its clock.

        Raises:
            RunFormatError: If the file lacks rows that the checkpoint speaks of.
        """
        if rows:
            try:
                with self.path.open(newline="", encoding="utf-8") as file:
                    self.rows = [_typed(row) for row in itertools.islice(csv.DictReader(file), rows)]
            except (OSError, ValueError) as error:
                raise RunFormatError(
                    f"{self.path} cannot be read ({error}); fit again into a new folder"
                ) from error
        if len(self.rows) != rows:
            raise RunFormatError(
                f"{self.path} needs the {rows} rows that the checkpoint speaks of, but has {len(self.rows)}; "
                "fit again into a new folder"
            )
        self.pending = list(pending)
        self.first_step = step - len(self.pending)
        self.seconds = seconds

    def write(self) -> None:
        """Write all rows; the file is whole at every moment."""
        columns = list(dict.fromkeys(key for row in self.rows for key in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.path, text.getvalue())


def _typed(row: dict[str, str]) -> dict[str, Any]:
    """A row as it was before it was written, so that writing it again gives the same text."""
    whole = {"step", "epoch"}
    return {
        name: cell if name == "split" else int(cell) if name in whole else float(cell)
        for name, cell in row.items()
        if cell
    }


class TensorBoard:
    """Writes rows as TensorBoard scalars, when asked.

    Args:
        folder: Where the event files go; None writes nothing.
        after: Step of the checkpoint that the fit goes on from.

    Raises:
        SettingError: If TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path | None, *, after: int) -> None:
        self._writer = None
        if folder is None:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise SettingError("engine.tensorboard needs TensorBoard: pip install 'zscape[track]'") from error
        # What a killed fit wrote after its checkpoint is told anew.
        self._writer = SummaryWriter(str(folder), purge_step=after + 1)

    def write(self, row: dict[str, Any]) -> None:
        """Write every number of a row at its step."""
        if self._writer is None:
            return
        for name, value in row.items():
            if isinstance(value, int | float) and math.isfinite(value) and name not in ("step", "epoch"):
                self._writer.add_scalar(f"{row['split']}/{name}", value, row["step"])

    def close(self) -> None:
        """Flush and close the event file."""
        if self._writer is not None:
            self._writer.close()
