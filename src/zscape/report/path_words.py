"""What figures and captions of walks from code to code call pairs, choices of pairs and searches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zscape.report.style import label
from zscape.walk import PathSet, Search


def pair_name(paths: PathSet, notes: Mapping[str, Any], pair: int) -> tuple[str, str]:
    """The one name of a pair: how it was chosen and its rows of the data set; and its classes, or nothing.

    Args:
        paths: What it is of.
        notes: As `zscape walk` keeps them.
        pair: Its number in the set.
    """
    start, end = paths.ends[pair].tolist()
    choice = "" if paths.choices[pair] == "given" else f"{label(paths.choices[pair])}, "
    classes = notes.get("classes") or []
    known = " to ".join(label(each, 16) for each in classes[pair]) if pair < len(classes) else ""
    return f"{choice}rows {start} to {end}", f"classes {known}" if known else ""


def choice_name(paths: PathSet, notes: Mapping[str, Any], choice: str) -> str:
    """The pairs of a choice in words: how many, how chosen and of which classes; one pair by its name.

    Args:
        paths: What they are of.
        notes: As `zscape walk` keeps them.
        choice: One of the set's.
    """
    pairs = np.flatnonzero(paths.chosen[choice])
    if len(pairs) == 1:
        return ", ".join(part for part in pair_name(paths, notes, int(pairs[0])) if part)
    how = "" if choice == "given" else f"{label(choice)} "
    return f"{len(pairs):,} {how}pairs{among(notes)}"


def among(notes: Mapping[str, Any]) -> str:
    """The classes that pairs were chosen from, with a space before; nothing if from all."""
    within, between = notes.get("within"), notes.get("between")
    if within:
        return f" within class {label(within)}"
    return f" from class {label(between[0])} to {label(between[1])}" if between else ""


def short_searches(notes: Mapping[str, Any]) -> list[str]:
    """What is to be said of searches that have not ended at a minimum; nothing if all have.

    Args:
        notes: As `zscape walk` keeps them.
    """
    found = []
    for kind, going, excess in _searches(notes):
        coarse = going & (excess <= Search().tolerance)
        if (going & ~coarse).any():
            found.append(
                f"{(going & ~coarse).sum()} of {len(going)} {kind} paths have not converged; their energy "
                f"may be up to {100 * excess[going].max():.1f} % above its minimum, their length half of that"
            )
        if coarse.any():
            found.append(
                f"{coarse.sum()} of {len(going)} {kind} paths bend within their pieces, longer than was "
                "minimised; give more --steps"
            )
    return found


def searches(notes: Mapping[str, Any]) -> str:
    """Sentences on how searches ended, each with a space before; nothing if there was none.

    Args:
        notes: As `zscape walk` keeps them.
    """
    short = short_searches(notes)
    if short:
        return "".join(f" {each}." for each in short)
    return "".join(
        f" The search for the {kind} path has converged." if len(going) == 1
        else f" The searches for all {len(going):,} {kind} paths have converged."
        for kind, going, _ in _searches(notes)
    )  # fmt: skip


def _searches(notes: Mapping[str, Any]) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Kind of path, which searches have not converged, and their excess."""
    return [
        (kind, np.array(said["converged"]) == 0, np.array(said["excess"], dtype=np.float64))
        for kind, said in (notes.get("search") or {}).items()
        if {"converged", "excess"} <= said.keys()
    ]
