"""What a set is drawn from: the codes of a run and those to stay away from, each read and checked once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from zscape import codes as tables
from zscape.app import console
from zscape.app.sampling.asked import Asked
from zscape.app.stored import codes_of
from zscape.base import Codes
from zscape.errors import RunFormatError, SettingError
from zscape.model.generation import TEMPERATURE
from zscape.run import Run


@dataclass(frozen=True)
class Kept:
    """Codes already drawn.

    Attributes:
        points: (K, D).
        label: (K,) their classes, or None.
    """

    points: np.ndarray
    label: np.ndarray | None = None


@dataclass(frozen=True)
class Part:
    """What one class, or the whole, has of a set.

    Attributes:
        rows: Its places among the training codes.
        count: Its share of the set.
        label: The class; None for the whole.
    """

    rows: np.ndarray
    count: int
    label: int | None = None


@dataclass(frozen=True)
class Source:
    """A run and what was asked of it.

    Raises:
        SettingError: If the run is of pictures, and a temperature is asked for.
    """

    run: Run
    asked: Asked

    def __post_init__(self) -> None:
        if self.asked.temperature is not None and not self.run.of_drawings:
            raise SettingError(
                f"--temperature needs a run of drawings, but {self.run.path} is one of pictures; leave it out"
            )

    @property
    def temperature(self) -> float:
        """Of drawings."""
        return TEMPERATURE if self.asked.temperature is None else self.asked.temperature

    @cached_property
    def codes(self) -> Codes:
        """The run's training codes."""
        return codes_of(self.run).of("train")

    @cached_property
    def classes(self) -> tuple[int, ...]:
        """The classes asked for, in rising order; empty if none are."""
        found: dict[int, str] = {}
        for label in self.asked.labels:
            which = _class_of(self.codes, label)
            if which in found:
                raise SettingError(
                    f"--label {found[which]} and --label {label} are one class; give each class once"
                )
            found[which] = label
        return tuple(sorted(found))

    @cached_property
    def kept(self) -> Kept | None:
        """The codes to stay away from; where classes are asked for, those of them alone."""
        if not self.asked.avoid:
            return None
        found = [_read_kept(path, self.run) for path in self.asked.avoid]
        points = np.concatenate([kept.points for kept in found])
        labels = [kept.label for kept in found if kept.label is not None]
        label = np.concatenate(labels) if len(labels) == len(found) else None
        return self._of_classes(Kept(points, label)) if self.classes else Kept(points, label)

    def name(self, which: int) -> str:
        """The name of a class, or its number as text."""
        return _name(self.codes, which)

    def parts(self, classes: Sequence[int]) -> tuple[Part, ...]:
        """Even shares of the classes, the first of them with one more each; or the whole, if none are given.

        Classes for which nothing is left have no part.
        """
        if not classes:
            return (Part(np.arange(len(self.codes)), self.asked.count),)
        each, more = divmod(self.asked.count, len(classes))
        shares = [(which, each + (place < more)) for place, which in enumerate(classes)]
        label = self.codes.label
        return tuple(Part(np.flatnonzero(label == which), share, which) for which, share in shares if share)

    def of(self, part: Part) -> Codes:
        """The training codes of a part."""
        return self.codes.take(part.rows)

    def kept_of(self, part: Part) -> np.ndarray | None:
        """Those of the codes to stay away from that are of a part."""
        if self.kept is None:
            return None
        return self.kept.points if part.label is None else self.kept.points[self.kept.label == part.label]

    def _of_classes(self, kept: Kept) -> Kept | None:
        if kept.label is None:
            if len(self.classes) == 1:
                return Kept(kept.points, np.full(len(kept.points), self.classes[0]))
            raise SettingError(
                "--avoid with more than one --label needs tables with a column label, so that each class "
                "keeps away from its own, but not all given have one"
            )
        absent = [self.name(which) for which in self.classes if which not in kept.label]
        if absent:
            console.tell(f"note: none of the codes to avoid is of class {', '.join(absent)}")
        own = np.isin(kept.label, self.classes)
        return Kept(kept.points[own], kept.label[own]) if own.any() else None


def _class_of(codes: Codes, label: str) -> int:
    """The class that a label, a name or a number, stands for."""
    if codes.label is None:
        raise SettingError("--label needs codes with labels, but these have none")
    present = np.unique(codes.label).tolist()
    if label in codes.names and codes.names.index(label) in present:
        return codes.names.index(label)
    if label.lstrip("-").isdecimal() and int(label) in present:
        return int(label)
    known = ", ".join(_name(codes, which) for which in present)
    several = "; for several classes repeat --label, as in --label 3 --label 7" if "," in label else ""
    raise SettingError(f"no code has label {label}; there are: {known}{several}")


def _name(codes: Codes, which: int) -> str:
    return codes.names[which] if 0 <= which < len(codes.names) else str(which)


def _read_kept(path: Path, run: Run) -> Kept:
    z, latent = tables.points(path), run.model.latent
    if not len(z) or z.shape[1] != latent:
        raise RunFormatError(
            f"--avoid needs one or more codes of {latent} latents, but {path} holds {len(z)} of "
            f"{z.shape[1]}; give the samples.parquet or codes.parquet of this run"
        )
    if tables.weights_of(path) not in (None, tables.hash_of_weights(run.model)):
        console.tell(
            f"warning: {path} was made with other weights than those of {run.path}, where the same code is "
            "another picture; to stay away from pictures, avoid what was drawn with this run as it is now"
        )
    if "label" not in pq.read_schema(path).names:
        return Kept(z)
    label = pq.read_table(path, columns=["label"])["label"].to_numpy()
    return Kept(z, label if label.dtype.kind in "iu" else None)
