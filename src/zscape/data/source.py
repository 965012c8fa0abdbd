"""What every reader of files gives: shape and labels at once, pixels on request and chunk by chunk."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

# Bytes read, decoded or rendered at a time: large enough to be fast, small beside any budget.
CHUNK_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Source:
    """A data set that has been opened but not yet read.

    Attributes:
        shape: (N, C, H, W) of the images as `chunks` gives them.
        chunks: Gives uint8 images (n, C, H, W) in order; may be called again.
        root: The file or folder it was opened at.
        files: All files that the images depend on.
        labels: (N,) int64 or None.
        names: Of the classes.
        factors: Known factors, each (N,).
        values: Of each factor, the value each class stands for.
        fixed: Splits that the data set prescribes.
        slow: Whether decoding costs so much more than reading that the result is worth keeping.
    """

    shape: tuple[int, int, int, int]
    chunks: Callable[[], Iterator[np.ndarray]]
    root: Path
    files: tuple[Path, ...]
    labels: np.ndarray | None = None
    names: tuple[str, ...] = ()
    factors: Mapping[str, np.ndarray] = field(default_factory=dict)
    values: Mapping[str, np.ndarray] = field(default_factory=dict)
    fixed: Mapping[str, np.ndarray] = field(default_factory=dict)
    slow: bool = False


def rows_a_chunk(row_bytes: int) -> int:
    """How many rows of `row_bytes` make a chunk; at least one."""
    return max(1, CHUNK_BYTES // max(1, row_bytes))
