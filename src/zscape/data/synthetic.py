"""Sprites in the manner of dSprites: white shapes on black whose every factor of variation is known exactly.

Disentanglement can be tested on them without a download. Unlike dSprites they are antialiased, come in any
grid, and their orientations stop short of the full turn, which dSprites counts twice.

References:
    Matthey et al., dSprites: disentanglement testing sprites dataset, 2017 (the factors and their order).
"""

import math
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from zscape.data.generated import generated_name, parse_generated_name
from zscape.data.pixels import MOST_SIDE
from zscape.data.source import Source, rows_a_chunk

# The circle around a sprite of scale 1, as a share of the side of the image.
_REACH = 0.2
DEFAULTS = {"size": 64, "shapes": 3, "scales": 6, "orientations": 9, "positions": 8}
_MOST_SHAPES = 3
# Five factors of so many images take 400 MB.
_MOST_IMAGES = 10_000_000
_Plane = Float32[np.ndarray, "P H W"]


def sprites_name(**grid: int) -> str:
    """The name by which `load` makes this grid: sprites, or for example sprites:size=32,scales=4."""
    return generated_name("sprites", grid, DEFAULTS)


def parse_sprites_name(name: str) -> dict[str, int]:
    """The grid that a name asks for.

    >>> parse_sprites_name("sprites:size=32,scales=4")
    {'size': 32, 'scales': 4}

    Raises:
        DataError: If it is not of the form sprites:key=number,...
    """
    return parse_generated_name(name, DEFAULTS, example="sprites:size=32,scales=4")


def open_sprites(**grid: int) -> Source:
    """The grid, not yet drawn.

    Raises:
        ValueError: If a count cannot be.
    """
    grid = DEFAULTS | grid
    size, shapes = grid["size"], grid["shapes"]
    for key, value in grid.items():
        if value < 1:
            raise ValueError(f"sprites need {key} >= 1, but got {value}")
    if shapes > _MOST_SHAPES:
        raise ValueError(f"sprites need shapes <= {_MOST_SHAPES} (square, ellipse, heart), but got {shapes}")
    if size > MOST_SIDE:
        raise ValueError(f"sprites need size <= {MOST_SIDE} pixels, but got {size}; choose a smaller one")
    if size < 8:
        raise ValueError(f"sprites need size >= 8 pixels to be told apart, but got {size}")
    counts = {
        "shape": shapes,
        "scale": grid["scales"],
        "orientation": grid["orientations"],
        "x": grid["positions"],
        "y": grid["positions"],
    }
    images = math.prod(counts.values())
    if images > _MOST_IMAGES:
        raise ValueError(
            f"sprites need a grid of at most {_MOST_IMAGES} images, but {counts} make {images}; "
            "choose fewer positions, orientations or scales"
        )
    values = {
        "shape": np.arange(1, shapes + 1, dtype=np.float64),
        "scale": np.linspace(0.5, 1, counts["scale"]) if counts["scale"] > 1 else np.ones(1),
        "orientation": np.linspace(0, 2 * np.pi, counts["orientation"], endpoint=False),
        "x": _places(counts["x"]),
        "y": _places(counts["y"]),
    }
    columns = np.indices(tuple(counts.values())).reshape(len(counts), -1).astype(np.int64)
    factors = dict(zip(counts, columns, strict=True))
    names = ("square", "ellipse", "heart")[:shapes]
    return Source(
        shape=(columns.shape[1], 1, size, size),
        chunks=partial(_draw, size, values, factors),
        root=Path(),
        files=(),
        labels=factors["shape"],
        names=names,
        factors=factors,
        values=values,
    )


def _places(count: int) -> np.ndarray:
    return np.linspace(0, 1, count) if count > 1 else np.full(1, 0.5)


def _draw(
    size: int, values: dict[str, np.ndarray], factors: dict[str, np.ndarray]
) -> Iterator[UInt8[np.ndarray, "n 1 H W"]]:
    distances = (_square, _ellipse, _heart)
    # Distances are float32 and a few planes of them are alive at a time.
    step = rows_a_chunk(16 * size * size)
    for shape in range(len(values["shape"])):
        rows = np.flatnonzero(factors["shape"] == shape)
        for start in range(0, len(rows), step):
            chosen = rows[start : start + step]
            place = {name: values[name][factors[name][chosen]] for name in ("scale", "orientation", "x", "y")}
            yield _render(distances[shape], size, place)


def _render(
    distance: Callable[[_Plane, _Plane], _Plane], size: int, place: dict[str, np.ndarray]
) -> UInt8[np.ndarray, "n 1 H W"]:
    """Coverage of each pixel by the shape: half on the outline, falling from 1 to 0 over a pixel's width."""
    reach = _REACH * size
    # Pixel i covers [i, i + 1]; the outermost circle stays one pixel inside the image.
    centre = reach + 1 + np.stack([place["x"], place["y"]]) * (size - 2 * reach - 2)
    pixel = np.arange(size) + 0.5
    across = (pixel - centre[0][:, None]).astype(np.float32)[:, None, :]
    down = (pixel - centre[1][:, None]).astype(np.float32)[:, :, None]
    cosine, sine = (
        function(place["orientation"]).astype(np.float32)[:, None, None] for function in (np.cos, np.sin)
    )
    radius = (place["scale"] * reach).astype(np.float32)[:, None, None]
    u = (cosine * across + sine * down) / radius
    v = (cosine * down - sine * across) / radius
    coverage = np.clip(0.5 - distance(u, v) * radius, 0, 1)
    return np.rint(coverage * 255).astype(np.uint8)[:, None]


def _square(u: _Plane, v: _Plane) -> _Plane:
    """Signed distance to the square inscribed in the unit circle."""
    return _box(u, v, math.sqrt(0.5))


def _box(u: _Plane, v: _Plane, half: float) -> _Plane:
    """Signed distance to a square of the given half side, exact also off its corners."""
    across, down = np.abs(u) - np.float32(half), np.abs(v) - np.float32(half)
    return np.hypot(np.maximum(across, 0), np.maximum(down, 0)) + np.minimum(np.maximum(across, down), 0)


def _ellipse(u: _Plane, v: _Plane) -> _Plane:
    """Signed distance to the ellipse with half axes 1 and 1/2, to first order: level over slope."""
    level = np.sqrt(u * u + 4 * v * v)
    slope = np.sqrt(u * u + 16 * v * v) / np.maximum(level, np.float32(1e-6))
    return (level - 1) / np.maximum(slope, np.float32(1e-6))


def _heart(u: _Plane, v: _Plane) -> _Plane:
    """Signed distance to a heart in the unit circle: a square on its corner, a disc on each upper side.

    The square has half diagonal a = (3 - sqrt(2)) / 2 and the discs, on the middle of its sides, radius
    a / sqrt(2). It stands (sqrt(2) - 1) / 2 below the centre, so that tip and lobes just reach the circle.
    """
    half, turn = (3 - math.sqrt(2)) / 2, math.sqrt(0.5)
    v = v - np.float32((math.sqrt(2) - 1) / 2)
    square = _box((u + v) * np.float32(turn), (u - v) * np.float32(turn), half * turn)
    to_middle = np.hypot(np.abs(u) - np.float32(half / 2), v + np.float32(half / 2))
    return np.minimum(square, to_middle - np.float32(half * turn))
