"""The path language of SVG to lines of points: every command, absolute and relative; curves in segments.

References:
    Scalable Vector Graphics 1.1, chapter 8 (the commands) and appendix F.6 (arcs).
"""

import math
import re

import numpy as np

# Points on a curve. A drawing is boxed to 255 afterwards, in which the error of this many is below a half.
_STEPS = 32
# Digits before and after the point cannot trade places: what fails, fails in one pass.
NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(NUMBER)
# Numbers from here on have no cosine, or no neighbours that a drawing could go to.
FURTHEST = 1e9
_FLAG = re.compile(r"[01]")
_GAP = re.compile(r"[\s,]*")
_COUNTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_WAY = np.linspace(0, 1, _STEPS + 1)[1:, None]
# Of the seven numbers of an arc these are flags, which may stand together without a gap.
_FLAGS = (3, 4)


class PathError(ValueError):
    """A path that cannot be read; the message says what is wrong with it."""


def path_lines(text: str) -> list[np.ndarray]:
    """Lines of a path in its own units, (k, 2) each; what only moves is left out.

    >>> [line.tolist() for line in path_lines("M1 1h2v2zm5 5l1 0")]
    [[[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 1.0]], [[6.0, 6.0], [7.0, 6.0]]]

    Args:
        text: The attribute `d` of a path.

    Raises:
        PathError: If a command is unknown, or has too few numbers, or the path does not begin with M.
    """
    pen = _Pen()
    at = _GAP.match(text).end()  # type: ignore[union-attr] (matches also nothing)
    letter = ""
    while at < len(text):
        repeated = not text[at].isalpha()
        if not repeated:
            letter, at = text[at], at + 1
        elif letter and letter in "Mm":
            letter = "L" if letter == "M" else "l"  # further points after a move are lines
        if letter.upper() not in _COUNTS or not letter or (repeated and letter in "Zz"):
            raise PathError(f"{text[max(0, at - 1) : at + 9]!r} begins with no command of a path")
        if not pen.started and letter not in "Mm":
            raise PathError(f"a path needs to begin with M, but begins with {letter!r}")
        numbers, at = _numbers(text, at, letter)
        pen.do(letter.upper(), numbers, relative=letter.islower())
    return pen.finished()


def finite(text: str) -> float:
    """A number of a drawing.

    Raises:
        PathError: If it is not below 1e9.
    """
    number = float(text)
    if not abs(number) < FURTHEST:
        raise PathError(f"{text[:40]!r} is not below {FURTHEST:.0e}")
    return number


def _numbers(text: str, at: int, letter: str) -> tuple[list[float], int]:
    """The numbers of one command, and where the next begins."""
    numbers = []
    for place in range(_COUNTS[letter.upper()]):
        at = _GAP.match(text, at).end()  # type: ignore[union-attr]
        found = (_FLAG if letter in "Aa" and place in _FLAGS else _NUMBER).match(text, at)
        if found is None:
            raise PathError(
                f"{letter!r} needs {_COUNTS[letter.upper()]} numbers, but {text[at : at + 10]!r} is none"
            )
        numbers.append(finite(found.group()))
        at = found.end()
    return numbers, _GAP.match(text, at).end()  # type: ignore[union-attr]


class _Pen:
    """Where the pen is, and the lines it has drawn."""

    def __init__(self) -> None:
        self.started = False
        self._lines: list[np.ndarray] = []
        self._line: list[np.ndarray] = []
        self._at = self._begin = np.zeros(2)
        # Of the last curve the control point and its kind, which S and T mirror.
        self._control, self._kind = self._at, ""

    def finished(self) -> list[np.ndarray]:
        self._lift()
        return self._lines

    def do(self, letter: str, numbers: list[float], *, relative: bool) -> None:
        """One command."""
        self.started = True
        origin = self._at if relative else np.zeros(2)
        kind = ""
        if letter == "M":
            self._lift()
            self._at = self._begin = origin + numbers
        elif letter == "Z":
            self._draw(self._begin[None])
            self._lift()
        elif letter in "LHV":
            x, y = {"H": (numbers[0], None), "V": (None, numbers[0])}.get(letter, (numbers[0], numbers[-1]))
            end = [self._at[0] if x is None else origin[0] + x, self._at[1] if y is None else origin[1] + y]
            self._draw(np.array([end]))
        elif letter == "A":
            self._draw(_arc(self._at, numbers, origin + numbers[5:]))
        else:
            kind = "C" if letter in "CS" else "Q"
            points = origin + np.reshape(numbers, (-1, 2))
            if letter in "ST":
                mirrored = 2 * self._at - self._control if self._kind == kind else self._at
                points = np.concatenate([mirrored[None], points])
            self._control = points[-2]
            self._draw(_bezier(np.concatenate([self._at[None], points])))
        self._kind = kind

    def _draw(self, points: np.ndarray) -> None:
        self._line = self._line or [self._at[None]]
        self._line.append(points)
        self._at = points[-1]

    def _lift(self) -> None:
        if self._line:
            self._lines.append(np.concatenate(self._line))
        self._line = []


def _bezier(points: np.ndarray) -> np.ndarray:
    """Points on a curve of any degree without its first, by repeated halving between its control points."""
    level = np.broadcast_to(points[:, None], (len(points), _STEPS, 2))
    while len(level) > 1:
        level = level[:-1] + _WAY * (level[1:] - level[:-1])
    return level[0]


def _arc(start: np.ndarray, numbers: list[float], end: np.ndarray) -> np.ndarray:
    """Points on an elliptic arc without its first. The standard has radii that are too small scaled up."""
    wide, high, degrees, large, sweep = abs(numbers[0]), abs(numbers[1]), *numbers[2:5]
    if wide == 0 or high == 0 or np.array_equal(start, end):
        return end[None]
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = np.array([[cosine, -sine], [sine, cosine]])
    # In the frame of the ellipse, scaled so that it is the unit circle.
    half = turn.T @ (start - end) / 2 / [wide, high]
    stretch = max(1.0, math.hypot(*half))
    half = half / stretch
    square = half @ half
    away = math.sqrt(max(0.0, 1 - square) / square) * (-1 if large == sweep else 1)
    centre = away * np.array([half[1], -half[0]])
    first = math.atan2(*(half - centre)[::-1])
    angle = math.atan2(*(-half - centre)[::-1]) - first
    angle = angle % (2 * math.pi) if sweep else -(-angle % (2 * math.pi))
    angles = first + angle * _WAY
    circle = np.concatenate([np.cos(angles), np.sin(angles)], axis=1) + centre
    points = circle * (stretch * np.array([wide, high])) @ turn.T + (start + end) / 2
    points[-1] = end
    return points
