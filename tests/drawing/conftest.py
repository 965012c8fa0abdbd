"""Drawings by hand: as stroke-5, from lines of absolute points."""

import numpy as np
import pytest

from zscape import strokes


@pytest.fixture
def pen():
    """pen(lines, lines, ...): a stroke-5 batch of drawings given by their lines of absolute points."""

    def drawn(*drawings):
        sketches = [
            strokes.from_polylines([np.array(line, float).reshape(-1, 2) for line in lines])
            if lines
            else np.zeros((0, 3), np.float32)
            for lines in drawings
        ]
        return strokes.to_stroke5(sketches)

    return drawn


@pytest.fixture
def scribbles(pen):
    """Eight drawings of a few random lines each."""
    random = np.random.default_rng(0)
    return pen(
        *(
            [random.normal(size=(random.integers(2, 9), 2)) for _ in range(random.integers(1, 5))]
            for _ in range(8)
        )
    )
