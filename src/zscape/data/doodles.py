"""Doodles: drawings made up by formulas, so that sketches can be tried and tested without a download.

Six kinds, each drawn line by line as a person might: proportions, parts, direction and tilt vary, and every
line wobbles. They look like drawings and are none: nobody drew them, the kinds are far easier to tell apart
than those of people, and what is learned from them says nothing about drawings of people.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float

from zscape.data.drawings import Drawings
from zscape.data.generated import generated_name, parse_generated_name
from zscape.strokes import BOX, simplify, sketches_from_lines

DEFAULTS = {"count": 2000, "seed": 0}
_MOST = 100_000
_FEWEST_POINTS, _MOST_POINTS = 20, 60
# Of the simplification, in units of the box: about the 2.0 of Quick, Draw!.
_EPSILON = 2.2
_Points = Float[np.ndarray, "B _ 2"]
_Column = Float[np.ndarray, "B"]
# A line of each of B doodles, and which of them have it.
_Part = tuple[_Points, Bool[np.ndarray, "B"]]


def doodles_name(count: int, seed: int) -> str:
    """The name by which `load` makes these doodles: doodles, or for example doodles:count=500,seed=1."""
    return generated_name("doodles", {"count": count, "seed": seed}, DEFAULTS)


def parse_doodles_name(name: str) -> dict[str, int]:
    """How many doodles a name asks for, and from which seed.

    >>> parse_doodles_name("doodles:count=500")
    {'count': 500, 'seed': 0}

    Raises:
        DataError: If it is not of the form doodles:key=number,...
    """
    return DEFAULTS | parse_generated_name(name, DEFAULTS, example="doodles:count=500,seed=1")


def draw_doodles(*, count: int, seed: int) -> Drawings:
    """Doodles of every kind, as many of each, in random order; each of 20 to 60 points in a box of 255.

    Args:
        count: How many, from one of each kind to 100,000.
        seed: The same seed gives the same doodles.

    Raises:
        ValueError: If count is outside its range.
    """
    if not len(_KINDS) <= count <= _MOST:
        raise ValueError(f"doodles need a count of {len(_KINDS)} to {_MOST}, but got {count}")
    generator = np.random.default_rng(seed)
    kind = np.arange(count) % len(_KINDS)
    drawn = [
        _of_kind(draw, int((kind == number).sum()), generator) for number, draw in enumerate(_KINDS.values())
    ]
    order = generator.permutation(count)
    return Drawings(
        # Number i is the i // K-th of kind i % K.
        sketches=[drawn[number % len(_KINDS)][number // len(_KINDS)] for number in order.tolist()],
        root=Path("doodles"),
        files=(),
        category=np.array(list(_KINDS))[kind[order]],
    )


def _of_kind(
    draw: Callable[[np.random.Generator, int], Iterator[_Part]], count: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """Doodles of one kind; those that come out with too few or too many points are drawn again."""
    kept: list[np.ndarray] = []
    while len(kept) < count:
        # Most come out well: with a few over, once is mostly enough.
        asked = (count - len(kept)) * 5 // 4 + 4
        sketches = _by_hand(list(draw(generator, asked)), generator)
        kept += [each for each in sketches if _FEWEST_POINTS <= len(each) <= _MOST_POINTS]
    return kept[:count]


def _by_hand(parts: list[_Part], generator: np.random.Generator) -> list[np.ndarray]:
    """Wobble, tilt and stretch the parts, fit each doodle to the box, and thin its lines."""
    count = len(parts[0][1])
    steady = generator.uniform(0.2, 1, count)
    turn = generator.normal(0, 0.07, count)
    wide, slant = np.exp(generator.normal(0, 0.12, count)), generator.normal(0, 0.06, count)
    across = np.stack([wide * np.cos(turn), -np.sin(turn) + slant], axis=1)
    down = np.stack([wide * np.sin(turn), np.cos(turn)], axis=1)
    lines: list[list[np.ndarray]] = [[] for _ in range(count)]
    for points, present in parts:
        wobbly = points + _wobble(points, steady, generator)
        x, y = wobbly @ across[:, :, None], wobbly @ down[:, :, None]
        placed = np.concatenate([x, y], axis=2)
        for row in np.flatnonzero(present):
            lines[row].append(placed[row])
    boxed = [line for each in lines for line in _boxed(each)]
    thin = iter(simplify(boxed, _EPSILON))
    return sketches_from_lines([[np.rint(next(thin)) for _ in each] for each in lines])


def _boxed(lines: list[np.ndarray]) -> list[np.ndarray]:
    every = np.concatenate(lines)
    corner, size = every.min(axis=0), np.ptp(every, axis=0).max()
    return [(line - corner) * (BOX / size) for line in lines]


def _wobble(points: _Points, steady: _Column, generator: np.random.Generator) -> _Points:
    """A smooth way off, slow waves larger than quick ones, for lines in a picture of side 2."""
    count, length, _ = points.shape
    way = np.linspace(0, 1, length)[None, :, None]
    size = np.ptp(points, axis=1).max(axis=1)[:, None, None]
    shift = np.zeros_like(points)
    for waves in (0.5, 1.3, 2.7):
        phase = generator.uniform(0, 2 * np.pi, (count, 1, 2))
        shift += np.sin(2 * np.pi * waves * way + phase) / waves
    misplaced = generator.normal(0, 0.012, (count, 1, 2))
    return steady[:, None, None] * (0.018 * np.sqrt(size) * shift + misplaced)


def _arc(
    x: _Column, y: _Column, wide: _Column, high: _Column, start: _Column, sweep: _Column, points: int = 28
) -> _Points:
    """Part of an ellipse around (x, y) from the angle `start`, over `sweep` radians."""
    angle = start[:, None] + sweep[:, None] * np.linspace(0, 1, points)
    return np.stack(
        [x[:, None] + wide[:, None] * np.cos(angle), y[:, None] + high[:, None] * np.sin(angle)], axis=2
    )


def _ring(
    generator: np.random.Generator, x: _Column, y: _Column, wide: _Column, high: _Column, points: int = 28
) -> _Points:
    """An ellipse drawn in either direction from anywhere, that ends early or goes on too long."""
    count = len(x)
    sweep = generator.choice([-1, 1], count) * generator.normal(2 * np.pi + 0.1, 0.2, count)
    return _arc(x, y, wide, high, generator.uniform(0, 2 * np.pi, count), sweep, points)


def _path(*corners: tuple[_Column, _Column], points: int = 7) -> _Points:
    """Straight from corner to corner, with points between them for the wobble to bend."""
    ends = np.stack([np.stack(corner, axis=1) for corner in corners], axis=1)
    share = np.linspace(0, 1, points)[:-1, None]
    between = ends[:, :-1, None] + share * (ends[:, 1:, None] - ends[:, :-1, None])
    return np.concatenate([between.reshape(len(ends), -1, 2), ends[:, -1:]], axis=1)


def _face(generator: np.random.Generator, count: int) -> Iterator[_Part]:
    between, maybe = _tools(generator, count)
    every, none = maybe(1), np.zeros(count)
    wide, high = between(0.75, 1), between(0.85, 1.1)
    yield _ring(generator, none, none, wide, high), every
    apart, level = between(0.28, 0.42), between(-0.4, -0.15)
    size, lashes = between(0.06, 0.16), maybe(0.25)
    for side in (-1, 1):
        yield _ring(generator, side * apart, level, size, size * between(0.8, 1.3), 14), ~lashes
        yield _path((side * apart, level - size), (side * apart, level + size)), lashes
    nose = between(0, 0.15)
    yield (
        _path((none, level + 0.1), (between(-0.14, 0.14), nose + 0.1), (none + 0.03, nose + 0.14)),
        maybe(0.6),
    )
    mood = between(-0.15, 0.4)
    half = between(0.3, 0.5)
    across = np.linspace(-1, 1, 15)
    mouth = np.stack([half[:, None] * across, 0.55 - mood[:, None] * (across**2 - 0.4) * 0.8], axis=2)
    yield mouth, every
    hair = maybe(0.4)
    for angle in (-2.0, -1.57, -1.1):
        tip = between(1.1, 1.35)
        root = (wide * np.cos(angle), high * np.sin(angle))
        yield _path(root, (root[0] * tip + between(-0.1, 0.1), root[1] * tip)), hair


def _house(generator: np.random.Generator, count: int) -> Iterator[_Part]:
    between, maybe = _tools(generator, count)
    every = maybe(1)
    half, top, floor = between(0.65, 1), between(-0.25, 0.05), between(0.85, 1)
    yield _path((-half, top), (-half, floor), (half, floor), (half, top), (-half, top)), every
    eaves, ridge = half + between(0, 0.25), top - between(0.45, 0.85)
    yield _path((-eaves, top), (between(-0.15, 0.15), ridge), (eaves, top)), every
    door, handle = between(-0.25, 0.25), floor - between(0.5, 0.7)
    yield (
        _path((door - 0.14, floor), (door - 0.14, handle), (door + 0.14, handle), (door + 0.14, floor)),
        every,
    )
    for side in (-1, 1):
        x, y, size = side * (half * 0.66), top + between(0.22, 0.32), between(0.1, 0.16)
        here = maybe(0.85)
        frame = [(x - size, y - size), (x + size, y - size), (x + size, y + size), (x - size, y + size)]
        yield _path(*frame, frame[0], points=5), here
        cross = here & maybe(0.5)
        yield _path((x, y - size), (x, y + size)), cross
        yield _path((x - size, y), (x + size, y)), cross
    chimney, smoke = eaves * between(0.35, 0.55), ridge + between(-0.1, 0.1)
    foot = top + (ridge - top) * (1 - chimney / eaves)
    built = maybe(0.45)
    yield (
        _path((chimney, foot), (chimney, smoke), (chimney + 0.16, smoke), (chimney + 0.16, foot + 0.12)),
        built,
    )


def _flower(generator: np.random.Generator, count: int) -> Iterator[_Part]:
    between, maybe = _tools(generator, count)
    every, none = maybe(1), np.zeros(count)
    heart = between(0.15, 0.24)
    yield _ring(generator, none, none - 0.5, heart, heart, 18), every
    petals, depth = generator.integers(4, 7, count), between(0.4, 0.7)
    angle = generator.uniform(0, 2 * np.pi, count)[:, None] + np.linspace(0, 2 * np.pi * 1.01, 64)
    radius = between(0.48, 0.65)[:, None] * (
        1 - depth[:, None] * (1 - np.abs(np.sin(petals[:, None] * angle / 2)) ** 0.8)
    )
    radius = np.maximum(radius, heart[:, None])
    yield np.stack([radius * np.cos(angle), radius * np.sin(angle) - 0.5], axis=2), every
    bend, low = between(-0.25, 0.25), between(0.9, 1.15)
    way = np.linspace(0, 1, 15)
    stem = np.stack([bend[:, None] * np.sin(np.pi * way), 0.02 + (low[:, None] - 0.02) * way], axis=2)
    yield stem, every
    for side, chance in ((-1, 0.5), (1, 0.5)):
        y, reach = between(0.5, 0.75), side * between(0.3, 0.5)
        x = bend * np.sin(np.pi * y / low)
        rise = between(0.1, 0.25)
        outline = np.concatenate([np.sin(np.pi * way) * 0.12, -np.sin(np.pi * way) * 0.12])
        along = np.concatenate([way, way[::-1]])
        leaf = np.stack(
            [
                x[:, None] + reach[:, None] * along,
                y[:, None] - rise[:, None] * along + outline,
            ],
            axis=2,
        )
        yield leaf, maybe(chance)


def _fish(generator: np.random.Generator, count: int) -> Iterator[_Part]:
    between, maybe = _tools(generator, count)
    every, none = maybe(1), np.zeros(count)
    face = generator.choice([-1.0, 1.0], count)
    high, tail = between(0.35, 0.65), between(0.25, 0.5)
    nose, root = 0.95 * face, -0.5 * face
    angle = np.linspace(0.35, 2 * np.pi - 0.35, 34)
    # From the root of the tail over the back to the nose, and back along the belly.
    body = np.stack(
        [
            -face[:, None] * (0.78 * np.cos(angle)) + (nose * 0.18)[:, None],
            -high[:, None] * np.sin(angle) * (1 - 0.15 * np.cos(angle)),
        ],
        axis=2,
    )
    yield body, every
    end = root - face * between(0.4, 0.6)
    fork = end + face * between(0.05, 0.25)
    foot = (body[:, 0, 0], body[:, 0, 1])
    back = (body[:, -1, 0], body[:, -1, 1])
    yield _path(foot, (end, -tail), (fork, none), (end, tail), back), every
    size = between(0.05, 0.1)
    yield _ring(generator, nose * between(0.55, 0.65), -high * between(0.15, 0.35), size, size, 12), every
    yield _arc(nose * 0.3, none, 0.15 * face, high * 0.6, none - 1.2, none + 2.4, 12), maybe(0.55)
    crest, lean = -high * between(1.2, 1.5), -face * between(0.1, 0.35)
    yield _path((nose * 0.35, -high * 0.95), (lean, crest), (lean - 0.1 * face, -high * 0.9)), maybe(0.5)
    smile = between(0.12, 0.22)
    yield _path((nose * 0.92, high * 0.2), (nose - smile * face * 1.6, high * 0.3)), maybe(0.5)
    for x in (-0.15, 0.05):
        yield _arc(x * face, none + 0.05, 0.1 * face, high * 0.3, none - 1.2, none + 2.4, 9), maybe(0.3)


def _star(generator: np.random.Generator, count: int) -> Iterator[_Part]:
    between, maybe = _tools(generator, count)
    one_line = maybe(0.35)
    shines = one_line | maybe(0.5)
    first = between(-0.15, 0.15) - np.pi / 2
    corner = np.arange(11)
    inner = between(0.36, 0.5)[:, None]
    radius = np.where(corner % 2 == 0, 1.0, inner) * generator.normal(1, 0.05, (count, 11))
    radius[:, -1] = radius[:, 0]
    angle = first[:, None] + corner * np.pi / 5 + generator.normal(0, 0.04, (count, 11))
    angle[:, -1] = angle[:, 0]
    outline = [(radius[:, k] * np.cos(angle[:, k]), radius[:, k] * np.sin(angle[:, k])) for k in range(11)]
    yield _path(*outline), ~one_line
    # The pentagram: every other tip in turn, without lifting the pen.
    tips = [outline[2 * (2 * turn % 5)] for turn in range(6)]
    yield _path(*tips), one_line
    # Rays in the gaps between the tips, or a small star beside; both where the star has few points.
    for gap in range(5):
        away = first + (2 * gap + 1) * np.pi / 5
        near, far = between(0.7, 0.8), between(0.95, 1.15)
        yield (
            _path((near * np.cos(away), near * np.sin(away)), (far * np.cos(away), far * np.sin(away))),
            shines,
        )
    small, where = between(0.18, 0.34), first + np.pi / 5 + generator.integers(0, 5, count) * 2 * np.pi / 5
    x, y = 1.15 * np.cos(where), 1.15 * np.sin(where)
    beside = [(x + small * right, y + small * low) for right, low in outline]
    yield _path(*beside), one_line | ~shines


def _tree(generator: np.random.Generator, count: int) -> Iterator[_Part]:
    between, maybe = _tools(generator, count)
    pine, none = maybe(0.35), np.zeros(count)
    half, low = between(0.1, 0.2), between(0.95, 1.15)
    top = np.where(pine, 0.5, 0.25)
    flare = between(0.0, 0.1)
    yield _path((-half, top), (-half - flare, low)), maybe(1)
    yield _path((half, top), (half + flare, low)), maybe(1)
    wide, high = between(0.65, 0.95), between(0.55, 0.8)
    bumps, depth = generator.integers(6, 10, count), between(0.1, 0.2)
    angle = np.pi / 2 + np.linspace(0, 2 * np.pi, 80) + between(-0.3, 0.3)[:, None]
    radius = 1 - depth[:, None] * (1 - np.abs(np.sin(bumps[:, None] * angle / 2)))
    crown = np.stack(
        [wide[:, None] * radius * np.cos(angle), -0.35 + high[:, None] * radius * np.sin(angle)], axis=2
    )
    yield crown, ~pine
    yield _path(*_needles(between), points=4), pine
    for y in (-0.55, -0.1):
        yield _arc(none, none + y, between(0.12, 0.25), none + 0.12, none + 0.3, none + 2.5, 9), pine
    for _ in range(3):
        x, y, size = between(-0.4, 0.4), between(-0.65, 0.0), between(0.05, 0.09)
        yield _ring(generator, x, y, size, size, 10), ~pine & maybe(0.25)
    yield _path((between(-1, -0.6), low), (between(0.6, 1), low)), maybe(0.4)


def _needles(between: Callable[[float, float], _Column]) -> list[tuple[_Column, _Column]]:
    """The outline of a fir: down the right side in three steps, along the foot, and up the left."""
    peak, foot = between(-1.2, -1.0), between(0.45, 0.55)
    right, left = [], []
    for step in (1, 2, 3):
        y = peak + (foot - peak) * step / 3
        reach, back = between(0.25, 0.32) * step, between(0.12, 0.2) * step
        right += [(reach, y)] + ([(back, y - 0.02)] if step < 3 else [])
        left += [(-reach, y)] + ([(-back, y - 0.02)] if step < 3 else [])
    start = (0 * peak, peak)
    return [start, *right, *left[::-1], start]


def _tools(
    generator: np.random.Generator, count: int
) -> tuple[Callable[[float, float], _Column], Callable[[float], Bool[np.ndarray, "B"]]]:
    """A column uniform between two numbers, and a column that is true with a chance."""
    return (
        lambda low, high: generator.uniform(low, high, count),
        lambda chance: generator.random(count) < chance,
    )


_KINDS = {"face": _face, "fish": _fish, "flower": _flower, "house": _house, "star": _star, "tree": _tree}
