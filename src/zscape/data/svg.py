"""Drawings in SVG files: the outlines of their shapes in the order in which they stand, as lines of a pen.

Read are path, polyline, polygon, line, rect, circle and ellipse, with the transforms of them and of the
groups around them. Colour, width, text, pictures, style sheets and `use` are passed by. Nothing is fetched,
and a file that defines entities of its own is refused.
"""

import math
import re
from pathlib import Path
from xml.parsers import expat

import numpy as np

from zscape.data.svg_paths import FURTHEST, NUMBER, PathError, finite, path_lines
from zscape.errors import DataError, brief

# What stands in these is drawn elsewhere or not at all.
_ASIDE = frozenset({"defs", "clipPath", "mask", "symbol", "pattern", "marker"})
_TRANSFORM = re.compile(r"(\w+)\s*\(([^)]*)\)[\s,]*")
_LENGTH = re.compile(rf"\s*({NUMBER})(?:px)?\s*")
_Attributes = dict[str, str]


def read_svg(path: Path) -> list[np.ndarray]:
    """The lines of one SVG file, (k, 2) each, in its own units.

    Raises:
        DataError: If it is no XML, defines entities, or has a shape or transform that cannot be read.
    """
    reader = _Reader()
    try:
        # What overflows is refused as a point too far away.
        with np.errstate(all="ignore"):
            reader.parse(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check it") from error
    except expat.ExpatError as error:
        raise DataError(f"{path} is no SVG file, or is cut short ({error}); make or copy it again") from error
    except PathError as error:
        raise DataError(
            f"{path} has a drawing at line {reader.line} that cannot be read: {error}; correct it or leave "
            "the file out"
        ) from error
    # Expat knows UTF-8, UTF-16 and those of one byte a letter.
    except (LookupError, ValueError) as error:
        raise DataError(
            f"{path} is in an encoding that cannot be read ({brief(error)}); save it as UTF-8"
        ) from error
    return reader.lines


class _Reader:
    """Follows the elements of a file with the transforms that hold at each."""

    def __init__(self) -> None:
        self.lines: list[np.ndarray] = []
        self._transforms = [np.eye(3)]
        self._aside = 0
        # Expat itself fetches nothing; what it would expand are entities that the file defines.
        self._parser = expat.ParserCreate()
        self._parser.EntityDeclHandler = _refuse_entity
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end

    @property
    def line(self) -> int:
        return self._parser.CurrentLineNumber

    def parse(self, data: bytes) -> None:
        self._parser.Parse(data, True)

    def _start(self, tag: str, attributes: _Attributes) -> None:
        name = tag.rpartition(":")[2]
        here = self._transforms[-1] @ _transform(attributes.get("transform", ""))
        self._transforms.append(here)
        self._aside += name in _ASIDE
        if not self._aside:
            for line in _shape(name, attributes):
                placed = line @ here[:2, :2].T + here[:2, 2]
                if not (np.abs(placed) < FURTHEST).all():
                    raise PathError(f"{name} has a point that is not below {FURTHEST:.0e}")
                self.lines.append(placed)

    def _end(self, tag: str) -> None:
        self._transforms.pop()
        self._aside -= tag.rpartition(":")[2] in _ASIDE


def _refuse_entity(name: str, *_: object) -> None:
    raise PathError(
        f"it defines the entity {name[:40]!r}, which is never expanded here; save it as plain SVG"
    )


def _shape(name: str, attributes: _Attributes) -> list[np.ndarray]:
    """Lines of an element; none of what is no shape."""
    match name:
        case "path":
            return path_lines(attributes.get("d", ""))
        case "polyline" | "polygon":
            points = attributes.get("points", "").strip()
            # The same numbers as in a path that moves and then goes on in lines.
            return path_lines(f"M{points}{'z' if name == 'polygon' else ''}") if points else []
        case "line":
            x, y, to_x, to_y = (_length(attributes, key) for key in ("x1", "y1", "x2", "y2"))
            return [np.array([[x, y], [to_x, to_y]])]
        case "rect" if attributes.get("width") == attributes.get("height") == "100%":
            return []  # the paper, as zscape.drawing and others lay it under a drawing
        case "rect":
            x, y, wide, high = (_length(attributes, key) for key in ("x", "y", "width", "height"))
            return [np.array([[x, y], [x + wide, y], [x + wide, y + high], [x, y + high], [x, y]])]
        case "circle" | "ellipse":
            x, y = _length(attributes, "cx"), _length(attributes, "cy")
            keys = ("r", "r") if name == "circle" else ("rx", "ry")
            wide, high = (_length(attributes, key) for key in keys)
            arc = f"a{wide!r} {high!r} 0 1 1"
            return path_lines(f"M{x - wide!r} {y!r}{arc} {2 * wide!r} 0{arc} {-2 * wide!r} 0")
        case _:
            return []


def _length(attributes: _Attributes, key: str) -> float:
    text = attributes.get(key, "0")
    found = _LENGTH.fullmatch(text)
    if found is None:
        raise PathError(f"{key} needs to be a number in the file's own units, but is {text[:40]!r}")
    return finite(found.group(1))


def _transform(text: str) -> np.ndarray:
    """The matrix (3, 3) of a list of transforms, the last of which is done first."""
    matrix = np.eye(3)
    text, at = text.strip(), 0
    while at < len(text):
        found = _TRANSFORM.match(text, at)
        if found is None:
            raise PathError(f"{text[at : at + 40]!r} is no transform")
        matrix = matrix @ _one_transform(brief(found.group(1), 40), found.group(2))
        at = found.end()
    return matrix


def _one_transform(name: str, text: str) -> np.ndarray:
    parts = text.replace(",", " ").split()
    if not all(_LENGTH.fullmatch(part) for part in parts):
        raise PathError(f"{name}({text[:40]}) needs numbers")
    match name, [finite(part.removesuffix("px")) for part in parts]:
        case "matrix", [a, b, c, d, e, f]:
            return np.array([[a, c, e], [b, d, f], [0, 0, 1]])
        case "translate", [x, *y] if len(y) < 2:
            return np.array([[1, 0, x], [0, 1, y[0] if y else 0], [0, 0, 1]])
        case "scale", [x, *y] if len(y) < 2:
            return np.diag([x, y[0] if y else x, 1])
        case "rotate", [degrees, *about] if len(about) in (0, 2):
            cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
            centre = np.array(about or [0, 0])
            turn = np.array([[cosine, -sine], [sine, cosine]])
            return np.vstack([np.column_stack([turn, centre - turn @ centre]), [0, 0, 1]])
        case "skewX", [degrees]:
            return np.array([[1, math.tan(math.radians(degrees)), 0], [0, 1, 0], [0, 0, 1]])
        case "skewY", [degrees]:
            return np.array([[1, 0, 0], [math.tan(math.radians(degrees)), 1, 0], [0, 0, 1]])
    raise PathError(f"{name}({text[:40]}) is no transform that SVG knows")
