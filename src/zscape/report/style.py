"""How figures look, and how they become PNG, SVG, and SVG inside a page that may be light or dark.

Figures are matplotlib Figure objects drawn without pyplot. Ink, grid and background have colours of their
own, used for nothing else, so that a page can replace them and the figure follows light, dark and print.
"""

from __future__ import annotations

import contextlib
import io
import warnings
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from zscape.drawing import INK, MUTED, PAPER

RULE = "#d6dbe1"
SURFACE = PAPER
# One unit of blue away from the palette, whose colours are the same on a dark page.
TRAIN = "#0072b3"
HELD_OUT = "#d55e01"
DPI = 200
WIDTH = 7.9  # inches, the text width of the page

# The colours of Okabe and Ito, their black replaced by a grey that shows on a dark page too.
_OKABE_ITO = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#686868", "#f0e442")
# Added one by one, each as far as possible (CIELAB, least over normal, deutan, protan and tritan vision) from
# all before. Yellow is weak on white, so it comes after colours that show better where there is a choice.
_MANY = (
    *_OKABE_ITO[:7],
    *("#a500ff", "#a5d278", "#a578ff", "#f0e442", "#a55a2d", "#f0b4b4", "#d200b4", "#78a55a", "#87694b"),
    *("#96c3e1", "#874be1", "#f07887", "#a5b44b"),
)

_RC = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "figure.facecolor": SURFACE,
    "font.size": 9,
    "grid.color": RULE,
    "grid.linewidth": 0.5,
    # Pictures go into an SVG pixel by pixel rather than resampled for one resolution.
    "image.composite_image": False,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "savefig.dpi": DPI,
    "svg.fonttype": "none",
    "svg.hashsalt": "zscape",
    "text.color": INK,
    # Names of classes are a user's text: a dollar sign in one is not mathematics.
    "text.parse_math": False,
    "xtick.color": MUTED,
    "xtick.labelsize": 8.5,
    "xtick.major.width": 0.6,
    "ytick.color": MUTED,
    "ytick.labelsize": 8.5,
    "ytick.major.width": 0.6,
}
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    SURFACE: "var(--surface)",
    TRAIN: "var(--train)",
    HELD_OUT: "var(--held-out)",
}


@contextlib.contextmanager
def styled() -> Iterator[None]:
    """The house style for as long as the block lasts; matplotlib's settings are as before after it.

    Usable as a decorator too.
    """
    with matplotlib.style.context(["default", _RC]):
        yield


def palette(count: int) -> list[str]:
    """Colours for `count` classes that most readers tell apart, as "#rrggbb"; after 20 classes they repeat.

    >>> palette(3)
    ['#0072b2', '#d55e00', '#009e73']

    References:
        Okabe and Ito, Color Universal Design, 2008 (the first eight, but for black).
    """
    colours = _OKABE_ITO if count <= len(_OKABE_ITO) else _MANY
    return [colours[index % len(colours)] for index in range(count)]


def shades() -> ListedColormap:
    """From least to most, for squares with numbers: cividis without what a dark page would swallow."""
    return ListedColormap(matplotlib.colormaps["cividis"](np.linspace(0.2, 1, 256)))


def label(text: object, limit: int = 24) -> str:
    """User text as a figure can show it: one line, without control characters, shortened to `limit`.

    >>> label("  ankle\\n boot ")
    'ankle boot'
    >>> label("a" * 30, limit=8)
    'aaaaaaa…'
    """
    # A control character is not allowed in XML, so one in a name would make the SVG unreadable.
    line = " ".join("".join(char if char.isprintable() else " " for char in str(text)).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def png(figure: Figure) -> bytes:
    """The figure as PNG at 200 dots per inch; the same figure gives the same bytes."""
    return _saved(figure, "png", {"Software": None})


def svg(figure: Figure) -> str:
    """The figure as an SVG file with text as text; the same figure gives the same file."""
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    return _saved(figure, "svg", nothing).decode("utf-8")


def inline(drawing: str, *, name: str, description: str) -> str:
    """An SVG file as an element of a page: colours follow the page and no id clashes with another figure's.

    Args:
        drawing: What `svg` returned.
        name: Unique in the page; it is put before every id.
        description: What a reader who cannot see the figure is told.
    """
    root = ElementTree.fromstring(drawing)
    for parent in root.iter():
        for child in [child for child in parent if _local(child.tag) in ("metadata", "style")]:
            parent.remove(child)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.attrib = {_local(key): _own(_local(key), value, f"{name}-") for key, value in element.items()}
        if not (element.text or "").strip():
            element.text = None
        element.tail = None
    width = float(root.attrib["viewBox"].split()[2])
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": description,
        # Points to CSS pixels, so that 9-point text in the figure is as large as 9-point text around it.
        "style": f"max-width: {width * 96 / 72:.0f}px",
    }
    return ElementTree.tostring(root, encoding="unicode")


def _saved(figure: Figure, kind: str, metadata: dict[Any, None]) -> bytes:
    buffer = io.BytesIO()
    with styled(), warnings.catch_warnings():
        # A name in a script that the font lacks is boxes in the PNG; the page shows it in the reader's fonts.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        figure.savefig(buffer, format=kind, metadata=metadata)
    return buffer.getvalue()


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _own(key: str, value: str, prefix: str) -> str:
    if key == "id":
        return prefix + value
    if key == "href" and value.startswith("#"):
        return f"#{prefix}{value[1:]}"
    if key in ("style", "fill", "stroke"):
        for colour, variable in _VARIABLES.items():
            value = value.replace(colour, variable)
    return value.replace("url(#", f"url(#{prefix}")
