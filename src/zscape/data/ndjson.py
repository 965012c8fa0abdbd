"""Drawings of Quick, Draw! as .ndjson: a line of JSON for each, simplified, or raw with times of points."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from zscape.data.drawings import FURTHEST, Drawings, checked, simplified_raw
from zscape.errors import DataError, brief
from zscape.strokes import sketches_from_lines

# A stroke of a simplified drawing is [x, y], of a raw one [x, y, times].
_SIMPLIFIED, _RAW = 2, 3
_LONGEST_WORD = 200


def open_ndjson(path: Path) -> Drawings:
    """All drawings of a file, whether or not the game recognised them; their words are the categories.

    Raw drawings are simplified as Quick, Draw! documents it (`zscape.strokes.simplify_raw`).

    Raises:
        DataError: If a line is no drawing; names the line.
    """
    lines: list[list[np.ndarray]] = []
    words: list[str] = []
    raw: list[int] = []
    try:
        with path.open(encoding="utf-8") as file:
            for number, text in enumerate(file, 1):
                if not text.strip():
                    continue
                record = _record(text, number, path)
                if _is_raw(record):
                    raw.append(len(lines))
                lines.append(_lines(record, number, path))
                words.append(_word(record, number, path))
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}); check it") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8 ({error.reason}); make or copy it again") from error
    simplified = simplified_raw([lines[row] for row in raw], [f"drawing {row + 1} of {path}" for row in raw])
    for row, thin in zip(raw, simplified, strict=True):
        lines[row] = thin
    return Drawings(
        checked(sketches_from_lines(lines), str(path)), path, (path,), category=np.array(words, dtype=str)
    )


def _record(text: str, number: int, path: Path) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"line {number} of {path} is no JSON ({error}); if it is the last, the file is cut short: copy "
            "it again"
        ) from error
    strokes = record.get("drawing") if isinstance(record, dict) else None
    if not isinstance(strokes, list) or not all(isinstance(stroke, list) for stroke in strokes):
        raise DataError(
            f"line {number} of {path} needs a 'drawing', a list of strokes [x, y] or [x, y, t], but has none"
        )
    return record


def _word(record: dict[str, Any], number: int, path: Path) -> str:
    word = record.get("word", path.stem)
    # An array of words has room in each for the longest.
    if not isinstance(word, str) or len(word) > _LONGEST_WORD:
        raise DataError(
            f"line {number} of {path} needs a 'word' of at most {_LONGEST_WORD} letters, but has "
            f"{brief(word, 40)!r}; correct it or leave it out"
        )
    return word


def _is_raw(record: dict[str, Any]) -> bool:
    return any(len(stroke) == _RAW for stroke in record["drawing"])


def _lines(record: dict[str, Any], number: int, path: Path) -> list[np.ndarray]:
    for stroke in record["drawing"]:
        sizes = {len(axis) if isinstance(axis, list) else -1 for axis in stroke}
        if len(stroke) not in (_SIMPLIFIED, _RAW) or len(sizes) != 1 or -1 in sizes:
            raise DataError(
                f"line {number} of {path} needs strokes of as many x as y, but has one of {len(stroke)} axes "
                "or of different lengths; correct it or leave it out"
            )
    try:
        lines = [np.array(stroke[:2], dtype=np.float64).T for stroke in record["drawing"]]
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"line {number} of {path} has a stroke that is no numbers ({brief(error)}); correct it or "
            "leave it out"
        ) from error
    if any(line.ndim != 2 for line in lines):
        raise DataError(
            f"line {number} of {path} has a stroke that is no numbers but lists of them; correct it or leave "
            "it out"
        )
    if not all((np.abs(line) < FURTHEST).all() for line in lines):
        raise DataError(f"line {number} of {path} has a point that is not below {FURTHEST:.0e}; leave it out")
    return lines
