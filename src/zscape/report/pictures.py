"""Figures made of pictures: every pixel of every picture is shown as it is, only larger.

A grid is drawn so large that each of its pixels is a whole number of dots of the PNG: nothing is resampled.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from zscape.report.style import DPI, INK, MUTED, WIDTH, label, styled

_TALLEST = 150  # dots that one picture may cover
_HEAD = 0.24  # inches of a line above a row
_LETTER = 0.08  # inches of a letter in it, about
_ORIGINAL = 0.45  # inches of that word above a picture


def tile(images: Float[np.ndarray, "N C H W"], columns: int, *, gap: int = 1) -> UInt8[np.ndarray, "Y X 4"]:
    """Pictures side by side, row by row, as RGBA with transparent gaps. Values outside [0, 1] are clipped.

    Args:
        images: Grey (C = 1) or RGB (C = 3) pictures in [0, 1].
        columns: Pictures in a row; the last row may be shorter.
        gap: Pixels between pictures.

    Raises:
        ValueError: If there are no pictures, C is neither 1 nor 3, a value is not finite, or columns < 1.
    """
    count, channels, height, width = images.shape
    if not count or channels not in (1, 3) or columns < 1:
        raise ValueError(
            f"a grid needs one or more pictures (N, C, H, W) with C = 1 or 3 and columns >= 1, "
            f"but got {images.shape} and {columns} columns"
        )
    if not np.isfinite(images).all():
        raise ValueError(
            "pictures need finite values, but some are not; the model that made them has diverged"
        )
    levels = np.rint(255 * np.clip(images, 0, 1)).astype(np.uint8)
    rows = -(-count // columns)
    canvas = np.zeros((rows * (height + gap) - gap, min(columns, count) * (width + gap) - gap, 4), np.uint8)
    for index, picture in enumerate(levels):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        canvas[top : top + height, left : left + width, :3] = picture.transpose(1, 2, 0)
        canvas[top : top + height, left : left + width, 3] = 255
    return canvas


@styled()
def picture_grid(images: Float[np.ndarray, "N C H W"], columns: int) -> Figure:
    """Pictures in rows of `columns`, in their order."""
    return _plate(tile(images, columns), images.shape[-1])[0]


@styled()
def reconstructions(
    x: Float[np.ndarray, "N C H W"], xhat: Float[np.ndarray, "..."], *, columns: int = 10
) -> Figure:
    """Originals in a row of `columns`, and under each its reconstruction; then the next row of originals.

    Raises:
        ValueError: If the two are not of one shape.
    """
    if x.shape != xhat.shape:
        raise ValueError(
            f"reconstructions need originals and decoded of one shape, but got {x.shape} and {xhat.shape}"
        )
    starts = range(0, len(x), columns)
    strips = [
        tile(
            np.concatenate([x[start : start + columns], xhat[start : start + columns]]),
            len(x[start:][:columns]),
        )
        for start in starts
    ]
    tall, wide = strips[0].shape[:2]
    space = max(x.shape[-2] // 4, 2)
    canvas = np.zeros((len(strips) * (tall + space) - space, wide, 4), np.uint8)
    for row, strip in enumerate(strips):
        canvas[row * (tall + space) :][:tall, : strip.shape[1]] = strip
    figure, axes = _plate(canvas, x.shape[-1], left=0.72)
    for row in range(len(strips)):
        for part, kind in ((0.25, "original"), (0.75, "decoded")):
            colour = INK if kind == "original" else MUTED
            _beside(axes, kind, row * (tall + space) + part * tall, colour=colour)
    return figure


@styled()
def compared(groups: Mapping[str, Float[np.ndarray, "..."]], columns: int) -> Figure:
    """Groups of pictures (N, C, H, W) one below the other, in rows of `columns`, each with its name.

    Raises:
        ValueError: If there are no groups, or the pictures of one are not of the shape of the others'.
    """
    shapes = {images.shape[1:] for images in groups.values()}
    if len(shapes) != 1:
        raise ValueError(f"compared needs groups of pictures of one shape, but got {sorted(shapes)}")
    strips = [tile(images, columns) for images in groups.values()]
    side = next(iter(shapes))[-1]
    space = max(side // 3, 3)
    starts = np.cumsum([0, *(len(strip) + space for strip in strips)])
    canvas = np.zeros((starts[-1] - space, max(strip.shape[1] for strip in strips), 4), np.uint8)
    for start, strip in zip(starts, strips, strict=False):
        canvas[start : start + len(strip), : strip.shape[1]] = strip
    figure, axes = _plate(canvas, side, left=max(0.9, 0.15 + 0.075 * max(map(len, groups))))
    for name, start, strip in zip(groups, starts, strips, strict=False):
        _beside(axes, name, start + len(strip) / 2)
    return figure


@styled()
def class_rows(
    groups: Mapping[str, Float[np.ndarray, "..."]],
    labels: Int[np.ndarray, "N"],
    names: Mapping[int, str],
    columns: int,
) -> Figure:
    """A row a class, with its name on the left; several groups of pictures side by side, each with its name.

    Args:
        groups: Pictures (N, C, H, W) by the name of their group.
        labels: Class of each picture, the same in all groups.
        names: Names of the classes, in the order of their rows.
        columns: Pictures across all groups; a class of more goes on in the line below.

    Raises:
        ValueError: If there are no groups, or they are not of one shape with a label a picture.
    """
    shapes = {images.shape for images in groups.values()}
    if len(shapes) != 1 or {shape[0] for shape in shapes} != {len(labels)}:
        raise ValueError(
            f"class_rows needs groups of pictures of one shape, one a label, but got {sorted(shapes)} and "
            f"{len(labels)} labels"
        )
    side = next(iter(shapes))[-1]
    most = max(int((labels == which).sum()) for which in names)
    # As many lines as are needed, then as even as they can be.
    across = -(-most // -(-most // max(1, columns // len(groups))))
    rows = [[tile(images[labels == which], across) for images in groups.values()] for which in names]
    canvas, tops, lefts = _joined(rows, wide=across * (side + 1) - 1, side=side)
    shown = [label(name, 18) for name in names.values()]
    margins = {"left": 0.15 + 0.09 * max(map(len, shown)), "top": 0.25 if len(groups) > 1 else 0.02}
    figure, axes = _plate(canvas, side, **margins)
    for name, top, row in zip(shown, tops, rows, strict=True):
        _beside(axes, name, top + len(row[0]) / 2)
    for name, left in zip(groups, lefts, strict=True) if len(groups) > 1 else ():
        axes.annotate(
            name, (left - 0.5, -0.5), (0, 5), textcoords="offset points",
            ha="left", va="bottom", color=INK, fontsize=8.5,
        )  # fmt: skip
    return figure


@styled()
def traversals(images: Float[np.ndarray, "L S C H W"], names: Sequence[str]) -> Figure:
    """A row a latent that moves, with its name on the left, which may have two lines.

    Raises:
        ValueError: If there is not a name a row.
    """
    if len(names) != len(images):
        raise ValueError(f"traversals need a name a row, but got {len(images)} rows and {len(names)} names")
    rows, steps, channels, height, width = images.shape
    canvas = tile(images.reshape(rows * steps, channels, height, width), steps)
    longest = max((len(line) for name in names for line in name.split("\n")), default=0)
    figure, axes = _plate(canvas, width, left=0.15 + 0.075 * longest)
    for row, name in enumerate(names):
        _beside(axes, name, row * (height + 1) + height / 2)
    return figure


@styled()
def filmstrips(
    images: Float[np.ndarray, "P S C H W"],
    names: Sequence[str],
    steps: Sequence[int],
    ends: Float[np.ndarray, "P 2 C H W"] | None = None,
    heads: Sequence[str] = (),
) -> Figure:
    """A row a path, with its name on the left, in up to two lines, and the number of each step above.

    Args:
        images: Pictures along each path.
        names: One a path.
        steps: Numbers of the pictures of a row.
        ends: The originals of the first and the last, which stand to the left and to the right of them.
        heads: A line above each row, or an empty one where it goes on under the last; none at all.

    Raises:
        ValueError: If there is not a name a row, or there are heads, but not one a row.
    """
    if len(names) != len(images):
        raise ValueError(f"filmstrips need a name a row, but got {len(images)} rows and {len(names)} names")
    if len(heads) not in (0, len(images)):
        raise ValueError(f"filmstrips need a head a row, but got {len(images)} rows and {len(heads)} heads")
    height, width = images.shape[3:]
    parts = [images] if ends is None else [ends[:, :1], images, ends[:, 1:]]
    strips = [tile(part.reshape(-1, *part.shape[2:]), part.shape[1]) for part in parts]
    gap = np.zeros((len(strips[0]), max(width // 4, 2), 4), np.uint8)
    lefts, joined = [], strips[0][:, :0]
    for strip in strips:
        joined = np.concatenate([joined, gap], axis=1) if lefts else joined
        lefts.append(joined.shape[1])
        joined = np.concatenate([joined, strip], axis=1)
    left = 0.15 + 0.065 * max(len(line) for name in names for line in name.split("\n"))
    zoom = _zoom(joined.shape[1], width, left)
    # Whole pixels, each of so many dots, that a head has place in. That of the first row is in the margin.
    space = -(-int(_HEAD * DPI) // zoom)
    lines, tops = [], []
    for row in range(len(images)):
        if row and heads and heads[row]:
            lines.append(np.zeros((space, *joined.shape[1:]), np.uint8))
        tops.append(sum(map(len, lines)))
        lines.append(joined[row * (height + 1) :][: height + 1])
    first_head = bool(heads) and bool(heads[0])
    short = _LETTER * max(map(len, heads), default=0) - left - joined.shape[1] * zoom / DPI
    # The word above the last original is centred, and wider than a small picture.
    beyond = 0.0 if ends is None else (_ORIGINAL - width * zoom / DPI) / 2
    figure, axes = _plate(
        np.concatenate(lines),
        width,
        left=left,
        top=0.4 if first_head else 0.22,
        right=max(0.02, short, beyond),
    )
    for row, name in enumerate(names):
        _beside(axes, name, tops[row] + height / 2, colour=MUTED if heads else INK)
        if heads and heads[row]:
            axes.annotate(
                heads[row], (-0.5, tops[row] - 0.5), (5 - 72 * left, 4 if row else 17),
                textcoords="offset points", ha="left", va="bottom", color=INK, fontsize=8.5, weight="bold",
            )  # fmt: skip
    first = lefts[0 if ends is None else 1]
    above = [(first + place * (width + 1), str(step)) for place, step in enumerate(steps)]
    above += [] if ends is None else [(lefts[0], "original"), (lefts[2], "original")]
    for left, text in above:
        axes.annotate(
            text, (left + width / 2 - 0.5, -0.5), (0, 4), textcoords="offset points",
            ha="center", va="bottom", color=MUTED, fontsize=8,
        )  # fmt: skip
    return figure


@styled()
def beside_their_nearest(
    images: Float[np.ndarray, "N C H W"], nearest: Float[np.ndarray, "N K C H W"], names: Sequence[str]
) -> Figure:
    """A row a picture, with its name on the left, and behind a gap those that are nearest to it, by rank.

    Args:
        images: One a row.
        nearest: What is nearest to each, the nearest first.
        names: One a row.

    Raises:
        ValueError: If there is not a name a row, or not as many rows of both.
    """
    if not len(images) == len(nearest) == len(names):
        raise ValueError(
            f"beside_their_nearest needs a name and nearest ones a picture, but got {len(images)} pictures, "
            f"nearest ones of {len(nearest)} and {len(names)} names"
        )
    count, side = nearest.shape[1], images.shape[-1]
    strips = [tile(images, 1), tile(nearest.reshape(-1, *nearest.shape[2:]), count)]
    gap = np.zeros((len(strips[0]), max(side // 2, 4), 4), np.uint8)
    shown = [label(name, 18) for name in names]
    figure, axes = _plate(
        np.concatenate([strips[0], gap, strips[1]], axis=1),
        side,
        left=0.15 + 0.09 * max(map(len, shown)),
        top=0.25,
    )
    for row, name in enumerate(shown):
        _beside(axes, name, row * (images.shape[-2] + 1) + images.shape[-2] / 2)
    second = side + gap.shape[1]
    for left, text in ((0, "code"), (second, "nearest codes, the nearest first")):
        axes.annotate(
            text, (left - 0.5, -0.5), (0, 5), textcoords="offset points",
            ha="left", va="bottom", color=INK, fontsize=8.5,
        )  # fmt: skip
    return figure


@styled()
def manifold(decode: Callable[[np.ndarray], np.ndarray], *, side: int = 20) -> Figure:
    """Decoded codes on a grid over a latent plane: equal shares of the prior lie between neighbours.

    The grid is z = Phi^-1((i + 1/2) / side) on both axes, with Phi the normal distribution function; z1 grows
    to the right and z2 upwards.

    Args:
        decode: Codes (side^2, 2) to pictures (side^2, C, H, W) in [0, 1].
        side: Codes along each axis.
    """
    values = norm.ppf((np.arange(side) + 0.5) / side)
    z = np.stack(np.meshgrid(values, values[::-1]), axis=-1).reshape(-1, 2)
    images = decode(z)
    figure, axes = _plate(tile(images, side, gap=0), images.shape[-1], left=0.6, bottom=0.5)
    height, width = images.shape[-2:]
    shown = np.array([-1.5, -1, -0.5, 0, 0.5, 1, 1.5])
    names = [f"{value:g}".replace("-", "−") for value in shown]
    share = norm.cdf(shown) * side
    axes.set_xticks(share * width - 0.5, names)
    axes.set_yticks((side - share) * height - 0.5, names)
    axes.tick_params(length=2)
    axes.set_xlabel("z1 (prior standard deviations)")
    axes.set_ylabel("z2 (prior standard deviations)")
    return figure


def _joined(
    rows: list[list[np.ndarray]], *, wide: int, side: int
) -> tuple[UInt8[np.ndarray, "Y X 4"], list[int], list[int]]:
    """Strips in rows and columns, each up to `wide`, with spaces that go with the side of a picture.

    Returns:
        The canvas, where each row begins and where each column does.
    """
    down, across = max(side // 8, 2), max(side // 2, 4)
    tops = np.cumsum([0, *(len(row[0]) + down for row in rows)]).tolist()
    lefts = [place * (wide + across) for place in range(len(rows[0]))]
    canvas = np.zeros((tops.pop() - down, lefts[-1] + wide, 4), np.uint8)
    for top, row in zip(tops, rows, strict=True):
        for left, strip in zip(lefts, row, strict=True):
            canvas[top : top + len(strip), left : left + strip.shape[1]] = strip
    return canvas, tops, lefts


def _beside(axes: Axes, text: str, middle: float, *, colour: str = INK) -> None:
    """Text to the left of the pictures whose middle is so many pixels down."""
    axes.annotate(
        text, (-0.5, middle - 0.5), (-5, 0), textcoords="offset points",
        ha="right", va="center", color=colour, fontsize=8.5,
    )  # fmt: skip


def _plate(
    canvas: UInt8[np.ndarray, "Y X 4"],
    side: int,
    *,
    left: float = 0.02,
    bottom: float = 0.02,
    top: float = 0.02,
    right: float = 0.02,
) -> tuple[Figure, Axes]:
    """A figure that holds a canvas at a whole zoom; margins in inches, `side` is the width of one picture."""
    tall, wide = canvas.shape[:2]
    zoom = _zoom(wide, side, left)
    margins = np.rint(np.array([left, bottom, right, top]) * DPI)
    dots = np.array([wide, tall]) * zoom
    whole = dots + margins[:2] + margins[2:]
    figure = Figure(figsize=tuple(whole / DPI))
    axes = figure.add_axes((*(margins[:2] / whole), *(dots / whole)))
    # Enlarged here, since viewers of PDF blur a small picture however it is asked to be shown.
    enlarged = canvas.repeat(zoom, axis=0).repeat(zoom, axis=1)
    axes.imshow(enlarged, interpolation="none", aspect="auto", extent=(-0.5, wide - 0.5, tall - 0.5, -0.5))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])
    axes.set_yticks([])
    return figure, axes


def _zoom(wide: int, side: int, left: float) -> int:
    """Dots along a pixel of a canvas so wide, of pictures `side` wide, right of a margin in inches."""
    return max(1, min(int((WIDTH - left) * DPI) // wide, _TALLEST // side))
